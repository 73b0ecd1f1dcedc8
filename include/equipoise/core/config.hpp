// SPDX-License-Identifier: MIT
// What every header needs: the version, the inline namespace, and the attributes that keep the pick path fast.
#pragma once

#if __cplusplus < 202002L
#error "equipoise needs C++20: compile with -std=c++20 or newer"
#include "no more errors"  // does not exist, so the compiler stops here
#endif
#if !defined(__GNUC__)
#error "equipoise supports GCC 12, Clang 14 and newer versions of both"
#endif

#if defined(EQUIPOISE_SINGLE_HEADER)
#error "equipoise: the single header and a header of the installed library in one program: include one of them"
#include "no more errors"
#endif

#include <atomic>
#include <cstddef>
#include <cstdint>

#define EQUIPOISE_VERSION_MAJOR 0
#define EQUIPOISE_VERSION_MINOR 1
#define EQUIPOISE_VERSION_PATCH 0

// One program may mix files that were built with and without exceptions. The two builds get two namespaces, because one
// name must not have two bodies.
#if defined(__cpp_exceptions)
#define EQUIPOISE_EXCEPTIONS 1
#define EQUIPOISE_ABI v0_1
#else
#define EQUIPOISE_EXCEPTIONS 0
#define EQUIPOISE_ABI v0_1_no_exceptions
#endif

// Inlining decides the speed of a pick: the same code took 2 ns or 9 ns. So these attributes mark what must be inlined
// into the pick, and what must stay out of it.
#define EQUIPOISE_INLINE [[gnu::always_inline]] inline
#define EQUIPOISE_FLATTEN [[gnu::flatten]]
#define EQUIPOISE_OUT_OF_LINE [[gnu::noinline, gnu::cold]]
#define EQUIPOISE_ASSUME(fact)            \
  do {                                    \
    if (!(fact)) __builtin_unreachable(); \
  } while (false)

namespace equipoise {
inline namespace EQUIPOISE_ABI {

static_assert(sizeof(void*) == 8, "equipoise: a 64-bit platform is assumed (a lease is three words)");
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && std::atomic<void*>::is_always_lock_free,
              "equipoise: 32-bit and pointer-sized atomics must be lock-free");

namespace detail {

// In bytes. It is a constant, because the layout of the state table depends on it.
inline constexpr std::size_t cache_line = 64;

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

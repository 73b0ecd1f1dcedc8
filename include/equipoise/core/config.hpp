// What every header needs: the version, the inline namespace, and the attributes that keep the pick path fast.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#define EQUIPOISE_VERSION_MAJOR 0
#define EQUIPOISE_VERSION_MINOR 1
#define EQUIPOISE_VERSION_PATCH 0

// One program may mix files built with and without exceptions; the same names must then not mean two bodies.
#if defined(__cpp_exceptions)
#define EQUIPOISE_EXCEPTIONS 1
#define EQUIPOISE_ABI v0_1
#else
#define EQUIPOISE_EXCEPTIONS 0
#define EQUIPOISE_ABI v0_1_no_exceptions
#endif

// Inlining decides the speed of a pick: the same code took 2 ns or 9 ns. So what must melt into the pick is
// marked, and so is what must stay out of it.
#if defined(__GNUC__) || defined(__clang__)
#define EQUIPOISE_INLINE [[gnu::always_inline]] inline
#define EQUIPOISE_FLATTEN [[gnu::flatten]]
#define EQUIPOISE_OUT_OF_LINE [[gnu::noinline, gnu::cold]]
#define EQUIPOISE_ASSUME(fact) do { if (!(fact)) __builtin_unreachable(); } while (false)
#elif defined(_MSC_VER)
#define EQUIPOISE_INLINE __forceinline
#define EQUIPOISE_FLATTEN
#define EQUIPOISE_OUT_OF_LINE __declspec(noinline)
#define EQUIPOISE_ASSUME(fact) __assume(fact)
#else
#define EQUIPOISE_INLINE inline
#define EQUIPOISE_FLATTEN
#define EQUIPOISE_OUT_OF_LINE
#define EQUIPOISE_ASSUME(fact) static_cast<void>(0)
#endif

namespace equipoise {
inline namespace EQUIPOISE_ABI {

static_assert(sizeof(void*) == 8, "equipoise: a 64-bit platform is assumed (a lease is three words)");
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && std::atomic<void*>::is_always_lock_free,
              "equipoise: 32-bit and pointer-sized atomics must be lock-free");

namespace detail {

inline constexpr std::size_t cache_line = 64;  // bytes; fixed, for it is part of the layout of the registry

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

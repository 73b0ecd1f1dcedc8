// SPDX-License-Identifier: MIT
// An operator new that counts, for the whole program. It has its own file, because the compiler would see mismatched
// calls of new and delete if they were inlined.
#include <cstddef>
#include <cstdlib>
#include <new>

std::size_t allocations = 0;             // not atomic: these tests have one thread
std::size_t allocations_until_none = 0;  // how many until one fails; 0: none fails

namespace {
void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
#if defined(__cpp_exceptions)
  if (allocations_until_none != 0 && --allocations_until_none == 0) throw std::bad_alloc{};
#endif
  void* const p = std::aligned_alloc(alignment, (size / alignment + 1) * alignment);
  if (p == nullptr) std::abort();
  return p;
}
}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new[](std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept {
  return counted(size, alignof(std::max_align_t));
}
void* operator new[](std::size_t size, std::nothrow_t const&) noexcept {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}

void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::nothrow_t const&) noexcept { std::free(p); }
void operator delete[](void* p, std::nothrow_t const&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

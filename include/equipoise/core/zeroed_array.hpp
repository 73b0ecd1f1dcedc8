// SPDX-License-Identifier: MIT
// An array of zeroed memory whose untouched pages cost nothing.
#pragma once

#include <equipoise/core/error.hpp>

#include <type_traits>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Starts on a cache line. Fails if there is no memory.
template <class T>
class zeroed_array {
 public:
  explicit zeroed_array(std::size_t size) : raw_{std::calloc(size * sizeof(T) + cache_line, 1)} {
    static_assert(std::is_trivially_destructible_v<T>);
    if (raw_ == nullptr) fail("equipoise: no memory for " + std::to_string(size) + " slots");
    std::size_t const gap = (0 - reinterpret_cast<std::uintptr_t>(raw_)) & (cache_line - 1);  // to the next line
    first_ = reinterpret_cast<T*>(static_cast<char*>(raw_) + gap);
  }
  zeroed_array(zeroed_array const&) = delete;
  zeroed_array& operator=(zeroed_array const&) = delete;
  ~zeroed_array() { std::free(raw_); }

  T* data() noexcept { return first_; }
  T const* data() const noexcept { return first_; }
  T& operator[](std::size_t i) noexcept { return first_[i]; }
  T const& operator[](std::size_t i) const noexcept { return first_[i]; }

 private:
  void* raw_;
  T* first_;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// The registry: the only truth about who may get work, and how much is in flight. One atomic word a backend, and one
// count a backend and row. It knows no backends, only slots.
#pragma once

#include <equipoise/core/registry/lease_protocol.hpp>
#include <equipoise/core/zeroed_array.hpp>


namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// Capacity is rounded up to whole blocks of slots; all counts of one row lie together.
class state_table {
 public:
  using word = std::atomic<std::uint32_t>;   // generation and reasons
  using count = std::atomic<std::uint32_t>;  // in flight
  static constexpr std::uint32_t block = 1024;  // slots are dealt out within blocks

  state_table(std::uint32_t capacity, std::uint32_t stripes)
      : capacity_{capacity}, stripes_{stripes}, stride_{round_up(capacity)}, words_{stride_}, counts_{std::size_t{stride_} * stripes} {}

  // The k-th new slot: neighbours in order sit a cache line apart, so that two workers' leases do not collide.
  static constexpr std::uint32_t deal(std::uint32_t k) noexcept {
    return (k & ~(block - 1)) | (k & 63) << 4 | (k >> 6 & 15);
  }

  std::uint32_t capacity() const noexcept { return capacity_; }  // slots that may be in use at once
  std::uint32_t slots() const noexcept { return stride_; }       // slots that there are
  std::uint32_t counter_stripes() const noexcept { return stripes_; }          // counts for each slot

  // Sets or clears reasons of one incarnation. False, and nothing changed, for an id that is not (or no longer) a
  // member's: late news about an old incarnation never reach its successor. Lock-free; linearizes at its CAS.
  bool set(backend_id id, health_flag flags, health_flag* before = nullptr) noexcept {
    std::uint32_t old = 0;
    bool const done = known(id) && lease_protocol<>::set(words_[id.slot], id.tag, flags, old);
    if (before != nullptr) *before = static_cast<health_flag>(old & health_bits);
    return done;
  }
  bool clear(backend_id id, health_flag flags, health_flag* before = nullptr) noexcept {
    std::uint32_t old = 0;
    bool const done = known(id) && lease_protocol<>::clear(words_[id.slot], id.tag, flags, old);
    if (before != nullptr) *before = static_cast<health_flag>(old & health_bits);
    return done;
  }

  // How often health changed: told after the word was written, so whoever met a word finds the changes before it counted.
  // Wait-free.
  std::uint64_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }
  void count_change() noexcept { changes_.fetch_add(1, std::memory_order_release); }  // they chain: refresh() sees each word

  // One relaxed load. The id must come from a member of this pool. Wait-free.
  EQUIPOISE_INLINE bool check(backend_id id, admission mask = admission::new_work) const noexcept {
    return admits(words_[id.slot].load(std::memory_order_relaxed), id.tag, mask);
  }

  // The reasons against an id; `removed` for one that is not this registry's any more. Wait-free.
  health_flag health(backend_id id) const noexcept {
    if (!known(id)) return health_flag::removed;
    std::uint32_t const w = words_[id.slot].load(std::memory_order_acquire);
    return same_generation(w, id.tag) ? static_cast<health_flag>(w & health_bits) : health_flag::removed;
  }

  // Whether the slot is still this id's, whatever there is against it; false for an id that was never this registry's.
  // Wait-free.
  bool is_still(backend_id id) const noexcept {
    return known(id) && same_generation(words_[id.slot].load(std::memory_order_acquire), id.tag);
  }

  // For load-aware policies: exact for each row at its own instant. Wait-free, `rows()` loads.
  EQUIPOISE_INLINE std::uint32_t load(std::uint32_t slot) const noexcept {
    std::uint32_t const first = counts_[slot].load(std::memory_order_relaxed);
    return stripes_ == 1 ? first : first + other_stripes(slot);
  }

  // The same, ordered after a mark: zero once after `removed` (`draining`) means no lease (no new one) ever again. Wait-free.
  std::uint32_t in_flight(std::uint32_t slot) const noexcept {
    return lease_protocol<>::in_flight(counts_.data() + slot, stride_, stripes_);
  }

  // The same for an id; zero for one whose slot was given on (that needed a zero) or was never this registry's. Wait-free.
  std::uint32_t in_flight(backend_id id) const noexcept {
    std::uint32_t const n = known(id) ? in_flight(id.slot) : 0;
    return is_still(id) ? n : 0;
  }

  word& word_of(std::uint32_t slot) noexcept { return words_[slot]; }
  word const& word_of(std::uint32_t slot) const noexcept { return words_[slot]; }
  count* stripe(std::uint32_t r) noexcept { return counts_.data() + std::size_t{r % stripes_} * stride_; }

 private:
  static constexpr std::uint32_t round_up(std::uint32_t n) noexcept { return (n + block - 1) & ~(block - 1); }
  EQUIPOISE_OUT_OF_LINE std::uint32_t other_stripes(std::uint32_t slot) const noexcept {
    std::uint32_t sum = 0;
    for (std::uint32_t r = 1; r < stripes_; ++r) sum += counts_[std::size_t{r} * stride_ + slot].load(std::memory_order_relaxed);
    return sum;
  }
  bool known(backend_id id) const noexcept { return id && id.slot < stride_; }

  std::uint32_t capacity_;
  std::uint32_t stripes_;
  std::uint32_t stride_;
  detail::zeroed_array<word> words_;
  detail::zeroed_array<count> counts_;
  alignas(cache_line) std::atomic<std::uint64_t> changes_{0};  // apart from what each pick reads
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// SPDX-License-Identifier: MIT
// The state table: the only truth about which backend may get work, and about the work in flight. It holds one atomic
// word per backend, and two counters per backend and stripe: one for each of the two objects that a membership may have
// leases on, the present one and the one that it replaced. It knows slots, not backends.
#pragma once

#include <equipoise/core/observation.hpp>
#include <equipoise/core/registry/change_protocol.hpp>
#include <equipoise/core/registry/lease_protocol.hpp>
#include <equipoise/core/registry/release_log.hpp>
#include <equipoise/core/registry/start_times.hpp>
#include <equipoise/core/zeroed_array.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// The capacity is rounded up to whole blocks of slots. All counters of one stripe lie together.
class state_table {
 public:
  using word = std::atomic<std::uint32_t>;   // generation and health flags
  using count = std::atomic<std::uint32_t>;  // work in flight
  static constexpr std::uint32_t block = 1024;

  state_table(std::uint32_t capacity, std::uint32_t counter_stripes)
      : capacity_{capacity}, stripes_{counter_stripes}, stride_{round_up(capacity)}, words_{stride_},
        counts_{std::size_t{2} * stride_ * counter_stripes}, changed_{stride_ / 64}, releases_{stride_},
        starts_{stride_} {}

  // The k-th new slot. Consecutive slots are a cache line apart, so that the leases of two workers do not collide.
  static constexpr std::uint32_t deal(std::uint32_t k) noexcept {
    return (k & ~(block - 1)) | (k & 63) << 4 | (k >> 6 & 15);
  }

  std::uint32_t capacity() const noexcept { return capacity_; }        // slots that may be in use at once
  std::uint32_t slots() const noexcept { return stride_; }             // slots that exist
  std::uint32_t counter_stripes() const noexcept { return stripes_; }  // counters per slot

  // Sets or clears flags of one membership. Returns false and changes nothing if the id is not a current member's, so
  // late news about an old membership never reaches its successor. Lock-free; linearizes at the compare-and-exchange.
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

  // A number that differs once health has changed; see change_protocol. The releases form a chain, so that refresh()
  // sees every word. Wait-free.
  std::uint64_t changes() const noexcept { return change_protocol<>::look(changes_); }
  void begin_change() noexcept { change_protocol<>::begin(changes_); }
  void end_change(backend_id id, bool changed) noexcept {
    if (changed) changed_[id.slot / 64].fetch_or(std::uint64_t{1} << id.slot % 64, std::memory_order_release);
    change_protocol<>::end(changes_, changed);
  }

  // Whose health has changed since this was called last: a bit for each of the 64 slots from 64 i on. A thread that
  // has seen changes() finds the slots that were counted.
  std::uint64_t take_changed(std::uint32_t i) noexcept {
    auto& bits = changed_[i];
    return bits.load(std::memory_order_relaxed) != 0 ? bits.exchange(0, std::memory_order_acquire) : 0;
  }

  // Whether no flag that the mask looks at is set. The id must come from a member of this pool. One relaxed load.
  EQUIPOISE_INLINE bool check(backend_id id, admission mask = admission::new_work) const noexcept {
    return admits(words_[id.slot].load(std::memory_order_relaxed), id.tag, mask);
  }

  // The flags set against an id; `removed` for an id that is no longer a member's. Wait-free.
  health_flag health(backend_id id) const noexcept {
    if (!known(id)) return health_flag::removed;
    std::uint32_t const w = words_[id.slot].load(std::memory_order_acquire);
    return same_generation(w, id.tag) ? static_cast<health_flag>(w & health_bits) : health_flag::removed;
  }

  // For load-aware policies: the counter of each stripe is exact at its own instant. Wait-free; O(stripes).
  EQUIPOISE_INLINE std::uint32_t load(std::uint32_t slot) const noexcept {
    std::uint32_t const first = load_in(0, slot);
    return stripes_ == 1 ? first : first + other_stripes(slot);
  }

  // The same, ordered after a flag: zero once after `removed` was set means that no lease is held ever again, and after
  // `draining` that no new one is. Wait-free; O(stripes).
  std::uint32_t in_flight(std::uint32_t slot) const noexcept {
    return in_flight_of_phase(slot, 0) + in_flight_of_phase(slot, 1);
  }

  // The same for the objects with that phase alone. Zero once after no picker can see such an object means that no
  // lease on one is held ever again, as long as no other object gets the phase. Wait-free; O(stripes).
  std::uint32_t in_flight_of_phase(std::uint32_t slot, unsigned phase) const noexcept {
    return lease_protocol<>::in_flight(counters(0, slot) + phase, std::size_t{2} * stride_, stripes_);
  }

  // The same for an id. Zero for an id whose slot has another owner: the slot was given away because its count was
  // zero.
  std::uint32_t in_flight(backend_id id) const noexcept {
    std::uint32_t const n = known(id) ? in_flight(id.slot) : 0;
    return known(id) && same_generation(words_[id.slot].load(std::memory_order_acquire), id.tag) ? n : 0;
  }

  // The type of the backends that records with these states hold, by name: type information may be switched off, and
  // addresses differ between shared libraries.
  template <class B>
  void hold() noexcept {
    backend_type_ = name_of<B>();
  }
  template <class B>
  bool holds() const noexcept {
    return backend_type_ == name_of<B>();
  }

  // What leases report about the member of a slot; null unless the pool keeps it.
  observation* reports(std::uint32_t slot) const noexcept { return reports_ != nullptr ? reports_ + slot : nullptr; }
  void keep_reports(observation* of_slots) noexcept { reports_ = of_slots; }

  // Where work has ended. On const tables too: a policy turns it on.
  release_log& releases() const noexcept { return releases_; }

  // When each member began to take work.
  start_times& starts() noexcept { return starts_; }
  start_times const& starts() const noexcept { return starts_; }
  // Whether the id is a member's. Wait-free.
  bool is_member(backend_id id) const noexcept { return (health(id) & health_flag::removed) == health_flag::none; }

  word& word_of(std::uint32_t slot) noexcept { return words_[slot]; }
  word const& word_of(std::uint32_t slot) const noexcept { return words_[slot]; }

  // The counters of one stripe. Those of a slot lie at 2 × slot and behind it.
  count* stripe(std::uint32_t s) noexcept { return counts_.data() + std::size_t{2} * (s % stripes_) * stride_; }

 private:
  // The two counters of a slot in one stripe.
  EQUIPOISE_INLINE count const* counters(std::uint32_t s, std::uint32_t slot) const noexcept {
    return counts_.data() + std::size_t{2} * (std::size_t{s} * stride_ + slot);
  }
  EQUIPOISE_INLINE std::uint32_t load_in(std::uint32_t s, std::uint32_t slot) const noexcept {
    count const* const both = counters(s, slot);
    return both[0].load(std::memory_order_relaxed) + both[1].load(std::memory_order_relaxed);
  }
  template <class B>
  static constexpr std::string_view name_of() noexcept {
    return __PRETTY_FUNCTION__;
  }
  static constexpr std::uint32_t round_up(std::uint32_t n) noexcept { return (n + block - 1) & ~(block - 1); }
  EQUIPOISE_OUT_OF_LINE std::uint32_t other_stripes(std::uint32_t slot) const noexcept {
    std::uint32_t sum = 0;
    for (std::uint32_t s = 1; s < stripes_; ++s) sum += load_in(s, slot);
    return sum;
  }
  bool known(backend_id id) const noexcept { return id && id.slot < stride_; }

  std::uint32_t capacity_;
  std::uint32_t stripes_;
  std::uint32_t stride_;
  observation* reports_ = nullptr;
  std::string_view backend_type_;
  zeroed_array<word> words_;
  zeroed_array<count> counts_;
  zeroed_array<std::atomic<std::uint64_t>> changed_;  // a bit per slot; control plane only
  mutable release_log releases_;
  start_times starts_;
  alignas(cache_line) std::atomic<std::uint64_t> changes_{0};  // apart from what each pick reads
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

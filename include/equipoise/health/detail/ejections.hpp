// SPDX-License-Identifier: MIT
// What the detectors of passive health share: numbers about each member by slot, and the list of those that are out.
#pragma once

#include <equipoise/core/pool/pool.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

inline constexpr auto relaxed = std::memory_order_relaxed;  // of numbers that order nothing

template <class Number>
void add_one(std::atomic<Number>& n) noexcept {
  n.fetch_add(1, relaxed);
}

struct ejection_orders {
  static constexpr auto claim = std::memory_order_acquire;  // 1, pairs with 2 and 5: numbers that nobody changes
  static constexpr auto give = std::memory_order_release;   // 2, of numbers that were set to 0
  static constexpr auto look =
      std::memory_order_acquire;  // 3, pairs with 2, and with 5: numbers of a member, its state
  static constexpr auto change = std::memory_order_acquire;  // 4, pairs with 5
  static constexpr auto settle = std::memory_order_release;  // 5, of a state that another thread may change now
  static constexpr auto push = std::memory_order_release;    // 6, of a link
  static constexpr auto take = std::memory_order_acquire;    // 7, pairs with 6
};

// Where the numbers live. A model checker runs this very code on types of its own, and on weaker orders.
struct shipped_memory {
  template <class T>
  using atomic = std::atomic<T>;
  template <class T>
  using plain = T;
  template <class T>
  using array = zeroed_array<T>;
  using orders = ejection_orders;
};

// What the numbers about a member begin with. The class of the numbers also has begin(), which sets them to 0 for
// another member, and may_begin(): whether that is possible yet. Zeroed memory is a valid object.
template <class Memory>
struct basic_numbers_of_member {
  using memory = Memory;
  typename Memory::template atomic<std::uint32_t> tag;  // of the membership that the numbers belong to
  bool may_begin() const noexcept { return true; }
};
using numbers_of_member = basic_numbers_of_member<shipped_memory>;

// Numbers about each member of a pool.
template <class Pool, class Numbers>
class numbers_by_slot {
 protected:
  using memory = typename Numbers::memory;
  using orders = typename memory::orders;

 public:
  explicit numbers_by_slot(Pool& p) : pool_{p}, all_{p.slots()} {}

  // Null for an id that is no member's. Lock-free.
  Numbers* find(backend_id id) noexcept {
    if (!id || id.slot >= pool_.slots()) return nullptr;
    Numbers& n = all_[id.slot];
    return (n.tag.load(orders::look) == id.tag ? is_member(id) : adopt(n, id)) ? &n : nullptr;
  }
  // The same, but null if nothing was reported about the member, too.
  Numbers* known(backend_id id) noexcept {
    if (!id || id.slot >= pool_.slots()) return nullptr;
    Numbers& n = all_[id.slot];
    return n.tag.load(orders::look) == id.tag && is_member(id) ? &n : nullptr;
  }
  Numbers& operator[](std::uint32_t slot) noexcept { return all_[slot]; }

  bool is_member(backend_id id) const noexcept {
    return (pool_.health(id) & health_flag::removed) == health_flag::none;
  }

 private:
  static constexpr std::uint32_t is_adopted = 1;  // no id's tag: the numbers are being set to 0

  // The first report about a membership sets the numbers of the slot's last one to 0. Reports that come meanwhile find
  // nothing, and so do those that come before the last one has left a list.
  EQUIPOISE_OUT_OF_LINE bool adopt(Numbers& n, backend_id id) noexcept {
    std::uint32_t before = n.tag.load(relaxed);
    if (before == is_adopted || !is_member(id)) return false;
    if (!n.tag.compare_exchange_strong(before, is_adopted, orders::claim, relaxed)) return false;
    bool const may = n.may_begin();
    if (may) n.begin();
    n.tag.store(may ? id.tag : before, orders::give);
    return may;
  }

  Pool& pool_;
  typename memory::template array<Numbers> all_;
};

// The numbers about a member that may be out.
template <class Memory>
struct basic_ejectable : basic_numbers_of_member<Memory> {
  using orders = typename Memory::orders;
  // In; or a thread changes that; or out. Those that come back by a trial have three states more, see half_open.hpp:
  // the next request is the trial; the trial is under way; back, but not yet off the list.
  enum : std::uint32_t { is_in, is_changing, is_out, is_half_open, is_on_trial, is_back };
  typename Memory::template atomic<std::uint32_t> state;
  typename Memory::template plain<std::uint32_t> next_out;  // the slot behind it in a list, plus 1

  bool may_begin() const noexcept { return state.load(orders::look) == is_in; }
  bool change(std::uint32_t from, std::uint32_t to) noexcept {
    return state.compare_exchange_strong(from, to, orders::change, relaxed);
  }
};
using ejectable = basic_ejectable<shipped_memory>;

// The members that a detector keeps out of a pool by a health flag.
//
// To eject: begin(), which one thread wins; reserve() a place within the limit; set the flag; write what the host needs
// while it is out; add(). The place is reserved before the flag is set, so no two threads pass the limit.
template <class Pool, class Host>
class ejections : public numbers_by_slot<Pool, Host> {
  using base = numbers_by_slot<Pool, Host>;

 protected:
  using typename base::memory;
  using typename base::orders;
  using link_type = typename memory::template plain<std::uint32_t>;

 public:
  ejections(Pool& p, health_flag flag) : base{p}, pool_{p}, flag_{flag} {}

  std::size_t count() const noexcept { return count_.load(relaxed); }

  // Lock-free, from any thread.

  bool begin(Host& h) noexcept { return h.change(Host::is_in, Host::is_changing); }
  void stay(Host& h) noexcept { h.state.store(Host::is_in, relaxed); }
  // `may` says whether one more may be out beside so many.
  template <class May>
  bool reserve(May may) noexcept {
    std::size_t already = count();
    do {
      if (!may(already)) return false;
    } while (!count_.compare_exchange_weak(already, already + 1, relaxed, relaxed));
    return true;
  }
  void unreserve() noexcept { count_.fetch_sub(1, relaxed); }
  // Sets the flag against a member; false for others.
  bool set(backend_id id) noexcept { return pool_.set(id, flag_); }
  bool clear(backend_id id) noexcept { return pool_.clear(id, flag_); }
  // The same of a backend that takes its usual work again: slow_start begins.
  bool clear(backend_id id, time_point now) noexcept { return pool_.clear(id, flag_, now); }
  void add(Host& h, backend_id id) noexcept {
    std::uint32_t next = fresh_.load(relaxed);
    // The list shows the host before its state is is_out; it is taken with the mutex, and then waited for.
    do h.next_out = next;
    while (!fresh_.compare_exchange_weak(next, id.slot + 1, orders::push, relaxed));
    h.state.store(Host::is_out, orders::settle);
  }

  // The rest needs the detector's mutex. A link is a slot plus 1, or 0 at the end.

  Host& at(std::uint32_t link) noexcept { return (*this)[link - 1]; }
  backend_id id_of(std::uint32_t link) noexcept { return {link - 1, at(link).tag.load(relaxed)}; }

  // Takes those that were ejected since, and returns the first link of all that are out, the latest first.
  link_type* collect() noexcept {
    std::uint32_t const latest = fresh_.exchange(0, orders::take);
    for (std::uint32_t link = latest; link != 0;) {
      Host& h = at(link);
      while (h.state.load(orders::look) == Host::is_changing) yield();  // a few instructions of another thread
      link = h.next_out;
      if (link == 0) h.next_out = out_;
    }
    if (latest != 0) out_ = latest;
    return &out_;
  }
  // Takes a host off the list. It is in from now on.
  void come_back(link_type* link) noexcept {
    Host& h = at(*link);
    backend_id const id = id_of(*link);
    *link = h.next_out;
    clear(id);  // false if it is no member any more
    unreserve();
    h.state.store(Host::is_in, orders::settle);
  }

  // All of them come back: the detector ends.
  void come_back_all() noexcept {
    for (link_type* link = collect(); *link != 0;) come_back(link);
  }

  // The same for one that begins its slow start.
  void come_back(link_type* link, time_point now) noexcept {
    clear(id_of(*link), now);
    come_back(link);
  }

 private:
  Pool& pool_;
  health_flag const flag_;
  typename memory::template atomic<std::size_t> count_{0};
  typename memory::template atomic<std::uint32_t> fresh_{0};  // those that were ejected since collect()
  link_type out_ = 0;                                         // the others
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

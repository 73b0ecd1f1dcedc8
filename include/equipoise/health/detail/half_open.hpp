// SPDX-License-Identifier: MIT
// Members that are out come back by a trial: when their time is over, one request is let through, and its end decides.
//
//   in -> out -> half open -> on trial -> back -> in
//         ^__________|____________|________|
//
// The flag is set in "out" and "on trial". A member holds its place within the limit until it is in again, so a failed
// trial never exceeds the limit.
#pragma once

#include <equipoise/health/detail/ejections.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Whether one more of so many members may be out, for a limit in percent.
inline bool is_within(double most_percent, std::size_t already, std::size_t members) noexcept {
  return 100.0 * static_cast<double>(already + 1) <= most_percent * static_cast<double>(members);
}

enum class put_out_result { out, nothing, too_many };

template <class Pool, class Host>
class half_open : public ejections<Pool, Host> {
  using base = ejections<Pool, Host>;
  using typename base::link_type;
  using typename base::orders;

 public:
  using base::base;

  // Lock-free, from any thread.

  // Whether a member gets work as any other.
  static bool is_open(Host const& h) noexcept {
    auto const s = h.state.load(orders::look);
    return s == Host::is_in || s == Host::is_back;
  }

  // Sets the flag, unless it is set. `may` says whether one more may be out beside so many; `leave` runs for the one
  // thread that sets it.
  template <class May, class Leave>
  EQUIPOISE_OUT_OF_LINE put_out_result put_out(Host& h, backend_id id, May may, Leave leave) noexcept {
    auto const s = h.state.load(orders::look);
    if (s == Host::is_out || s == Host::is_changing || !take(h, id, s)) return put_out_result::nothing;
    if (s != Host::is_in) {  // it is on the list, and has its place
      this->set(id);
      leave();
      h.state.store(Host::is_out, orders::settle);
      return put_out_result::out;
    }
    if (!this->reserve(may)) {
      this->stay(h);
      return put_out_result::too_many;
    }
    if (!this->set(id)) {
      this->unreserve();
      this->stay(h);
      return put_out_result::nothing;
    }
    leave();
    this->add(h, id);
    return put_out_result::out;
  }

  // The first request after the time of a member that was out is its trial: the flag is set again, and `leave` runs.
  // False for others.
  template <class Leave>
  EQUIPOISE_OUT_OF_LINE bool begin_trial(Host& h, backend_id id, Leave leave) noexcept {
    if (!take(h, id, Host::is_half_open)) return false;
    this->set(id);
    leave();
    h.state.store(Host::is_on_trial, orders::settle);
    return true;
  }
  // A trial that says nothing: the next request is another one.
  EQUIPOISE_OUT_OF_LINE void repeat_trial(Host& h, backend_id id) noexcept {
    if (!take(h, id, Host::is_on_trial)) return;
    this->clear(id);
    h.state.store(Host::is_half_open, orders::settle);
  }
  // A trial succeeded, and so did the last one if the next one has not begun. True for one thread.
  template <class Forget>
  EQUIPOISE_OUT_OF_LINE bool revive(Host& h, backend_id id, Forget forget) noexcept {
    if (!take(h, id, Host::is_on_trial) && !take(h, id, Host::is_half_open)) return false;
    forget();
    this->clear(id);
    h.state.store(Host::is_back, orders::settle);
    return true;
  }

  // The rest needs the detector's mutex.

  // Opens the trial of members after their time, or after a lost trial; forgets those that have left the pool.
  template <class IsOver>
  void advance(IsOver is_over) noexcept {
    for (link_type* link = this->collect(); *link != 0;) {
      Host& h = this->at(*link);
      auto const s = h.state.load(orders::look);
      bool const is_done = s == Host::is_back || !this->is_member(this->id_of(*link));
      if (s != Host::is_changing && is_done && h.change(s, Host::is_changing)) {
        this->come_back(link);
        continue;
      }
      if (!is_done && (s == Host::is_out || s == Host::is_on_trial) && is_over(h) && h.change(s, Host::is_changing)) {
        this->clear(this->id_of(*link));
        h.state.store(Host::is_half_open, orders::settle);
      }
      link = &h.next_out;
    }
  }
  // After removals: those that are too many come back, the longest out first.
  template <class May, class Forget>
  void bring_back_those_too_many(May may, Forget forget) noexcept {
    while (base::count() != 0 && !may(base::count() - 1)) {
      link_type* last = nullptr;
      for (link_type* link = this->collect(); *link != 0; link = &this->at(*link).next_out) last = link;
      if (last == nullptr) return;
      Host& h = this->at(*last);
      auto const s = h.state.load(orders::look);
      if (s == Host::is_changing || !h.change(s, Host::is_changing)) {
        yield();  // a few instructions of another thread
        continue;
      }
      forget(h);
      this->come_back(last);
    }
  }

 private:
  // Wins a state that is `from`. A thread may have come late with the id of a membership that has ended, while the next
  // one in the slot has its numbers already: then the state stays as it is.
  bool take(Host& h, backend_id id, std::uint32_t from) noexcept {
    if (!h.change(from, Host::is_changing)) return false;
    if (h.tag.load(relaxed) == id.tag) return true;
    h.state.store(from, orders::settle);
    return false;
  }
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

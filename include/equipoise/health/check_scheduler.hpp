// SPDX-License-Identifier: MIT
// Active checks: which backend to probe when, and what the answers mean. The application opens the sockets.
//
//   equipoise::check_scheduler scheduler{pool};
//   scheduler.follow(now);                                            // after the membership has changed
//   while (auto probe = scheduler.next(now)) start(probe);            // when the timer of next_due() has expired
//   scheduler.finish(probe, {equipoise::check_answer::good}, now);    // when a probe has an answer
//
// It sets and clears health_flag::down, or what check_options says instead, and no other flag. After each check that
// flag is as the scheduler judges. So the last word counts: a flag that was set by hand, or by another scheduler of the
// pool, lasts until the next check. (A flag for `stopping` that another part has set stays.) Two checkers that may
// disagree need two flags, as `down` and `user_1`.
//
// A time that is earlier than one before counts as that one, so a clock that goes backwards only delays checks.
#pragma once

#include <equipoise/core/pool/pool.hpp>
#include <equipoise/core/random_source.hpp>
#include <equipoise/core/timing_wheel.hpp>
#include <equipoise/health/check_rules.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Schedules the checks of a pool's members. See the top of the header. It must not outlive its pool. The functions are
/// called by one thread at a time; other threads may change the pool, and pick from it, meanwhile. Only follow() may
/// wait.
template <class B>
class check_scheduler {
 public:
  /// Fails if an option is out of range, or if there is no memory: 88 bytes for each slot that is used. The seed
  /// decides the jitter. Give each process another one, as from std::random_device.
  explicit check_scheduler(pool<B>& p, check_options const& o = {}, std::uint64_t seed = 1)
      : pool_{p}, options_{o}, hosts_{p.slots()}, wheel_{p.slots()}, random_{seed} {
    o.check();
  }
  check_scheduler(check_scheduler const&) = delete;
  check_scheduler& operator=(check_scheduler const&) = delete;

  /// Takes in the members that have joined since the last call. Their first checks are spread evenly over
  /// `first_within`, from a random point on. A member that has left needs no call: its check is dropped when it is due.
  /// Blocking (the pool's mutex); allocates; O(members).
  void follow(time_point now) {
    std::vector<backend_id> joined;
    pool_.for_each([&](backend_id id, auto const&, auto const&, health_flag) {
      if (hosts_[id.slot].tag != id.tag) joined.push_back(id);
    });
    pass(now);
    std::uint64_t const place = random_below(std::uint64_t{1} << 32);
    for (std::size_t k = 0; k != joined.size(); ++k) {
      std::uint64_t const point = (place + (std::uint64_t{k} << 32) / joined.size()) & 0xFFFFFFFF;
      begin(joined[k], share_of(options_.first_within, point << 32));
    }
  }

  /// A check that is due, which starts now; false if there is none. Ends the checks that are over their deadline, too.
  /// No backend is returned again before finish() or the deadline. A check starts at most 2^20 ns (about 1 ms) after
  /// its time if next() is called then. Call it in a loop, or stop at a limit of open probes and go on later. Takes no
  /// lock; allocates nothing; amortised O(1).
  check_probe next(time_point now) noexcept {
    pass(now);
    for (std::uint32_t slot; (slot = wheel_.pop(tick_before(now_))) != wheel_.none;) {
      host& h = hosts_[slot];
      backend_id const id{slot, h.tag};
      health_flag const flags = pool_.health(id);
      if ((flags & health_flag::removed) != health_flag::none) {
        h.tag = 0;
      } else if (h.is_running) {
        ++counts_.timed_out;
        conclude(h, id, {check_answer::failed, "no answer in time"});
      } else if ((flags & options_.paused_by) != health_flag::none) {
        wait_for_first(h, slot, options_.interval);
      } else {
        ++counts_.started;
        h.is_running = true;
        wake(slot, options_.timeout);
        return {id, ++h.number, now_ + options_.timeout};
      }
    }
    return {};
  }

  /// When to call next() again: nothing is due before. At most 1 ms (2^20 ns) after the time of the next check, and
  /// sometimes earlier, because next() has something to do on the way to a distant check. time_point::max() if no
  /// backend is watched. Wait-free; O(1).
  time_point next_due() const noexcept {
    std::uint64_t const tick = wheel_.next_due();
    return tick == wheel_.never ? time_point::max()
                                : time_point{std::chrono::nanoseconds{static_cast<std::int64_t>(tick << tick_bits)}};
  }

  /// Ends a check with its answer. Returns false, and changes nothing, if the probe is not running: its deadline has
  /// passed in next(), it was finished before, or its backend has left. The answers that have arrived should be given
  /// before next() is called, or a program that was suspended takes them for time-outs. Takes no lock; allocates
  /// nothing; O(1).
  bool finish(check_probe const& probe, check_result const& result, time_point now) noexcept {
    host* const h = running(probe);
    if (h == nullptr) return false;
    pass(now);
    bool const is_good = result.answer == check_answer::good || result.answer == check_answer::stopping;
    if (!conclude(*h, probe.id, result)) {
      ++counts_.dropped;
      return false;
    }
    ++(is_good ? counts_.good : counts_.bad);
    return true;
  }

  /// Ends a check whose deadline has passed, as next() does, for a program that closes its sockets by itself. Returns
  /// false, and changes nothing, if the probe is not running. Takes no lock; allocates nothing; O(1).
  bool time_out(check_probe const& probe, time_point now) noexcept {
    host* const h = running(probe);
    if (h == nullptr) return false;
    pass(now);
    bool const is_member = conclude(*h, probe.id, {check_answer::failed, "no answer in time"});
    ++(is_member ? counts_.timed_out : counts_.dropped);
    return is_member;
  }

  /// Ends a check that says nothing about its backend, for instance because this process had no file descriptor left.
  /// The next one is due after `wait`, which is taken for 0 if it is negative, and for 365 days if it is more. Returns
  /// false, and changes nothing, if the probe is not running. Takes no lock; allocates nothing; O(1).
  bool postpone(check_probe const& probe, std::chrono::nanoseconds wait, time_point now) noexcept {
    host* const h = running(probe);
    if (h == nullptr) return false;
    pass(now);
    ++counts_.postponed;
    h->is_running = false;
    wake(probe.id.slot, std::clamp(wait, std::chrono::nanoseconds{0}, check_options::longest));
    return true;
  }

  /// Makes the next check of a backend due now, also of one that follow() has not seen yet. Returns false if its check
  /// is running, or if the id is not a member's. Takes no lock; O(1).
  bool check_now(backend_id id, time_point now) noexcept {
    pass(now);
    if (host* const h = host_of(id)) {
      if (h->is_running || !is_member(id)) return false;
      wheel_.add(id.slot, 0);
      return true;
    }
    if (!id || id.slot >= pool_.slots() || !is_member(id)) return false;
    begin(id, std::chrono::nanoseconds{0});
    return true;
  }

  /// What the checks of a backend have shown; null for an id that is not watched. The pointer stays valid as long as
  /// the scheduler, and the report until the next call. Wait-free.
  check_report const* report(backend_id id) const noexcept {
    host const* const h = const_cast<check_scheduler*>(this)->host_of(id);
    return h != nullptr ? &h->report : nullptr;
  }

  /// What happened so far. Wait-free.
  check_counts const& counts() const noexcept { return counts_; }
  /// The options. Wait-free.
  check_options const& options() const noexcept { return options_; }

 private:
  static constexpr unsigned tick_bits = 20;  // 2^20 ns: finer than any timer needs, and two levels for 10 s

  struct host {
    std::uint32_t tag;     // of the membership that the rest belongs to; 0 for none
    std::uint32_t number;  // of the latest probe
    bool is_running;
    health_flag shown;  // what the checks have set
    time_point joined;
    check_report report;
  };

  bool is_member(backend_id id) const noexcept {
    return (pool_.health(id) & health_flag::removed) == health_flag::none;
  }
  // Null for an id that is not watched.
  host* host_of(backend_id id) noexcept {
    return id && id.slot < pool_.slots() && hosts_[id.slot].tag == id.tag ? &hosts_[id.slot] : nullptr;
  }
  // Null, and counted, for a probe that is over.
  host* running(check_probe const& probe) noexcept {
    host* const h = host_of(probe.id);
    if (h != nullptr && h->is_running && h->number == probe.number) return h;
    ++counts_.dropped;
    return nullptr;
  }

  // All times lie between 1970 on that clock and some years before its end, so that sums do not overflow.
  void pass(time_point now) noexcept {
    now_ = std::max(now_, std::min(now, time_point::max() - std::chrono::hours{24 * 365 * 3}));
  }
  static std::uint64_t tick_before(time_point t) noexcept {
    return static_cast<std::uint64_t>(t.time_since_epoch().count()) >> tick_bits;
  }
  void wake(std::uint32_t slot, std::chrono::nanoseconds after) noexcept {
    constexpr std::chrono::nanoseconds almost_a_tick{(1 << tick_bits) - 1};
    wheel_.add(slot, tick_before(now_ + after + almost_a_tick));
  }

  static std::chrono::nanoseconds share_of(std::chrono::nanoseconds whole, std::uint64_t of_2_to_64) noexcept {
    return std::chrono::nanoseconds{
        static_cast<std::int64_t>(multiply_high(of_2_to_64, static_cast<std::uint64_t>(whole.count())))};
  }
  // 0 if nothing is to be random.
  std::uint64_t random_below(std::uint64_t n) noexcept {
    return options_.jitter > 0 ? multiply_high(random_.next(), n) : 0;
  }

  void begin(backend_id id, std::chrono::nanoseconds first_after) noexcept {
    host& h = hosts_[id.slot];
    h.tag = id.tag;
    h.is_running = false;
    h.shown = health_flag::none;
    wait_for_first(h, id.slot, first_after);
  }
  // The backend is as one that joins now.
  void wait_for_first(host& h, std::uint32_t slot, std::chrono::nanoseconds after) noexcept {
    h.joined = now_;
    h.report = {{}, now_, {}};
    wake(slot, after);
  }

  // Returns whether the backend is still a member.
  bool conclude(host& h, backend_id id, check_result const& result) noexcept {
    health_flag const flags = pool_.health(id);
    if ((flags & health_flag::removed) != health_flag::none) {
      h.tag = 0;
      wheel_.remove(id.slot);
      return false;
    }
    check_report& r = h.report;
    auto const stood = r.standing;
    h.is_running = false;
    r.last = result;
    r.take(result.answer, now_ - h.joined, options_);
    if (r.standing != stood) r.since = now_;
    // Until an answer has decided, the flags are those with which the backend joined.
    if (r.standing != check_standing::starting) show(h, id, flags);
    auto const interval = r.interval(options_);
    auto const most = static_cast<std::uint64_t>(static_cast<double>(interval.count()) / 100 * options_.jitter);
    wake(id.slot, interval + std::chrono::nanoseconds{static_cast<std::int64_t>(random_below(most + 1))});
    return true;
  }
  health_flag flag_of(check_standing standing) const noexcept {
    return standing == check_standing::down       ? options_.down
           : standing == check_standing::stopping ? options_.stopping
                                                  : health_flag::none;
  }
  // Sets the flag of the standing, and clears the others of the scheduler. Writes only what differs, because workers
  // read the words.
  void show(host& h, backend_id id, health_flag flags) noexcept {
    health_flag const wanted = flag_of(h.report.standing);
    health_flag const over = without(flags & (options_.down | h.shown), wanted);
    if ((flags & wanted) != wanted) pool_.set(id, wanted);
    if (over != health_flag::none) pool_.clear(id, over, now_);
    h.shown = wanted;
  }

  pool<B>& pool_;
  check_options const options_;
  detail::zeroed_array<host> hosts_;  // by slot
  detail::timing_wheel wheel_;        // when a host's check begins, or has failed
  random_source random_;
  time_point now_{};
  check_counts counts_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

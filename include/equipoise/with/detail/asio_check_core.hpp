// SPDX-License-Identifier: MIT
// What a check_runner does. See with/asio.hpp.
#pragma once

#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/with/detail/asio_connect.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <functional>
#include <list>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The end of a check, as check_runner_options::on_result receives it.
struct check_event {
  backend_id id;
  check_result result;
  check_standing before;  ///< what the checks had shown until then
  check_report report;    ///< what they show since
};

/// How a check_runner works. Its constructor fails if a value is out of range.
struct check_runner_options {
  std::size_t most_open = 256;  ///< checks at the same time, 1 or more. Each has a socket
  /// How often members that have joined are looked for, which takes the pool's mutex and O(members). With 0 only
  /// check_runner::follow() does so.
  std::chrono::nanoseconds follow_every = std::chrono::seconds{1};
  /// How long a check waits that this process could not make, more than 0.
  std::chrono::nanoseconds postponed_for = std::chrono::seconds{1};
  /// Called after each check that has a verdict, on the executor. Its exceptions leave the executor's run().
  std::function<void(check_event const&)> on_result = {};
};

namespace detail {

// Lives until the last handler is gone. After stop() handlers do nothing.
template <class B>
struct check_core : std::enable_shared_from_this<check_core<B>> {
  using target_function = std::function<check_target(B const&)>;
  using probe_function = std::function<boost::asio::awaitable<check_result>(check_target const&, backend_id)>;

  struct check {
    explicit check(check_probe const& p) : probe{p} {}

    check_probe probe;
    check_target target{};
    boost::asio::cancellation_signal cancel{};
    bool is_open = false;
    typename std::list<std::shared_ptr<check>>::iterator place{};
  };

  check_core(boost::asio::any_io_executor const& on, pool<B>& p, check_scheduler<B>& s, target_function t,
             probe_function f, check_runner_options o)
      : members{p}, scheduler{s}, target{std::move(t)}, probe{std::move(f)}, options{std::move(o)},
        strand{boost::asio::make_strand(on)}, timer{strand} {}

  static time_point now() noexcept { return std::chrono::steady_clock::now(); }

  void stop() noexcept {
    if (std::exchange(is_stopped, true)) return;
    for (auto const& c : std::exchange(open, {})) cancel(*c);
    try {
      timer.cancel();
    } catch (...) {  // it rings once more, and finds that all has stopped
    }
  }
  static void cancel(check& c) noexcept {
    c.is_open = false;
    try {
      c.cancel.emit(boost::asio::cancellation_type::terminal);
    } catch (...) {  // no memory: the probe goes on, but is over
    }
  }

  // Does what is due.
  void step() {
    if (is_stopped || is_stepping) return;
    is_stepping = true;
    auto const t = now();
    if (t >= follow_at) follow(t);
    end_late(t);
    while (!is_stopped && open.size() < options.most_open) {
      auto const p = scheduler.next(t);
      if (!p) break;
      begin(p, t);
    }
    is_stepping = false;
    arm();
  }
  void follow(time_point t) noexcept {
    auto const every = options.follow_every;
    follow_at = every.count() != 0 ? later(t, every) : time_point::max();
    try {
      scheduler.follow(t);
    } catch (...) {  // no memory
      follow_at = std::min(follow_at, t + std::chrono::seconds{1});
    }
  }
  // All have the same time-out, so the oldest is the first to be late.
  void end_late(time_point t) noexcept {
    while (!open.empty() && open.front()->probe.deadline <= t) {
      auto const c = open.front();
      open.pop_front();
      if (t - c->probe.deadline > scheduler.options().timeout)
        scheduler.postpone(c->probe, {}, t);
      else
        tell(c->probe.id, {check_answer::failed, "no answer in time"}, [&] { return scheduler.time_out(c->probe, t); });
      cancel(*c);
    }
  }

  void begin(check_probe const& p, time_point t) noexcept {
    std::shared_ptr<check> c;
    try {
      c = std::make_shared<check>(p);
      if (!members.visit(p.id, [&](B const& b, auto const&...) { c->target = target(b); })) {
        scheduler.postpone(p, {}, t);  // it has left, which next() sees
        return;
      }
      c->place = open.insert(open.end(), c);
      c->is_open = true;
      boost::asio::co_spawn(strand, run(this->shared_from_this(), c),
                            boost::asio::bind_cancellation_slot(
                                c->cancel.slot(), [self = this->shared_from_this(), c](std::exception_ptr const& thrown,
                                                                                       check_result const& r) {
                                  self->end(*c, thrown ? verdict_of(thrown) : std::optional{r});
                                }));
    } catch (...) {
      if (c != nullptr && std::exchange(c->is_open, false)) open.erase(c->place);
      settle(p, verdict_of(std::current_exception()), t);
    }
  }
  static boost::asio::awaitable<check_result> run(std::shared_ptr<check_core> self, std::shared_ptr<check> c) {
    co_return co_await self->probe(c->target, c->probe.id);
  }
  void end(check& c, std::optional<check_result> const& verdict) {
    if (!std::exchange(c.is_open, false)) return;  // its time was over before
    bool const was_full = open.size() >= options.most_open;
    open.erase(c.place);
    settle(c.probe, verdict, now());
    if (was_full)
      step();
    else if (!is_stepping)
      arm();
  }
  void settle(check_probe const& p, std::optional<check_result> const& verdict, time_point t) noexcept {
    if (is_stopped) return;
    if (!verdict)
      scheduler.postpone(p, options.postponed_for, t);
    else
      tell(p.id, *verdict, [&] { return scheduler.finish(p, *verdict, t); });
  }
  // The application's function is called by a handler of its own, so that it may do what it likes.
  template <class Finish>
  void tell(backend_id id, check_result const& result, Finish finish) noexcept {
    auto const* const report = scheduler.report(id);
    auto const before = report != nullptr ? report->standing : check_standing::starting;
    if (!finish() || !options.on_result) return;
    try {
      boost::asio::post(strand, [self = this->shared_from_this(), e = check_event{id, result, before, *report}] {
        if (!self->is_stopped) self->options.on_result(e);
      });
    } catch (...) {  // no memory for the message; the verdict counts
    }
  }

  void arm() {
    if (is_stopped) return;
    auto at = open.size() < options.most_open ? scheduler.next_due() : time_point::max();
    if (!open.empty()) at = std::min(at, open.front()->probe.deadline);
    at = std::min(at, follow_at);
    if (at >= armed_at) return;
    timer.expires_at(std::chrono::time_point_cast<boost::asio::steady_timer::duration>(at));
    timer.async_wait([self = this->shared_from_this()](boost::system::error_code ec) {
      if (ec) return;  // armed for an earlier time, or stopped
      self->armed_at = time_point::max();
      self->step();
    });
    armed_at = at;
  }

  pool<B>& members;
  check_scheduler<B>& scheduler;
  target_function const target;
  probe_function const probe;
  check_runner_options const options;
  boost::asio::any_io_executor strand;
  boost::asio::steady_timer timer;
  std::list<std::shared_ptr<check>> open;  // oldest first
  time_point follow_at{}, armed_at = time_point::max();
  bool is_stopped = false, is_stepping = false;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

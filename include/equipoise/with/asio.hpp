// SPDX-License-Identifier: MIT
// Runs a check_scheduler over real sockets, by Boost.Asio and Boost.Beast (1.81 or newer, headers only).
//
//   equipoise::check_scheduler scheduler{pool};
//   equipoise::check_runner runner{io, pool, scheduler,
//                                  [](server const& s) { return equipoise::check_target{s.host, s.port}; },
//                                  equipoise::http_probe{{.path = "/health"}}};
//   io.run();
//
// A probe is a function (check_target const&, backend_id) that gives a boost::asio::awaitable<check_result>:
// tcp_probe, http_probe, agent_probe, https_probe and tls_probe of with/asio_tls.hpp, or one of the application. It is
// cancelled at its deadline, with cancellation_type::terminal, and has to end then. What it throws:
//   boost::system::system_error   the check failed, with a reason and the error's value. Of operation_aborted, or if
//                                 descriptors, ports or memory are used up, the backend is not guilty: no verdict, and
//                                 the check is made again after `postponed_for`
//   std::bad_alloc                no verdict either
//   anything else                 the check failed
//
// An event loop that stood still for longer than the time-out has heard no answers, so it gives no verdict for the
// checks that were open. Names are looked up by Asio's resolver. It asks for one name after the other, so one that does
// not answer delays the others; addresses have no such risk. It needs exceptions.
#pragma once

#include <equipoise/with/detail/asio_check_core.hpp>
#include <equipoise/with/detail/asio_probes.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Makes the checks of a scheduler. Pool and scheduler must outlive it, and so must the execution context. All of it
/// runs in a strand of the executor: there the scheduler is used, and the probes run. follow() and check_now() may be
/// called by every thread. All other functions, the destructor and the scheduler's own functions are called in the
/// strand, or by the only thread that runs the executor, or while none runs it.
template <class B>
class check_runner {
 public:
  /// Where a backend is checked. Called under the pool's mutex, so it must not call the pool's blocking functions.
  using target_function = std::function<check_target(B const&)>;
  using probe_function = std::function<boost::asio::awaitable<check_result>(check_target const&, backend_id)>;

  /// The checks begin as soon as the executor runs. Fails if an option is out of range.
  check_runner(boost::asio::any_io_executor on, pool<B>& p, check_scheduler<B>& scheduler,
               std::type_identity_t<target_function> target, std::type_identity_t<probe_function> probe,
               check_runner_options options = {}) {
    if (options.most_open == 0) fail("equipoise: check_runner_options::most_open 0 is not 1 or more");
    if (options.follow_every.count() < 0)
      fail("equipoise: check_runner_options::follow_every " + std::to_string(options.follow_every.count()) +
           " ns is not 0 or more");
    if (options.postponed_for.count() <= 0)
      fail("equipoise: check_runner_options::postponed_for " + std::to_string(options.postponed_for.count()) +
           " ns is not more than 0");
    if (!target || !probe) fail("equipoise: check_runner has no target function, or no probe");
    core_ = std::make_shared<detail::check_core<B>>(on, p, scheduler, std::move(target), std::move(probe),
                                                    std::move(options));
    follow();
  }
  template <class Context>
    requires std::derived_from<Context, boost::asio::execution_context>
  check_runner(Context& context, pool<B>& p, check_scheduler<B>& scheduler,
               std::type_identity_t<target_function> target, std::type_identity_t<probe_function> probe,
               check_runner_options options = {})
      : check_runner{boost::asio::any_io_executor{context.get_executor()},
                     p,
                     scheduler,
                     std::move(target),
                     std::move(probe),
                     std::move(options)} {}
  check_runner(check_runner const&) = delete;
  check_runner& operator=(check_runner const&) = delete;
  ~check_runner() { stop(); }

  /// Ends all checks without a verdict. From here on neither pool nor scheduler nor a function of the application is
  /// used, though probes that were running end only when the executor runs again. O(open checks).
  void stop() noexcept { core_->stop(); }

  /// Takes in members that have joined, and makes their first checks as the scheduler's options say. Thread-safe.
  void follow() {
    boost::asio::post(core_->strand, [c = core_] {
      c->follow_at = time_point{};
      c->step();
    });
  }
  /// Makes the next check of a backend due now; without effect if it is running, or if the id is no member's.
  /// Thread-safe.
  void check_now(backend_id id) {
    boost::asio::post(core_->strand, [c = core_, id] {
      if (!c->is_stopped && c->scheduler.check_now(id, c->now())) c->step();
    });
  }

  /// The strand.
  boost::asio::any_io_executor executor() const { return core_->strand; }
  /// How many checks are open.
  std::size_t open() const noexcept { return core_->open.size(); }

 private:
  std::shared_ptr<detail::check_core<B>> core_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

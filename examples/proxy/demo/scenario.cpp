// SPDX-License-Identifier: MIT
#include "scenario.hpp"

#include "../duration.hpp"
#include "fleet.hpp"
#include "load_generator.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace demo {
namespace {

// Checks run four times per second instead of every ten seconds, so that the demo takes one minute instead of ten.
fleet_plan plan_for(settings const& options, policy_setup const& policy) {
  fleet_plan plan;
  plan.policy = policy.name;
  plan.settings = fmt::format(
      "[checks]\ninterval = \"{}\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\n"
      "[passive]\nfailures = 1\neject = \"2s\"\n[timeouts]\nlinger = \"100ms\"\n",
      proxy::format_duration(options.check_interval));
  for (std::size_t i = 0; i != backend_count; ++i)
    plan.members[i] = {policy.weighted ? backends[i].weight : 1, backends[i].service};
  return plan;
}

class scenario_run {
 public:
  scenario_run(asio::io_context& io, settings const& options, policy_setup const& policy, clock::time_point deadline,
               progress& screen)
      : io_{io}, options_{options}, deadline_{deadline}, screen_{screen}, fleet_{options, plan_for(options, policy)} {
    out_.policy = policy;
  }

  task<> run() {
    load_plan plan;
    plan.target = fleet_.proxy_address();
    plan.rate = options_.rate;
    plan.clients = options_.clients;
    load_generator load{io_, plan, [this](sample const& s) { record(s); }};
    co_await fleet_.wait_until_up();
    co_await load.connect();

    auto const left = std::chrono::duration<double>(deadline_ - clock::now()).count() - 0.35;
    if (left < 1.5) throw std::runtime_error{"--seconds is too short for this policy"};
    first_due_ = clock::now();
    bool load_ended = false;
    asio::co_spawn(io_, load.run(), [&](std::exception_ptr) { load_ended = true; });
    constexpr double parts[phases] = {0.28, 0.20, 0.20, 0.16, 0.16};
    for (std::size_t p = steady; p != phases; ++p) {
      out_.starts[p] = seconds_since(first_due_);
      co_await begin_phase(static_cast<phase>(p));
      end_of_phase_ += parts[p] * left;
      co_await wait_for_end(static_cast<phase>(p));
      co_await end_phase(static_cast<phase>(p));
    }
    out_.starts[phases] = seconds_since(first_due_);
    load.stop();
    while (!load_ended) co_await sleep_for(1ms);
    load.disconnect();
    out_.proxy_exit = co_await fleet_.drain_proxy();
    out_.proxy_log = fleet_.log_tail();
  }

  recording take() { return std::move(out_); }

 private:
  static double seconds_since(clock::time_point t) { return std::chrono::duration<double>(clock::now() - t).count(); }

  task<> begin_phase(phase now) {
    switch (now) {
      case killed:
        killed_at_ = clock::now();  // before the kill, so that no pick after it counts as an earlier one
        fleet_.kill(killed_backend);
        break;
      case back:
        fleet_.start_backend(killed_backend);
        break;
      case slow:
        co_await fleet_.set_service_time(slowed_backend, backends[slowed_backend].service * 10);
        break;
      case added:
        co_await fleet_.set_service_time(slowed_backend, backends[slowed_backend].service);
        fleet_.add_backend();
        break;
      default:
        break;
    }
  }

  task<> wait_for_end(phase now) {
    for (double next = seconds_since(first_due_) + 0.2; next < end_of_phase_; next += 0.2) {
      co_await sleep_for(std::chrono::nanoseconds{static_cast<std::int64_t>((next - seconds_since(first_due_)) * 1e9)});
      screen_.show(out_, now, seconds_since(first_due_), false);
    }
    co_await sleep_for(
        std::chrono::nanoseconds{static_cast<std::int64_t>((end_of_phase_ - seconds_since(first_due_)) * 1e9)});
    screen_.show(out_, now, seconds_since(first_due_), true);
  }

  task<> end_phase(phase ended) {
    if (ended != killed) co_return;
    backend_state const dead = co_await fleet_.query_backend(killed_backend);
    if (dead.last_pick_ns == 0)
      throw std::runtime_error{"the proxy did not report when it last picked the dead backend"};
    auto const killed_ns = std::chrono::nanoseconds{killed_at_.time_since_epoch()}.count();
    out_.dead_picked_for = std::max(0.0, static_cast<double>(dead.last_pick_ns - killed_ns) / 1e6);
    out_.explain = co_await fleet_.explain(client_address(0).to_string());
  }

  void record(sample const& s) {
    int backend = -1;
    for (std::size_t i = 0; i != backend_count; ++i)
      if (s.backend == backends[i].name) backend = static_cast<int>(i);
    bool const failed = !s.failure.empty() || backend < 0;
    if (failed && out_.failures.size() < 5)
      out_.failures.push_back(fmt::format("at {:.3f} s: {}", std::chrono::duration<double>(s.due - first_due_).count(),
                                          s.failure.empty() ? "the answer has no X-Backend" : s.failure));
    out_.requests.push_back({std::chrono::duration<double>(s.due - first_due_).count(),
                             std::chrono::duration<double, std::milli>(s.latency).count(), s.client, backend, failed});
  }

  asio::io_context& io_;
  settings const& options_;
  clock::time_point deadline_;
  progress& screen_;
  recording out_;
  fleet fleet_;
  clock::time_point first_due_, killed_at_;
  double end_of_phase_ = 0;
};

}  // namespace

recording run_scenario(asio::io_context& io, settings const& options, policy_setup const& policy,
                       clock::time_point deadline, progress& screen) {
  scenario_run scenario{io, options, policy, deadline, screen};
  std::exception_ptr failure;
  io.restart();
  asio::co_spawn(io, scenario.run(), [&](std::exception_ptr e) {
    failure = e;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return scenario.take();
}

}  // namespace demo

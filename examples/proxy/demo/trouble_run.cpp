// SPDX-License-Identifier: MIT
// One run of a trouble: the actions at their times, under load, while the proxy's numbers are read.
#include "load_generator.hpp"
#include "trouble.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>

namespace demo {
namespace {

constexpr std::string_view act_names[] = {"kill",    "freeze", "resume", "start", "terminate",
                                          "service", "errors", "weight", "join"};

class trouble_run {
 public:
  trouble_run(asio::io_context& io, settings const& options, run_plan const& plan)
      : io_{io}, options_{options}, plan_{plan}, fleet_{options, plan.processes} {
    out_.plan = &plan;
  }

  task<> run() {
    load_plan demand;
    demand.target = fleet_.proxy_address();
    demand.rate = options_.rate;
    demand.clients = options_.clients;
    load_generator load{io_, demand, [this](sample const& s) { record(s); }};
    co_await fleet_.wait_until_up();
    co_await load.connect();
    out_.start = clock::now();
    wall_start_ = std::chrono::system_clock::now();
    bool load_ended = false, samples_ended = false;
    asio::co_spawn(io_, load.run(), [&](std::exception_ptr) { load_ended = true; });
    asio::co_spawn(io_, take_samples(), [&](std::exception_ptr) { samples_ended = true; });
    asio::co_spawn(io_, explain(), asio::detached);
    for (auto const& a : plan_.actions) {
      co_await wait_until(a.at);
      out_.events.push_back(
          {elapsed(), false,
           fmt::format("{} {}", act_names[static_cast<std::size_t>(a.what)], backends[a.backend].name)});
      co_await perform(a);
    }
    co_await wait_until(plan_.seconds);
    stop_ = true;
    load.stop();
    while (!load_ended || !samples_ended) co_await sleep_for(1ms);
    load.disconnect();
    out_.proxy_exit = co_await fleet_.drain_proxy();
    out_.proxy_log = fleet_.log_tail();
    for (auto& e : logged_events(fleet_.log(), wall_start_))
      if (e.at > 0 && e.at < plan_.seconds) out_.events.push_back(std::move(e));
    std::stable_sort(out_.events.begin(), out_.events.end(), [](auto const& x, auto const& y) { return x.at < y.at; });
  }

  observation take() { return std::move(out_); }

 private:
  double elapsed() const { return std::chrono::duration<double>(clock::now() - out_.start).count(); }
  task<> wait_until(double at) {
    double const left = at - elapsed();
    if (left > 0) co_await sleep_for(std::chrono::nanoseconds{static_cast<std::int64_t>(left * 1e9)});
  }

  task<> perform(action const& a) {
    auto const whole = static_cast<std::uint32_t>(a.value);
    switch (a.what) {
      case act::kill:
        fleet_.kill(a.backend);
        break;
      case act::freeze:
        fleet_.signal(a.backend, SIGSTOP);
        break;
      case act::resume:
        fleet_.signal(a.backend, SIGCONT);
        break;
      case act::start:
        fleet_.start_backend(a.backend);
        break;
      case act::service:
        co_await fleet_.set_service_time(a.backend, std::chrono::milliseconds{whole});
        break;
      case act::errors:
        co_await fleet_.set_errors(a.backend, a.value, next_status_++ % 2 == 0 ? 500 : 502);
        break;
      case act::weight:
        fleet_.set_weight(a.backend, whole);
        break;
      case act::join:
        fleet_.add_backend();
        break;
      case act::terminate:
        fleet_.signal(a.backend, SIGTERM);
        out_.terminated = co_await fleet_.wait_for_exit(a.backend);
        break;
    }
  }

  task<> take_samples() {
    while (!stop_) {
      auto const states = co_await fleet_.query();
      if (states[0].state.empty()) continue;  // the proxy did not answer in time
      out_.samples.push_back({elapsed(), states, fleet_.proxy_usage()});
      co_await sleep_for(50ms);
    }
  }

  task<> explain() {
    co_await wait_until((plan_.begins + plan_.ends) / 2);
    out_.explain = co_await fleet_.explain(client_address(0).to_string());
  }

  void record(sample const& s) {
    int backend = -1;
    for (std::size_t i = 0; i != backend_count; ++i)
      if (s.backend == backends[i].name) backend = static_cast<int>(i);
    if (!s.failure.empty()) ++out_.failures[s.failure];
    out_.requests.push_back({std::chrono::duration<double>(s.due - out_.start).count(),
                             std::chrono::duration<double, std::milli>(s.latency).count(), s.client, backend,
                             !s.failure.empty() || backend < 0});
  }

  asio::io_context& io_;
  settings const& options_;
  run_plan const& plan_;
  observation out_;
  fleet fleet_;
  std::chrono::system_clock::time_point wall_start_;
  unsigned next_status_ = 0;
  bool stop_ = false;
};

}  // namespace

observation run_trouble(asio::io_context& io, settings const& options, run_plan const& plan) {
  trouble_run one{io, options, plan};
  std::exception_ptr failure;
  io.restart();
  asio::co_spawn(io, one.run(), [&](std::exception_ptr e) {
    failure = e;
    io.stop();
  });
  io.run();
  if (failure) std::rethrow_exception(failure);
  return one.take();
}

}  // namespace demo

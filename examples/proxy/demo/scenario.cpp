#include "scenario.hpp"

#include "load_generator.hpp"
#include "fleet.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace demo {
namespace {

class performance {
 public:
  performance(asio::io_context& io, settings const& how, policy_setup const& policy, clock::time_point deadline,
              progress& screen)
      : io_{io}, how_{how}, deadline_{deadline}, screen_{screen}, stage_{how, policy.name} {
    out_.policy = policy;
  }

  task<> play() {
    load_plan plan;
    plan.target = stage_.address();
    plan.rate = how_.rate;
    plan.clients = how_.clients;
    load_generator load{io_, plan, [this](sample const& s) { note(s); }};
    co_await stage_.until_all_up();
    co_await load.connect();

    auto const left = std::chrono::duration<double>(deadline_ - clock::now()).count() - 0.35;
    if (left < 1.5) throw std::runtime_error{"too few seconds for this policy: give more --seconds"};
    first_due_ = clock::now();
    asio::co_spawn(io_, load.run(), asio::detached);
    constexpr double parts[phases] = {0.28, 0.20, 0.20, 0.16, 0.16};
    for (std::size_t p = steady; p != phases; ++p) {
      out_.starts[p] = seconds_since(first_due_);
      co_await change_the_scene(static_cast<phase>(p));
      end_of_phase_ += parts[p] * left;
      co_await watch(static_cast<phase>(p));
      co_await look_back(static_cast<phase>(p));
    }
    out_.starts[phases] = seconds_since(first_due_);
    load.stop();
    while (load.outstanding() != 0) co_await sleep_for(1ms);
    co_await sleep_for(3ms);  // the generator's own last look
    load.disconnect();
    out_.proxy_exit = co_await stage_.drain();
    out_.proxy_log = stage_.last_words();
  }

  recording take() { return std::move(out_); }

 private:
  static double seconds_since(clock::time_point t) { return std::chrono::duration<double>(clock::now() - t).count(); }

  task<> change_the_scene(phase now) {
    switch (now) {
      case killed:
        killed_at_ = clock::now();  // before the kill: no later pick is taken for an earlier one
        stage_.kill(victim);
        break;
      case back:
        stage_.start_backend(victim);
        break;
      case slow:
        co_await stage_.set_speed(sluggard, cast[sluggard].service * 10);
        break;
      case added:
        co_await stage_.set_speed(sluggard, cast[sluggard].service);
        stage_.add_the_newcomer();
        break;
      default:
        break;
    }
  }

  task<> watch(phase now) {
    for (double next = seconds_since(first_due_) + 0.2; next < end_of_phase_; next += 0.2) {
      co_await sleep_for(std::chrono::nanoseconds{static_cast<std::int64_t>((next - seconds_since(first_due_)) * 1e9)});
      screen_.show(out_, now, seconds_since(first_due_), false);
    }
    co_await sleep_for(
        std::chrono::nanoseconds{static_cast<std::int64_t>((end_of_phase_ - seconds_since(first_due_)) * 1e9)});
    screen_.show(out_, now, seconds_since(first_due_), true);
  }

  task<> look_back(phase then) {
    if (then != killed) co_return;
    backend_state const dead = co_await stage_.ask_about(victim);
    if (dead.last_pick_ns == 0) throw std::runtime_error{"the proxy did not say when it last picked the dead one"};
    auto const killed_ns = std::chrono::nanoseconds{killed_at_.time_since_epoch()}.count();
    out_.dead_picked_for = std::max(0.0, static_cast<double>(dead.last_pick_ns - killed_ns) / 1e6);
    out_.explain = co_await stage_.explain(client_address(0).to_string());
  }

  void note(sample const& s) {
    int who = -1;
    for (std::size_t i = 0; i != everybody; ++i)
      if (s.backend == cast[i].name) who = static_cast<int>(i);
    bool const failed = !s.failure.empty() || who < 0;
    if (failed && out_.failures.size() < 5)
      out_.failures.push_back(fmt::format("at {:.3f} s: {}", std::chrono::duration<double>(s.due - first_due_).count(),
                                          s.failure.empty() ? "the answer has no X-Backend" : s.failure));
    out_.requests.push_back({std::chrono::duration<double>(s.due - first_due_).count(),
                             std::chrono::duration<double, std::milli>(s.latency).count(), s.client, who, failed});
  }

  asio::io_context& io_;
  settings const& how_;
  clock::time_point deadline_;
  progress& screen_;
  recording out_;
  stage stage_;
  clock::time_point first_due_, killed_at_;
  double end_of_phase_ = 0;
};

}  // namespace

recording play(asio::io_context& io, settings const& how, policy_setup const& policy, clock::time_point deadline,
               progress& screen) {
  performance show{io, how, policy, deadline, screen};
  std::exception_ptr failed;
  io.restart();
  asio::co_spawn(io, show.play(), [&](std::exception_ptr e) {
    failed = e;
    io.stop();
  });
  io.run();
  if (failed) std::rethrow_exception(failed);
  return show.take();
}

}  // namespace demo

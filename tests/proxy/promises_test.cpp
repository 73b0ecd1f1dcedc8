// SPDX-License-Identifier: MIT
// The promises of the scenarios, judged on runs that are made up: each is kept, and each can be broken.
#include "demo/promises.hpp"
#include "catch.hpp"

#include <ctime>

using namespace demo;
using namespace demo::promised;
using Catch::Matchers::ContainsSubstring;

namespace {

// Four backends with equal shares, and 100 requests per second to each. Backend c (2) is in trouble from 2 to 5 of 8 s.
struct made_up {
  run_plan plan{"", {"round_robin", "", {}, 4}, 2, 2, 5, 8, {}, {}};
  observation seen;

  // `rate` returns the picks per second of a backend at a time.
  explicit made_up(auto rate) {
    seen.plan = &plan;
    seen.proxy_exit = 0;
    fleet::backend_states now{};
    std::array<double, backend_count> picks{};
    for (int i = 0; i <= 160; ++i) {
      double const at = i * 0.05;
      for (std::size_t b = 0; b != backend_count; ++b) {
        if (rate(b, at) > 0) now[b].last_pick_ns = static_cast<std::int64_t>(at * 1e9);
        now[b].picks = static_cast<std::uint64_t>(picks[b] += rate(b, at) * 0.05);
        now[b].state = "up";
      }
      seen.samples.push_back({at, now, {}});
    }
    for (int i = 0; i != 3200; ++i) seen.requests.push_back({i / 400.0, 2, 0, i % 4, false});
  }
  made_up(made_up const&) = delete;

  void fail(double due, int backend) { seen.requests.push_back({due, 2, 0, backend, true}); }
  bool keeps(expectation const& e) const { return e(seen).kept; }
};

double equal(std::size_t backend, double) { return backend < 4 ? 100 : 0; }

// c gets `less` from `after` seconds into the trouble on until its end.
auto sick(double less, double after) {
  return [=](std::size_t backend, double at) {
    return backend == 2 && at > 2 + after && at < 5 ? less : equal(backend, at);
  };
}

}  // namespace

TEST_CASE("One failed request breaks the promise of none, and so does no request at all") {
  made_up run{equal};
  CHECK(run.keeps(no_failure()));
  run.fail(3, 0);
  CHECK(!run.keeps(no_failure()));
  run.seen.requests.clear();
  CHECK(!run.keeps(no_failure()));
}

TEST_CASE("A late pick of the backend in trouble breaks its promise") {
  CHECK(made_up{sick(0, 0.2)}.keeps(no_pick_later_than(0.25, "that")));
  CHECK(!made_up{sick(0, 0.4)}.keeps(no_pick_later_than(0.25, "that")));
  CHECK(!made_up{equal}.keeps(no_pick_later_than(0.25, "that")));
}

TEST_CASE("A small share is measured from one second after the first bad answer on") {
  made_up good{sick(2, 0.9)}, late{sick(2, 1.5)}, unseen{sick(2, 0)};
  for (auto* run : {&good, &late}) run->fail(2, 2);
  CHECK(good.keeps(little_share(0.02, 500)));
  CHECK(!late.keeps(little_share(0.02, 500)));
  CHECK(!unseen.keeps(little_share(0.02, 500)));
}

TEST_CASE("The others must share the load of a dead backend by their weights") {
  auto const doubled = [](std::size_t b, double at) {
    return b == 0 && at > 2 && at < 5 ? 2 * equal(b, at) : sick(0, 0)(b, at);
  };
  CHECK(made_up{sick(0, 0)}.keeps(load_shared_by_weights(0.05)));
  CHECK(!made_up{doubled}.keeps(load_shared_by_weights(0.05)));
  CHECK(made_up{sick(0, 0)}.keeps(back_to_fair_share(0.5)));
  auto const gone = [](std::size_t b, double at) { return b == 2 && at > 2 ? 0 : equal(b, at); };
  CHECK(!made_up{gone}.keeps(back_to_fair_share(0.5)));
}

TEST_CASE("Errors are allowed until the ejection, and none after it") {
  made_up run{sick(0, 0.1)};
  for (int i = 0; i != 3; ++i) run.fail(2 + 0.01 * i, 2);
  CHECK(!run.keeps(failures_until_ejection(3, 2)));  // without an ejection
  run.seen.events.push_back({2.025, true, "ejected for 2s: c: status 500"});
  CHECK(run.keeps(failures_until_ejection(3, 2)));
  SECTION("one that was due later") { run.fail(2.5, 2); }
  SECTION("too many before") {
    for (int i = 0; i != 3; ++i) run.fail(2, 2);
  }
  CHECK(!run.keeps(failures_until_ejection(3, 2)));
}

TEST_CASE("In a panic requests are refused with a reason, and only then") {
  made_up run{equal};
  CHECK(!run.keeps(refused_while_down()));
  run.fail(3, -1);
  run.seen.failures["status 503: no backend: all_down"] = 1;
  CHECK(run.keeps(refused_while_down()));
  SECTION("a failure before") { run.fail(0.5, -1); }
  SECTION("a failure without a reason") { run.seen.failures["End of file"] = 1; }
  CHECK(!run.keeps(refused_while_down()));
}

TEST_CASE("A drain must end open work, and the backend by itself") {
  made_up run{sick(0, 0)};
  CHECK(!run.keeps(open_work_finished()));  // nothing was open
  run.seen.requests.push_back({1.9, 300, 0, 2, false});
  CHECK(!run.keeps(open_work_finished()));  // it was not told to end
  run.seen.terminated = 0;
  CHECK(run.keeps(open_work_finished()));
  run.seen.samples[99].backends[2].in_flight = 1;
  CHECK(!run.keeps(open_work_finished()));
}

TEST_CASE("A newcomer's share must follow the curve, without a surge on the others") {
  auto const warm = [](bool flooded) {
    return [=](std::size_t b, double at) {
      double const part = at < 2 ? 0 : flooded ? 1 : std::min(1.0, std::max(0.1, (at - 2) / 4));
      return 400 * (b == 4 ? part : 1) / (4 + part);
    };
  };
  made_up good{warm(false)}, flooded{warm(true)};
  for (auto* run : {&good, &flooded}) run->plan.subject = 4, run->plan.ends = 6;
  CHECK(good.keeps(rises_along(4, 0.03)));
  CHECK(!flooded.keeps(rises_along(4, 0.03)));
  CHECK(good.keeps(no_surge(0.2)));
  for (auto& r : good.seen.requests)
    if (r.due > 2) r.latency = 3;
  CHECK(!good.keeps(no_surge(0.2)));
}

TEST_CASE("What an operator must see has to be there") {
  made_up run{equal};
  CHECK(!run.keeps(explained("panic: ")));
  run.seen.explain = "a was chosen by panic{round_robin}; panic: 1 of 4 healthy; 3 not asked.";
  CHECK(run.keeps(explained("panic: ")));
  CHECK(!run.keeps(all_seen_down({0, 1})));
  for (auto& s : run.seen.samples) s.backends[0].state = s.backends[1].state = "down";
  CHECK(run.keeps(all_seen_down({0, 1})));
}

TEST_CASE("Damping must be calmer than none") {
  made_up wild{sick(50, 0)}, calm{sick(20, 0)};
  for (auto* run : {&wild, &calm})
    for (std::size_t i = 0; i != run->seen.samples.size(); ++i)
      run->seen.samples[i].backends[2].failed = i * (run == &wild ? 2 : 1);
  wild.seen.events.push_back({3, true, "c is down"});
  CHECK(calmer_than_first()({wild.seen, calm.seen}).kept);
  CHECK(!calmer_than_first()({calm.seen, wild.seen}).kept);
}

TEST_CASE("Lines of a log get their time after the start, and other lines are left out") {
  auto const start = std::chrono::system_clock::now();
  auto const second = std::chrono::system_clock::to_time_t(start);
  char day[32];
  std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", std::localtime(&second));
  auto const events = logged_events({std::string{"["} + day + ".250] [proxy] [warning] b is down: no [answer] at all",
                                     "==1== Sanitizer", "[yesterday] [proxy] [info] up", ""},
                                    std::chrono::system_clock::from_time_t(second));
  REQUIRE(events.size() == 1);
  CHECK(events[0].text == "b is down: no [answer] at all");
  CHECK(events[0].logged);
  CHECK(events[0].at > 0.249);
  CHECK(events[0].at < 0.251);
}

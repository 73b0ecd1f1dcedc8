// SPDX-License-Identifier: MIT
// Laws of the health report: an answer depends on the last results and the time alone.
#include "support.hpp"

#include <equipoise/health/health_report.hpp>

namespace health_report_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using enum health_status;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1000h}; }

// A check that is never due by itself, so that a test reports its results.
self_check told(std::string name) { return {.name = std::move(name), .run_every = 0s, .max_age = 30s}; }

struct serving_report : health_report {
  explicit serving_report(std::vector<self_check> checks) : health_report{std::move(checks), at(0s)} {
    set_phase(health_phase::serving);
  }
  health_status of(std::size_t i, time_point now) const { return readiness(now).checks[i].status; }
};
}  // namespace

TEST_CASE("health_report: what one check means for the server, in every case") {
  enum last { passes, is_degraded, fails, is_old, has_none };
  for (bool const critical : {false, true})
    for (bool const shared : {false, true})
      for (auto const last : {passes, is_degraded, fails, is_old, has_none})
        for (auto const phase : {health_phase::starting, health_phase::serving, health_phase::draining}) {
          auto check = told("c");
          check.critical = critical;
          check.shared_dependency = shared;
          serving_report r{{check}};
          r.set_phase(phase);
          if (last != has_none) r.report("c", last == fails ? fail : last == is_degraded ? warn : pass, at(0s));
          auto const now = last == is_old ? at(31s) : at(1s);
          health_status const own[] = {pass, warn, fail, unknown, unknown};
          health_status means = pass;
          if (last == is_degraded || !critical) means = last == passes ? pass : warn;
          if (critical && last == fails) means = shared ? warn : fail;
          if (critical && last == is_old) means = shared ? warn : fail;
          if (critical && last == has_none) means = fail;
          if (phase != health_phase::serving) means = fail;
          INFO("critical " << critical << ", shared " << shared << ", last " << last << ", phase " << to_string(phase));
          auto const answer = r.readiness(now);
          CHECK(answer.checks[0].status == own[last]);
          CHECK(answer.checks[0].is_passing() == (last == passes || last == is_degraded));
          CHECK(answer.status == means);
          CHECK(answer.http_status() == (means == fail ? 503 : 200));
          CHECK(answer.phase == phase);
          CHECK(r.liveness(now).status == pass);
          CHECK(r.liveness(now).http_status() == 200);
        }
}

TEST_CASE("health_report: the server is as its worst check, whatever the order") {
  // What three checks mean together, for each combination of kinds and results.
  enum kind { critical, shared, optional };
  auto const effect = [](kind k, health_status s) { return s == fail && k != critical ? warn : s; };
  for (int kinds = 0; kinds != 27; ++kinds)
    for (int results = 0; results != 27; ++results) {
      std::vector<self_check> checks;
      health_status worst = pass;
      auto const kind_of = [&](int i) { return static_cast<kind>(kinds / (i == 0 ? 1 : i == 1 ? 3 : 9) % 3); };
      auto const result_of = [&](int i) {
        return static_cast<health_status>(results / (i == 0 ? 1 : i == 1 ? 3 : 9) % 3);
      };
      for (int i = 0; i != 3; ++i) {
        checks.push_back(told(name_of(static_cast<std::size_t>(i))));
        checks.back().critical = kind_of(i) != optional;
        checks.back().shared_dependency = kind_of(i) == shared;
        worst = std::max(worst, effect(kind_of(i), result_of(i)));
      }
      serving_report r{checks};
      for (int i : {2, 0, 1}) r.report(name_of(static_cast<std::size_t>(i)), result_of(i), at(0s));
      auto const answer = r.readiness(at(1s));
      if (answer.status != worst) FAIL("kinds " << kinds << ", results " << results);
      for (std::size_t i = 0; i != 3; ++i) {
        CHECK(answer.checks[i].name == name_of(i));
        CHECK(answer.checks[i].status == result_of(static_cast<int>(i)));
      }
    }
  CHECK(serving_report{{}}.readiness(at(0s)).status == pass);
}

TEST_CASE("health_report: liveness depends on no check but those made for it") {
  auto loop = told("event loop");
  loop.liveness = true;
  serving_report r{{told("database"), loop, told("redis")}};
  CHECK(r.liveness(at(0s)).status == pass);  // no result yet: a slow start goes on
  for (auto const bad : {fail, unknown, warn}) {
    r.report("database", bad, at(1s));
    r.report("redis", bad, at(1s));
    r.report("event loop", pass, at(1s));
    for (auto const phase : {health_phase::starting, health_phase::serving, health_phase::draining}) {
      r.set_phase(phase);
      auto const answer = r.liveness(at(1s));
      CHECK(answer.status == pass);
      REQUIRE(answer.checks.size() == 1);
      CHECK(answer.checks[0].name == "event loop");
    }
  }
  CHECK(r.liveness(at(31s)).status == pass);
  CHECK(r.liveness(at(31s) + 1ns).status == fail);  // its checker has stopped
  r.report("event loop", warn, at(40s));
  CHECK(r.liveness(at(40s)).status == warn);
  r.report("event loop", fail, at(41s));
  CHECK(r.liveness(at(41s)).http_status() == 503);
}

TEST_CASE("health_report: fall failures make a check fail, rise passes make it pass") {
  for (std::uint32_t const fall : {1u, 2u, 3u, 7u})
    for (std::uint32_t const rise : {1u, 2u, 5u}) {
      auto check = told("c");
      check.fall = fall, check.rise = rise;
      serving_report r{{check}};
      rng d{fall * 10 + rise};
      auto now = at(0s);
      bool is_failing = false;
      std::uint32_t row = 0;  // of equal results
      bool before = false;
      for (int step = 0; step != 2000; ++step) {
        now += 1s;
        bool const is_bad = random_below(d, 100) < (step / 100 % 2 ? 75u : 25u);
        row = step != 0 && is_bad == before ? row + 1 : 1;
        before = is_bad;
        if (step == 0 || row >= (is_bad ? fall : rise)) is_failing = is_bad;
        r.report("c", is_bad ? fail : pass, now);
        if (r.of(0, now) != (is_failing ? fail : pass)) FAIL("fall " << fall << ", rise " << rise << ", step " << step);
      }
    }
}

TEST_CASE("health_report: a result older than max_age is unknown, and the next decides") {
  auto check = told("c");
  check.fall = check.rise = 3;
  serving_report r{{check}};
  CHECK(r.of(0, at(0s)) == unknown);
  r.report("c", pass, at(0s));
  CHECK(r.of(0, at(30s)) == pass);
  CHECK(r.of(0, at(30s) + 1ns) == unknown);
  r.report("c", fail, at(31s));  // one is enough now
  CHECK(r.of(0, at(31s)) == fail);
  r.report("c", pass, at(32s));
  CHECK(r.of(0, at(32s)) == fail);
  CHECK(r.of(0, at(62s)) == fail);
  CHECK(r.of(0, at(62s) + 1ns) == unknown);
  r.report("c", warn, at(70s));
  CHECK(r.of(0, at(70s)) == warn);
  auto const a = r.readiness(at(75s)).checks[0];
  CHECK(a.age == 5s);
  CHECK(a.counts.passed == 3);
  CHECK(a.counts.degraded == 1);
  CHECK(a.counts.failed == 1);
}

TEST_CASE("health_report: a run never answered fails at its deadline, then is unknown") {
  serving_report r{{{.name = "c", .timeout = 2s, .run_every = 10s, .max_age = 15s}}};
  r.report("c", pass, at(0s));
  auto const run = r.start_next(at(1s));
  REQUIRE(run);
  CHECK(run->name == "c");
  CHECK(run->deadline == at(3s));
  CHECK(r.of(0, at(3s) - 1ns) == pass);
  CHECK(r.of(0, at(3s)) == fail);
  CHECK(r.readiness(at(3s)).checks[0].output == "timed out");
  CHECK(r.readiness(at(3s)).checks[0].took == 2s);
  CHECK(r.of(0, at(18s)) == fail);
  CHECK(r.of(0, at(18s) + 1ns) == unknown);
  CHECK(r.readiness(at(100h)).status == fail);

  CHECK(!r.finish(*run, pass, at(4s)));  // too late
  CHECK(r.of(0, at(4s)) == fail);
  auto const next = r.start_next(at(11s));
  REQUIRE(next);
  CHECK(!r.finish(*run, pass, at(11s)));  // the result of the old run is not that of the new one
  CHECK(r.finish(*next, pass, at(12s)));
  CHECK(!r.finish(*next, fail, at(12s)));  // once
  CHECK(r.of(0, at(12s)) == pass);
  auto const counts = r.readiness(at(12s)).checks[0].counts;
  CHECK(counts.passed == 2);
  CHECK(counts.failed == 1);
  CHECK(counts.timeouts == 1);
  CHECK(counts.late == 3);
}

TEST_CASE("health_report: checks come due in order, each with one run at a time") {
  auto const every = [](std::string name, std::chrono::nanoseconds run_every, std::chrono::nanoseconds timeout = 1s) {
    return self_check{.name = std::move(name), .timeout = timeout, .run_every = run_every, .max_age = 60s};
  };
  serving_report r{{every("a", 10s), every("b", 5s), told("c"), every("d", 2s, 4s)}};
  auto const started = [&](time_point now) {
    std::string names;
    while (auto const run = r.start_next(now)) {
      names += run->name;
      if (run->name != "d") CHECK(r.finish(*run, pass, now));
    }
    return names;
  };
  CHECK(r.next_due(at(0s)) == at(0s));
  CHECK(started(at(0s)) == "abd");
  CHECK(r.next_due(at(0s)) == at(4s));  // d is given up then
  CHECK(started(at(4s) - 1ns).empty());
  CHECK(started(at(4s)) == "d");
  CHECK(r.next_due(at(4s)) == at(5s));
  CHECK(started(at(20s)) == "bda");  // the longest overdue first, and no run is caught up
  CHECK(r.next_due(at(20s)) == at(24s));

  serving_report alone{{told("c")}};
  CHECK(!alone.start_next(time_point::max()));
  CHECK(alone.next_due(at(0s)) == time_point::max());
  CHECK(serving_report{{}}.next_due(at(0s)) == time_point::max());
}

TEST_CASE("health_report: a pass that took too long is degraded, and no run means no result") {
  serving_report r{{{.name = "c", .timeout = 2s, .degraded_after = 500ms}}};
  auto const take = [&](time_point from, std::chrono::nanoseconds time, health_status result) {
    auto const run = r.start_next(from);
    REQUIRE(run);
    CHECK(r.finish(*run, result, from + time));
    return r.of(0, from + time);
  };
  CHECK(take(at(0s), 500ms - 1ns, pass) == pass);
  CHECK(take(at(10s), 500ms, pass) == warn);
  CHECK(take(at(20s), 1ms, warn) == warn);
  CHECK(take(at(30s), 1ms, unknown) == warn);  // it could not be carried out
  CHECK(r.readiness(at(30s)).checks[0].took == 1ms);
  CHECK(r.readiness(at(30s)).checks[0].age == 9999ms);
  CHECK(take(at(40s), 600ms, fail) == fail);
  CHECK(take(at(50s), 1ms, static_cast<health_status>(77)) == fail);
  CHECK(take(at(60s), 0ms, pass) == pass);
  auto const counts = r.readiness(at(60s)).checks[0].counts;
  CHECK(counts.passed == 4);
  CHECK(counts.degraded == 2);
  CHECK(counts.failed == 2);
}

namespace {
// Results in a list, judged from the beginning for each answer.
struct model {
  struct event {
    time_point at;
    health_status result;
  };
  self_check check;
  std::vector<event> events;
  std::optional<time_point> running{};

  void settle(time_point now) {
    if (running && now - *running >= check.timeout) {
      events.push_back({*running + check.timeout, fail});
      running.reset();
    }
  }
  health_status status(time_point now) {
    auto all = events;
    if (running && now - *running >= check.timeout) all.push_back({*running + check.timeout, fail});
    if (all.empty() || now - all.back().at > check.max_age) return unknown;
    // The state as of the last decision: go back to the last result that had nothing fresh before it.
    std::size_t first = all.size() - 1;
    while (first != 0 && all[first].at - all[first - 1].at <= check.max_age) --first;
    bool failing = all[first].result == fail, degraded = all[first].result == warn;
    std::uint32_t row = 0;
    for (std::size_t i = 0; i != first; ++i)
      if (all[i].result != fail) degraded = all[i].result == warn;
    if (all[first].result != fail) degraded = all[first].result == warn;
    for (std::size_t i = first + 1; i != all.size(); ++i) {
      bool const bad = all[i].result == fail;
      row = bad == failing ? 0 : row + 1;
      if (row != 0 && row >= (bad ? check.fall : check.rise)) failing = bad, row = 0;
      if (!bad) degraded = all[i].result == warn;
    }
    return failing ? fail : degraded ? warn : pass;
  }
};
}  // namespace

TEST_CASE("health_report: any history gives what its results say, however often it was read") {
  for (std::uint64_t seed = 1; seed != 41; ++seed) {
    rng d{seed};
    std::vector<self_check> checks;
    std::vector<model> models;
    for (std::size_t i = 0; i != 1 + seed % 7; ++i) {
      self_check c{.name = name_of(i), .timeout = std::chrono::seconds{1 + random_below(d, 5)}};
      c.run_every = std::chrono::seconds{1 + random_below(d, 9)};
      c.max_age = c.timeout + c.run_every + std::chrono::seconds{random_below(d, 10)};
      c.fall = 1 + random_below(d, 3), c.rise = 1 + random_below(d, 3);
      checks.push_back(c);
      models.push_back({c, {}});
    }
    serving_report quiet{checks}, read{checks};  // the same history; the second one is read in between
    std::vector<health_run> runs_of_quiet, runs_of_read;
    std::vector<std::uint64_t> told_to(checks.size());
    auto now = at(0s);
    for (int step = 0; step != 500; ++step) {
      now += std::chrono::milliseconds{random_below(d, random_below(d, 50) == 0 ? 40'000 : 1'500)};
      for (unsigned i = random_below(d, 3); i != 0; --i) {
        static_cast<void>(read.readiness(now - std::chrono::milliseconds{random_below(d, 20'000)}));
        static_cast<void>(read.liveness(now + std::chrono::milliseconds{random_below(d, 20'000)}));
        static_cast<void>(read.next_due(now));
      }
      auto const result = static_cast<health_status>(random_below(d, 3));
      if (random_below(d, 2) == 0) {
        auto const a = quiet.start_next(now), b = read.start_next(now);
        REQUIRE(a.has_value() == b.has_value());
        if (a) {
          REQUIRE(a->check == b->check);
          models[a->check].settle(now);
          models[a->check].running = now;
          if (random_below(d, 4) != 0) runs_of_quiet.push_back(*a), runs_of_read.push_back(*b);
        }
      } else if (random_below(d, 4) == 0) {
        auto const i = random_below(d, static_cast<std::uint32_t>(checks.size()));
        quiet.report(checks[i].name, result, now);
        read.report(checks[i].name, result, now);
        models[i].settle(now);
        models[i].events.push_back({now, result});
        ++told_to[i];
      } else if (!runs_of_quiet.empty()) {
        auto const k = random_below(d, static_cast<std::uint32_t>(runs_of_quiet.size()));
        auto const run = runs_of_quiet[k];
        bool const counts = quiet.finish(run, result, now);
        REQUIRE(read.finish(runs_of_read[k], result, now) == counts);
        runs_of_quiet.erase(runs_of_quiet.begin() + k), runs_of_read.erase(runs_of_read.begin() + k);
        auto& m = models[run.check];
        m.settle(now);
        if (counts) m.events.push_back({now, result}), m.running.reset();
        ++told_to[run.check];
      }
      auto const ahead = now + std::chrono::milliseconds{random_below(d, 10'000)};
      auto const answer = quiet.readiness(ahead), other = read.readiness(ahead);
      if (answer.status != other.status) FAIL("seed " << seed << ", step " << step << ": reading changed the answer");
      for (std::size_t i = 0; i != checks.size(); ++i) {
        auto const& c = answer.checks[i];
        auto const& same = other.checks[i];
        if (c.status != models[i].status(ahead))
          FAIL("seed " << seed << ", step " << step << ", check " << i << ": " << to_string(c.status));
        if (c.status != same.status || c.age != same.age || c.against != same.against || c.name != checks[i].name)
          FAIL("seed " << seed << ", step " << step << ", check " << i << ": reading changed it");
        // No result is lost: each one counted, or was late.
        if (c.counts.passed + c.counts.failed - c.counts.timeouts + c.counts.late != told_to[i])
          FAIL("seed " << seed << ", step " << step << ", check " << i << ": a result was lost");
      }
    }
  }
}

TEST_CASE("health_report: a clock that goes backwards makes nothing due or old early") {
  serving_report r{{{.name = "c"}}};
  auto const run = r.start_next(at(100s));
  REQUIRE(run);
  CHECK(r.of(0, at(0s)) == unknown);
  CHECK(!r.start_next(at(0s)));
  CHECK(r.finish(*run, pass, at(99s)));
  auto const a = r.readiness(at(50s));
  CHECK(a.checks[0].status == pass);
  CHECK(a.checks[0].age == 0s);
  CHECK(a.checks[0].took == 0s);
  r.report("c", pass, at(10s));  // told after it, with an earlier time
  CHECK(r.of(0, at(129s)) == pass);
  CHECK(r.of(0, at(129s) + 1ns) == unknown);
  CHECK(health_report{{}, at(5s)}.readiness(at(0s)).uptime == 0s);
  CHECK(health_report{{}, at(5s)}.readiness(at(7s)).uptime == 2s);
}

TEST_CASE("health_report: the first and the last moment of a clock are moments like others") {
  using std::chrono::nanoseconds;
  self_check check{.name = "c"};
  check.max_age = nanoseconds::max();
  check.run_every = nanoseconds::max() - check.timeout;
  for (auto const first : {time_point::min(), time_point{}, time_point::max() - 1ns}) {
    serving_report r{{check}};
    CHECK(r.next_due(first) == first);
    auto const run = r.start_next(first);
    REQUIRE(run);
    CHECK(r.finish(*run, pass, first));
    CHECK(r.of(0, time_point::max()) == (first == time_point::min() ? unknown : pass));
    CHECK(r.of(0, first) == pass);
    CHECK(r.readiness(first).uptime >= 0s);
  }
}

TEST_CASE("health_report: an unknown name or a run of another report changes nothing") {
  serving_report r{{told("c")}};
  CHECK(!r.report("C", fail, at(0s)));
  CHECK(!r.report("", fail, at(0s)));
  CHECK(!r.finish({1, "d", at(1s), 1}, fail, at(0s)));
  CHECK(!r.finish({0, "c", at(1s), 1}, fail, at(0s)));
  CHECK(r.of(0, at(0s)) == unknown);
  CHECK(r.report("c", pass, at(0s)));
  CHECK(r.of(0, at(0s)) == pass);
}

TEST_CASE("health_report: of a long message the beginning is kept") {
  serving_report r{{told("c")}};
  r.report("c", fail, at(0s), std::string(1000, 'x') + "y");
  CHECK(r.readiness(at(0s)).checks[0].output == std::string(1000, 'x'));
  r.report("c", pass, at(0s));
  CHECK(r.readiness(at(0s)).checks[0].output.empty());
}

TEST_CASE("health_report: names of its values") {
  CHECK(to_string(pass) == "pass");
  CHECK(to_string(unknown) == "unknown");
  CHECK(to_string(static_cast<health_status>(9)) == "unknown");
  CHECK(to_string(health_phase::draining) == "draining");
  CHECK(to_string(static_cast<health_phase>(9)) == "unknown");
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("health_report: a check with a value out of range is refused with its name") {
  auto const refused = [](auto change, char const* what) {
    self_check c{.name = "redis"};
    change(c);
    CHECK_THROWS_WITH((health_report{{{.name = "database"}, c}, at(0s)}), ContainsSubstring(what));
  };
  refused([](auto& c) { c.name = ""; }, "self_check::name is empty");
  refused([](auto& c) { c.name = "database"; }, "self_check::name \"database\" is there twice");
  refused([](auto& c) { c.timeout = 0s; }, "self_check::timeout of \"redis\": 0 ns is not more than 0");
  refused([](auto& c) { c.timeout = -1ns; }, "self_check::timeout of \"redis\": -1 ns");
  refused([](auto& c) { c.run_every = -1ns; }, "self_check::run_every of \"redis\": -1 ns is not 0 or more");
  refused([](auto& c) { c.max_age = 0s; }, "self_check::max_age of \"redis\": 0 ns is not more than 0");
  refused([](auto& c) { c.max_age = 11s - 1ns; },
          "self_check::max_age of \"redis\": 10999999999 ns is less than run_every + timeout");
  refused([](auto& c) { c.run_every = std::chrono::nanoseconds::max(); }, "self_check::max_age");
  refused([](auto& c) { c.degraded_after = -1ns; }, "self_check::degraded_after of \"redis\": -1 ns");
  refused([](auto& c) { c.degraded_after = 1s; }, "1000000000 ns is not less than timeout");
  refused([](auto& c) { c.fall = 0; }, "self_check::fall of \"redis\": 0 is not 1 or more");
  refused([](auto& c) { c.rise = 0; }, "self_check::rise of \"redis\": 0 is not 1 or more");
  refused([](auto& c) { c.liveness = c.shared_dependency = true; }, "\"redis\" is a shared_dependency");
  self_check least{.name = "c", .timeout = 1ns, .run_every = 1ns, .max_age = 2ns};
  CHECK_NOTHROW(health_report{{least}, at(0s)});
}
#endif

}  // namespace health_report_test

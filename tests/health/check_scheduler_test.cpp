// SPDX-License-Identifier: MIT
// Laws of the check scheduler. That it decides as Envoy and HAProxy decide is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health/check_scheduler.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <map>
#include <set>

namespace check_scheduler_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using std::chrono::nanoseconds;

namespace {
constexpr check_result good{}, bad{check_answer::failed, "refused"};
constexpr nanoseconds tick{1 << 20};
time_point at(nanoseconds t) { return time_point{t + 1h}; }

pool_options room_for(std::size_t n) { return {.capacity = static_cast<std::uint32_t>(2 * n)}; }

check_options quick() {
  check_options o;
  o.rise = o.fall = 2;
  o.first_within = 0s;
  o.jitter = 0;
  return o;
}

// A pool of n backends with a scheduler, and a clock.
struct checked {
  equipoise::pool<server> pool;
  check_scheduler<server> scheduler;
  std::vector<backend_id> ids;
  time_point now = at(0s);

  explicit checked(std::size_t n, check_options const& o = quick(), pool_options p = {}, std::uint64_t seed = 1)
      : pool{p.capacity < 2 * n ? room_for(n) : p}, scheduler{pool, o, seed} {
    pool.assign(servers(n));
    ids.resize(n);
    pool.for_each([&](backend_id id, server const& s, auto&&...) { ids[s.number] = id; });
    scheduler.follow(now);
  }
  // Lets time pass until the next check.
  check_probe next() {
    for (;;)
      if (auto const p = scheduler.next(now))
        return p;
      else
        now = scheduler.next_due();
  }
  // The next check is answered at once.
  check_probe answer(check_result const& r) {
    auto const p = next();
    REQUIRE(scheduler.finish(p, r, now));
    return p;
  }
  bool is_down(std::size_t i) const { return (pool.health(ids[i]) & health_flag::down) != health_flag::none; }
  check_report const& report(std::size_t i) const { return *scheduler.report(ids[i]); }
};

// Whether next() has seen a deadline: it counts in ticks, and is never early.
bool is_over(time_point deadline, time_point now) {
  return (deadline + tick - 1ns).time_since_epoch() / tick <= now.time_since_epoch() / tick;
}

// How a probe ends; never, if there is no ending.
struct ending {
  nanoseconds after;
  check_result result;
};

// Lets time pass. Calls answer(index) for each probe that starts, for its std::optional<ending>.
template <class Answer>
void pass(checked& c, nanoseconds length, Answer answer) {
  std::multimap<time_point, std::pair<check_probe, check_result>> open;
  std::vector<std::size_t> index(c.pool.slots());
  for (std::size_t i = 0; i != c.ids.size(); ++i) index[c.ids[i].slot] = i;
  auto const end = c.now + length;
  for (;;) {
    auto const due = c.scheduler.next_due();
    c.now = std::max(c.now, open.empty() ? due : std::min(due, open.begin()->first));
    if (c.now > end) break;
    while (!open.empty() && open.begin()->first <= c.now) {
      auto const done = open.begin()->second;
      open.erase(open.begin());
      c.scheduler.finish(done.first, done.second, c.now);
    }
    while (auto const p = c.scheduler.next(c.now))
      if (std::optional<ending> const how = answer(index[p.id.slot]))
        open.emplace(c.now + how->after, std::pair{p, how->result});
  }
  c.now = end;
}
}  // namespace

TEST_CASE("check_scheduler: bad answers take a backend down, good ones bring it up") {
  checked c{1};
  balancer lb{c.pool, round_robin{}, 0};
  auto picker = lb.make_picker();
  c.answer(good);
  c.answer(bad);
  CHECK(picker.select());
  CHECK(c.report(0).against == 1);
  c.answer(bad);
  CHECK(picker.select().error() == pick_error::all_down);
  CHECK(c.pool.health(c.ids[0]) == health_flag::down);
  CHECK(c.report(0).standing == check_standing::down);
  CHECK(c.report(0).since == c.now);
  CHECK(c.report(0).failures == 2);
  CHECK(c.report(0).last == bad);
  auto const since = c.now;
  c.answer(bad);
  c.answer(good);
  CHECK(c.is_down(0));
  CHECK(c.report(0).since == since);
  c.answer(good);
  CHECK(picker.select());
  CHECK(c.report(0).since == c.now);
  CHECK(c.scheduler.counts().started == 6);
  CHECK(c.scheduler.counts().good == 3);
  CHECK(c.scheduler.counts().bad == 3);
}

TEST_CASE("check_scheduler: until a first answer the flags are those of the join") {
  SECTION("it serves at once") {
    checked c{1};
    CHECK(!c.is_down(0));
    c.answer(bad);
    CHECK(c.is_down(0));
  }
  SECTION("it waits for its first good check") {
    auto o = quick();
    o.grace = 100s;
    checked c{1, o, {.joins_with = health_flag::down}};
    CHECK(c.is_down(0));
    c.answer(bad);
    CHECK(c.is_down(0));
    CHECK(c.report(0).standing == check_standing::starting);
    c.answer(good);
    CHECK(!c.is_down(0));
  }
  SECTION("in its grace a backend that serves is not taken out") {
    auto o = quick();
    o.grace = 100s;
    checked c{1, o};
    while (c.now < at(95s)) {
      c.answer(bad);
      CHECK(!c.is_down(0));
    }
    CHECK(c.report(0).since == at(0s));
    CHECK(c.report(0).failures > 10);
    while (c.now < at(100s)) c.answer(bad);
    CHECK(c.is_down(0));
  }
}

TEST_CASE("check_scheduler: intervals count from the end of a check, by the standing") {
  auto o = quick();
  o.interval = 10s, o.falling_interval = 2s, o.down_interval = 5s, o.rising_interval = 1s;
  checked c{1, o};
  auto const gap_after = [&](check_result const& r) {
    auto const p = c.next();
    c.now += 300ms;  // the check takes some time
    REQUIRE(c.scheduler.finish(p, r, c.now));
    auto const ended = c.now;
    auto const again = c.next();
    auto const gap = c.now - ended;
    c.scheduler.finish(again, r, c.now);  // the same answer again
    return std::chrono::round<std::chrono::seconds>(gap);
  };
  CHECK(gap_after(good) == 10s);  // up
  CHECK(gap_after(bad) == 2s);    // falling, then down
  CHECK(gap_after(bad) == 5s);
  CHECK(gap_after(good) == 1s);  // rising, then up
  CHECK(gap_after(good) == 10s);
}

TEST_CASE("check_scheduler: each backend is checked in time, and never twice at once") {
  for (std::size_t n : {1u, 2u, 10u, 655u, 5'000u, 100'000u}) {
    check_options o;
    o.jitter = 20;
    checked c{n, o};
    struct times {
      time_point earliest, latest;  // of the next check
      std::size_t checks = 0;
    };
    std::vector<times> all(n, {at(0s), at(0s) + o.first_within + tick});
    rng d{n};
    std::size_t late = 0, early = 0;
    pass(c, 40s, [&](std::size_t i) -> std::optional<ending> {
      times& t = all[i];
      late += c.now > t.latest;
      early += c.now < t.earliest;  // so the one before has ended
      ++t.checks;
      check_state next = c.report(i);
      auto const random = random_below(d, 20);
      ending const how{random == 0 ? o.timeout : nanoseconds{d() % 1'000'000'000}, random < 3 ? bad : good};
      next.take(how.result.answer, 0s, o);
      t.earliest = c.now + how.after + next.interval(o);
      t.latest = t.earliest + next.interval(o) / 5 + (random == 0 ? 2 : 1) * tick;
      return random == 0 ? std::nullopt : std::optional{how};
    });
    CHECK(late == 0);
    CHECK(early == 0);
    for (std::size_t i = 0; i != n; ++i)
      if (all[i].checks < 3 || all[i].latest < c.now) FAIL(all[i].checks << " checks of " << i);
    if (n >= 655) CHECK(c.scheduler.counts().timed_out > n / 10);
    CHECK(c.scheduler.counts().dropped == 0);
  }
}

TEST_CASE("check_scheduler: a probe that never ends fails at its deadline, and not before") {
  checked c{1};
  for (int k = 0; k != 5; ++k) {
    auto const p = c.next();
    auto const started = c.now;
    CHECK(p.deadline == started + 2s);
    CHECK(c.report(0).failures == static_cast<unsigned>(k));
    CHECK(!c.scheduler.next(p.deadline - 1ns));
    CHECK(c.report(0).failures == static_cast<unsigned>(k));
    CHECK(!c.scheduler.next(c.now = p.deadline + tick));
    CHECK(c.report(0).failures == static_cast<unsigned>(k + 1));
    CHECK(c.scheduler.counts().timed_out == static_cast<unsigned>(k + 1));
    CHECK(to_string(c.report(0).last) == "failed: no answer in time");
  }
  CHECK(c.is_down(0));
}

TEST_CASE("check_scheduler: an answer counts once, and none of a probe that is over") {
  checked c{2};
  auto const first = c.next();
  CHECK(c.scheduler.finish(first, good, c.now));
  CHECK(!c.scheduler.finish(first, bad, c.now));  // a second time
  auto const other = c.next();
  c.scheduler.next(c.now = other.deadline + tick);
  CHECK(!c.scheduler.finish(other, good, c.now));  // after the time-out
  check_probe again = c.next();
  while (again.id != other.id) {
    c.scheduler.finish(again, good, c.now);
    again = c.next();
  }
  CHECK(!c.scheduler.finish(other, good, c.now));  // while the next one runs
  CHECK(!c.scheduler.finish({}, good, c.now));
  CHECK(!c.scheduler.finish({{0xFFFFFFFF, 0xFFFFF000}, 1}, good, c.now));
  CHECK(c.scheduler.counts().dropped == 5);
  CHECK(c.scheduler.finish(again, good, c.now));
  CHECK(c.scheduler.report({}) == nullptr);
  CHECK(c.scheduler.report({0xFFFFFFFF, 0xFFFFF000}) == nullptr);
  CHECK(!c.scheduler.check_now({0xFFFFFFFF, 0xFFFFF000}, c.now));
}

TEST_CASE("check_scheduler: time_out ends a check as next() does, once") {
  checked c{1};
  auto const p = c.next();
  c.now = p.deadline;
  CHECK(c.scheduler.time_out(p, c.now));
  CHECK(c.report(0).last == check_result{check_answer::failed, "no answer in time"});
  CHECK(c.is_down(0));
  CHECK(c.scheduler.counts().timed_out == 1);
  CHECK(!c.scheduler.time_out(p, c.now));
  CHECK(!c.scheduler.finish(p, good, c.now));
  CHECK(c.scheduler.counts().dropped == 2);
  CHECK(c.next().number == p.number + 1);
}

TEST_CASE("check_scheduler: a postponed check has no verdict, and comes again") {
  auto o = quick();
  o.interval = 100s;
  checked c{1, o};
  c.answer(good);
  auto p = c.next();
  auto const before = c.report(0);
  CHECK(c.scheduler.postpone(p, 3s, c.now));
  CHECK(c.report(0).last == before.last);
  CHECK(c.report(0).against == 0);
  CHECK(!c.scheduler.postpone(p, 3s, c.now));
  CHECK(!c.scheduler.finish(p, bad, c.now));
  auto const end = c.now + 3s;
  p = c.next();
  CHECK(c.now >= end);
  CHECK(c.now <= end + tick);
  CHECK(c.scheduler.postpone(p, -1h, c.now));  // at once
  p = c.scheduler.next(c.now + tick);
  REQUIRE(p);
  CHECK(c.scheduler.postpone(p, nanoseconds::max(), c.now));  // 365 days, and no overflow
  CHECK(c.scheduler.next_due() > c.now + 24h);
  CHECK(!c.scheduler.next(c.now + 300 * 24h));
  CHECK(c.scheduler.next(c.now + 366 * 24h));
  CHECK(c.scheduler.counts().postponed == 3);
  CHECK(c.scheduler.counts().started == 5);

  c.pool.remove(c.ids[0]);
  CHECK(!c.scheduler.next(c.now + 400 * 24h));
  CHECK(c.scheduler.report(c.ids[0]) == nullptr);
}

TEST_CASE("check_scheduler: an answer that arrived before next() saw the deadline counts") {
  checked c{1};
  auto const p = c.next();
  CHECK(c.scheduler.finish(p, good, c.now + 1h));  // the program was suspended
  CHECK(c.report(0).standing == check_standing::up);
}

TEST_CASE("check_scheduler: a new membership of a slot begins anew") {
  checked c{2};
  c.answer(good), c.answer(good);
  auto const running = c.next();
  auto const slot = running.id.slot;
  c.pool.remove(running.id);
  c.pool.refresh();
  backend_id again = c.pool.add(server{"again"});
  while (again.slot != slot) again = c.pool.add(server{"again-" + std::to_string(c.pool.size())});
  CHECK(c.scheduler.report(again) == nullptr);
  SECTION("after follow") { c.scheduler.follow(c.now); }
  SECTION("after check_now") { CHECK(c.scheduler.check_now(again, c.now)); }
  REQUIRE(c.scheduler.report(again) != nullptr);
  CHECK(c.scheduler.report(again)->standing == check_standing::starting);
  CHECK(c.scheduler.report(running.id) == nullptr);
  CHECK(!c.scheduler.finish(running, bad, c.now));
  for (check_probe p = c.next(); p.id != again; p = c.next()) c.scheduler.finish(p, good, c.now);
  CHECK(c.pool.health(again) == health_flag::none);
}

TEST_CASE("check_scheduler: a backend that leaves is forgotten, wherever its check is") {
  checked c{3};
  auto const running = c.next();
  c.pool.remove(running.id);
  CHECK(!c.scheduler.finish(running, bad, c.now));
  CHECK(c.scheduler.report(running.id) == nullptr);
  auto const open = c.next();
  c.pool.remove(open.id);
  auto const last = c.next();
  c.scheduler.finish(last, good, c.now);
  while (c.now < at(100s)) {
    auto const p = c.next();
    CHECK(p.id == last.id);
    c.scheduler.finish(p, good, c.now);
  }
  CHECK(c.scheduler.counts().timed_out == 0);
  c.pool.remove(last.id);
  while (c.scheduler.next_due() != time_point::max()) CHECK(!c.scheduler.next(c.now = c.scheduler.next_due()));
  CHECK(!c.scheduler.check_now(last.id, c.now));
  CHECK(c.pool.stale_reports() == 0);
}

TEST_CASE("check_scheduler: joins, removals, answers and silence in any order") {
  for (std::uint64_t seed : {1u, 2u, 3u}) {
    auto o = quick();
    o.jitter = 30;
    o.paused_by = health_flag::maintenance;
    checked c{10, o, {.capacity = 64}, seed};
    rng d{seed};
    std::map<backend_id, time_point> running;  // and their deadlines
    std::vector<check_probe> open;
    std::uint32_t added = 10;
    for (int step = 0; step != 20'000; ++step) {
      c.now += std::chrono::milliseconds{random_below(d, 100)};
      auto const i = random_below(d, static_cast<std::uint32_t>(c.ids.size()));
      switch (random_below(d, 12)) {
        case 0:
          if (c.ids.size() < 3) break;
          c.pool.remove(c.ids[i]);
          running.erase(c.ids[i]);
          c.ids.erase(c.ids.begin() + i);
          c.pool.refresh();
          break;
        case 1:
          if (c.ids.size() < 30) c.ids.push_back(c.pool.add(server{"joined-" + std::to_string(added++)}));
          if (random_below(d, 2) == 0) c.scheduler.check_now(c.ids.back(), c.now);
          break;
        case 2:
          c.scheduler.follow(c.now);
          break;
        case 3:
          CHECK(c.scheduler.check_now(c.ids[i], c.now) != (running.count(c.ids[i]) == 1));
          break;
        case 4:
          c.pool.set(c.ids[i], health_flag::maintenance);
          break;
        case 5:
          c.pool.clear(c.ids[i], health_flag::maintenance);
          break;
        case 6:
        case 7:
          if (open.empty()) break;
          std::swap(open.back(), open[random_below(d, static_cast<std::uint32_t>(open.size()))]);
          {
            auto const p = open.back();
            bool const counts = running.erase(p.id) == 1;
            if (counts != c.scheduler.finish(p, random_below(d, 3) == 0 ? good : bad, c.now)) FAIL("at step " << step);
            open.pop_back();
            if (!counts) break;
            auto const* r = c.scheduler.report(p.id);
            REQUIRE(r != nullptr);
            REQUIRE(r->standing != check_standing::starting);
            bool const is_down = (c.pool.health(p.id) & health_flag::down) != health_flag::none;
            REQUIRE(is_down == (r->standing == check_standing::down));
          }
          break;
        default:
          std::erase_if(running, [&](auto const& r) { return is_over(r.second, c.now); });
          while (auto const p = c.scheduler.next(c.now)) {
            REQUIRE(running.count(p.id) == 0);  // never two at once
            REQUIRE((c.pool.health(p.id) & (health_flag::removed | health_flag::maintenance)) == health_flag::none);
            running[p.id] = p.deadline;
            std::erase_if(open, [&](check_probe const& q) { return q.id == p.id; });
            if (random_below(d, 5) != 0) open.push_back(p);
          }
          std::erase_if(open,
                        [&](check_probe const& q) { return running.count(q.id) == 0 && random_below(d, 2) == 0; });
      }
    }
    CHECK(c.scheduler.counts().started > 1'000);
    CHECK(c.scheduler.counts().timed_out > 50);
  }
}

TEST_CASE("check_scheduler: no burst after a join of many, nor later") {
  for (double const jitter : {0.0, 10.0}) {
    constexpr std::size_t n = 100'000, parts = 100;
    check_options o;
    o.jitter = jitter;
    checked c{n, o};
    std::vector<std::size_t> started(3 * parts + 1);  // in each tenth of a second
    pass(c, 30s, [&](std::size_t) -> std::optional<ending> {
      ++started[static_cast<std::size_t>((c.now - at(0s)) / 100ms)];
      return ending{1ms, good};
    });
    for (std::size_t i = 0; i != 3 * parts; ++i)
      if (started[i] > n / parts + n / parts / 10) FAIL(started[i] << " checks in part " << i);
    CHECK(c.scheduler.counts().started > 2 * n);
  }
}

TEST_CASE("check_scheduler: other seeds check at other moments, from the first check on") {
  check_options o;
  std::set<nanoseconds> first;
  std::vector<std::unique_ptr<checked>> all;
  std::size_t in_half = 0;
  for (std::uint64_t seed = 0; seed != 200; ++seed) {
    checked c{1, o, {}, seed};
    c.next();
    first.insert(c.now - at(0s));
    in_half += c.now < at(5s);
    CHECK(c.now <= at(10s) + tick);
  }
  CHECK(first.size() > 150);
  CHECK((in_half > 70 && in_half < 130));
}

TEST_CASE("check_scheduler: without jitter nothing is random, and first checks are in order") {
  auto o = quick();
  o.first_within = 6s;
  checked c{6, o};
  for (std::size_t i = 0; i != 6; ++i) {
    auto const p = c.next();
    CHECK(p.id == c.ids[i]);
    CHECK((c.now >= at(i * 1s) && c.now <= at(i * 1s) + tick));
    c.scheduler.finish(p, good, c.now);
  }
}

TEST_CASE("check_scheduler: the same seed gives the same checks") {
  check_options o;
  auto const run = [&](std::uint64_t seed) {
    checked c{20, o, {}, seed};
    std::vector<std::pair<std::uint32_t, time_point>> all;
    for (int k = 0; k != 200; ++k) {
      auto const p = c.answer(k % 3 == 0 ? bad : good);
      all.emplace_back(p.id.slot, c.now);
    }
    return all;
  };
  CHECK(run(7) == run(7));
  CHECK(run(7) != run(8));
}

TEST_CASE("check_scheduler: maintenance pauses checks, and the first one after it decides") {
  checked c{1};
  c.answer(good);
  c.pool.set(c.ids[0], health_flag::maintenance);
  for (auto const end = c.now + 100s; c.now < end; c.now = c.scheduler.next_due()) CHECK(!c.scheduler.next(c.now));
  CHECK(c.report(0).standing == check_standing::starting);
  CHECK(c.pool.health(c.ids[0]) == health_flag::maintenance);
  c.pool.clear(c.ids[0], health_flag::maintenance);
  CHECK(c.scheduler.check_now(c.ids[0], c.now));
  c.answer(bad);
  CHECK(c.is_down(0));
}

TEST_CASE("check_scheduler: check_now brings the next check forward, once") {
  checked c{2};
  c.answer(good), c.answer(good);
  CHECK(c.scheduler.check_now(c.ids[1], c.now));
  CHECK(c.scheduler.check_now(c.ids[1], c.now));
  CHECK(c.scheduler.next_due() <= c.now);
  auto const p = c.scheduler.next(c.now);
  CHECK(p.id == c.ids[1]);
  CHECK(!c.scheduler.next(c.now));
  CHECK(!c.scheduler.check_now(c.ids[1], c.now));  // it is running
  c.scheduler.finish(p, good, c.now);
  CHECK(!c.scheduler.next(c.now));
}

TEST_CASE("check_scheduler: no flag of another is touched, and down is the last word") {
  checked c{1};
  auto const id = c.ids[0];
  c.pool.set(id, health_flag::ejected | health_flag::draining | health_flag::user_1);
  c.answer(bad);
  CHECK(c.pool.health(id) == (health_flag::down | health_flag::ejected | health_flag::draining | health_flag::user_1));
  c.pool.clear(id, health_flag::down);  // by hand
  c.answer(bad);
  CHECK(c.is_down(0));
  c.answer(good), c.answer(good);
  CHECK(c.pool.health(id) == (health_flag::ejected | health_flag::draining | health_flag::user_1));
  c.pool.set(id, health_flag::down);
  c.answer(good);
  CHECK(!c.is_down(0));
}

TEST_CASE("check_scheduler: of two checkers with one flag the last word counts") {
  for (auto const flag : {health_flag::down, health_flag::user_1, health_flag::none}) {
    checked c{1};
    auto o = quick();
    o.down = flag;
    check_scheduler<server> other{c.pool, o};
    other.follow(c.now);
    for (int round = 0; round != 3; ++round) {
      other.check_now(c.ids[0], c.now);
      other.finish(other.next(c.now), bad, c.now);
      CHECK(other.report(c.ids[0])->standing == check_standing::down);
      CHECK(c.pool.health(c.ids[0]) == flag);
      c.answer(good);
      CHECK(c.pool.health(c.ids[0]) == (flag == health_flag::user_1 ? flag : health_flag::none));
    }
  }
}

TEST_CASE("check_scheduler: a stopping backend has the flag of the option, and no other") {
  constexpr check_result stopping{check_answer::stopping, "HTTP status", 404};
  auto o = quick();
  SECTION("down") {
    checked c{1, o};
    c.answer(stopping);
    CHECK(c.report(0).standing == check_standing::stopping);
    CHECK(c.is_down(0));
    c.answer(good);
    CHECK(!c.is_down(0));
  }
  SECTION("draining") {
    o.stopping = health_flag::draining;
    checked c{1, o};
    c.pool.set(c.ids[0], health_flag::draining);  // an operator's, before any answer
    c.answer(good);
    CHECK(c.pool.health(c.ids[0]) == health_flag::draining);
    c.answer(stopping);
    CHECK(c.pool.health(c.ids[0]) == health_flag::draining);
    c.answer(good);
    CHECK(c.pool.health(c.ids[0]) == health_flag::none);
    c.answer(stopping);
    c.pool.set(c.ids[0], health_flag::maintenance);
    CHECK(!c.scheduler.next(c.now += 20s));  // begins anew
    CHECK(c.pool.health(c.ids[0]) == (health_flag::draining | health_flag::maintenance));
    c.pool.clear(c.ids[0], health_flag::maintenance);
    c.answer(good);
    CHECK(c.pool.health(c.ids[0]) == health_flag::none);
    c.answer(stopping), c.answer(bad), c.answer(bad);
    CHECK(c.pool.health(c.ids[0]) == health_flag::down);
    c.answer(stopping), c.answer(stopping);  // bad answers of a backend that is down
    CHECK(c.pool.health(c.ids[0]) == health_flag::down);
  }
}

TEST_CASE("check_scheduler: a clock that goes backwards starts nothing early") {
  checked c{1};
  c.answer(good);
  auto const due = c.scheduler.next_due();
  for (auto const now : {at(-1h), time_point::min(), time_point{}}) {
    CHECK(!c.scheduler.next(now));
    c.scheduler.follow(now);
    CHECK(c.scheduler.next_due() == due);
  }
  c.now = at(100s);
  auto const p = c.scheduler.next(c.now);
  REQUIRE(p);
  CHECK(c.scheduler.finish(p, bad, at(0s)));
  CHECK(!c.scheduler.next(c.now + 1s));  // the interval counts from the latest time
  CHECK(c.report(0).since < c.now);
}

TEST_CASE("check_scheduler: a clock that leaps starts each check once") {
  checked c{100};
  for (int i = 0; i != 100; ++i) c.answer(good);
  for (auto const now : {at(24h * 365), time_point::max() - 1h, time_point::max()}) {
    std::set<backend_id> seen;
    while (auto const p = c.scheduler.next(now)) {
      CHECK(seen.insert(p.id).second);
      CHECK(p.deadline > at(0s));
      if (seen.size() % 2 == 0) c.scheduler.finish(p, good, now);
    }
    CHECK(seen.size() >= (now == at(24h * 365) ? 100 : 0));
    CHECK(seen.size() <= 100);
  }
}

TEST_CASE("check_scheduler: the shortest interval does not keep next() from ending") {
  auto o = quick();
  o.interval = o.falling_interval = o.down_interval = o.rising_interval = o.timeout = 1ns;
  checked c{10, o};
  for (int round = 0; round != 100; ++round) {
    int probes = 0;
    while (auto const p = c.scheduler.next(c.now)) {
      if (++probes % 3 != 0) c.scheduler.finish(p, probes % 3 == 1 ? good : bad, c.now);
      REQUIRE(probes <= 10);
    }
    c.now += tick;
  }
}

TEST_CASE("check_scheduler: an empty pool has nothing due") {
  checked c{0};
  CHECK(c.scheduler.next_due() == time_point::max());
  CHECK(!c.scheduler.next(c.now));
  CHECK(!c.scheduler.next(time_point::max()));
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("check_scheduler: options out of range are refused") {
  pool<server> p;
  check_options o;
  o.fall = 0;
  CHECK_THROWS_WITH((check_scheduler<server>{p, o}), ContainsSubstring("check_options::fall 0"));
}
#endif

}  // namespace check_scheduler_test

// SPDX-License-Identifier: MIT
// Another policy of the same type takes the place of a balancer's while pickers run.
#include "support.hpp"

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/shard_router.hpp>

#include <atomic>
#include <thread>

namespace replace_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("replace: a raised limit holds with the next pick, and leases stay") {
  fleet f{max_in_flight{round_robin{}, 1}, servers(2)};
  auto const a = f.picker.acquire(), b = f.picker.acquire();
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  f.lb.replace(max_in_flight{round_robin{}, 2});
  auto const c = f.picker.acquire(), d = f.picker.acquire();
  CHECK(c);
  CHECK(d);
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  CHECK(f.pool.in_flight(f.ids[0]) + f.pool.in_flight(f.ids[1]) == 4);
}

TEST_CASE("replace: any policy may be replaced by any other, and each picker moves on") {
  fleet f{any_policy{round_robin{}}, servers(5)};
  std::vector<picker<server, any_policy>> pickers;
  for (int i = 0; i != 9; ++i) pickers.push_back(f.lb.make_picker());
  for (int i = 0; i != 4; ++i) CHECK(pickers[static_cast<std::size_t>(i)].select());  // the others never picked yet
  CHECK(f.lb.acquire());                                                              // a picker of its own
  f.lb.replace(maglev{});
  CHECK(f.lb.policy().describe() == "maglev");
  pickers.push_back(f.lb.make_picker());
  f.lb.replace(failover{maglev{}});
  auto const owner = f.picker.select("a key").id();
  for (auto& p : pickers) CHECK(p.select("a key").id() == owner);
  CHECK(f.lb.acquire("a key").id() == owner);
  CHECK(pickers[0].select().error() == pick_error::refused);
  CHECK_THAT(f.picker.explain("a key").policy, ContainsSubstring("failover{maglev}"));
  pickers.clear();
  f.lb.replace(round_robin{});
  CHECK(f.next(5).size() == 5);
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("replace: a policy that refuses the members changes nothing") {
  fleet f{any_policy{round_robin{}}, servers(3)};
  f.pool.update(f.ids[2], {.priority = 99});
  CHECK_THROWS_WITH(f.lb.replace(failover{round_robin{}}), ContainsSubstring("99"));
  CHECK_THAT(f.lb.try_replace(failover{round_robin{}}).error(), ContainsSubstring("99"));
  CHECK_THAT(f.lb.try_replace(power_of_two{.choices = 1}).error(), ContainsSubstring("choices"));
  f.pool.change(
      [&](auto&) { CHECK_THAT(f.lb.try_replace(round_robin{}).error(), ContainsSubstring("balancer::replace()")); });
  CHECK(f.lb.policy().describe() == "round_robin");
  CHECK(f.next(6).find('(') == std::string::npos);
  f.pool.update(f.ids[2], {.priority = 1});
  f.lb.replace(failover{round_robin{}});
  CHECK(f.next(4).find('C') == std::string::npos);
}
#endif

TEST_CASE("replace: while workers pick, each pick is by the old policy or by the new one") {
  fleet f{any_policy{round_robin{}}, servers(8)};
  std::atomic<bool> end{false};
  std::atomic<int> wrong{0}, rounds{0};
  std::vector<std::thread> workers;
  for (int w = 0; w != 3; ++w)
    workers.emplace_back([&] {
      auto p = f.lb.make_picker();
      while (!end.load()) {
        auto const lease = p.acquire("a key");
        if (!lease || p.explain("a key").error != pick_error::none) ++wrong;
        if (!f.lb.acquire("another key")) ++wrong;
        if (!f.lb.make_picker().select("a key")) ++wrong;
        ++rounds;
      }
    });
  for (int i = 0; i != 300 || rounds.load() < 300; ++i) {
    if (i % 2 == 0)
      f.lb.replace(maglev{997});
    else
      f.lb.replace(failover{round_robin{}});
    if (i % 7 == 0) f.pool.update(f.ids[0], {.weight = 1u + static_cast<unsigned>(i) % 3});
  }
  end = true;
  for (auto& w : workers) w.join();
  CHECK(wrong.load() == 0);
  for (auto const id : f.ids) CHECK(f.pool.in_flight(id) == 0);
}

TEST_CASE("acquire_explained: it explains the pick that was made, and moves the turn on") {
  fleet f{max_in_flight{round_robin{}, 1}, servers(3)};
  f.set(0, health_flag::down);
  auto const first = f.picker.acquire_explained();
  CHECK(first.lease->name == "B");
  CHECK(first.why.choice == f.ids[1]);
  CHECK(first.why.error == pick_error::none);
  CHECK(f.pool.in_flight(f.ids[1]) == 1);
  CHECK(f.picker.explain().choice == f.ids[2]);
  CHECK(f.pool.in_flight(f.ids[2]) == 0);
  auto const second = f.picker.acquire_explained(), none = f.picker.acquire_explained();
  CHECK(second.lease->name == "C");
  CHECK(!none.lease);
  CHECK(none.lease.error() == pick_error::all_saturated);
  CHECK(none.why.error == pick_error::all_saturated);
  CHECK(f.pool.in_flight(f.ids[2]) == 1);

  fleet keyed{maglev{}, servers(3)};
  auto const owner = keyed.picker.acquire_explained("a key");
  CHECK(owner.lease.id() == keyed.picker.select("a key").id());
}

}  // namespace replace_test

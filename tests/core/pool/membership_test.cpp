// SPDX-License-Identifier: MIT
// An object lives as long as a member list, a lease or a picker may use it, and no longer.
#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

#include <map>
#include <optional>

namespace membership_test {
using namespace equipoise;

namespace {
// A backend with an object that tells the test when it ends.
struct tracked {
  std::string name;
  std::shared_ptr<int> alive = nullptr;
};
std::string_view key_of(tracked const& m) { return m.name; }
}  // namespace

TEST_CASE("membership: a removed object ends with its last lease and its last snapshot") {
  pool<tracked> pool;
  balancer lb{pool, round_robin{}, 0};
  auto picker = lb.make_picker(), idle = lb.make_picker();
  auto a = std::make_shared<int>();
  std::weak_ptr<int> const alive = a;
  auto const id = pool.add({"a", std::move(a)});
  pool.add({"b"});
  idle.select();  // holds the snapshot with a
  auto held = picker.acquire();
  REQUIRE(held->name == "a");
  pool.remove(id);
  pool.refresh();
  CHECK(!alive.expired());
  picker.select();
  held = {};
  pool.refresh();
  CHECK(!alive.expired());  // the idle picker may still use it
  idle.release();
  pool.refresh();
  CHECK(alive.expired());
  CHECK(idle.select()->name == "b");
}

TEST_CASE("membership: an object lives exactly as long as a lease or a picker may use it") {
  rng d{42};
  pool<tracked> pool;
  balancer lb{pool, round_robin{}, 0};
  struct worker {
    picker<tracked, round_robin> p;
    std::optional<std::size_t> sees;  // the number of the publish that it holds
  };
  std::vector<worker> workers;
  for (int i = 0; i != 3; ++i) workers.push_back({lb.make_picker(), std::nullopt});
  std::vector<std::map<std::string, backend_id>> published{{}};
  std::map<std::string, std::weak_ptr<int>> objects;
  std::vector<lease<tracked>> held;
  for (std::uint32_t step = 1; step != 3000; ++step) {
    auto members = published.back();
    auto const join = [&](auto& transaction) {
      auto const name = std::to_string(step);
      auto object = std::make_shared<int>();
      objects[name] = object;
      members[name] = transaction.add({name, std::move(object)});
    };
    auto const leave = [&](auto& transaction) {
      auto const gone = std::next(members.begin(), random_below(d, static_cast<std::uint32_t>(members.size())));
      transaction.remove(gone->second);
      members.erase(gone);
    };
    auto& w = workers[random_below(d, 3)];
    switch (random_below(d, 8)) {
      case 0:
        if (members.size() < 5) pool.change(join), published.push_back(members);
        break;
      case 1:
        if (!members.empty()) pool.change(leave), published.push_back(members);
        break;
      case 2:
        if (!members.empty())
          pool.change([&](auto& transaction) { leave(transaction), join(transaction); }), published.push_back(members);
        break;
      case 3:
        if (!members.empty()) pool.update(members.begin()->second, {.weight = 1 + step}), published.push_back(members);
        break;
      case 4:
        w.p.release(), w.sees = std::nullopt;
        break;
      case 5:
        if (!held.empty()) held.erase(held.begin() + random_below(d, static_cast<std::uint32_t>(held.size())));
        break;
      case 6:
        if (auto l = w.p.acquire(); l && held.size() < 4) held.push_back(std::move(l));
        w.sees = published.size() - 1;
        break;
      default:
        w.p.select(), w.sees = published.size() - 1;
    }
    pool.refresh();

    std::vector<std::size_t> old;  // old publishes that a picker still holds
    for (auto const& each : workers)
      if (each.sees && *each.sees != published.size() - 1) old.push_back(*each.sees);
    std::sort(old.begin(), old.end());
    old.erase(std::unique(old.begin(), old.end()), old.end());
    std::size_t left = 0, leased = 0;
    for (auto at = objects.begin(); at != objects.end();) {
      auto const& name = at->first;
      bool const member = published.back().contains(name);
      bool const seen = std::any_of(old.begin(), old.end(), [&](std::size_t i) { return published[i].contains(name); });
      bool const worked = std::any_of(held.begin(), held.end(), [&](auto const& l) { return l->name == name; });
      REQUIRE(at->second.expired() == !(member || seen || worked));
      left += !member && (seen || worked);
      leased += !member && worked;
      at = at->second.expired() ? objects.erase(at) : std::next(at);
    }
    auto const waiting = pool.waiting();
    REQUIRE(waiting.snapshots == old.size());
    REQUIRE(waiting.lists == old.size());
    REQUIRE(waiting.records == left);
    REQUIRE(waiting.slots == leased);
  }
}

TEST_CASE("membership: a picker that released and picked again keeps its choice") {
  pool<tracked> pool;
  balancer lb{pool, round_robin{}, 0};
  auto picker = lb.make_picker();
  auto a = std::make_shared<int>();
  std::weak_ptr<int> const alive = a;
  auto const id = pool.add({"a", std::move(a)});
  picker.select();
  picker.release();
  auto const c = picker.select();
  pool.remove(id);
  pool.refresh();
  CHECK(!alive.expired());
  CHECK(c->name == "a");
}

TEST_CASE("membership: a balancer that ends leaves no old snapshot waiting") {
  pool<tracked> pool;
  auto a = std::make_shared<int>();
  std::weak_ptr<int> const alive = a;
  auto const id = pool.add({"a", std::move(a)});
  {
    balancer lb{pool, round_robin{}, 0};
    auto idle = lb.make_picker();
    idle.select();
    pool.remove(id);
    CHECK(pool.waiting().snapshots == 1);
    CHECK(!alive.expired());
  }
  CHECK(alive.expired());
  pool.add({"b"});
  auto const waiting = pool.waiting();
  CHECK(waiting.snapshots + waiting.lists + waiting.records + waiting.slots == 0);
}

TEST_CASE("membership: a lease that outlives picker and balancer keeps its object") {
  pool<tracked> pool;
  auto a = std::make_shared<int>(5);
  std::weak_ptr<int> const alive = a;
  lease<tracked> held;
  {
    balancer lb{pool, round_robin{}, 0};
    auto const id = pool.add({"a", std::move(a)});
    held = lb.make_picker().acquire();
    pool.remove(id);
  }
  pool.refresh();
  CHECK(*held->alive == 5);
  held.finish(outcome::ok);
  pool.refresh();
  CHECK(alive.expired());
}

TEST_CASE("membership: an object that was never published ends at once") {
  std::weak_ptr<int> alive;
  {
    pool<tracked> pool;
    auto a = std::make_shared<int>(), b = std::make_shared<int>();
    std::weak_ptr<int> const gone = a;
    alive = b;
    pool.change([&](auto& transaction) { transaction.remove(transaction.add({"a", std::move(a)})); });
    pool.refresh();
    CHECK(gone.expired());
    pool.add({"b", std::move(b)});
    CHECK(!alive.expired());
  }
  CHECK(alive.expired());
}

TEST_CASE("membership: there are never more old snapshots than pickers") {
  fleet f{round_robin{}, servers(3)};
  std::vector<picker<server, round_robin>> more;
  for (int i = 0; i != 4; ++i) more.push_back(f.lb.make_picker());
  rng d{30};
  for (int i = 0; i != 300; ++i) {
    if (random_below(d, 3) == 0) more[random_below(d, 4)].select();
    f.pool.update(f.ids[0], {.weight = 1 + random_below(d, 100)});
    REQUIRE(f.pool.waiting().snapshots <= 5);
    REQUIRE(f.pool.waiting().lists <= 5);
  }
  for (auto& p : more) p.release();
  f.picker.release();
  f.pool.refresh();
  CHECK(f.pool.waiting().snapshots == 0);
  CHECK(f.pool.waiting().lists == 0);
  CHECK(f.pool.waiting().records == 0);
  CHECK(f.pool.waiting().slots == 0);
}

TEST_CASE("membership: random churn ends with nothing in flight and nothing waiting") {
  rng d{31};
  fleet f{round_robin{}, {}, 1, {.capacity = 40, .counter_stripes = 3}};
  std::vector<lease<server>> held;
  std::vector<picker<server, round_robin>> workers;
  std::size_t names = 0;
  for (int step = 0; step != 20'000; ++step) {
    switch (random_below(d, 8)) {
      case 0:
        if (f.pool.size() < 8 && f.pool.waiting().slots < 30)
          f.ids.push_back(f.pool.add({"n" + std::to_string(names++)}));
        break;
      case 1:
        if (random_below(d, 3) == 0 && !f.ids.empty())
          f.pool.remove(f.ids[f.ids.size() - 1 -
                              random_below(d, static_cast<std::uint32_t>(std::min<std::size_t>(8, f.ids.size())))]);
        break;
      case 2:
        if (workers.size() < 6)
          workers.push_back(f.lb.make_picker());
        else
          workers.erase(workers.begin() + random_below(d, 6));
        break;
      case 3:
        if (!held.empty()) {
          std::swap(held[random_below(d, static_cast<std::uint32_t>(held.size()))], held.back());
          held.pop_back();
        }
        break;
      default:
        if (!workers.empty() && held.size() < 60) {
          auto l = workers[random_below(d, static_cast<std::uint32_t>(workers.size()))].acquire();
          if (l) held.push_back(std::move(l));
        }
    }
  }
  std::map<backend_id, std::uint32_t> load;
  for (auto const& l : held) ++load[l.id()];
  for (auto const& [id, n] : load) CHECK(f.pool.in_flight(id) == n);
  held.clear();
  for (auto id : f.ids) CHECK(f.pool.in_flight(id) == 0);
  workers.clear();
  f.pool.refresh();
  CHECK(f.pool.waiting().records == 0);
  CHECK(f.pool.waiting().slots == 0);
}

}  // namespace membership_test

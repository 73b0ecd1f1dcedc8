// SPDX-License-Identifier: MIT
// The lists that balancers build from are what a simple model says, however a change was published: patched or made
// anew, undone, with pickers that hold old lists or with none.
#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

#include <map>
#include <set>
#include <stdexcept>

namespace member_lists_test {
using namespace equipoise;

namespace {
struct machine {
  std::string name;
  std::uint32_t weight = 1, version = 0;
  friend bool operator==(machine const& a, machine const& b) { return a.name == b.name && a.version == b.version; }
};
std::string_view key_of(machine const& m) { return m.name; }
std::uint32_t weight_of(machine const& m) { return m.weight; }

// Shows the lists that it was built from.
struct recorder {
  static constexpr std::string_view name = "recorder";
  struct table {
    std::vector<std::string> proposed, unhealthy, all;
    std::vector<std::uint32_t> weights;
  };
  struct cursor {};
  table* last = nullptr;
  bool keyed_list = false;
  bool const* refuses = nullptr;
  bool includes_unhealthy() const noexcept { return keyed_list; }

  table build(members_view members) const {
    table t;
    for (member const& m : members) t.proposed.emplace_back(m.key()), t.weights.push_back(m.weight);
    for (member const& m : members.unhealthy()) t.unhealthy.emplace_back(m.key());
    for (member const& m : members.all_members()) t.all.emplace_back(m.key());
#if defined(__cpp_exceptions)
    if (*refuses) throw std::runtime_error{"refused"};
#endif
    *last = t;
    return t;
  }
  proposal propose(table const&, cursor&, pick const&) const noexcept { return nullptr; }
};

// The members in order, and those that are down.
struct model {
  std::vector<machine> members;
  std::set<std::string> down;

  std::vector<std::string> names(bool with_weight, int health) const {  // health: 1 up, 0 down, −1 either
    std::vector<std::string> some;
    for (machine const& m : members)
      if ((!with_weight || m.weight != 0) && (health == -1 || (down.count(m.name) == 0) == (health == 1)))
        some.push_back(m.name);
    return some;
  }
};
}  // namespace

TEST_CASE("member lists: after each change they are what a model says") {
  auto const n = GENERATE(1u, 2u, 5u, 40u, 700u);
  auto const holds = GENERATE(false, true);  // whether pickers keep old lists alive
  CAPTURE(n, holds);
  rng d{n + holds};
  pool<machine> pool;
  recorder::table unkeyed, keyed;
  bool refuses = false;
  balancer by_health{pool, recorder{&unkeyed, false, &refuses}, 1}, all_kept{pool, recorder{&keyed, true, &refuses}, 1};
  balancer lb{pool, round_robin{}, 1};
  std::vector<picker<machine, round_robin>> pickers;
  for (int i = 0; i != 3; ++i) pickers.push_back(lb.make_picker());
  model m;
  std::uint32_t made = 0;
  auto const fresh = [&] { return machine{"m" + std::to_string(made++), random_below(d, 4)}; };
  auto const place = [&](std::size_t size) {
    return static_cast<std::ptrdiff_t>(random_below(d, static_cast<std::uint32_t>(size)));
  };
  for (std::uint32_t i = 0; i != n; ++i) m.members.push_back(fresh());
  pool.assign(m.members);

  auto const change_health = [&] {
    for (std::uint32_t i = random_below(d, random_below(d, 8) == 0 ? 20 : 3); i != 0 && !m.members.empty(); --i) {
      std::string const& name = m.members[static_cast<std::size_t>(place(m.members.size()))].name;
      if (m.down.count(name) != 0) {
        pool.clear(pool.find(name), health_flag::down);
        m.down.erase(name);
      } else {
        pool.set(pool.find(name), health_flag::down);
        m.down.insert(name);
      }
    }
  };

  int const steps = n > 100 ? 400 : 1500;
  for (int step = 0; step != steps; ++step) {
    if (random_below(d, 3) == 0) change_health();
    model const before = m;
    std::size_t const edits = random_below(d, 10) == 0 ? 30 : 1 + random_below(d, 3);
    [[maybe_unused]] bool const fails = random_below(d, 12) == 0;
    bool const rejoins = random_below(d, 2) == 0;
    std::map<std::string, backend_id> ids;
    pool.for_each([&](backend_id id, machine const& b, attributes const&, health_flag) { ids[b.name] = id; });
    auto const edit = [&](auto& t) {
      for (std::size_t e = 0; e != edits; ++e) {
        auto const at = m.members.empty() ? 0 : place(m.members.size());
        auto const what = random_below(d, 8);
        if (what == 0 || m.members.empty()) {
          m.members.push_back(fresh());
          t.add(m.members.back());
        } else if (what == 1) {
          machine& one = m.members[static_cast<std::size_t>(at)];
          auto const id = ids.count(one.name) != 0 ? ids[one.name] : backend_id{};
          std::uint32_t const weight = random_below(d, 3);
          if (random_below(d, 2) == 0) {
            if (t.update(id, {.weight = weight})) one.weight = weight;
          } else if (t.remove(id)) {
            m.down.erase(one.name);
            m.members.erase(m.members.begin() + at);
          }
        } else {
          // The same list, with one element inserted, replaced, moved, taken out, or given another weight.
          machine& one = m.members[static_cast<std::size_t>(at)];
          switch (what) {
            case 2:
              m.members.insert(m.members.begin() + at, fresh());
              break;
            case 3:
              ++one.version;
              if (rejoins) m.down.erase(one.name);  // a new membership
              break;
            case 4:
              std::swap(one, m.members.back());
              break;
            case 5:
              m.down.erase(one.name);
              m.members.erase(m.members.begin() + at);
              break;
            default:
              one.weight = random_below(d, 3);
              break;
          }
          t.assign(m.members, {.rejoin_changed = rejoins});
        }
      }
    };
#if defined(__cpp_exceptions)
    if (fails) {
      refuses = random_below(d, 2) == 0;  // a build refuses, or the change itself
      auto const spoilt = [&](auto& t) {
        edit(t);
        t.add({"one more"});  // so that there is something to publish
        if (!refuses) throw std::runtime_error{"taken back"};
      };
      CHECK_THROWS_AS(pool.change(spoilt), std::runtime_error);
      refuses = false;
      m = before;
    } else
#endif
      pool.change(edit);
    change_health();
    if (!holds || random_below(d, 6) == 0)
      for (auto& p : pickers)
        if (random_below(d, 2) == 0) p.select();
    pool.refresh();

    auto const up = m.names(true, 1), down = m.names(true, 0), weighted = m.names(true, -1);
    REQUIRE(unkeyed.all == m.names(false, -1));
    REQUIRE(unkeyed.proposed == (up.empty() ? down : up));
    REQUIRE(unkeyed.unhealthy == (up.empty() ? std::vector<std::string>{} : down));
    REQUIRE(keyed.proposed == weighted);
    std::vector<std::uint32_t> weights;
    for (machine const& one : m.members)
      if (one.weight != 0) weights.push_back(one.weight);
    REQUIRE(keyed.weights == weights);
    std::vector<std::string> listed;
    pool.for_each([&](backend_id id, machine const& b, attributes const& a, health_flag flags) {
      listed.push_back(b.name);
      REQUIRE(pool.health(id) == flags);
      REQUIRE(((flags & health_flag::down) != health_flag::none) == (m.down.count(b.name) != 0));
      REQUIRE(((flags & health_flag::zero_weight) != health_flag::none) == (a.weight == 0));
    });
    REQUIRE(listed == m.names(false, -1));
  }
}

TEST_CASE("member lists: a balancer made after a recovery uses the member that recovered") {
  pool<machine> pool;
  pool.assign(std::vector<machine>{{"a"}, {"b"}, {"c"}});
  pool.set(pool.find("a"), health_flag::down);
  pool.add({"d"});  // publishes without a
  pool.clear(pool.find("a"), health_flag::down);
  balancer lb{pool, round_robin{}, 1};
  auto picker = lb.make_picker();
  std::size_t of_a = 0;
  for (int i = 0; i != 4000; ++i) of_a += picker.select()->name == "a";
  CHECK(static_cast<double>(of_a) == Approx(1000).epsilon(0.15));
}

}  // namespace member_lists_test

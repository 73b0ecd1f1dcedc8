#include "support.hpp"

#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/random.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/weighted_random.hpp>
#include <equipoise/policy/weighted_round_robin.hpp>

#include <functional>

using namespace equipoise;

// The policies that must all behave alike here, and an unkeyed and a keyed one where two are enough.
#define EVERY_UNKEYED                                                                                 \
  round_robin, weighted_round_robin, smooth_weighted_round_robin, equipoise::random, weighted_random, \
      least_connections, power_of_two
#define EITHER_KIND power_of_two, maglev<>

TEMPLATE_TEST_CASE("a pick says why there is nobody: the mildest reason that was met", "", EITHER_KIND) {
  fleet f{TestType{}};
  auto const why = [&](pick_options const& o = {}) {
    auto const c = select(f.picker, 1, o).error();
    CHECK(acquire(f.picker, 1, o).error() == c);
    CHECK(explain(f.picker, 1, o).error == c);
    return c;
  };
  CHECK(why() == pick_error::empty);
  f.join(servers(3));
  CHECK(why() == pick_error::none);
  CHECK(why({.excluded = f.ids}) == pick_error::all_excluded);
  for (std::size_t i = 0; i != 3; ++i) f.set(i, health_flag::down);
  CHECK(why() == pick_error::all_down);
  CHECK(why({.excluded = f.ids}) == pick_error::all_down);  // asking again without `excluded` would not help
  f.pool.refresh();
  CHECK(why() == pick_error::all_down);
  f.clear(1, health_flag::down);
  f.set(1, health_flag::saturated);
  f.pool.refresh();
  CHECK(why() == pick_error::all_saturated);
  f.clear(1, health_flag::saturated);
  f.pool.refresh();
  CHECK(why() == pick_error::none);
  CHECK(why({.excluded = f.ids}) == pick_error::all_excluded);
  f.set(1, health_flag::saturated | health_flag::down);
  CHECK(why() == pick_error::all_down);
  for (auto id : f.ids) f.pool.remove(id);
  CHECK(why() == pick_error::empty);
}

TEMPLATE_TEST_CASE("a retry never gets what was tried while another one is up, and is told when none is left", "",
                   EVERY_UNKEYED, maglev<>, ring_hash<>) {
  dice d{32};
  fleet f{TestType{}, weighted({1, 9, 2, 5, 1, 1, 3})};
  for (int run = 0; run != 200; ++run) {
    std::vector<bool> up(7);
    std::size_t healthy = 0;
    for (std::size_t i = 0; i != 7; ++i) {
      up[i] = roll(d, 3) != 0;
      healthy += up[i];
      if (up[i])
        f.clear(i, health_flag::down);
      else
        f.set(i, health_flag::down);
    }
    f.pool.refresh();
    std::vector<backend_id> excluded;
    for (std::size_t attempt = 0; attempt != healthy; ++attempt) {
      auto const c = select(f.picker, static_cast<std::uint64_t>(run), {.excluded = excluded});
      REQUIRE(c);
      REQUIRE(std::find(excluded.begin(), excluded.end(), c.id()) == excluded.end());
      REQUIRE(up[c->number]);
      excluded.push_back(c.id());
    }
    CHECK(select(f.picker, static_cast<std::uint64_t>(run), {.excluded = excluded}).error() ==
          (healthy == 0 ? pick_error::all_down : pick_error::all_excluded));
  }
}

TEMPLATE_TEST_CASE("one that was marked down is never picked again, before refresh and after", "", EVERY_UNKEYED,
                   maglev<>, ring_hash<>) {
  fleet f{TestType{}, weighted({5, 1, 1, 3})};
  for (auto r : {health_flag::down, health_flag::ejected, health_flag::circuit_open, health_flag::saturated,
                 health_flag::draining, health_flag::maintenance, health_flag::user_1, health_flag::user_4})
    for (std::size_t i = 0; i != 4; ++i) {
      f.set(i, r);
      for (int round = 0; round != 2; ++round) {
        for (std::uint64_t k = 0; k != 40; ++k) REQUIRE(select(f.picker, k)->number != i);
        f.pool.refresh();
      }
      f.clear(i, r);
      f.pool.refresh();
    }
  CHECK(select_n(f.picker, 1, 9).size() == 4);
}

TEST_CASE("one that comes back is asked again from the next refresh on, by keyed policies at once") {
  fleet f{round_robin{}, servers(2)};
  fleet g{maglev{}, servers(2)};
  auto const key = [&] {
    std::uint64_t k = 0;
    while (g.picker.select(k)->number != 1) ++k;
    return k;
  }();
  f.set(1, health_flag::down), g.set(1, health_flag::down);
  f.pool.refresh(), g.pool.refresh();
  CHECK(f.next(2) == "AA");
  CHECK(who(g.picker.select(key)) == "A");
  f.clear(1, health_flag::down), g.clear(1, health_flag::down);
  CHECK(who(g.picker.select(key)) == "B");
  f.pool.refresh();
  CHECK(f.shares(2) == std::vector<std::size_t>{1, 1});
}

TEST_CASE("a mask decides which reasons count for one pick") {
  fleet f{maglev{}, servers(1)};
  auto const gets = [&](admission mask) {
    return static_cast<bool>(f.picker.select(1, {.mask = mask})) &&
           static_cast<bool>(f.picker.acquire(1, {.mask = mask}));
  };
  struct line {
    health_flag against;
    bool new_work, same_session, panic;
  };
  for (auto const& [against, new_work, same_session, panic] :
       {line{health_flag::none, true, true, true}, line{health_flag::down, false, false, true},
        line{health_flag::ejected, false, false, true}, line{health_flag::circuit_open, false, false, true},
        line{health_flag::saturated, false, false, false}, line{health_flag::draining, false, true, false},
        line{health_flag::maintenance, false, false, false}, line{health_flag::user_2, false, false, false}}) {
    CAPTURE(against);
    f.pool.set(f.ids[0], against);
    CHECK(gets(admission::new_work) == new_work);
    CHECK(gets(admission::same_session) == same_session);
    CHECK(gets(admission::panic) == panic);
    f.pool.clear(f.ids[0], against);
  }
}

TEST_CASE("a mask holds for a retry, too, and for select_n") {
  fleet f{round_robin{}, servers(3)};
  f.set(1, health_flag::down);
  std::vector const excluded{f.ids[0], f.ids[2]};
  CHECK(f.picker.select({.excluded = excluded}).error() == pick_error::all_excluded);
  CHECK(who(f.picker.select({.excluded = excluded, .mask = admission::panic})) == "B");
  CHECK(who(f.picker.acquire({.excluded = excluded, .mask = admission::panic})) == "B");
  CHECK(f.picker.explain({.excluded = excluded, .mask = admission::panic}).choice == f.ids[1]);
  CHECK(select_n(f.picker, 0, 3).size() == 2);
  CHECK(select_n(f.picker, 0, 3, {.mask = admission::panic}).size() == 3);
}

TEMPLATE_TEST_CASE("select_n gives distinct ones that are up, and the first is what a pick would give", "",
                   EVERY_UNKEYED, maglev<>, ring_hash<>) {
  fleet f{TestType{}, weighted({3, 1, 8, 1, 2, 2, 4}), 21}, twin{TestType{}, weighted({3, 1, 8, 1, 2, 2, 4}), 21};
  for (auto* one : {&f, &twin}) one->set(5, health_flag::down);
  for (std::uint64_t key = 0; key != 100; ++key) {
    auto fresh = f.lb.make_picker(), again = twin.lb.make_picker();
    auto const all = select_n(fresh, key, 10);
    REQUIRE(all.size() == 6);
    auto sorted = all;
    std::sort(sorted.begin(), sorted.end());
    CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
    CHECK(std::find(all.begin(), all.end(), f.ids[5]) == all.end());
    if constexpr (!std::same_as<TestType, power_of_two>)  // whose first proposal spares the look at the word
      CHECK(twin.pool.find(name_of(select(again, key)->number)) == all[0]);
    std::vector<backend_id> three(3);
    auto const few = select_n(fresh, key, 3, {.excluded = {all.data(), 1}});
    CHECK(few.size() == 3);
    CHECK(std::find(few.begin(), few.end(), all[0]) == few.end());
  }
}

TEST_CASE("select_n of a keyed policy: each is the home of the key once those before it are gone") {
  fleet f{ring_hash{}, servers(8)};
  for (std::uint64_t key = 0; key != 200; ++key) {
    auto const order = select_n(f.picker, key, 8);
    REQUIRE(order.size() == 8);
    for (std::size_t dead = 0; dead != 8; ++dead) {
      CHECK(f.picker.select(key).id() == order[dead]);
      f.pool.set(order[dead], health_flag::down);
    }
    for (auto id : f.ids) f.pool.clear(id, health_flag::down);
  }
}

TEMPLATE_TEST_CASE("with nine of ten down somebody who is up is found, always", "", EVERY_UNKEYED, maglev<>,
                   ring_hash<>) {
  fleet f{TestType{}, servers(100), 4};
  for (std::size_t i = 0; i != 100; ++i)
    if (i % 10 != 3) f.set(i, health_flag::down);
  for (std::uint64_t k = 0; k != 2000; ++k) {
    REQUIRE(select(f.picker, k)->number % 10 == 3);
    REQUIRE(acquire(f.picker, k)->number % 10 == 3);
  }
}

TEST_CASE("a picker that is moved goes on where it was, and gives its mark back once") {
  fleet f{round_robin{}, servers(3)};
  CHECK(f.next(1) == "A");
  auto moved = std::move(f.picker);
  CHECK(who(moved.select()) == "B");
  auto other = f.lb.make_picker();
  other.select();
  other = std::move(moved);
  CHECK(who(other.select()) == "C");
  f.picker = std::move(other);
  CHECK(f.next(1) == "A");
  std::vector<picker<server, round_robin>> many;
  for (int i = 0; i != 100; ++i) {
    many.push_back(f.lb.make_picker());  // moves them about
    many.back().select();
  }
  f.pool.remove(f.ids[1]);
  for (auto& p : many) CHECK(p.select());
  many.clear();
  f.pool.refresh();
  CHECK(f.pool.waiting().snapshots <= 1);
}

TEST_CASE("a choice stays good until that picker's next call, whatever the pool does") {
  fleet f{round_robin{}, servers(2)};
  auto const c = f.picker.select();
  f.pool.remove(c.id());
  f.pool.refresh();
  f.pool.assign(std::vector<server>{{"X"}});
  f.pool.refresh();
  CHECK(c->name == "A");
  CHECK(who(f.picker.select()) == "X");
}

TEST_CASE("a limit that is reached is all_saturated, and the fullest of masks cannot pass it") {
  fleet f{max_in_flight{round_robin{}, 2}, servers(2)};
  std::vector<lease<server>> held;
  for (int i = 0; i != 4; ++i) held.push_back(f.picker.acquire());
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  CHECK(f.picker.select().error() == pick_error::all_saturated);
  CHECK(f.picker.acquire({.mask = admission::panic & admission::same_session}).error() == pick_error::all_saturated);
  CHECK(f.picker.explain().error == pick_error::all_saturated);
  f.set(0, health_flag::down);
  CHECK(f.picker.acquire().error() == pick_error::all_saturated);
  held.pop_back();
  CHECK(f.picker.acquire());
}

TEST_CASE("the time of a pick is what its policy sees") {
  struct sees_time {
    struct table {};
    struct cursor {};
    time_point* seen;
    table build(members_view) const { return {}; }
    proposal propose(table const&, cursor&, pick const& k) const noexcept {
      *seen = k.now();
      return k.members.empty() ? nullptr : &k.members[0];
    }
  };
  time_point seen, now{std::chrono::seconds{5}};
  fleet f{sees_time{&seen}, servers(1)};
  auto const step = [&] { return now += std::chrono::seconds{1}; };
  f.picker.select({.now = step()});
  CHECK(seen == now);
  static_cast<void>(f.picker.acquire({.now = step()}));
  CHECK(seen == now);
  select_n(f.picker, 0, 1, {.now = step()});
  CHECK(seen == now);
  f.picker.explain({.now = step()});
  CHECK(seen == now);
  f.picker.select();
  CHECK(seen == time_point{});
}

TEST_CASE("a picker that was moved from may rest: the other one's snapshot stays") {
  fleet f{round_robin{}, servers(1)};
  auto moved = std::move(f.picker);
  auto const held = moved.select();
  f.picker.release();
  f.pool.remove(f.ids[0]);
  f.pool.refresh();
  CHECK(held->name == "A");  // under the address sanitizer
  CHECK(f.pool.waiting().snapshots == 1);
}

namespace {
using happening = std::function<void(member const&)>;

// The child's picks, in the midst of which something happens: after a proposal, before it is judged.
template <class P>
struct interrupted : with_key_of<P> {
  P child;
  happening* happens;

  using table = typename policy_driver<P>::table;
  using cursor = typename policy_driver<P>::cursor;
  using pick_state = typename policy_driver<P>::pick_state;

  interrupted(P policy, happening& h) : child{std::move(policy)}, happens{&h} {}
  table build(members_view members) const { return policy_driver<P>::build(child, members); }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    policy_driver<P>::start(child, t, c, random);
  }
  proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                   key_of_policy<P> const& key) const noexcept {
    proposal const p = policy_driver<P>::next(child, t, c, w, k, key);
    if (p.candidate != nullptr && *happens) (*happens)(*p.candidate);
    return p;
  }
};

struct eldest {
  struct table {};
  struct cursor {};
  static constexpr std::uint32_t tries = 1;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    return k.members.empty() ? nullptr : &k.members[0];
  }
};

// Whom each kind of pick finds; `before` prepares each.
template <class Fleet, class Before>
std::string each_way(Fleet& f, Before before) {
  std::string found;
  before(), found += who(select(f.picker, 1)) + " ";
  before(), found += who(acquire(f.picker, 1)) + " ";
  before();
  auto const story = explain(f.picker, 1);
  for (auto const& row : story.rows) found += row.verdict == "chosen" ? row.key + " " : "";
  before();
  auto const replicas = select_n(f.picker, 1, 1);
  f.pool.for_each([&](backend_id id, server const& s, attributes const&, health_flag) {
    if (!replicas.empty() && id == replicas[0]) found += s.name;
  });
  return found;
}
}  // namespace

TEST_CASE("a walk is repeated if one came up where it had been, before another went down where it went") {
  happening happens;
  fleet f{interrupted{eldest{}, happens}, servers(2)};
  CHECK(each_way(f, [&] {
          happens = nullptr;
          f.clear(1, health_flag::down), f.set(0, health_flag::down);
          happens = [&](member const& m) {
            if (m.key() == "B") f.clear(0, health_flag::down), f.set(1, health_flag::down);
          };
        }) == "A A A A");
  happens = [&](member const& m) {  // whoever is looked at is down: a pick gives up some time
    f.clear(m.key() == "A", health_flag::down), f.set(m.key() == "B", health_flag::down);
  };
  CHECK(who(f.picker.select()) == "(all_down)");
}

TEMPLATE_TEST_CASE(
    "a key whose home is replaced while it is picked stays with the new one, whichever way it is asked for", "",
    maglev<>, ring_hash<>) {
  happening happens;
  fleet f{interrupted{TestType{}, happens}, servers(5)};
  auto const owner = std::string{select(f.picker, 1)->name};
  auto next = servers(5);
  std::size_t times = 0;
  CHECK(each_way(f, [&] {
          happens = [&, done = false](member const&) mutable {
            if (std::exchange(done, true)) return;
            for (auto& s : next)
              if (s.name == owner) s.number += 10;
            f.pool.assign(next);
            ++times;
          };
        }) == owner + " " + owner + " " + owner + " " + owner);
  CHECK(times == 4);
}

namespace {
// Says what it is told to.
struct oracle {
  struct table {};
  struct cursor {};
  pick_error const* says;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    if (*says == pick_error::none && !k.members.empty()) return &k.members[0];
    return proposal::none(*says);
  }
};
struct finite_oracle : oracle {
  static constexpr bool finite = true;
};
}  // namespace

TEST_CASE(
    "what a policy says when it proposes nobody is what the host reads, and refused is refused whoever has recovered") {
  pick_error says{};
  fleet f{oracle{&says}, servers(2)};
  for (int stage = 0; stage != 4; ++stage) {
    CAPTURE(stage);
    if (stage == 1) f.set(1, health_flag::down), f.pool.refresh();
    if (stage == 2) f.clear(1, health_flag::down);
    if (stage == 3) f.pool.refresh();
    says = pick_error::refused;
    CHECK(who(f.picker.select()) == "(refused)");
    CHECK(who(f.picker.acquire({.mask = admission::panic})) == "(refused)");
    CHECK(f.picker.explain().error == pick_error::refused);
  }
  fleet g{finite_oracle{{&says}}, servers(2)};
  for (pick_error c :
       {pick_error::all_excluded, pick_error::all_saturated, pick_error::all_down, pick_error::refused}) {
    says = c;
    CHECK(g.picker.select().error() == c);
  }
}

namespace {
struct census {
  struct table {};
  struct cursor {};
  std::array<std::size_t, 3>* seen;
  table build(members_view) const { return {}; }
  cursor start(table const&, members_view m, random_source&) const noexcept {
    *seen = {m.size(), m.unhealthy().size(), m.all_members().size()};
    return {};
  }
  proposal propose(table const&, cursor&, pick const& k) const noexcept { return &k.members[0]; }
};
}  // namespace

TEST_CASE("a worker's cursor starts from the view that the table was built from") {
  std::array<std::size_t, 3> seen{};
  fleet f{census{&seen}, weighted({1, 0, 1, 1})};
  f.set(2, health_flag::down);
  f.pool.refresh();
  CHECK(who(f.picker.select()) == "A");
  CHECK(seen == std::array<std::size_t, 3>{2, 1, 4});
}

// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <functional>

namespace picker_test {
using namespace equipoise;

namespace {
// The owners of these policies do not depend on the order of the members.
using consistent_policies = except<keyed_policies, ip_hash, hash_modulo<>>;
}  // namespace

TEMPLATE_LIST_TEST_CASE("picker: a pick without a backend reports the mildest reason that it met", "", every_policy) {
  INFO(TestType::name);
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

TEMPLATE_LIST_TEST_CASE("picker: a retry never gets an excluded backend and learns when none is left", "",
                        every_policy) {
  INFO(TestType::name);
  rng d{32};
  fleet f{TestType{}, weighted({1, 9, 2, 5, 1, 1, 3})};
  for (int run = 0; run != 200; ++run) {
    std::vector<bool> up(7);
    std::size_t healthy = 0;
    for (std::size_t i = 0; i != 7; ++i) {
      up[i] = random_below(d, 3) != 0;
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

TEMPLATE_LIST_TEST_CASE("picker: a backend with a health flag is never picked, before and after a refresh", "",
                        every_policy) {
  INFO(TestType::name);
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

TEST_CASE("picker: a recovered backend is picked after a refresh, by keyed policies at once") {
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
  CHECK(name_or_error(g.picker.select(key)) == "A");
  f.clear(1, health_flag::down), g.clear(1, health_flag::down);
  CHECK(name_or_error(g.picker.select(key)) == "B");
  f.pool.refresh();
  CHECK(f.shares(2) == std::vector<std::size_t>{1, 1});
}

TEST_CASE("picker: a mask decides which health flags count for one pick") {
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

TEST_CASE("picker: a mask also holds for a retry and for select_n") {
  fleet f{round_robin{}, servers(3)};
  f.set(1, health_flag::down);
  std::vector const excluded{f.ids[0], f.ids[2]};
  CHECK(f.picker.select({.excluded = excluded}).error() == pick_error::all_excluded);
  CHECK(name_or_error(f.picker.select({.excluded = excluded, .mask = admission::panic})) == "B");
  CHECK(name_or_error(f.picker.acquire({.excluded = excluded, .mask = admission::panic})) == "B");
  CHECK(f.picker.explain({.excluded = excluded, .mask = admission::panic}).choice == f.ids[1]);
  CHECK(select_n(f.picker, 0, 3).size() == 2);
  CHECK(select_n(f.picker, 0, 3, {.mask = admission::panic}).size() == 3);
}

TEMPLATE_LIST_TEST_CASE("picker: select_n gives distinct healthy backends and begins as a pick would", "",
                        every_policy) {
  INFO(TestType::name);
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
    if constexpr (!std::same_as<TestType, power_of_two>)  // its first proposal does not test health, so it may differ
      CHECK(f.pool.find(name_of(select(again, key)->number)) == all[0]);
    std::vector<backend_id> three(3);
    auto const few = select_n(fresh, key, 3, {.excluded = {all.data(), 1}});
    CHECK(few.size() == 3);
    CHECK(std::find(few.begin(), few.end(), all[0]) == few.end());
  }
}

TEST_CASE("picker: select_n lists a key's owners in the order in which they take over") {
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

TEMPLATE_LIST_TEST_CASE("picker: with nine of ten down a pick always finds a healthy backend", "", every_policy) {
  INFO(TestType::name);
  fleet f{TestType{}, servers(100), 4};
  for (std::size_t i = 0; i != 100; ++i)
    if (i % 10 != 3) f.set(i, health_flag::down);
  for (std::uint64_t k = 0; k != 2000; ++k) {
    REQUIRE(select(f.picker, k)->number % 10 == 3);
    REQUIRE(acquire(f.picker, k)->number % 10 == 3);
  }
}

TEST_CASE("picker: a moved picker goes on where it was and frees its hazard pointer once") {
  fleet f{round_robin{}, servers(3)};
  CHECK(f.next(1) == "A");
  auto moved = std::move(f.picker);
  CHECK(name_or_error(moved.select()) == "B");
  auto other = f.lb.make_picker();
  other.select();
  other = std::move(moved);
  CHECK(name_or_error(other.select()) == "C");
  f.picker = std::move(other);
  CHECK(f.next(1) == "A");
  std::vector<picker<server, round_robin>> many;
  for (int i = 0; i != 100; ++i) {
    many.push_back(f.lb.make_picker());  // moves the pickers when the vector grows
    many.back().select();
  }
  f.pool.remove(f.ids[1]);
  for (auto& p : many) CHECK(p.select());
  many.clear();
  f.pool.refresh();
  CHECK(f.pool.waiting().snapshots <= 1);
}

TEST_CASE("picker: a choice stays valid until that picker's next call") {
  fleet f{round_robin{}, servers(2)};
  auto const c = f.picker.select();
  f.pool.remove(c.id());
  f.pool.refresh();
  f.pool.assign(std::vector<server>{{"X"}});
  f.pool.refresh();
  CHECK(c->name == "A");
  CHECK(name_or_error(f.picker.select()) == "X");
}

TEST_CASE("picker: a reached limit is all_saturated, and no mask gets past it") {
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

TEST_CASE("picker: the policy sees the time that the pick was given") {
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

TEST_CASE("picker: release on a moved-from picker keeps the new picker's snapshot") {
  fleet f{round_robin{}, servers(1)};
  auto moved = std::move(f.picker);
  auto const held = moved.select();
  f.picker.release();
  f.pool.remove(f.ids[0]);
  f.pool.refresh();
  CHECK(held->name == "A");  // the address sanitizer would find a freed snapshot
  CHECK(f.pool.waiting().snapshots == 1);
}

namespace {
using interruption = std::function<void(member const&)>;

// Passes the child's proposals on, and calls a function after each one, before the picker tests it.
template <class P>
struct interrupted : with_key_of<P> {
  P child;
  interruption* interrupt;

  using table = typename policy_driver<P>::table;
  using cursor = typename policy_driver<P>::cursor;
  using pick_state = typename policy_driver<P>::pick_state;

  interrupted(P policy, interruption& h) : child{std::move(policy)}, interrupt{&h} {}
  table build(members_view members) const { return policy_driver<P>::build(child, members); }
  void start(table const& t, cursor& c, random_source& random) const noexcept {
    policy_driver<P>::start(child, t, c, random);
  }
  proposal propose(table const& t, cursor& c, pick_state& w, pick const& k,
                   key_of_policy<P> const& key) const noexcept {
    proposal const p = policy_driver<P>::next(child, t, c, w, k, key);
    if (p.candidate != nullptr && *interrupt) (*interrupt)(*p.candidate);
    return p;
  }
};

struct first_member {
  struct table {};
  struct cursor {};
  static constexpr std::uint32_t tries = 1;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    return k.members.empty() ? nullptr : &k.members[0];
  }
};

// The backends that each kind of pick finds. Calls `before` before each kind.
template <class Fleet, class Before>
std::string each_kind_of_pick(Fleet& f, Before before) {
  std::string found;
  before(), found += name_or_error(select(f.picker, 1)) + " ";
  before(), found += name_or_error(acquire(f.picker, 1)) + " ";
  before();
  auto const explained = explain(f.picker, 1);
  for (auto const& row : explained.rows) found += row.verdict == "chosen" ? row.key + " " : "";
  before();
  auto const replicas = select_n(f.picker, 1, 1);
  f.pool.for_each([&](backend_id id, server const& s, attributes const&, health_flag) {
    if (!replicas.empty() && id == replicas[0]) found += s.name;
  });
  return found;
}
}  // namespace

TEST_CASE("picker: a failed pick is retried if health changed while it ran") {
  interruption interrupt;
  fleet f{interrupted{first_member{}, interrupt}, servers(2)};
  CHECK(each_kind_of_pick(f, [&] {
          interrupt = nullptr;
          f.clear(1, health_flag::down), f.set(0, health_flag::down);
          interrupt = [&](member const& m) {
            if (m.key() == "B") f.clear(0, health_flag::down), f.set(1, health_flag::down);
          };
        }) == "A A A A");
  interrupt = [&](member const& m) {  // each proposed backend is down by now, so the pick gives up at last
    f.clear(m.key() == "A", health_flag::down), f.set(m.key() == "B", health_flag::down);
  };
  CHECK(name_or_error(f.picker.select()) == "(all_down)");
}

TEMPLATE_LIST_TEST_CASE("picker: a key keeps its owner if the owner is replaced during the pick", "",
                        consistent_policies) {
  INFO(TestType::name);
  interruption interrupt;
  fleet f{interrupted{TestType{}, interrupt}, servers(5)};
  auto const owner = std::string{select(f.picker, 1)->name};
  auto next = servers(5);
  std::size_t times = 0;
  CHECK(each_kind_of_pick(f, [&] {
          interrupt = [&, done = false](member const&) mutable {
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
// Answers each pick with the given error.
struct fixed_answer {
  struct table {};
  struct cursor {};
  pick_error const* says;
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const& k) const noexcept {
    if (*says == pick_error::none && !k.members.empty()) return &k.members[0];
    return proposal::none(*says);
  }
};
struct finite_fixed_answer : fixed_answer {
  static constexpr bool finite = true;
};
}  // namespace

TEST_CASE("picker: the application reads the error that a policy proposes") {
  pick_error says{};
  fleet f{fixed_answer{&says}, servers(2)};
  for (int step = 0; step != 4; ++step) {
    CAPTURE(step);
    if (step == 1) f.set(1, health_flag::down), f.pool.refresh();
    if (step == 2) f.clear(1, health_flag::down);
    if (step == 3) f.pool.refresh();
    says = pick_error::refused;
    CHECK(name_or_error(f.picker.select()) == "(refused)");
    CHECK(name_or_error(f.picker.acquire({.mask = admission::panic})) == "(refused)");
    CHECK(f.picker.explain().error == pick_error::refused);
  }
  fleet g{finite_fixed_answer{{&says}}, servers(2)};
  for (pick_error c :
       {pick_error::all_excluded, pick_error::all_saturated, pick_error::all_down, pick_error::refused}) {
    says = c;
    CHECK(g.picker.select().error() == c);
  }
}

namespace {
struct view_sizes {
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

TEST_CASE("picker: a cursor starts from the view that the table was built from") {
  std::array<std::size_t, 3> seen{};
  fleet f{view_sizes{&seen}, weighted({1, 0, 1, 1})};
  f.set(2, health_flag::down);
  f.pool.refresh();
  CHECK(name_or_error(f.picker.select()) == "A");
  CHECK(seen == std::array<std::size_t, 3>{2, 1, 4});
}

}  // namespace picker_test

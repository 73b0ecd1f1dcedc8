// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

namespace lease_test {
using namespace equipoise;
using namespace std::chrono_literals;

namespace {
time_point at(std::chrono::nanoseconds since) { return time_point{since}; }
}  // namespace

TEST_CASE("lease: it is three words, can only be moved, and never throws") {
  using l = lease<server>;
  STATIC_REQUIRE(sizeof(l) == 24);
  STATIC_REQUIRE(!std::is_copy_constructible_v<l>);
  STATIC_REQUIRE(!std::is_copy_assignable_v<l>);
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<l>);
  STATIC_REQUIRE(std::is_nothrow_move_assignable_v<l>);
  STATIC_REQUIRE(std::is_nothrow_destructible_v<l>);
  STATIC_REQUIRE(std::is_nothrow_default_constructible_v<l>);
  STATIC_REQUIRE(noexcept(std::declval<l&>().finish(outcome::ok, std::declval<time_point const&>())));
  STATIC_REQUIRE(std::is_same_v<decltype(*std::declval<l&>()), server const&>);
}

TEST_CASE("picker: picks are noexcept") {
  using p = picker<server, round_robin>;
  STATIC_REQUIRE(noexcept(std::declval<p&>().select()));
  STATIC_REQUIRE(noexcept(std::declval<p&>().acquire()));
  STATIC_REQUIRE(noexcept(std::declval<p&>().select_n({})));
  STATIC_REQUIRE(noexcept(std::declval<p&>().release()));
  STATIC_REQUIRE(noexcept(std::declval<pool<server>&>().set({}, health_flag::down)));
  STATIC_REQUIRE(noexcept(std::declval<pool<server>&>().clear({}, health_flag::down)));
  STATIC_REQUIRE(std::is_nothrow_move_constructible_v<p>);
  STATIC_REQUIRE(!std::is_copy_constructible_v<p>);
}

TEST_CASE("lease: the work is in flight from the pick until the lease ends, once") {
  fleet f{round_robin{}, servers(1)};
  auto const in_flight = [&] { return f.pool.in_flight(f.ids[0]); };
  {
    auto a = f.picker.acquire();
    CHECK(in_flight() == 1);
    auto b = std::move(a);
    CHECK(in_flight() == 1);
    CHECK(!a);
    CHECK(a.id() == backend_id{});
    CHECK(b.id() == f.ids[0]);
    auto c = f.picker.acquire();
    CHECK(in_flight() == 2);
    c = std::move(b);  // the lease that c held ends
    CHECK(in_flight() == 1);
    auto& same = c;
    c = std::move(same);
    CHECK(in_flight() == 1);
    c.finish(outcome::ok);
    CHECK(in_flight() == 0);
    CHECK(!c);
    c.finish(outcome::ok);
    CHECK(in_flight() == 0);
    CHECK(c.id() == f.ids[0]);  // for a retry elsewhere, or to report what was wrong
    auto d = std::move(c);
    CHECK(d.id() == f.ids[0]);
    CHECK(c.id() == backend_id{});
    d = f.picker.acquire();
    CHECK(d.id() == f.ids[0]);
    CHECK(in_flight() == 1);
    d = {};
    CHECK(d.id() == backend_id{});
  }
  CHECK(in_flight() == 0);
}

TEST_CASE("lease: an empty lease says why it holds no backend") {
  fleet f{round_robin{}};
  CHECK(lease<server>{}.error() == pick_error::empty);
  CHECK(f.picker.acquire().error() == pick_error::empty);
  CHECK(f.picker.acquire().id() == backend_id{});
  f.join(servers(1));
  auto held = f.picker.acquire({.now = at(5s)});
  CHECK(held.error() == pick_error::none);
  CHECK(held.start() == at(5s));
  f.set(0, health_flag::down);
  auto none = f.picker.acquire();
  CHECK(none.error() == pick_error::all_down);
  CHECK(none.start() == time_point{});
  held = std::move(none);
  CHECK(held.error() == pick_error::all_down);
  CHECK(none.error() == pick_error::none);
  f.clear(0, health_flag::down);
  held = f.picker.acquire({.now = at(5s)});
  held.finish(outcome::ok);
  CHECK(held.error() == pick_error::none);
  CHECK(held.start() == time_point{});
}

TEST_CASE("lease: reports are kept for each backend if the pool was asked to") {
  fleet f{round_robin{}, servers(2), 0, {.observations = true}};
  auto const report = [&](outcome how, time_point start, time_point end) {
    std::vector const not_b{f.ids[1]};
    auto l = f.picker.acquire({.now = start, .excluded = not_b});
    l.finish(how, end);
  };
  auto const& seen = *f.pool.observed(f.ids[0]);
  report(outcome::ok, at(1s), at(1s + 30ms));
  report(outcome::error, at(2s), at(2s + 50ms));
  report(outcome::gateway_error, {}, at(3s));  // without a start there is no latency
  report(outcome::local_error, at(3s), {});    // without an end there is none either
  report(outcome::rejected, at(4s), at(4s + 1ms));
  report(outcome::cancelled, at(5s), at(4s));  // a clock that goes back measures nothing
  CHECK(seen.ok == 1);
  CHECK(seen.failed == 3);
  CHECK(seen.consecutive_failures == 3);
  CHECK(seen.measured == 3);
  CHECK(seen.latency == 81'000'000);
  report(outcome::ok, {}, {});
  CHECK(seen.consecutive_failures == 0);
  CHECK(f.pool.observed(f.ids[1])->ok == 0);
  fleet unasked{round_robin{}, servers(1)};
  CHECK(unasked.pool.observed(unasked.ids[0]) == nullptr);
}

TEST_CASE("lease: a late report never reaches the next owner of the slot") {
  fleet f{round_robin{}, servers(1), 0, {.capacity = 1, .observations = true}};
  f.picker.acquire({.now = at(1s)}).finish(outcome::ok, at(2s));
  auto old = f.picker.acquire({.now = at(1s)});
  f.pool.remove(f.ids[0]);
  old.finish(outcome::error, at(2s));
  f.pool.refresh();
  auto const next = f.pool.add({"next"});
  REQUIRE(next.slot == f.ids[0].slot);
  auto const& seen = *f.pool.observed(next);
  CHECK(seen.ok == 0);
  CHECK(seen.failed == 0);
  CHECK(seen.latency == 0);
  CHECK(seen.measured == 0);
  CHECK(seen.consecutive_failures == 0);
}

TEST_CASE("lease: it needs only the pool after picker and balancer ended") {
  pool<server> pool;
  std::vector<lease<server>> held;
  {
    balancer lb{pool, round_robin{}, 0};
    pool.add({"a"});
    auto p = lb.make_picker();
    for (int i = 0; i != 10; ++i) held.push_back(p.acquire());
  }
  CHECK(pool.in_flight(pool.find("a")) == 10);
  CHECK(held.back()->name == "a");
  held.clear();
  CHECK(pool.in_flight(pool.find("a")) == 0);
}

TEST_CASE("lease: an unknown outcome or an impossible time does no harm") {
  CHECK(to_string(static_cast<outcome>(77)) == "unknown");
  CHECK(to_string(static_cast<pick_error>(77)) == "unknown");
  CHECK(detail::elapsed(time_point{std::chrono::nanoseconds{-5}}, time_point{std::chrono::nanoseconds{7}}) ==
        std::chrono::nanoseconds{12});
  fleet f{round_robin{}, servers(1), 0, {.observations = true}};
  auto lease = f.picker.acquire({.now = time_point::min()});
  lease.finish(outcome::ok, time_point::max());
  CHECK(f.pool.observed(f.ids[0])->ok == 1);
}

}  // namespace lease_test

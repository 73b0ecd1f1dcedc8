// SPDX-License-Identifier: MIT
// Weights by load reports. That they are those of Envoy and gRPC is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health/orca_weights.hpp>
#include <equipoise/policy/weighted_random.hpp>

namespace orca_weights_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }
orca_report used(double utilization, double rps = 100) {
  orca_report r;
  r.cpu_utilization = utilization;
  r.rps_fractional = rps;
  return r;
}

template <class Rules>
struct watched {
  equipoise::pool<server> pool;
  orca_weights<server, Rules> weights;
  std::vector<backend_id> ids;

  explicit watched(std::vector<std::uint32_t> const& list, orca_options const& o = {}) : weights{pool, o} {
    for (auto const& s : weighted(list)) ids.push_back(pool.add(s));
  }
  std::vector<std::uint32_t> now() const {
    std::vector<std::uint32_t> all;
    pool.for_each([&](backend_id, auto const&, attributes const& a, health_flag) { all.push_back(a.weight); });
    return all;
  }
};
using numbers = std::vector<std::uint32_t>;
}  // namespace

TEMPLATE_TEST_CASE("orca_weights: more work with less effort gets a higher weight", "", envoy_orca_rules,
                   grpc_orca_rules) {
  rng d{1};
  orca_options o;
  for (int run = 0; run != 1000; ++run) {
    double const u = 0.01 + random_below(d, 200) / 100.0, rps = 1 + random_below(d, 1000);
    auto const w = TestType::weight(used(u, rps), o);
    REQUIRE(w);
    CHECK(*TestType::weight(used(u, 2 * rps), o) >= *w);
    CHECK(*TestType::weight(used(2 * u, rps), o) <= *w);
    auto with_errors = used(u, rps);
    with_errors.eps = rps / 2;
    CHECK(*TestType::weight(with_errors, o) == *w);  // no penalty
    auto penalty = o;
    penalty.error_penalty = 1;
    CHECK(*TestType::weight(with_errors, penalty) <= *w);
  }
}

TEMPLATE_TEST_CASE("orca_weights: a report without work or effort says nothing", "", envoy_orca_rules,
                   grpc_orca_rules) {
  orca_options o;
  o.error_penalty = 1;
  double const inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(!TestType::weight({}, o));
  for (double const bad : {0.0, -1.0, nan, -inf}) {
    CHECK(!TestType::weight(used(bad), o));
    CHECK(!TestType::weight(used(0.5, bad), o));
  }
  auto r = used(0.5);
  r.eps = -1e9;
  CHECK(!TestType::weight(r, o));
  r.eps = nan;
  CHECK(!TestType::weight(r, o));
}

TEST_CASE("orca_weights: utilization is the metrics', else the application's, else CPU") {
  orca_options o;
  auto r = used(0.2);
  CHECK(envoy_orca_rules::utilization(r, o) == 0.2);
  r.application_utilization = 0.5;
  CHECK(envoy_orca_rules::utilization(r, o) == 0.5);
  r.mem_utilization = 0.6;
  r.named_metrics = {{"queue", 0.7}, {"disk", 0.9}};
  CHECK(envoy_orca_rules::utilization(r, o) == 0.5);
  o.metrics = {"mem_utilization", "named_metrics.queue"};
  CHECK(envoy_orca_rules::utilization(r, o) == 0.7);
  o.metrics = {"named_metrics.*"};
  CHECK(envoy_orca_rules::utilization(r, o) == 0.9);
  o.metrics = {"named_metrics.other"};
  CHECK(envoy_orca_rules::utilization(r, o) == 0.5);
}

TEST_CASE("orca_weights: the unknown get Envoy's median or gRPC's mean") {
  using known = std::vector<std::optional<double>>;
  CHECK(envoy_orca_rules::integers(known{{}, 10, 40, 20, {}}) == numbers{20, 10, 40, 20, 20});
  CHECK(envoy_orca_rules::integers(known{10, {}, 21}) == numbers{10, 15, 21});
  CHECK(envoy_orca_rules::integers(known{{}, {}}) == numbers{1, 1});
  CHECK(envoy_orca_rules::integers(known{}).empty());
  CHECK(grpc_orca_rules::integers(known{{}, 1, 3}) == numbers{43690, 21845, 65535});
  CHECK(grpc_orca_rules::integers(known{{}, 7}) == numbers{1, 1});
  CHECK(grpc_orca_rules::integers(known{}).empty());
}

TEMPLATE_TEST_CASE("orca_weights: reports count after the blackout and until they expire", "", envoy_orca_rules,
                   grpc_orca_rules) {
  watched<TestType> w{{1, 1, 1}};
  CHECK(w.weights.report(w.ids[0], used(0.5), at(0s)));
  CHECK(!w.weights.weight(w.ids[0], at(10s) - 1ns));
  CHECK(*w.weights.weight(w.ids[0], at(10s)) == 200);
  CHECK(w.weights.report(w.ids[0], used(0.25), at(100s)));
  CHECK(*w.weights.weight(w.ids[0], at(280s) - 1ns) == 400);
  CHECK(!w.weights.weight(w.ids[0], at(280s) + 1ns));
  CHECK(w.weights.report(w.ids[0], used(0.5), at(300s)));  // the blackout begins again
  CHECK(!w.weights.weight(w.ids[0], at(309s)));
  CHECK(*w.weights.weight(w.ids[0], at(310s)) == 200);
  CHECK(!w.weights.weight(w.ids[1], at(310s)));
}

TEST_CASE("orca_weights: at its age of expiry a report counts for Envoy, not for gRPC") {
  watched<envoy_orca_rules> e{{1}};
  watched<grpc_orca_rules> g{{1}};
  e.weights.report(e.ids[0], used(0.5), at(0s));
  g.weights.report(g.ids[0], used(0.5), at(0s));
  CHECK(e.weights.weight(e.ids[0], at(180s)));
  CHECK(!g.weights.weight(g.ids[0], at(180s)));
}

TEST_CASE("orca_weights: update puts the weights into the pool, and publishes changes only") {
  orca_options o;
  o.blackout = 0s;
  watched<envoy_orca_rules> w{{5, 6, 7, 0}, o};
  CHECK(w.weights.update(at(0s)) == 3);
  CHECK(w.now() == numbers{1, 1, 1, 0});  // no report: all alike
  w.weights.report(w.ids[0], used(1), at(1s));
  w.weights.report(w.ids[2], used(0.5), at(1s));
  w.weights.report(w.ids[3], used(0.1), at(1s));  // weight 0 gets no work, whatever it says
  CHECK(w.weights.update(at(1s)) == 3);
  CHECK(w.now() == numbers{100, 150, 200, 0});
  CHECK(w.weights.update(at(2s)) == 0);
  w.pool.override_attributes(w.ids[2], {.weight = 9});
  w.weights.report(w.ids[0], used(2), at(3s));
  CHECK(w.weights.update(at(3s)) == 2);
  CHECK(w.now() == numbers{50, 125, 9, 0});
  w.pool.clear_overrides(w.ids[2]);
  CHECK(w.weights.update(at(3s)) == 0);
  CHECK(w.now() == numbers{50, 125, 200, 0});
  CHECK(w.weights.update(at(1000s)) == 3);  // all expired
  CHECK(w.now() == numbers{1, 1, 1, 0});
}

TEST_CASE("orca_weights: a list that sets weights again is overruled at the next update") {
  orca_options o;
  o.blackout = 0s;
  watched<envoy_orca_rules> w{{1, 1}, o};
  w.weights.report(w.ids[0], used(1), at(0s));
  w.weights.report(w.ids[1], used(0.5), at(0s));
  w.weights.update(at(0s));
  w.pool.assign(weighted({3, 4}));
  CHECK(w.weights.update(at(1s)) == 2);
  CHECK(w.now() == numbers{100, 200});
}

TEST_CASE("orca_weights: a weight that rounds to 0 is 1, so that no backend is forgotten") {
  orca_options o;
  o.blackout = 0s;
  watched<grpc_orca_rules> w{{1, 1}, o};
  w.weights.report(w.ids[0], used(1, 1e-3), at(0s));
  w.weights.report(w.ids[1], used(1e-6, 1e6), at(0s));
  w.weights.update(at(0s));
  CHECK(w.now() == numbers{1, 65535});
}

TEST_CASE("orca_weights: a bad report leaves the last one standing, a late one is dropped") {
  orca_options o;
  o.blackout = 0s;
  watched<envoy_orca_rules> w{{1, 1}, o};
  w.weights.report(w.ids[0], used(1), at(0s));
  CHECK(!w.weights.report(w.ids[0], used(-1), at(1s)));
  CHECK(*w.weights.weight(w.ids[0], at(1s)) == 100);
  auto const old = w.ids[0];
  w.pool.remove(old);
  w.pool.refresh();
  auto const renewed = w.pool.add(server{"new"});
  REQUIRE(renewed.slot == old.slot);
  CHECK(!w.weights.weight(renewed, at(1s)));
  w.weights.report(renewed, used(0.5), at(1s));
  CHECK(!w.weights.report(old, used(0.1), at(1s)));
  CHECK(!w.weights.report({}, used(0.1), at(1s)));
  CHECK(w.weights.dropped() == 2);
  CHECK(!w.weights.weight(old, at(1s)));
  CHECK(*w.weights.weight(renewed, at(1s)) == 200);
}

TEST_CASE("orca_weights: a clock that goes backwards ends no blackout and expires no report") {
  watched<envoy_orca_rules> w{{1}};
  w.weights.report(w.ids[0], used(1), at(100s));
  CHECK(!w.weights.weight(w.ids[0], at(0s)));
  w.weights.report(w.ids[0], used(1), at(90s));
  CHECK(!w.weights.weight(w.ids[0], at(109s)));
  CHECK(w.weights.weight(w.ids[0], at(110s)));
  CHECK(!w.weights.weight(w.ids[0], at(0s)));
  CHECK(w.weights.weight(w.ids[0], at(110s)));
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("orca_options: a value out of range is refused with its name") {
  pool<server> p;
  auto const refused = [&](auto change, char const* what) {
    orca_options o;
    change(o);
    CHECK_THROWS_WITH((orca_weights<server>{p, o}), ContainsSubstring("orca_options::" + std::string{what}));
  };
  refused([](auto& o) { o.blackout = -1ns; }, "blackout -1 ns is not 0 or more");
  refused([](auto& o) { o.expiry = 0s; }, "expiry 0 ns is not more than 0");
  refused([](auto& o) { o.error_penalty = -0.1; }, "error_penalty -0.1");
  refused([](auto& o) { o.error_penalty = NAN; }, "error_penalty");
  refused([](auto& o) { o.error_penalty = INFINITY; }, "error_penalty");
}
#endif

}  // namespace orca_weights_test

// SPDX-License-Identifier: MIT
#include <equipoise/with/health_page.hpp>

#include "support.hpp"

namespace health_page_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1000h}; }
std::chrono::system_clock::time_point const wall{std::chrono::milliseconds{1'234'567'890'123}};

// A report of checks whose results the test tells.
struct told_report : health_report {
  explicit told_report(std::vector<std::string> const& names) : health_report{checks_of(names), at(0s)} {
    set_phase(health_phase::serving);
    for (auto const& name : names) report(name, health_status::pass, at(1s));
  }
  static std::vector<self_check> checks_of(std::vector<std::string> const& names) {
    std::vector<self_check> checks;
    for (auto const& name : names) checks.push_back({.name = name, .run_every = 0s});
    return checks;
  }
};
}  // namespace

TEST_CASE("health_page: the form that people have, field by field") {
  told_report r{{"database", "redis", "diskSpace"}};
  CHECK(health_page(r.readiness(at(12'345'678us)), wall) ==
        R"({"status":"healthy","checks":{"database":true,"redis":true,"diskSpace":true},"uptime":12.345,)"
        R"("timestamp":"2009-02-13T23:31:30.123Z"})");
  r.report("redis", health_status::fail, at(2s), "secret");
  auto const answer = r.readiness(at(3s));
  CHECK(answer.http_status() == 503);
  CHECK(health_page(answer, wall) ==
        R"({"status":"unhealthy","checks":{"database":true,"redis":false,"diskSpace":true},"uptime":3.0,)"
        R"("timestamp":"2009-02-13T23:31:30.123Z"})");
  CHECK(health_page(health_report{{}, at(0s)}.liveness(at(0s)), wall) ==
        R"({"status":"healthy","checks":{},"uptime":0.0,"timestamp":"2009-02-13T23:31:30.123Z"})");
}

TEST_CASE("health_page: degraded is true, unknown is false, draining is unhealthy") {
  told_report r{{"a", "b"}};
  r.report("a", health_status::warn, at(2s));
  CHECK_THAT(health_page(r.readiness(at(3s)), wall),
             ContainsSubstring(R"("status":"healthy","checks":{"a":true,"b":true})"));
  CHECK_THAT(health_page(r.readiness(at(32s)), wall),
             ContainsSubstring(R"("status":"unhealthy","checks":{"a":true,"b":false})"));
  r.set_phase(health_phase::draining);
  CHECK_THAT(health_page(r.readiness(at(3s)), wall),
             ContainsSubstring(R"("status":"unhealthy","checks":{"a":true,"b":true})"));
}

TEST_CASE("health_json: without details it says the states and nothing else") {
  told_report r{{"a", "b"}};
  r.report("a", health_status::fail, at(2s), "secret");
  CHECK(health_json(r.readiness(at(3s)), wall) ==
        R"({"status":"fail","checks":{"a":[{"status":"fail"}],"b":[{"status":"pass"}]}})");
  CHECK_THAT(health_json(r.readiness(at(31s) + 1ns), wall), ContainsSubstring(R"("b":[{"status":"fail"}])"));
}

TEST_CASE("health_json: with details it says when, how long, why and how often") {
  health_report r{{{.name = "a", .timeout = 2s}, {.name = "b", .critical = false, .shared_dependency = true}}, at(0s)};
  r.set_phase(health_phase::serving);
  auto const run = r.start_next(at(1s));
  REQUIRE(run);
  r.finish(*run, health_status::fail, at(1s) + 1'234'567ns, "connection refused");
  CHECK(health_json(r.readiness(at(3s)), wall, health_details::shown) ==
        R"({"status":"fail","notes":["serving"],"uptime":3.0,"timestamp":"2009-02-13T23:31:30.123Z","checks":{)"
        R"("a":[{"status":"fail","observedValue":1.234,"observedUnit":"ms","time":"2009-02-13T23:31:28.125Z",)"
        R"("output":"connection refused","critical":true,"sharedDependency":false,"resultsAgainst":0,)"
        R"("passed":0,"degraded":0,"failed":1,"timeouts":0,"late":0}],)"
        R"("b":[{"status":"fail","output":"no result yet","critical":false,"sharedDependency":true,)"
        R"("resultsAgainst":0,"passed":0,"degraded":0,"failed":0,"timeouts":0,"late":0}]}})");
  CHECK_THAT(health_json(r.readiness(at(100s)), wall, health_details::shown),
             ContainsSubstring("the latest result is too old"));
}

TEST_CASE("health_page: both forms are JSON whatever bytes names and messages hold") {
  std::string every;
  for (int c = 0; c != 256; ++c) every += static_cast<char>(c);
  std::vector<std::string> const names{every,          "quote\"back\\slash/tab\t", std::string{"zero\0byte", 9},
                                       "\xED\xA0\x80", "\xF4\x90\x80\x80",         "</script>",
                                       "status"};
  told_report r{names};
  rng d{1};
  for (int round = 0; round != 200; ++round) {
    std::string noise(random_below(d, 1200), '\0');
    for (auto& c : noise) c = static_cast<char>(d());
    r.report(names[random_below(d, 7)], static_cast<health_status>(random_below(d, 3)), at(2s), noise);
    auto const answer = r.readiness(at(3s));
    auto const page = nlohmann::json::parse(health_page(answer, wall));
    CHECK(page["checks"].size() == names.size());
    CHECK(page["checks"].contains(std::string{"zero\0byte", 9}));
    auto const json = nlohmann::json::parse(health_json(answer, wall, health_details::shown));
    CHECK(json["checks"].size() == names.size());
    CHECK(json["checks"]["status"][0]["critical"] == true);
  }
}

TEST_CASE("health_page: the first and the last moment of the wall clock have a timestamp") {
  using wall_clock = std::chrono::system_clock;
  told_report r{{"a"}};
  for (auto const now : {wall_clock::time_point::min(), wall_clock::time_point{}, wall_clock::time_point::max()}) {
    auto const page = nlohmann::json::parse(health_page(r.readiness(at(2s)), now));
    CHECK(page["timestamp"].get<std::string>().size() >= 24);
    CHECK(nlohmann::json::accept(health_json(r.readiness(time_point::max()), now, health_details::shown)));
  }
}

}  // namespace health_page_test

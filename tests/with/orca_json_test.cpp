// SPDX-License-Identifier: MIT
#include <equipoise/with/orca_json.hpp>

#include "support.hpp"

namespace orca_json_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("orca_json: the same report in both spellings, with numbers as texts") {
  auto const text = *orca_report::parse(
      "TEXT cpu_utilization=0.7,mem_utilization=0.9,application_utilization=0.8,rps_fractional=1000,eps=2,"
      "named_metrics.bar=0.2,named_metrics.foo=123,utilization.total=0.5,request_cost.rows=3");
  for (auto const* json :
       {R"(JSON {"cpu_utilization": 0.7, "mem_utilization": 0.9, "application_utilization": 0.8, "rps_fractional": 1000,
          "eps": 2, "named_metrics": {"bar": 0.2, "foo": 123}, "utilization": {"total": 0.5},
          "request_cost": {"rows": 3}, "rps": 5})",
        R"(JSON {"cpuUtilization": "0.7", "memUtilization": 0.9, "applicationUtilization": 8e-1, "rpsFractional": "1e3",
          "eps": 2, "namedMetrics": {"foo": "123", "bar": 0.2}, "utilization": {"total": 0.5},
          "requestCost": {"rows": 3}})"}) {
    auto const r = parse_orca_header(json);
    REQUIRE(r.error() == "");
    CHECK(*r == text);
  }
  CHECK(*parse_orca_header("TEXT eps=1") ==
        *parse_orca_header(R"(JSON {"eps":1,"named_metrics":null,"mem_utilization":null})"));
  CHECK(*parse_orca_header("JSON {}") == orca_report{});
}

TEST_CASE("orca_json: nothing of a bad report counts, and the mistake names it") {
  auto const refused = [](std::string const& text, char const* what) {
    auto const r = parse_orca_header(text);
    REQUIRE(!r);
    CHECK_THAT(r.error(), ContainsSubstring(what));
  };
  refused("JSON ", "is not JSON");
  refused("JSON {\"eps\":1", "is not JSON");
  refused("JSON [1]", "is not a JSON object");
  refused("JSON 3", "is not a JSON object");
  refused("json {}", "begins with 'json '");
  refused(R"(JSON {"eps": true})", "no finite number for 'eps'");
  refused(R"(JSON {"eps": "NaN"})", "no finite number for 'eps'");
  refused(R"(JSON {"eps": 1e999})", "load report");
  refused(R"(JSON {"named_metrics": 3})", "no object for 'named_metrics'");
  refused(R"(JSON {"named_metrics": {"a": []}})", "'named_metrics.a'");
  refused(R"(JSON {"named_metrics": {"": 1}})", "'named_metrics.'");
  refused(R"(JSON {"namedMetrics": {"a": 1}, "named_metrics": {"a": 1}})", "'named_metrics.a'");
  refused(R"(JSON {"load": 3})", "'load', which is unknown");
  std::string deep(100'000, '[');
  refused("JSON {\"eps\":" + deep, "is not JSON");
  refused("JSON {\"eps\":" + deep + std::string(100'000, ']') + "}", "no finite number");
}

}  // namespace orca_json_test

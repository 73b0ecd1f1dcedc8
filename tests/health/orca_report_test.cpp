// SPDX-License-Identifier: MIT
// Load reports as text. JSON has its own test in tests/with.
#include "support.hpp"

#include <equipoise/health/orca_report.hpp>

namespace orca_report_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("orca_report: a text with every field is read, with colons too") {
  orca_report expected;
  expected.cpu_utilization = 0.7;
  expected.mem_utilization = 0.9;
  expected.application_utilization = 1.25;
  expected.rps_fractional = 1000;
  expected.eps = 2e-1;
  expected.named_metrics = {{"foo", 123}, {"a.b", -0.5}};
  expected.utilization = {{"disk", 0.5}};
  expected.request_cost = {{"rows", 17}};
  for (auto const* text :
       {"TEXT cpu_utilization=0.7,mem_utilization=.9,application_utilization=1.25,rps_fractional=1e3,eps=2e-1,"
        "named_metrics.foo=123,named_metrics.a.b=-0.5,utilization.disk=0.5,request_cost.rows=17",
        "TEXT  cpu_utilization : 0.7 ,\tmem_utilization:0.9,, application_utilization:1.25 ,rps_fractional:1000,"
        "eps:0.2, named_metrics.foo:123,named_metrics.a.b:-.5,utilization.disk:+0.5,request_cost.rows=17,"}) {
    auto const r = orca_report::parse(text);
    REQUIRE(r.error() == "");
    CHECK(*r == expected);
  }
  CHECK(*orca_report::parse("TEXT ") == orca_report{});
}

TEST_CASE("orca_report: nothing of a bad text counts, and the mistake names it") {
  auto const refused = [](std::string_view text, char const* what) {
    auto const r = orca_report::parse(text);
    REQUIRE(!r);
    CHECK_THAT(r.error(), ContainsSubstring(what));
  };
  refused("", "begins with ''");
  refused("cpu_utilization=0.3", "begins with 'cpu_u'");
  refused("JSON {}", "begins with 'JSON ', not with TEXT");
  refused("BIN CZqZmZmZmbk/", "begins with 'BIN C'");
  refused("TEXT eps=1, eps=2", "'eps', which is empty, there twice");
  refused("TEXT named_metrics.a=1, named_metrics.a=1", "'named_metrics.a', which is empty, there twice");
  refused("TEXT =1", "'', which is empty");
  refused("TEXT eps", "the value '', which is no finite number");
  refused("TEXT eps=", "the value ''");
  for (auto const* value : {"nan", "inf", "-inf", "1e999", "0x10", "\"0.7\"", "1 2", "1.2.3", "--1", "1e", "="})
    refused("TEXT eps=" + std::string{value}, "which is no finite number");
  refused("TEXT rps=3", "'rps', which is unknown");
  refused("TEXT named_metrics=3", "'named_metrics', which is unknown");
  refused("TEXT named_metrics.=3", "'named_metrics.', which is unknown");
  refused("TEXT CPU_utilization=3", "'CPU_utilization', which is unknown");
  refused("TEXT cpu_utilization.x=3", "which is unknown");
}

TEST_CASE("orca_report: more than 1000 names are a mistake") {
  std::string text = "TEXT eps=1";
  for (int i = 1; i != 1000; ++i) text += ",named_metrics." + std::to_string(i) + "=1";
  CHECK(orca_report::parse(text)->named_metrics.size() == 999);
  CHECK(!orca_report::parse(text + ",mem_utilization=1"));
}

TEST_CASE("orca_report: largest finds one number, one of a map, or all of a map") {
  auto const r =
      *orca_report::parse("TEXT eps=3,named_metrics.a=2,named_metrics.b=5,utilization.a=7,named_metrics.c=-1");
  CHECK(r.largest("eps") == 3);
  CHECK(orca_report::parse("TEXT eps=-3")->largest("eps") == 0);
  CHECK(r.largest("named_metrics.a") == 2);
  CHECK(r.largest("named_metrics.*") == 5);
  CHECK(r.largest("utilization.*") == 7);
  for (auto const* name :
       {"named_metrics.c", "named_metrics.d", "named_metrics", "named_metrics.", "a", "", "request_cost.*"})
    CHECK(r.largest(name) == 0);
}

}  // namespace orca_report_test

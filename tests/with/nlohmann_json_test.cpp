// SPDX-License-Identifier: MIT
#include <equipoise/with/nlohmann_json.hpp>

#include "support.hpp"

#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace nlohmann_json_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("explanation as JSON: every field, in a fixed order") {
  fleet f{round_robin{}, servers(100)};
  CHECK_THAT(
      json_text(f.picker.explain()),
      Catch::Matchers::StartsWith(
          R"({"choice":"A","error":"none","detail":"","notes":[],"policy":"round_robin","key":"","rows":[{"id":")" +
          to_string(f.ids[0]) +
          R"(","key":"A","verdict":"chosen","had_its_turn":true,"numbers":{"weight":1,"in_flight":0}},)") &&
          Catch::Matchers::EndsWith(R"(],"more":36})"));
  CHECK(json_text(explanation{}) ==
        R"({"choice":null,"error":"empty","detail":"","notes":[],"policy":"","key":"","rows":[],"more":0})");
}

TEST_CASE("explanation as JSON: no choice is null, and the error has its name") {
  fleet f{round_robin{}, servers(1)};
  f.set(0, health_flag::down);
  CHECK_THAT(json_text(f.picker.explain()), ContainsSubstring(R"("choice":null,"error":"all_down")"));
}

TEST_CASE("explanation as JSON: it is well formed whatever bytes the keys contain") {
  std::string every;
  for (int c = 1; c != 256; ++c) every += static_cast<char>(c);
  fleet f{least_connections{}, {{every, 3}, {"quote\"back\\slash/tab\t", 7}, {"zero\0byte", 1}}};
  auto const held = f.picker.acquire();
  for (std::size_t i = 0; i != 4; ++i) {
    auto const text = json_text(f.picker.explain());
    CHECK(nlohmann::json::accept(text));
    CHECK_THAT(text, ContainsSubstring(R"(quote\"back\\slash/tab\t)"));
    CHECK_THAT(text, ContainsSubstring(R"("policy":"least_connections")"));
    if (i < 3) f.set(i, health_flag::down);
  }
}

TEST_CASE("explanation as JSON: bytes that are not UTF-8 become U+FFFD") {
  auto const written = [](std::string const& key) {
    pool<server> p;
    p.add(server{key});
    balancer lb{p, round_robin{}, 0};
    return nlohmann::json::parse(json_text(lb.make_picker().explain()))["rows"][0]["key"].get<std::string>();
  };
  std::string const replaced = "\xEF\xBF\xBD";
  CHECK(written("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x8E") == "\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x8E");
  CHECK(written("\xFFz") == replaced + "z");
  CHECK(written("\xC3") == replaced);
  for (std::string ill_formed : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82q"})
    CHECK_THAT(written(ill_formed), Catch::Matchers::StartsWith(replaced));
}

TEST_CASE("explanation as JSON: numbers are whole, with a point, or null") {
  explanation e;
  e.rows.push_back(
      {{},
       "k",
       "not asked",
       {{"whole", 3}, {"part", 0.5}, {"huge", 1e18}, {"infinite", INFINITY}, {"none", NAN}, {"negative", -2}}});
  auto const text = json_text(e);
  CHECK(nlohmann::json::accept(text));
  CHECK_THAT(text, ContainsSubstring(R"("whole":3,"part":0.5)") &&
                       ContainsSubstring(R"("infinite":null,"none":null,"negative":-2)"));
}

TEST_CASE("metrics: every member has its health, attributes, load and reports") {
  fleet f{round_robin{}, {{"A", 3, 1, "west"}, {"B"}}, 0, {.observations = true}};
  auto held = f.picker.acquire();
  f.picker.acquire().finish(outcome::local_error);
  f.set(1, health_flag::draining);
  auto const m = metrics(f.pool);
  CHECK(m["members"] == 2);
  CHECK(m["stale_reports"] == 0);
  CHECK(m["waiting"]["slots"] == 0);
  auto const& a = m["backends"][0];
  CHECK(a["key"] == "A");
  CHECK(a["id"] == to_string(f.ids[0]));
  CHECK(a["health"] == "up");
  CHECK(a["weight"] == 3);
  CHECK(a["priority"] == 1);
  CHECK(a["zone"] == "west");
  CHECK(a["in_flight"] == 1);
  CHECK(a["observed"]["failed"] == 0);
  auto const& b = m["backends"][1];
  CHECK(b["health"] == "draining");
  CHECK(b["observed"]["failed"] == 1);
  CHECK(b["observed"]["consecutive_failures"] == 1);
  CHECK(metrics(fleet{round_robin{}, servers(1)}.pool)["backends"][0]["observed"].is_null());
}

}  // namespace nlohmann_json_test

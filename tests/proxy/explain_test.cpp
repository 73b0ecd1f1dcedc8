// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "fixture.hpp"

#include <nlohmann/json.hpp>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("The explain page says why a backend is not chosen") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{"[checks]\ninterval = \"20ms\"\nfall = 1\n" + a.toml("a") + dead_backend("b")};
  auto const about = [&](std::string const& name) {
    return nlohmann::json::parse(p.body_of("/-/explain?backend=" + name))["backend"];
  };
  REQUIRE(eventually([&] { return about("b")["state"] == "down"; }));
  CHECK(about("b")["verdict"] == "down");
  CHECK(about("b")["text"] == "b is not chosen: down");
  CHECK(about("a")["verdict"] == "chosen");
  CHECK_THAT(p.get("/-/explain?backend=none"),
             ContainsSubstring("404") && ContainsSubstring("no backend named \"none\""));
}

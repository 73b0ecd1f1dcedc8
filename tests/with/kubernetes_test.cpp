// SPDX-License-Identifier: MIT
#include <equipoise/with/kubernetes.hpp>

#include "support.hpp"

#include <fstream>
#include <sstream>

namespace kubernetes_test {
using namespace equipoise;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {
std::string recorded(std::string const& name) {
  std::ifstream in{std::string{EQUIPOISE_RECORDED} + "/kubernetes/" + name, std::ios::binary};
  REQUIRE(in);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
// "10.244.1.5:8080 10.244.2.7:8080!draining"
std::string shown(endpoint_slices const& s) {
  std::string all;
  for (auto const& d : s.members()) {
    all += (all.empty() ? "" : " ") + d.name;
    if (d.flags != health_flag::none) all += "!" + to_string(d.flags);
  }
  return all;
}

// The lists are vectors, because compilers differ about the braces of a json with one element.
json slice(std::string const& name, std::vector<json> const& endpoints,
           json ports = {{{"name", "http"}, {"port", 80}}}) {
  return {{"metadata", {{"name", name}, {"namespace", "prod"}, {"resourceVersion", "7"}}},
          {"addressType", "IPv4"},
          {"endpoints", endpoints},
          {"ports", std::move(ports)}};
}
json endpoint_at(std::string const& address, json conditions = json::object()) {
  return {{"addresses", json::array({address})}, {"conditions", std::move(conditions)}};
}
std::string list_of(std::vector<json> const& items) {
  return json{{"kind", "EndpointSliceList"}, {"metadata", {{"resourceVersion", "7"}}}, {"items", items}}.dump();
}
std::string event_of(std::string const& type, json object) {
  return json{{"type", type}, {"object", std::move(object)}}.dump();
}
endpoint_slice_options shop(endpoint_slice_options o = {}) {
  o.service = "shop";
  o.port = "http";
  return o;
}
}  // namespace

TEST_CASE("endpoint_slices: a deployment as an API server tells it, event by event") {
  endpoint_slices s{shop()};
  CHECK(s.needs_list());
  REQUIRE(s.list(recorded("list.json")));
  CHECK(!s.needs_list());
  CHECK(s.version() == "18234");
  CHECK(shown(s) == "10.244.1.5:8080 10.244.2.7:8080");
  auto const all = s.members();
  CHECK(all[0].at.attrs.zone == "zone-a");
  CHECK(all[0].incarnation == "0d5e8a4c-51f5-4f0b-8a3e-000000000001");

  std::istringstream lines{recorded("watch.jsonl")};
  std::string const after[][2] = {
      {"18260", "10.244.1.5:8080 10.244.2.7:8080 10.244.3.9:8080"},
      {"18400", "10.244.1.5:8080 10.244.2.7:8080 10.244.3.9:8080"},                  // a bookmark
      {"18500", "10.244.1.5:8080 10.244.2.7:8080 10.244.3.9:8080 10.244.4.2:8080"},  // 2.7 is in two slices
      {"18501", "10.244.1.5:8080!draining 10.244.2.7:8080 10.244.3.9:8080 10.244.4.2:8080"},
      {"18510", "10.244.1.5:8080!draining 10.244.2.7:8080 10.244.3.9:8080 10.244.4.2:8080"},  // another service
      {"18620", "10.244.2.7:8080 10.244.3.9:8080 10.244.4.2:8080"},
      {"18700", "10.244.2.7:8080 10.244.4.2:8080"}};
  for (auto const& [version, members] : after) {
    std::string line;
    REQUIRE(std::getline(lines, line));
    REQUIRE(s.event(line));
    CHECK(s.version() == version);
    CHECK(shown(s) == members);
  }

  auto const gone = s.bytes(recorded("expired.jsonl"));
  CHECK(gone.error() == "equipoise: the watch ended with 410: too old resource version: 18700 (23871)");
  CHECK(s.needs_list());
  CHECK(s.version().empty());
  CHECK(shown(s) == "10.244.2.7:8080 10.244.4.2:8080");  // until the list is here
  REQUIRE(s.list(recorded("list_after_expiry.json")));
  CHECK(s.version() == "24001");
  CHECK(shown(s) == "10.244.4.2:8080");
}

TEST_CASE("endpoint_slices: the bytes of a watch may be cut anywhere") {
  auto const text = recorded("watch.jsonl");
  for (std::size_t size : {1u, 2u, 7u, 1000u, 4096u, 1u << 20}) {
    endpoint_slices s{shop()};
    REQUIRE(s.list(recorded("list.json")));
    for (std::size_t i = 0; i < text.size(); i += size) REQUIRE(s.bytes(std::string_view{text}.substr(i, size)));
    CHECK(s.version() == "18700");
    CHECK(shown(s) == "10.244.2.7:8080 10.244.4.2:8080");
  }
}

TEST_CASE("endpoint_slices: a watch that breaks goes on from the last version") {
  auto const text = recorded("watch.jsonl");
  endpoint_slices s{shop()};
  REQUIRE(s.list(recorded("list.json")));
  auto const third = text.find("18500");
  REQUIRE(s.bytes(text.substr(0, third)));  // the connection ends within the third event
  s.disconnected();
  CHECK(s.version() == "18400");
  CHECK(!s.needs_list());
  auto const begin = text.rfind('\n', third) + 1;
  REQUIRE(s.bytes(text.substr(begin)));
  CHECK(shown(s) == "10.244.2.7:8080 10.244.4.2:8080");
}

TEST_CASE("endpoint_slices: a list in pages counts once it is complete") {
  endpoint_slices s{shop({.keeps_unready = true})};
  REQUIRE(s.list(recorded("list_page_1.json")));
  CHECK(!s.next_page().empty());
  CHECK(s.needs_list());
  CHECK(s.members().empty());
  REQUIRE(s.list(recorded("list_page_2.json")));
  CHECK(s.next_page().empty());
  CHECK(shown(s) == "10.244.1.5:8080 10.244.2.7:8080 10.244.3.9:8080!down");
  REQUIRE(s.list(recorded("list_page_1.json")));
  s.expired();  // 410 for the second page
  CHECK(s.next_page().empty());
  CHECK(shown(s) == "10.244.1.5:8080 10.244.2.7:8080 10.244.3.9:8080!down");
  REQUIRE(s.list(recorded("list_after_expiry.json")));
  CHECK(shown(s) == "10.244.4.2:8080");
}

TEST_CASE("endpoint_slices: every combination of conditions, absent ones too") {
  json const values[] = {json{}, true, false};
  for (auto const& ready : values)
    for (auto const& serving : values)
      for (auto const& terminating : values) {
        json conditions = json::object();
        if (!ready.is_null()) conditions["ready"] = ready;
        if (!serving.is_null()) conditions["serving"] = serving;
        if (!terminating.is_null()) conditions["terminating"] = terminating;
        bool const r = ready.is_null() || ready == true;               // unknown is ready
        bool const s = serving.is_null() ? r : serving == true;        // unknown is as ready
        bool const t = !terminating.is_null() && terminating == true;  // unknown is not terminating
        INFO(conditions);
        endpoint_slices some, all{{.keeps_unready = true}};
        auto const text = list_of({slice("x", {endpoint_at("10.0.0.1", conditions)})});
        REQUIRE(some.list(text));
        REQUIRE(all.list(text));
        CHECK(shown(some) == (r ? "10.0.0.1:80" : s && t ? "10.0.0.1:80!draining" : ""));
        CHECK(shown(all) == (r ? "10.0.0.1:80" : s && t ? "10.0.0.1:80!draining" : "10.0.0.1:80!down"));
      }
}

TEST_CASE("endpoint_slices: as a last resort those that terminate get new work") {
  json const leaving{{"ready", false}, {"serving", true}, {"terminating", true}};
  endpoint_slices s{{.terminating_as_last_resort = true}};
  REQUIRE(s.list(list_of({slice("x", {endpoint_at("10.0.0.1", leaving), endpoint_at("10.0.0.2")})})));
  CHECK(shown(s) == "10.0.0.1:80!draining 10.0.0.2:80");
  REQUIRE(s.event(event_of("MODIFIED", slice("x", {endpoint_at("10.0.0.1", leaving)}))));
  CHECK(shown(s) == "10.0.0.1:80");
}

TEST_CASE("endpoint_slices: hints count if all endpoints have them and one is for this zone") {
  auto const in = [](std::string zone, json for_zones, bool ready = true) {
    static int n = 0;
    json e = endpoint_at("10.0.1." + std::to_string(++n), {{"ready", ready}});
    e["zone"] = zone;
    if (!for_zones.is_null()) e["hints"] = {{"forZones", std::move(for_zones)}};
    return e;
  };
  auto const count = [](std::string zone, json endpoints) {
    endpoint_slices s{{.zone = std::move(zone)}};
    REQUIRE(s.list(list_of({slice("x", std::move(endpoints))})));
    return s.members().size();
  };
  json const a = {{{"name", "a"}}}, b = {{{"name", "b"}}}, both = {{{"name", "a"}}, {{"name", "b"}}};
  json const three = {in("a", a), in("b", b), in("c", both)};
  CHECK(count("a", three) == 2);
  CHECK(count("b", three) == 2);
  CHECK(count("c", three) == 3);  // none is for it
  CHECK(count("", three) == 3);
  CHECK(count("a", {in("a", a), in("b", b), in("b", json{})}) == 3);         // one has no hint
  CHECK(count("a", {in("a", a), in("b", b), in("b", json{}, false)}) == 1);  // it is not ready, so it does not matter
}

TEST_CASE("endpoint_slices: of two in two slices, the one that changed last counts") {
  endpoint_slices s{{.keeps_unready = true}};
  REQUIRE(s.list(list_of({slice("x", {endpoint_at("10.0.0.1")}), slice("y", json::array())})));
  REQUIRE(s.event(event_of("MODIFIED", slice("y", {endpoint_at("10.0.0.1", {{"ready", false}})}))));
  CHECK(shown(s) == "10.0.0.1:80!down");
  REQUIRE(s.event(event_of("MODIFIED", slice("x", {endpoint_at("10.0.0.1"), endpoint_at("10.0.0.2")}))));
  CHECK(shown(s) == "10.0.0.1:80 10.0.0.2:80");
  REQUIRE(s.event(event_of("DELETED", slice("x", json::array()))));
  CHECK(shown(s) == "10.0.0.1:80!down");
}

TEST_CASE("endpoint_slices: ports by name, by being the only one, and not at all") {
  json const two = {{{"name", "http"}, {"port", 80}}, {{"name", "grpc"}, {"port", 90}}};
  std::vector<json> const e{endpoint_at("10.0.0.1")};
  auto const with = [&](std::string port, json ports) {
    endpoint_slices s{{.port = std::move(port)}};
    auto const done = s.list(list_of({slice("x", e, std::move(ports))}));
    if (!done) return done.error();
    return shown(s) + (s.slices_without_port() != 0 ? " lacks it" : "");
  };
  CHECK(with("grpc", two) == "10.0.0.1:90");
  CHECK(with("htttp", two) == " lacks it");
  CHECK(with("", {{{"port", 70}}}) == "10.0.0.1:70");
  CHECK(with("", json{}) == " lacks it");
  CHECK(with("", {{{"name", ""}}}) == " lacks it");  // all ports
  CHECK_THAT(with("", two), ContainsSubstring("list.items[0].ports") && ContainsSubstring("must name one"));
}

TEST_CASE("endpoint_slices: three types of addresses, and one of them by option") {
  auto v6 = slice("six", {endpoint_at("fd00::1")}), fqdn = slice("name", {endpoint_at("db.example.com")});
  v6["addressType"] = "IPv6";
  fqdn["addressType"] = "FQDN";
  auto const text = list_of({slice("four", {endpoint_at("10.0.0.1")}), v6, fqdn});
  auto const with = [&](std::string type) {
    endpoint_slices s{{.address_type = std::move(type)}};
    REQUIRE(s.list(text));
    return shown(s);
  };
  CHECK(with("") == "10.0.0.1:80 [fd00::1]:80 db.example.com:80");
  CHECK(with("IPv4") == "10.0.0.1:80");
  CHECK(with("IPv6") == "[fd00::1]:80");
  CHECK(with("FQDN") == "db.example.com:80");
  CHECK_THROWS_WITH((endpoint_slices{{.address_type = "ipv4"}}),
                    "equipoise: endpoint_slice_options::address_type 'ipv4' is not IPv4, IPv6 or FQDN");
}

TEST_CASE("endpoint_slices: a bad field refuses the list and the event, and names itself") {
  endpoint_slices s{{.keeps_unready = true}};
  REQUIRE(s.list(list_of({slice("x", {endpoint_at("10.0.0.1")})})));
  struct {
    char const* pointer;
    json value;
    char const* said;
  } const cases[] = {
      {"/metadata/name", json{}, ".metadata.name is missing"},
      {"/metadata/name", 5, ".metadata.name 5 is no text"},
      {"/metadata", "x", ".metadata \"x\" is no object"},
      {"/kind", "Pod", ".kind \"Pod\" is not EndpointSlice"},
      {"/addressType", "IPv5", ".addressType \"IPv5\" is not"},
      {"/addressType", json{}, ".addressType is not"},
      {"/endpoints", 7, ".endpoints 7 is no list"},
      {"/endpoints/0", "e", ".endpoints[0] \"e\" is no object"},
      {"/endpoints/0/addresses", json::array(), ".endpoints[0].addresses [] must have an address"},
      {"/endpoints/0/addresses", {""}, ".endpoints[0].addresses [\"\"] is no list of IPv4"},
      {"/endpoints/0/addresses", {"10.0.0.300"}, "10.0.0.300"},
      {"/endpoints/0/addresses", {"fd00::1"}, "is no list of IPv4"},
      {"/endpoints/0/conditions", true, ".conditions true is no object"},
      {"/endpoints/0/conditions/ready", "yes", ".conditions.ready \"yes\" is neither"},
      {"/endpoints/0/hints", {{"forZones", "a"}}, ".hints.forZones \"a\" is no list"},
      {"/endpoints/0/zone", 3, ".zone 3 is no text"},
      {"/ports/0/port", -1, ".ports[0].port -1 is outside 1 … 65535"},
      {"/ports/0/port", 65536, ".ports[0].port 65536 is outside"},
      {"/ports/0/port", 1e30, ".ports[0].port 1e+30 is no whole number"},
      {"/ports/0/port", 18446744073709551615u, "is outside"},
      {"/ports/0/port", 80.5, "is no whole number"},
  };
  for (auto const& c : cases) {
    INFO(c.pointer << ' ' << c.value);
    auto bad = slice("x", {endpoint_at("10.0.0.2")});
    bad[json::json_pointer{c.pointer}] = c.value;
    auto const listed = s.list(list_of({slice("y", {endpoint_at("10.0.0.3")}), bad}));
    CHECK_THAT(listed.error(), ContainsSubstring("equipoise: list.items[1]") && ContainsSubstring(c.said));
    auto const told = s.event(event_of("MODIFIED", bad));
    CHECK_THAT(told.error(), ContainsSubstring("equipoise: event.object") && ContainsSubstring(c.said));
    CHECK(shown(s) == "10.0.0.1:80");
    CHECK(s.version() == "7");
    CHECK(!s.needs_list());
  }
}

TEST_CASE("endpoint_slices: what is no list and no event is refused") {
  endpoint_slices s;
  CHECK_THAT(s.event(event_of("ADDED", slice("x", {endpoint_at("10.0.0.1")}))).error(),
             ContainsSubstring("before the list"));
  for (char const* text : {"", "{", "[]", "null", "\xFF", "{\"items\":[]}", "{\"metadata\":{\"resourceVersion\":5}}",
                           "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":{}}", "{\"kind\":\"PodList\"}"}) {
    CHECK_THAT(s.list(text).error(), ContainsSubstring("equipoise: "));
    CHECK(s.needs_list());
  }
  REQUIRE(s.list(list_of({slice("x", {endpoint_at("10.0.0.1")})})));
  for (char const* text : {"", "{", "[]", "3", "{\"type\":\"ADDED\"}", "{\"type\":7,\"object\":{}}",
                           "{\"type\":\"RENAMED\",\"object\":{\"metadata\":{\"resourceVersion\":\"9\"}}}",
                           "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}"}) {
    CHECK_THAT(s.event(text).error(), ContainsSubstring("equipoise: "));
    CHECK(shown(s) == "10.0.0.1:80");
    CHECK(s.version() == "7");
  }
  // Deep nesting costs no stack, and other errors than 410 need no list.
  CHECK(!s.event(std::string(100'000, '[')));
  CHECK(!s.event(event_of("ERROR", {{"code", 500}, {"message", "etcd has no leader"}})));
  CHECK(!s.needs_list());
  CHECK(!s.event(event_of("ERROR", "what")));
  CHECK(!s.needs_list());
}

TEST_CASE("endpoint_slices: after a bad line the good ones behind it count") {
  endpoint_slices s;
  REQUIRE(s.list(list_of({slice("x", {endpoint_at("10.0.0.1")})})));
  auto const done =
      s.bytes("garbled\n" + event_of("ADDED", slice("y", {endpoint_at("10.0.0.2")})) + "\r\n\r\n{\"half\":");
  CHECK_THAT(done.error(), ContainsSubstring("the event is not JSON: \"garbled\""));
  CHECK(shown(s) == "10.0.0.1:80 10.0.0.2:80");
  CHECK_THAT(s.bytes(std::string(17u << 20, ' ')).error(), ContainsSubstring("more than 16 MiB"));
  REQUIRE(s.bytes(event_of("DELETED", slice("x", json::array())) + "\n"));
  CHECK(shown(s) == "10.0.0.2:80");
}

// Any order of events on slices gives the union of what the slices say last.
TEST_CASE("endpoint_slices: the members are the union of the slices, after any events") {
  for (std::uint64_t seed = 1; seed != 10; ++seed) {
    rng d{seed};
    endpoint_slices s;
    REQUIRE(s.list(list_of(json::array())));
    std::map<std::string, std::vector<std::string>> model;
    for (int step = 0; step != 300; ++step) {
      std::string const name = "slice-" + std::to_string(random_below(d, 5));
      json endpoints = json::array();
      std::vector<std::string> addresses;
      for (std::uint32_t i = random_below(d, 4); i != 0; --i) {
        addresses.push_back("10.0.0." + std::to_string(random_below(d, 12)));
        endpoints.push_back(endpoint_at(addresses.back()));
      }
      bool const gone = random_below(d, 4) == 0;
      REQUIRE(s.event(event_of(gone                     ? "DELETED"
                               : model.count(name) != 0 ? "MODIFIED"
                                                        : "ADDED",
                               slice(name, endpoints))));
      if (gone)
        model.erase(name);
      else
        model[name] = addresses;
      std::map<std::string, int> expected;
      for (auto const& [n, list] : model)
        for (auto const& a : list) expected[a + ":80"] = 1;
      auto const members = s.members();
      REQUIRE(members.size() == expected.size());
      for (auto const& m : members) REQUIRE(expected.count(m.name) == 1);
    }
  }
}

}  // namespace kubernetes_test

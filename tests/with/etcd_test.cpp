// SPDX-License-Identifier: MIT
// What an etcd_source asks and makes of answers. That a real etcd is understood is shown by etcd_client_test.cpp.
#include <equipoise/with/etcd.hpp>

#include "support.hpp"

namespace etcd_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;
using kind = etcd_task::kind;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

json pair_of(std::string const& key, std::string const& value, std::int64_t revision = 5) {
  return {{"key", detail::base64("/equipoise/" + key)},
          {"create_revision", "2"},
          {"mod_revision", std::to_string(revision)},
          {"version", "1"},
          {"value", detail::base64(value)}};
}
json head(std::int64_t revision, std::string const& cluster = "14841639068965178418") {
  return {{"cluster_id", cluster},
          {"member_id", "10276657743932975437"},
          {"revision", std::to_string(revision)},
          {"raft_term", "2"}};
}
// A vector, because compilers differ about the braces of a json with one element.
std::string range_of(std::vector<json> const& kvs, std::int64_t revision = 10,
                     std::string const& cluster = "14841639068965178418") {
  return json{{"header", head(revision, cluster)}, {"count", std::to_string(kvs.size())}, {"kvs", kvs}}.dump();
}
std::string line(json result) { return json{{"result", std::move(result)}}.dump() + "\n"; }
std::string created(std::int64_t revision = 10, std::string const& cluster = "14841639068965178418") {
  return line({{"header", head(revision, cluster)}, {"created", true}});
}
std::string put(std::string const& key, std::string const& value, std::int64_t revision) {
  return line({{"header", head(revision)}, {"events", {{{"kv", pair_of(key, value, revision)}}}}});
}
std::string erased(std::string const& key, std::int64_t revision) {
  json kv{{"key", detail::base64("/equipoise/" + key)}, {"mod_revision", std::to_string(revision)}};
  return line({{"header", head(revision)}, {"events", {{{"type", "DELETE"}, {"kv", kv}}}}});
}
// {"create_request": …} of a task.
json request_of(etcd_task const& t) { return json::parse(t.body)["create_request"]; }

std::string shown(etcd_source const& s) {
  std::string all;
  for (auto const& d : s.members()) {
    all += (all.empty() ? "" : " ") + d.name + "=" + d.at.text() + "*" + std::to_string(d.at.attrs.weight);
    if (d.flags != health_flag::none) all += "!" + to_string(d.flags);
  }
  return all;
}
etcd_options three() {
  return {.endpoints = {"10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"}, .retry = {100ms, 1s}};
}
// A source that watches, with the members a and b, at revision 10.
struct watching {
  etcd_source source{three()};
  etcd_task task;
  watching() {
    REQUIRE(source.next(at(0s)).what == kind::range);
    REQUIRE(source.range_answer(200,
                                range_of({pair_of("members/a", R"({"address": "10.1.0.1:80"})"),
                                          pair_of("members/b", R"({"address": "10.1.0.2:80"})")}),
                                at(0s)));
    task = source.next(at(0s));
    REQUIRE(task.what == kind::watch);
    REQUIRE(source.watch_bytes(created(), at(0s)));
  }
  result<> say(std::string const& bytes) { return source.watch_bytes(bytes, at(1s)); }
};
}  // namespace

TEST_CASE("base64: every length both ways, and nothing else is taken") {
  rng d{1};
  for (std::size_t n = 0; n != 100; ++n) {
    std::string bytes;
    for (std::size_t i = 0; i != n; ++i) bytes += static_cast<char>(random_below(d, 256));
    auto const text = detail::base64(bytes);
    CHECK(text.size() == (n + 2) / 3 * 4);
    CHECK(detail::from_base64(text) == bytes);
  }
  CHECK(detail::base64("foo") == "Zm9v");
  CHECK(detail::base64("hi") == "aGk=");
  CHECK(detail::base64("f") == "Zg==");
  for (char const* bad :
       {"Z", "Zm", "Zm9", "Zm9v=", "Zm9v====", "Z===", "====", "Zm 9v", "Zm-_", "Zh==", "Zm9=", "Z=9v"})
    CHECK(!detail::from_base64(bad));
}

TEST_CASE("etcd_source: first a range of the prefix, then a watch from the next revision") {
  etcd_source s{three()};
  auto const range = s.next(at(0s));
  CHECK(range.what == kind::range);
  CHECK(range.target == "/v3/kv/range");
  CHECK(json::parse(range.body) ==
        json{{"key", detail::base64("/equipoise/")}, {"range_end", detail::base64("/equipoise0")}});
  REQUIRE(s.range_answer(200,
                         range_of({pair_of("members/a", R"({"address": "10.1.0.1:80", "weight": 3, "zone": "west",
      "priority": 1, "started": "today"})"),
                                   pair_of("elsewhere/x", "nothing"), pair_of("members/", "no name")},
                                  42),
                         at(0s)));
  CHECK(shown(s) == "a=10.1.0.1:80*3");
  CHECK(s.members()[0].at.attrs == attributes{3, 1, "west"});
  CHECK(s.mistake().empty());
  auto const watch = s.next(at(0s));
  CHECK(watch.what == kind::watch);
  CHECK(watch.target == "/v3/watch");
  CHECK(watch.endpoint == range.endpoint);
  CHECK(request_of(watch)["key"] == detail::base64("/equipoise/"));
  CHECK(request_of(watch)["range_end"] == detail::base64("/equipoise0"));
  CHECK(request_of(watch)["start_revision"] == "43");
  CHECK(s.is_watching());
}

TEST_CASE("etcd_source: events change members and operators' words") {
  watching w;
  CHECK(shown(w.source) == "a=10.1.0.1:80*1 b=10.1.0.2:80*1");
  REQUIRE(w.say(put("operators/a", R"({"drain": true, "by": "jane", "why": "kernel"})", 11)));
  CHECK(shown(w.source) == "a=10.1.0.1:80*1!draining b=10.1.0.2:80*1");
  REQUIRE(w.say(put("members/a", R"({"address": "10.1.0.1:80", "weight": 7})", 12)));  // the word stays
  CHECK(shown(w.source) == "a=10.1.0.1:80*7!draining b=10.1.0.2:80*1");
  REQUIRE(w.say(put("operators/a", R"({"maintenance": true, "weight": 0})", 13)));
  CHECK(shown(w.source) == "a=10.1.0.1:80*0!maintenance b=10.1.0.2:80*1");
  REQUIRE(w.say(put("operators/c", R"({"drain": true})", 14)));  // before c is there
  REQUIRE(w.say(erased("operators/a", 15) + erased("members/b", 16)));
  CHECK(shown(w.source) == "a=10.1.0.1:80*7");
  REQUIRE(w.say(put("members/c", R"({"address": "[fd00::1]:80"})", 17)));
  CHECK(shown(w.source) == "a=10.1.0.1:80*7 c=[fd00::1]:80*1!draining");
  REQUIRE(w.say(erased("members/zzz", 18)));
  CHECK(w.source.revision() == 18);
  CHECK(w.source.events() == 8);
}

TEST_CASE("etcd_source: the bytes of a watch may be cut anywhere") {
  std::string const text = put("operators/a", R"({"drain": true})", 11) + "\r\n" + erased("members/b", 12);
  for (std::size_t size : {1u, 3u, 100u}) {
    watching w;
    for (std::size_t i = 0; i < text.size(); i += size) REQUIRE(w.say(text.substr(i, size)));
    CHECK(shown(w.source) == "a=10.1.0.1:80*1!draining");
  }
}

TEST_CASE("etcd_source: a lost connection changes nothing, and the watch goes on elsewhere") {
  watching w;
  REQUIRE(w.say(put("members/a", R"({"address": "10.1.0.1:80", "weight": 2})", 11) + "{\"result\":{\"hea"));
  w.source.failed("end of stream", at(5s));
  CHECK(!w.source.is_watching());
  CHECK_THAT(w.source.problem(), ContainsSubstring(w.task.endpoint + ": end of stream"));
  CHECK(shown(w.source) == "a=10.1.0.1:80*2 b=10.1.0.2:80*1");
  auto const again = w.source.next(at(5s));  // at once
  CHECK(again.what == kind::watch);
  CHECK(again.endpoint != w.task.endpoint);
  CHECK(request_of(again)["start_revision"] == "12");
  REQUIRE(w.source.watch_bytes(created(11), at(5s)));  // without the half of a line from before
  CHECK(w.source.problem().empty());
  CHECK(w.source.ranges() == 1);
}

TEST_CASE("etcd_source: each endpoint is tried at once, then there is a wait that grows") {
  etcd_source s{three(), 7};
  auto now = at(0s);
  std::chrono::nanoseconds longest = 100ms;
  for (int round = 0; round != 8; ++round) {
    std::map<std::string, int> tried;
    for (int i = 0; i != 3; ++i) {
      auto const t = s.next(now);
      REQUIRE(t.what == kind::range);
      ++tried[t.endpoint];
      s.failed("connection refused", now);
    }
    CHECK(tried.size() == 3);
    auto const t = s.next(now);
    REQUIRE(t.what == kind::wait);
    auto const wait = detail::elapsed(now, t.at);
    CHECK(wait >= longest / 2);
    CHECK(wait <= longest);
    CHECK(s.next(t.at - 1ns).what == kind::wait);
    now = t.at;
    longest = std::min<std::chrono::nanoseconds>(longest * 2, 1s);
  }
  // A connection that lasted makes the waits short again; one that breaks at once does not.
  REQUIRE(s.next(now).what == kind::range);
  REQUIRE(s.range_answer(200, range_of({}), now));
  for (bool const lasts : {false, false, true}) {
    REQUIRE(s.next(now).what == kind::watch);
    REQUIRE(s.watch_bytes(created(), now));
    if (lasts) now += 1s;
    s.failed("reset", now);
  }
  for (int i = 0; i != 2; ++i) {
    REQUIRE(s.next(now).what == kind::watch);
    s.failed("reset", now);
  }
  CHECK(detail::elapsed(now, s.next(now).at) <= 100ms);
  CHECK(s.next(at(-1h)).what != kind::wait);  // a clock that goes backwards does not wait for an hour
}

TEST_CASE("etcd_source: after a compaction a range comes first, and replaces everything") {
  watching w;
  REQUIRE(w.say(put("operators/a", R"({"drain": true})", 11)));
  w.source.failed("end of stream", at(5s));
  REQUIRE(w.source.next(at(5s)).what == kind::watch);
  REQUIRE(w.source.watch_bytes(
      created(90) + line({{"header", head(90)}, {"canceled", true}, {"compact_revision", "80"}}), at(5s)));
  CHECK(!w.source.is_watching());
  CHECK(shown(w.source) == "a=10.1.0.1:80*1!draining b=10.1.0.2:80*1");  // until the range is here
  auto const t = w.source.next(at(5s));
  CHECK(t.what == kind::range);
  REQUIRE(w.source.range_answer(200, range_of({pair_of("members/c", R"({"address": "10.1.0.3:80"})")}, 95), at(5s)));
  CHECK(shown(w.source) == "c=10.1.0.3:80*1");
  CHECK(request_of(w.source.next(at(5s)))["start_revision"] == "96");
}

TEST_CASE("etcd_source: another cluster, or one that was restored, is read anew") {
  for (auto const& first : {created(10, "another"), created(3)}) {
    watching w;
    REQUIRE(w.say(put("members/a", R"({"address": "10.1.0.1:80", "weight": 2})", 11)));
    w.source.failed("end of stream", at(1s));
    REQUIRE(w.source.next(at(1s)).what == kind::watch);
    REQUIRE(w.source.watch_bytes(first, at(1s)));
    CHECK(!w.source.is_watching());
    CHECK(w.source.next(at(1s)).what == kind::range);
  }
}

TEST_CASE("etcd_source: a notice of progress moves the revision on, an event by its own") {
  watching w;
  REQUIRE(w.say(line({{"header", head(500)}})));
  CHECK(w.source.revision() == 500);
  REQUIRE(w.say(put("operators/a", "{}", 501)));
  CHECK(w.source.revision() == 501);
}

TEST_CASE("etcd_source: an error of etcd ends the watch, and is passed on") {
  struct {
    std::string bytes, said;
  } const cases[] = {
      {"{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: no leader\",\"http_status\":\"x\"}}\n",
       "etcdserver: no leader"},
      {line({{"header", head(10)}, {"canceled", true}, {"cancel_reason", "permission denied"}}), "permission denied"},
      {"garbled\n", "an event is not JSON: \"garbled\""},
      {"[]\n", "watch [] is no object"},
      {"{}\n", "has neither result nor error"},
      {line({{"created", true}}), "watch.result.header is missing"},
      {line({{"header", {{"revision", "many"}}}}), "watch.result.header.revision \"many\" is no whole number"},
      {line({{"header", {{"revision", "99999999999999999999"}}}}), "is no whole number"},
      {line({{"header", {{"revision", -5}}}}), "revision -5 is outside"},
      {line({{"header", head(11)}, {"events", 5}}), "watch.result.events 5 is no list"},
      {line({{"header", head(11)}, {"events", {{{"type", "MOVE"}, {"kv", pair_of("members/a", "")}}}}}), "\"MOVE\""},
      {line({{"header", head(11)}, {"events", {{{"type", "PUT"}}}}}), "watch.result.events[0].kv is missing"},
      {line({{"header", head(11)}, {"events", {{{"kv", {{"key", "not base64!"}}}}}}}),
       "watch.result.events[0].kv.key \"not base64!\" is no base64"},
  };
  for (auto const& c : cases) {
    INFO(c.bytes);
    watching w;
    auto const done = w.say(c.bytes);
    CHECK_THAT(done.error(), ContainsSubstring(c.said));
    CHECK(w.source.problem() == done.error());
    CHECK(!w.source.is_watching());
    CHECK(shown(w.source) == "a=10.1.0.1:80*1 b=10.1.0.2:80*1");
    CHECK(w.source.next(at(1s)).what == kind::watch);  // from the same revision
  }
  // Of two events in one message, one of them garbled, neither counts.
  watching w;
  json good{{"kv", pair_of("operators/a", R"({"drain": true})", 11)}}, bad{{"kv", {{"key", "!"}}}};
  CHECK(!w.say(line({{"header", head(11)}, {"events", {good, bad}}})));
  CHECK(shown(w.source) == "a=10.1.0.1:80*1 b=10.1.0.2:80*1");
}

TEST_CASE("etcd_source: an answer to a range that is garbled is refused whole") {
  for (auto const& [status, body, said] : std::vector<std::tuple<int, std::string, std::string>>{
           {200, "", "the answer to a range is not JSON"},
           {200, "{}", "range.header is missing"},
           {200, "[1]", "range [1] is no object"},
           {200, range_of({pair_of("members/c", "{}"), {{"key", "*"}}}), "range.kvs[1].key \"*\" is no base64"},
           {200, json{{"header", head(10)}, {"more", true}}.dump(), "range.more true"},
           {503, R"({"error":"etcdserver: request timed out","message":"etcdserver: request timed out","code":14})",
            "etcd answered 503: etcdserver: request timed out"},
           {503, R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})",
            "etcd answered 503: etcdserver: no leader"},
           {404, "404 page not found", "etcd answered 404"}}) {
    watching w;
    w.source.failed("x", at(1s));
    REQUIRE(w.source.next(at(1s)).what == kind::watch);
    REQUIRE(w.source.watch_bytes(created(1), at(1s)));
    REQUIRE(w.source.next(at(1s)).what == kind::range);
    auto const done = w.source.range_answer(status, body, at(1s));
    CHECK_THAT(done.error(), ContainsSubstring(said));
    CHECK(shown(w.source) == "a=10.1.0.1:80*1 b=10.1.0.2:80*1");
  }
}

TEST_CASE("etcd_source: a bad value does not count, the last good one of its key does") {
  watching w;
  REQUIRE(w.say(put("operators/a", R"({"drain": true})", 11)));
  std::int64_t revision = 12;
  auto const before = shown(w.source);
  for (auto const& [value, said] : std::vector<std::pair<std::string, std::string>>{
           {"", "/equipoise/members/a is not JSON"},
           {"{\"address\":", "is not JSON"},
           {"\xFF\xFE", "is not JSON"},
           {"[]", "[] is no object"},
           {std::string(700'000, '['), "is nested more than 100 levels deep"},
           {std::string(700'000, '[') + std::string(700'000, ']'), "/equipoise/members/a is nested more than 100"},
           {R"({"address": "h:1", "zone": ")" + std::string(1'000, '[') + R"(\"[", "weight": -1})", ".weight -1"},
           {"{}", "/equipoise/members/a {} has no address"},
           {R"({"address": ""})", ".address \"\" is not host:port"},
           {R"({"address": "10.0.0.1"})", ".address \"10.0.0.1\" is not host:port"},
           {R"({"address": "10.0.0.1:65536"})", "is not host:port"},
           {R"({"address": 5})", ".address 5 is no text"},
           {R"({"address": "h:1", "weight": -1})", ".weight -1 is outside 0 … 4294967295"},
           {R"({"address": "h:1", "weight": 4294967296})", ".weight 4294967296 is outside"},
           {R"({"address": "h:1", "weight": 1e300})", ".weight 1e+300 is no whole number"},
           {R"({"address": "h:1", "weight": 99999999999999999999999})", ".weight"},
           {R"({"address": "h:1", "priority": 65536})", ".priority 65536 is outside 0 … 65535"},
           {R"({"address": "h:1", "zone": []})", ".zone [] is no text"}}) {
    INFO(value.substr(0, 80));
    REQUIRE(w.say(put("members/a", value, revision++)));
    CHECK_THAT(w.source.mistake(), ContainsSubstring("equipoise: /equipoise/members/a") && ContainsSubstring(said));
    CHECK(shown(w.source) == before);
    CHECK(w.source.is_watching());
  }
  for (auto const& [value, said] :
       std::vector<std::pair<std::string, std::string>>{{"drain", "is not JSON"},
                                                        {R"({"drian": true})", ".drian true is no known field"},
                                                        {R"({"drain": 1})", ".drain 1 is neither true nor false"},
                                                        {R"({"weight": -2})", ".weight -2 is outside"}}) {
    watching v;
    REQUIRE(v.say(put("operators/a", R"({"drain": true})", 11) + put("operators/a", value, 12)));
    CHECK_THAT(v.source.mistake(), ContainsSubstring("equipoise: /equipoise/operators/a") && ContainsSubstring(said));
    CHECK(shown(v.source) == before);
  }
  REQUIRE(w.say(put("members/a", R"({"address": "10.1.0.9:80"})", revision++)));
  CHECK(w.source.mistake().empty());
  CHECK(shown(w.source) == "a=10.1.0.9:80*1!draining b=10.1.0.2:80*1");
  REQUIRE(w.say(put("members/new", "bad", revision++)));  // without a good one before it is no member
  CHECK(shown(w.source) == "a=10.1.0.9:80*1!draining b=10.1.0.2:80*1");
  CHECK_THAT(w.source.mistake(), ContainsSubstring("members/new"));
  // A range keeps the last good values too.
  REQUIRE(w.say(line({{"header", head(99)}, {"canceled", true}, {"compact_revision", "98"}})));
  REQUIRE(w.source.next(at(1s)).what == kind::range);
  REQUIRE(w.source.range_answer(200, range_of({pair_of("members/a", "bad")}, 99), at(1s)));
  CHECK(shown(w.source) == "a=10.1.0.9:80*1");
}

TEST_CASE("etcd_source: the feed keeps its list while etcd fails or is empty") {
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  etcd_source s{three()};
  CHECK(s.next(at(0s)).what == kind::range);
  s.failed("connection refused", at(0s));
  s.tell(feed, at(0s));
  CHECK_THAT(feed.status().problem, ContainsSubstring("connection refused"));
  CHECK(feed.status().lists == 0);
  watching w;
  w.source.tell(feed, at(1s));
  CHECK(feed.status().is_current);
  CHECK(feed.take(at(1s))->size() == 2);
  w.source.failed("end of stream", at(2s));
  w.source.tell(feed, at(2s));
  CHECK(!feed.status().is_current);
  CHECK(!feed.take(at(2s)));
  watching empty;
  REQUIRE(empty.say(erased("members/a", 11) + erased("members/b", 12)));
  empty.source.tell(feed, at(3s));
  CHECK(feed.status().problem == "equipoise: the list is empty");
  CHECK(!feed.take(at(3s)));
}

TEST_CASE("etcd_source: a range after any events says what the events said") {
  for (std::uint64_t seed = 1; seed != 20; ++seed) {
    rng d{seed};
    watching w;
    std::map<std::string, std::string> store{{"members/a", R"({"address": "10.1.0.1:80"})"},
                                             {"members/b", R"({"address": "10.1.0.2:80"})"}};
    std::int64_t revision = 10;
    for (int step = 0; step != 200; ++step) {
      std::string const name(1, static_cast<char>('a' + random_below(d, 6)));
      std::string const key = (random_below(d, 3) == 0 ? "operators/" : "members/") + name;
      ++revision;
      if (random_below(d, 3) == 0) {
        REQUIRE(w.say(erased(key, revision)));
        store.erase(key);
      } else {
        auto const n = std::to_string(random_below(d, 100));
        store[key] = key[0] == 'o' ? R"({"drain": )" + std::string{random_below(d, 2) == 0 ? "true" : "false"} +
                                         R"(, "weight": )" + n + "}"
                                   : R"({"address": "10.1.0.)" + n + R"(:80", "weight": )" + n + "}";
        REQUIRE(w.say(put(key, store[key], revision)));
      }
    }
    std::vector<json> kvs;
    for (auto const& [key, value] : store) kvs.push_back(pair_of(key, value));
    etcd_source fresh{three()};
    fresh.next(at(0s));
    REQUIRE(fresh.range_answer(200, range_of(kvs, revision), at(0s)));
    CHECK(shown(fresh) == shown(w.source));
    CHECK(fresh.revision() == w.source.revision());
  }
}

TEST_CASE("etcd_source: options out of range are refused, naming field and value") {
  CHECK_THROWS_WITH((etcd_source{{.endpoints = {}}}), "equipoise: etcd_options::endpoints is empty");
  CHECK_THROWS_WITH((etcd_source{{.endpoints = {"localhost"}}}), ContainsSubstring("endpoint 'localhost'"));
  CHECK_THROWS_WITH((etcd_source{{.prefix = "/equipoise"}}), ContainsSubstring("prefix '/equipoise' does not end"));
  CHECK_THROWS_WITH((etcd_source{{.silence = 0s}}), ContainsSubstring("silence 0 ns"));
  CHECK_THROWS_WITH((etcd_source{{.retry = {0s, 1s}}}), ContainsSubstring("back_off_options::first 0 ns"));
}

}  // namespace etcd_test

// SPDX-License-Identifier: MIT
// What a dns_lookup asks and makes of answers. That real servers are understood is shown by tests/with/dns_test.cpp.
#include "support.hpp"

#include <equipoise/discovery/dns_lookup.hpp>

#include <set>

namespace dns_lookup_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point at(std::chrono::nanoseconds t) { return time_point{t + 1h}; }

dns_answer addresses(std::vector<std::string> const& texts, std::uint32_t ttl = 60) {
  dns_answer a;
  for (auto const& t : texts) a.records.push_back({t, ttl});
  return a;
}
dns_record srv(std::string target, std::uint16_t priority, std::uint16_t weight, std::uint16_t port = 80) {
  return {std::move(target), 60, priority, weight, port};
}
dns_lookup_options hosts(dns_lookup_options o = {}) {
  o.name = "shop.example.com";
  o.port = 80;
  o.jitter = 0;
  return o;
}
dns_lookup_options services(bool ipv6 = false) { return {.name = "_http._tcp.example.com", .ipv6 = ipv6, .jitter = 0}; }
// "SRV _http._tcp.example.com, A a.example.com"
std::string asked(dns_lookup& l, time_point now) {
  std::string all;
  for (auto const& q : l.due(now)) (all += all.empty() ? "" : ", ") += std::string{to_string(q.type)} + " " + q.name;
  return all;
}
// "10.0.0.1:80 w5 p1"
std::string shown(dns_lookup const& l) {
  std::string all;
  for (auto const& d : l.members()) {
    all += (all.empty() ? "" : ", ") + d.name + " w" + std::to_string(d.at.attrs.weight);
    if (d.at.attrs.priority != 0) all += " p" + std::to_string(d.at.attrs.priority);
  }
  return all;
}
dns_question const q_a{"shop.example.com", dns_type::a}, q_aaaa{"shop.example.com", dns_type::aaaa};
dns_question const q_srv{"_http._tcp.example.com", dns_type::srv};

// A lookup of services whose targets a, b, … have one address each.
struct resolved {
  dns_lookup lookup;
  explicit resolved(std::vector<dns_record> const& records) : lookup{services()} {
    lookup.due(at(0s));
    REQUIRE(lookup.answer(q_srv, {dns_status::ok, records}, at(0s)));
    for (auto const& q : lookup.due(at(0s)))
      REQUIRE(lookup.answer(q, addresses({"10.0.0." + std::to_string(q.name[0] - 'a' + 1)}), at(0s)));
  }
};
}  // namespace

TEST_CASE("dns_lookup: A and AAAA records are one list, each asked again after its TTL") {
  dns_lookup l{hosts()};
  CHECK(l.next() <= at(0s));
  CHECK(asked(l, at(0s)) == "A shop.example.com, AAAA shop.example.com");
  CHECK(asked(l, at(0s)).empty());  // they are under way
  CHECK(!l.is_complete());
  REQUIRE(l.answer(q_a, addresses({"10.0.0.2", "10.0.0.1"}, 60), at(1s)));
  CHECK(!l.is_complete());
  REQUIRE(l.answer({"SHOP.example.COM.", dns_type::aaaa}, addresses({"fd00::1"}, 30), at(1s)));
  CHECK(l.is_complete());
  CHECK(shown(l) == "10.0.0.1:80 w1, 10.0.0.2:80 w1, [fd00::1]:80 w1");
  CHECK(l.next() == at(31s));
  CHECK(asked(l, at(31s) - 1ns).empty());
  CHECK(asked(l, at(31s)) == "AAAA shop.example.com");
  CHECK(asked(l, at(61s)) == "A shop.example.com");
}

TEST_CASE("dns_lookup: TTLs are bounded, and the least of an answer counts") {
  auto o = hosts();
  o.ipv6 = false;
  o.shortest = 5s, o.longest = 100s;
  struct {
    std::vector<std::uint32_t> ttls;
    std::chrono::seconds wait;
  } const cases[] = {{{60}, 60s},         {{0}, 5s},
                     {{4}, 5s},           {{6}, 6s},
                     {{99}, 99s},         {{101}, 100s},
                     {{50, 20, 70}, 20s}, {{0x7FFFFFFF}, 100s},
                     {{0x80000000}, 5s},  {{0xFFFFFFFF, 80}, 5s}};
  for (auto const& c : cases) {
    dns_lookup l{o};
    l.due(at(0s));
    dns_answer a;
    for (auto const ttl : c.ttls) a.records.push_back({"10.0.0." + std::to_string(a.records.size()), ttl});
    REQUIRE(l.answer(q_a, a, at(0s)));
    CHECK(l.next() == at(c.wait));
  }
}

TEST_CASE("dns_lookup: the jitter spreads questions within its part of the TTL") {
  auto o = hosts();
  o.ipv6 = false;
  o.jitter = 0.25;
  std::set<std::int64_t> times;
  for (std::uint64_t seed = 0; seed != 200; ++seed) {
    dns_lookup l{o, seed};
    l.due(at(0s));
    REQUIRE(l.answer(q_a, addresses({"10.0.0.1"}, 100), at(0s)));
    CHECK(l.next() >= at(100s));
    CHECK(l.next() <= at(125s));
    times.insert(l.next().time_since_epoch().count());
  }
  CHECK(times.size() > 190);
  CHECK(*times.rbegin() - *times.begin() > std::chrono::nanoseconds{22s}.count());
}

TEST_CASE("dns_lookup: each kind of failure keeps the last good answer and waits longer") {
  for (auto const status : {dns_status::no_name, dns_status::server_failure, dns_status::refused, dns_status::timed_out,
                            dns_status::unreachable, dns_status::truncated, dns_status::malformed}) {
    auto o = hosts();
    o.ipv6 = false;
    dns_lookup l{o};
    l.due(at(0s));
    REQUIRE(l.answer(q_a, addresses({"10.0.0.1"}), at(0s)));
    auto now = at(60s);
    std::chrono::nanoseconds longest = 1s;
    for (int i = 0; i != 10; ++i) {
      CHECK(l.due(now).size() == 1);
      auto const done = l.answer(q_a, {status, {{"10.0.0.9", 60}}}, now);  // what else it says does not count
      CHECK(done.error() == "equipoise: DNS, shop.example.com A: " + std::string{to_string(status)});
      CHECK(l.problem() == done.error());
      CHECK(shown(l) == "10.0.0.1:80 w1");
      auto const wait = detail::elapsed(now, l.next());
      CHECK(wait >= longest / 2);
      CHECK(wait <= longest);
      longest = std::min<std::chrono::nanoseconds>(longest * 2, 60s);
      now = l.next();
    }
    l.due(now);
    REQUIRE(l.answer(q_a, addresses({"10.0.0.2"}, 7), now));
    CHECK(l.problem().empty());
    CHECK(shown(l) == "10.0.0.2:80 w1");
    CHECK(l.next() == now + 7s);
  }
}

TEST_CASE("dns_lookup: one family without records is normal, two are an empty list") {
  dns_lookup l{hosts()};
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  l.due(at(0s));
  REQUIRE(l.answer(q_a, addresses({"10.0.0.1"}), at(0s)));
  l.tell(feed, at(0s));
  CHECK(feed.status().lists == 0);  // it is not complete
  REQUIRE(l.answer(q_aaaa, {dns_status::no_data}, at(0s)));
  l.tell(feed, at(0s));
  CHECK(feed.status().is_current);
  CHECK(feed.take(at(0s))->size() == 1);
  REQUIRE(l.answer(q_a, {dns_status::ok}, at(60s)));  // ok, but without a record
  l.tell(feed, at(60s));
  CHECK(feed.status().problem == "equipoise: the list is empty");
  CHECK(!feed.take(at(61s)));
  CHECK(l.next() <= at(61s));  // it is asked again soon
}

TEST_CASE("dns_lookup: the feed hears of a problem, and keeps its list") {
  dns_lookup l{hosts()};
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  l.due(at(0s));
  static_cast<void>(l.answer(q_a, {dns_status::server_failure}, at(0s)));
  l.tell(feed, at(0s));
  CHECK_THAT(feed.status().problem, ContainsSubstring("SERVFAIL"));
  CHECK(!feed.take(at(0s)));
  REQUIRE(l.answer(q_aaaa, addresses({"fd00::1"}), at(0s)));
  l.tell(feed, at(0s));  // what is known is better than nothing
  CHECK(feed.take(at(0s))->size() == 1);
  CHECK(!feed.status().is_current);
  REQUIRE(l.answer(q_a, addresses({"10.0.0.1"}), at(1s)));
  l.tell(feed, at(1s));
  CHECK(feed.status().is_current);
  CHECK(feed.take(at(1s))->size() == 2);
}

TEST_CASE("dns_lookup: SRV records say hosts, ports, weights and ranked priorities") {
  dns_lookup l{services(true)};
  CHECK(asked(l, at(0s)) == "SRV _http._tcp.example.com");
  REQUIRE(l.answer(q_srv, {dns_status::ok, {srv("A.example.com.", 10, 5, 8080), srv("b.example.com", 20, 7, 8081)}},
                   at(0s)));
  CHECK(!l.is_complete());
  CHECK(asked(l, at(0s)) == "A a.example.com, AAAA a.example.com, A b.example.com, AAAA b.example.com");
  REQUIRE(l.answer({"a.example.com", dns_type::a}, addresses({"10.0.0.1"}), at(0s)));
  REQUIRE(l.answer({"a.example.com", dns_type::aaaa}, {dns_status::no_data}, at(0s)));
  REQUIRE(l.answer({"b.example.com", dns_type::a}, {dns_status::no_data}, at(0s)));
  REQUIRE(l.answer({"b.example.com", dns_type::aaaa}, addresses({"fd00::2"}), at(0s)));
  CHECK(l.is_complete());
  CHECK(shown(l) == "10.0.0.1:8080 w5, [fd00::2]:8081 w7 p1");

  // b leaves, c joins: b is not asked for any more, and an answer that is late is ignored.
  REQUIRE(l.answer(q_srv, {dns_status::ok, {srv("a.example.com", 3, 5, 8080), srv("c.example.com", 3, 6)}}, at(60s)));
  CHECK(!l.is_complete());
  REQUIRE(l.answer({"b.example.com", dns_type::a}, addresses({"10.0.0.7"}), at(60s)));
  CHECK(shown(l) == "10.0.0.1:8080 w5");
}

TEST_CASE("dns_lookup: a target that cannot be resolved keeps its addresses") {
  resolved r{{srv("a", 1, 1), srv("b", 1, 1)}};
  auto& l = r.lookup;
  static_cast<void>(l.answer({"b", dns_type::a}, {dns_status::timed_out}, at(60s)));
  REQUIRE(l.answer({"a", dns_type::a}, addresses({"10.0.0.9"}), at(60s)));
  CHECK(shown(l) == "10.0.0.2:80 w1, 10.0.0.9:80 w1");
  CHECK_THAT(l.problem(), ContainsSubstring("b A: no answer in time"));
}

TEST_CASE("dns_lookup: the target '.' means that there is no service") {
  resolved r{{srv("a", 1, 1)}};
  discovery_feed feed{{.hold = 0s, .interval = 0s}};
  r.lookup.tell(feed, at(0s));
  CHECK(feed.take(at(0s))->size() == 1);
  REQUIRE(r.lookup.answer(q_srv, {dns_status::ok, {srv(".", 0, 0, 0)}}, at(60s)));
  CHECK(r.lookup.says_none());
  r.lookup.tell(feed, at(60s));
  CHECK(feed.take(at(60s))->empty());
  CHECK(feed.status().is_current);
}

// RFC 2782: of records with the weights w, one is chosen with the probability w / (sum + 1), and those of weight 0
// together with 1 / (sum + 1); if all are 0, there is nothing to choose by.
TEST_CASE("dns_lookup: weight 0 gets the share that RFC 2782 gives it") {
  CHECK(shown(resolved{{srv("a", 1, 0), srv("b", 1, 0), srv("c", 1, 0)}}.lookup) ==
        "10.0.0.1:80 w1, 10.0.0.2:80 w1, 10.0.0.3:80 w1");
  CHECK(shown(resolved{{srv("a", 1, 0), srv("b", 1, 9)}}.lookup) == "10.0.0.1:80 w1, 10.0.0.2:80 w9");
  CHECK(shown(resolved{{srv("a", 1, 0), srv("b", 1, 0), srv("c", 1, 9)}}.lookup) ==
        "10.0.0.1:80 w1, 10.0.0.2:80 w1, 10.0.0.3:80 w18");
  CHECK(shown(resolved{{srv("a", 1, 0), srv("b", 2, 9)}}.lookup) == "10.0.0.1:80 w1, 10.0.0.2:80 w9 p1");
  for (std::uint64_t seed = 1; seed != 50; ++seed) {
    rng d{seed};
    std::vector<dns_record> records;
    double sum = 0, zeros = 0;
    for (char c = 'a'; c != 'h'; ++c) {
      auto const w = static_cast<std::uint16_t>(random_below(d, 3) == 0 ? 0 : random_below(d, 65536));
      records.push_back(srv(std::string(1, c), 1, w));
      sum += w, zeros += w == 0;
    }
    if (sum == 0) continue;
    double total = 0;
    auto const list = resolved{records}.lookup.members();
    for (auto const& m : list) total += m.at.attrs.weight;
    REQUIRE(list.size() == records.size());
    for (std::size_t i = 0; i != list.size(); ++i) {
      double const share = records[i].weight != 0 ? records[i].weight / (sum + (zeros != 0)) : 1 / (sum + 1) / zeros;
      CHECK(list[i].at.attrs.weight / total == Approx(share).epsilon(1e-6));
    }
  }
}

TEST_CASE("dns_lookup: the addresses of a target share its weight") {
  dns_lookup l{services()};
  l.due(at(0s));
  REQUIRE(l.answer(q_srv, {dns_status::ok, {srv("a", 1, 10), srv("b", 1, 20), srv("c", 1, 30)}}, at(0s)));
  l.due(at(0s));
  REQUIRE(l.answer({"a", dns_type::a}, addresses({"10.0.0.1", "10.0.0.2", "10.0.0.1"}), at(0s)));
  REQUIRE(l.answer({"b", dns_type::a}, addresses({"10.0.1.1", "10.0.1.2", "10.0.1.3"}), at(0s)));
  REQUIRE(l.answer({"c", dns_type::a}, addresses({"10.0.2.1"}), at(0s)));
  CHECK(shown(l) == "10.0.0.1:80 w3, 10.0.0.2:80 w3, 10.0.1.1:80 w4, 10.0.1.2:80 w4, 10.0.1.3:80 w4, 10.0.2.1:80 w18");
}

TEST_CASE("dns_lookup: weights stay positive and fit, whatever the counts of addresses") {
  for (std::uint64_t seed = 1; seed != 30; ++seed) {
    rng d{seed};
    std::vector<dns_record> records;
    for (int i = 0; i != 20; ++i)
      records.push_back(srv("t" + std::to_string(i), static_cast<std::uint16_t>(random_below(d, 3)),
                            random_below(d, 2) == 0 ? std::uint16_t{0} : std::uint16_t{65535}));
    dns_lookup l{services()};
    l.due(at(0s));
    REQUIRE(l.answer(q_srv, {dns_status::ok, records}, at(0s)));
    std::size_t all = 0;
    for (auto const& q : l.due(at(0s))) {
      std::vector<std::string> list;
      for (std::uint32_t n = random_below(d, 40); n != 0; --n, ++all)
        list.push_back("10.1." + std::to_string(all / 250) + "." + std::to_string(all % 250));
      REQUIRE(l.answer(q, addresses(list), at(0s)));
    }
    auto const members = l.members();
    CHECK(members.size() == all);
    for (auto const& m : members) {
      CHECK(m.at.attrs.weight >= 1);
      CHECK(m.at.attrs.priority < 3);
      CHECK(m.mistake().empty());
    }
  }
}

TEST_CASE("dns_lookup: two records for one address: the better priority, or both weights") {
  CHECK(shown(resolved{{srv("a", 1, 5), srv("a", 1, 6)}}.lookup) == "10.0.0.1:80 w11");
  CHECK(shown(resolved{{srv("a", 9, 5), srv("a", 1, 6)}}.lookup) == "10.0.0.1:80 w6");
  CHECK(shown(resolved{{srv("a", 1, 5, 80), srv("a", 1, 6, 81)}}.lookup) == "10.0.0.1:80 w5, 10.0.0.1:81 w6");
}

TEST_CASE("dns_lookup: a bad record refuses the answer, naming it") {
  resolved r{{srv("a", 1, 1)}};
  auto const refusal = [&](dns_question const& q, dns_record bad) {
    auto const done = r.lookup.answer(q, {dns_status::ok, {srv("b", 1, 1), std::move(bad)}}, at(60s));
    CHECK(shown(r.lookup) == "10.0.0.1:80 w1");
    return done.error();
  };
  CHECK_THAT(refusal(q_srv, srv("", 1, 1)), ContainsSubstring("the target of a record is empty"));
  CHECK_THAT(refusal(q_srv, srv("x y", 1, 1)), ContainsSubstring("the target 'x y' is no host name"));
  CHECK_THAT(refusal(q_srv, srv("x", 1, 1, 0)), ContainsSubstring("the port of target 'x' is 0"));
  auto const bad_address = [&](dns_type type, std::string const& text) {
    auto o = hosts();
    dns_lookup l{o};
    l.due(at(0s));
    return l.answer({"shop.example.com", type}, {dns_status::ok, {{text, 60}}}, at(0s)).error();
  };
  CHECK_THAT(bad_address(dns_type::a, "10.0.0.300"), ContainsSubstring("'10.0.0.300' is no address of an A record"));
  CHECK_THAT(bad_address(dns_type::a, "fd00::1"), ContainsSubstring("A: 'fd00::1'"));
  CHECK_THAT(bad_address(dns_type::aaaa, "10.0.0.1"), ContainsSubstring("AAAA: '10.0.0.1'"));
  CHECK_THAT(bad_address(dns_type::a, ""), ContainsSubstring("''"));
}

TEST_CASE("dns_lookup: options out of range are refused, naming field and value") {
  auto const with = [](auto change) {
    auto o = hosts();
    change(o);
    return o;
  };
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.name = ""; })), ContainsSubstring("::name '' is not a name"));
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.ipv4 = o.ipv6 = false; })), ContainsSubstring("ipv4 false"));
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.shortest = 0s; })), ContainsSubstring("shortest 0 ns"));
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.longest = 1s; })), ContainsSubstring("longest 1000000000 ns"));
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.jitter = NAN; })), ContainsSubstring("jitter nan"));
  CHECK_THROWS_WITH(dns_lookup(with([](auto& o) { o.retry.first = 0s; })),
                    ContainsSubstring("back_off_options::first"));
}

}  // namespace dns_lookup_test

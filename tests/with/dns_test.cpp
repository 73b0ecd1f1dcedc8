// SPDX-License-Identifier: MIT
// Questions to a real DNS server: a dnsmasq of the test's own, on a high port of the loopback interface.
#include <equipoise/with/dns.hpp>

#include "examples/proxy/demo/process.hpp"
#include "support.hpp"

#include <equipoise/core/pool/pool.hpp>
#include <equipoise/discovery/pool_feed.hpp>

#include <pwd.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace dns_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {
time_point now() { return std::chrono::steady_clock::now(); }

std::string dnsmasq() {
  for (char const* path :
       {"/usr/sbin/dnsmasq", "/usr/bin/dnsmasq", "/usr/local/sbin/dnsmasq", "/opt/homebrew/sbin/dnsmasq"})
    if (std::filesystem::exists(path)) return path;
  return {};
}

struct server_process {
  demo::work_folder folder;
  unsigned short port = demo::free_port();
  demo::process process;

  server_process() {
    write_hosts("127.0.0.1 shop.example.test\nfd00::1 shop.example.test\n127.0.0.2 only4.example.test\n");
    auto const* user = ::getpwuid(::getuid());
    std::vector<std::string> arguments{dnsmasq(),
                                       "--keep-in-foreground",
                                       "--conf-file=/dev/null",
                                       "--no-resolv",
                                       "--no-hosts",
                                       "--bind-interfaces",
                                       "--listen-address=127.0.0.1",
                                       "--port=" + std::to_string(port),
                                       "--pid-file=" + folder.path("pid"),
                                       "--user=" + std::string{user != nullptr ? user->pw_name : "nobody"},
                                       "--local=/example.test/",
                                       "--addn-hosts=" + folder.path("hosts"),
                                       "--local-ttl=7",
                                       "--cname=alias.example.test,shop.example.test,3",
                                       "--host-record=a.example.test,10.0.0.1",
                                       "--host-record=b.example.test,10.0.0.2",
                                       "--srv-host=_http._tcp.example.test,a.example.test,8080,10,5",
                                       "--srv-host=_http._tcp.example.test,b.example.test,8081,20,0",
                                       "--srv-host=_none._tcp.example.test"};
    for (int i = 1; i != 61; ++i) arguments.push_back("--host-record=big.example.test,10.0.1." + std::to_string(i));
    process = demo::process{arguments, folder.path("log")};
  }
  void write_hosts(std::string const& text) { std::ofstream{folder.path("hosts")} << text; }
  void reload() { process.signal(SIGHUP); }
  dns_resolver_options options() const {
    return {.servers = "127.0.0.1:" + std::to_string(port), .timeout = 250ms, .tries = 1};
  }
};

// Asks until the lookup is complete, or for five seconds.
void complete(dns_lookup& lookup, dns_resolver& resolver) {
  for (auto const until = now() + 5s; now() < until && !lookup.is_complete();) {
    for (auto const& q : lookup.due(now())) resolver.ask(q);
    for (auto const& [question, answer] : resolver.wait(50ms))
      static_cast<void>(lookup.answer(question, answer, now()));
  }
}
dns_answer ask(dns_resolver& resolver, std::string const& name, dns_type type) {
  resolver.ask({name, type});
  for (auto const until = now() + 5s; now() < until;)
    for (auto& [question, answer] : resolver.wait(50ms)) {
      CHECK(question == dns_question{name, type});
      return answer;
    }
  FAIL("no answer about " << name);
  return {};
}
// The server takes a moment until it answers at all.
bool answers(server_process const& s) {
  for (int i = 0; i != 40; ++i) {
    dns_resolver resolver{s.options()};
    if (ask(resolver, "shop.example.test", dns_type::a).status == dns_status::ok) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}
std::string shown(dns_lookup const& l) {
  std::string all;
  for (auto const& d : l.members())
    all += (all.empty() ? "" : " ") + d.name + "*" + std::to_string(d.at.attrs.weight) + "@" +
           std::to_string(d.at.attrs.priority);
  return all;
}
}  // namespace

TEST_CASE("dns_resolver: a real server's records, TTLs and errors") {
  if (dnsmasq().empty()) SKIP("there is no dnsmasq here");
  server_process server;
  REQUIRE(answers(server));
  dns_resolver resolver{server.options()};

  auto const a = ask(resolver, "shop.example.test", dns_type::a);
  REQUIRE(a.records.size() == 1);
  CHECK(a.records[0].text == "127.0.0.1");
  CHECK(a.records[0].ttl == 7);
  auto const aaaa = ask(resolver, "shop.example.test", dns_type::aaaa);
  REQUIRE(aaaa.records.size() == 1);
  CHECK(aaaa.records[0].text == "fd00::1");
  auto const alias = ask(resolver, "alias.example.test", dns_type::a);
  REQUIRE(alias.records.size() == 1);
  CHECK(alias.records[0].ttl == 3);  // that of the alias
  CHECK(ask(resolver, "only4.example.test", dns_type::aaaa).status == dns_status::no_data);
  CHECK(ask(resolver, "missing.example.test", dns_type::a).status == dns_status::no_name);
  auto const elsewhere = ask(resolver, "elsewhere.test", dns_type::a).status;
  CHECK((elsewhere == dns_status::refused || elsewhere == dns_status::unreachable));  // depends on c-ares' version
  CHECK(ask(resolver, "big.example.test", dns_type::a).records.size() == 60);         // too big for a datagram
  CHECK(resolver.open() == 0);
  CHECK(resolver.wait(1ms).empty());

  auto const srv = ask(resolver, "_http._tcp.example.test", dns_type::srv);
  REQUIRE(srv.records.size() == 2);
  auto const& first = srv.records[srv.records[0].priority == 10 ? 0 : 1];
  CHECK(first.text == "a.example.test");
  CHECK(first.port == 8080);
  CHECK(first.weight == 5);
  CHECK(first.ttl == 7);
  auto const none = ask(resolver, "_none._tcp.example.test", dns_type::srv);
  REQUIRE(none.records.size() == 1);
  CHECK(none.records[0].text == ".");

  // A server that hangs, and one that is gone. Then a name that is none.
  server.process.signal(SIGSTOP);
  CHECK(ask(resolver, "shop.example.test", dns_type::a).status == dns_status::timed_out);
  server.process.signal(SIGCONT);
  server.process.kill();
  auto const gone = ask(resolver, "shop.example.test", dns_type::a).status;
  CHECK((gone == dns_status::unreachable || gone == dns_status::timed_out));
  CHECK(ask(resolver, std::string(300, 'x'), dns_type::a).status == dns_status::malformed);
}

TEST_CASE("dns_lookup with a real server: SRV records and hosts become backends") {
  if (dnsmasq().empty()) SKIP("there is no dnsmasq here");
  server_process server;
  REQUIRE(answers(server));
  dns_resolver resolver{server.options()};
  dns_lookup services{{.name = "_http._tcp.example.test"}};
  complete(services, resolver);
  CHECK(shown(services) == "10.0.0.1:8080*5@0 10.0.0.2:8081*1@1");
  CHECK(services.problem().empty());
  dns_lookup hosts{{.name = "shop.example.test", .port = 80}};
  complete(hosts, resolver);
  CHECK(shown(hosts) == "127.0.0.1:80*1@0 [fd00::1]:80*1@0");
  dns_lookup none{{.name = "_none._tcp.example.test"}};
  complete(none, resolver);
  CHECK(none.says_none());
}

TEST_CASE("dns_lookup with a real server: a change arrives, an outage changes nothing") {
  if (dnsmasq().empty()) SKIP("there is no dnsmasq here");
  server_process server;
  REQUIRE(answers(server));
  dns_resolver resolver{server.options()};
  dns_lookup_options o{.name = "shop.example.test", .port = 80};
  o.shortest = o.longest = 20ms;  // below the server's TTL, so that the test need not wait
  o.retry = {.first = 20ms, .most = 40ms};
  dns_lookup lookup{o};
  pool<discovered> p;
  pool_feed feed{p, {.hold = 0s, .interval = 0s}};
  auto const eventually = [&](auto condition) {
    for (auto const until = now() + 10s; now() < until;) {
      for (auto const& q : lookup.due(now())) resolver.ask(q);
      for (auto const& [question, answer] : resolver.wait(10ms))
        static_cast<void>(lookup.answer(question, answer, now()));
      lookup.tell(feed, now());
      feed.update(now());
      if (condition()) return true;
    }
    return false;
  };
  CHECK(eventually([&] { return p.size() == 2; }));
  auto const id = p.find("127.0.0.1:80");
  server.write_hosts("127.0.0.1 shop.example.test\n127.0.0.9 shop.example.test\n");
  server.reload();
  CHECK(eventually([&] { return p.find("127.0.0.9:80") && !p.find("[fd00::1]:80"); }));
  CHECK(p.find("127.0.0.1:80") == id);

  server.process.signal(SIGSTOP);
  CHECK(eventually([&] { return !feed.status().is_current; }));
  CHECK_THAT(feed.status().problem, ContainsSubstring("no answer in time"));
  CHECK(p.size() == 2);
  server.process.signal(SIGCONT);
  CHECK(eventually([&] { return feed.status().is_current; }));

  server.write_hosts("");  // the name is gone
  server.reload();
  CHECK(eventually([&] { return feed.status().problem.find("NXDOMAIN") != std::string::npos; }));
  CHECK(p.size() == 2);
  CHECK(p.find("127.0.0.1:80") == id);
}

TEST_CASE("dns_resolver: bad options are refused, and open questions end with the resolver") {
  CHECK_THROWS_WITH((dns_resolver{{.servers = "nowhere:x:y"}}), ContainsSubstring("servers 'nowhere:x:y'"));
  CHECK_THROWS_WITH((dns_resolver{{.timeout = 0ms}}), ContainsSubstring("timeout 0 ms"));
  CHECK_THROWS_WITH((dns_resolver{{.tries = 0}}), ContainsSubstring("tries 0"));
  dns_resolver resolver{{.servers = "127.0.0.1:" + std::to_string(demo::free_port()), .timeout = 1000ms}};
  for (int i = 0; i != 5; ++i) resolver.ask({"x.example.test", dns_type::a});
}

}  // namespace dns_test

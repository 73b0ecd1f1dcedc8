// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "fixture.hpp"
#include "policies.hpp"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <list>
#include <regex>
#include <set>

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

// What `proxy --check` prints about this configuration, and its exit code.
std::pair<std::string, int> check(std::string const& toml) {
  demo::work_folder folder;
  std::ofstream{folder.path("p.toml")} << toml;
  demo::process program{{PROXY_PROGRAM, "--check", folder.path("p.toml")}, folder.path("log")};
  auto text = program.first_line(20s);
  while (program.running()) std::this_thread::sleep_for(1ms);
  std::ifstream in{folder.path("log")};
  for (std::string line; std::getline(in, line);) text += line;
  return {text, program.exit_code().value()};
}

std::string refused(std::string const& toml) {
  auto const [text, code] = check(toml);
  CHECK(code == 2);
  return text;
}

}  // namespace

TEST_CASE("A mistake in the configuration is reported with line, name and known names") {
  CHECK(check("[[backend]]\naddress = \"127.0.0.1:1\"\n").second == 0);
  CHECK_THAT(refused("policy = \"round_robin\"\n\n[checks]\nintervall = \"1s\"\n"),
             ContainsSubstring("p.toml:4: unknown field \"intervall\" in [checks]; known: enabled, path, interval, "
                               "timeout, rise, fall, await_first, damping"));
  CHECK_THAT(refused("workers = 1\nfoo = 1\n"),
             ContainsSubstring("p.toml:2: unknown field \"foo\" in the file; known: listen, workers, policy"));
  CHECK_THAT(refused("workers = 1\npolicy = \"best\"\n"),
             ContainsSubstring("p.toml:2: ") && ContainsSubstring("'best'") && ContainsSubstring("known: ") &&
                 ContainsSubstring("maglev"));
  CHECK_THAT(refused("workers = 0\n"), ContainsSubstring("p.toml:1: workers = 0 is not within 1 … 1024"));
  CHECK_THAT(refused("workers = \"2\"\n"), ContainsSubstring("p.toml:1: workers = \"2\" must be a whole number"));
  CHECK_THAT(refused("listen = \"localhost:80\"\n"),
             ContainsSubstring("p.toml:1: listen = \"localhost:80\" is not \"address:port\""));
  CHECK_THAT(refused("[checks]\ninterval = 10\n"),
             ContainsSubstring("p.toml:2: checks.interval = 10 must be a duration in quotes"));
  CHECK_THAT(refused("[checks]\ninterval = \"0s\"\n"),
             ContainsSubstring("checks.interval = \"0s\" must be more than zero"));
  CHECK_THAT(refused("[checks]\npath = \"health\"\n"),
             ContainsSubstring("p.toml:2: checks.path = \"health\" must start with /"));
  CHECK_THAT(refused("[checks]\npath = \"/a b\"\n"),
             ContainsSubstring("p.toml:2: checks.path = \"/a b\" must not contain blanks"));
  CHECK_THAT(refused("key = \"header X Y\"\n"), ContainsSubstring("p.toml:1: key = \"header X Y\" is unknown"));
  CHECK_THAT(refused("[limits]\nrequest_body = 1073741825\n"),
             ContainsSubstring("p.toml:2: limits.request_body = 1073741825 is not within 0 … 1073741824"));
  CHECK_THAT(refused("key = \"cookie\"\n"),
             ContainsSubstring("p.toml:1: key = \"cookie\" is unknown; known: client, path, header NAME"));
  CHECK_THAT(refused("key = 5\n"), ContainsSubstring("p.toml:1: key = 5 must be text in quotes"));
  CHECK_THAT(
      refused("policy = \"failover{ip_hash}\"\nkey = \"path\"\n"),
      ContainsSubstring("p.toml:2: key = \"path\" must be client, because policy failover{ip_hash} hashes addresses"));
  CHECK_THAT(refused("policy = \"failover{maglev}\"\n[[backend]]\naddress = \"127.0.0.1:1\"\npriority = 8\n"),
             ContainsSubstring("p.toml: ") && ContainsSubstring("priority 8 of backend '127.0.0.1:1' is beyond"));
  CHECK_THAT(refused("admin = \"yes\"\n"), ContainsSubstring("known: off, loopback, any"));
  CHECK_THAT(refused("[[backend]]\nname = \"a\"\n"), ContainsSubstring("p.toml:1: this [[backend]] needs address"));
  CHECK_THAT(refused("[[backend]]\naddress = \"127.0.0.1:0\"\n"),
             ContainsSubstring("p.toml:2: backend.address = \"127.0.0.1:0\" needs a port"));
  std::string many;
  for (int i = 1; i != 4098; ++i) many += "[[backend]]\naddress = \"127.0.0.1:" + std::to_string(i) + "\"\n";
  CHECK_THAT(refused(many), ContainsSubstring("p.toml:8193: there are more than 4096 backends"));
  CHECK_THAT(refused("[[backend]]\naddress = \"127.0.0.1:1\"\n[[backend]]\naddress = \"127.0.0.1:1\"\n"),
             ContainsSubstring("p.toml:3: there is already a backend named \"127.0.0.1:1\""));
  CHECK_THAT(refused("[[backend]]\naddress = \"127.0.0.1:1\"\nweight = -1\n"),
             ContainsSubstring("p.toml:3: backend.weight = -1 is not within"));
  CHECK_THAT(refused("policy = \n"), ContainsSubstring("p.toml:1: "));
  for (std::string header : {"[]", " [ ]", "[[]]", "[[ ]]"})
    CHECK_THAT(refused("workers = 1\n" + header + "\n"), ContainsSubstring("p.toml:2: this header has no name"));
}

TEST_CASE("On SIGTERM begun requests finish and waiting clients get one more answer") {
  std::atomic<bool> entered{false};
  scripted_backend a{[&](connection& w, std::string const& request) {
    if (request.starts_with("GET /slow")) {
      entered = true;
      std::this_thread::sleep_for(300ms);
    }
    w.send(answer("a"));
  }};
  proxy_process p{"[timeouts]\nlinger = \"500ms\"\n" + a.toml("a")};
  auto slow = p.connect(), idle = p.connect(), silent = p.connect();
  idle.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(idle.read_message().ends_with("\r\n\r\na"));
  slow.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
  REQUIRE(eventually([&] { return entered.load(); }));
  auto queued = p.connect();  // the proxy may not have accepted it yet
  p.signal(SIGTERM);
  REQUIRE(eventually([&] { return !p.connect().open(); }));  // it accepts no new connections
  idle.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  queued.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  for (auto* w : {&idle, &queued, &slow}) {
    auto const got = w->read_to_end();
    CHECK_THAT(got, ContainsSubstring("200 OK"));
    CHECK_THAT(got, ContainsSubstring("Connection: close"));
  }
  CHECK(silent.read_to_end().empty());
  CHECK(p.wait_for_exit() == 0);
}

TEST_CASE("Under load, a drain loses no accepted request") {
  scripted_backend a{[](connection& w, std::string const&) {
    std::this_thread::sleep_for(5ms);
    w.send(answer("a"));
  }};
  proxy_process p{a.toml("a"), "workers = 2\n"};
  std::atomic<int> sent{0}, answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i != 8; ++i)
    clients.emplace_back([&] {
      auto w = p.connect();
      while (w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")) {
        ++sent;
        auto const got = w.read_message();
        if (!got.empty()) ++answered;
        if (got.empty() || got.find("Connection: close") != got.npos) return;
      }
    });
  REQUIRE(eventually([&] { return answered > 50; }));
  p.signal(SIGTERM);
  for (auto& c : clients) c.join();
  CHECK(sent == answered);
  CHECK(p.wait_for_exit() == 0);
}

TEST_CASE("A request that never ends delays the exit for no longer than configured") {
  scripted_backend a{[](connection&, std::string const&) {}};
  proxy_process p{"[timeouts]\ndrain = \"200ms\"\nlinger = \"50ms\"\n" + a.toml("a")};
  auto w = p.connect();
  w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  REQUIRE(eventually([&] { return a.requests() == 1; }));
  p.signal(SIGTERM);
  CHECK(p.wait_for_exit() == 0);
  CHECK_THAT(p.log(), ContainsSubstring("1 connections did not end"));
}

// The signal arrives while the workers check their connections, which they do every second.
TEST_CASE("A signal during the periodic check of connections delays no exit") {
  std::list<proxy_process> proxies;
  std::vector<std::chrono::steady_clock::time_point> signal_times;
  for (int i = 0; i != 8; ++i) {
    proxies.emplace_back("[timeouts]\nlinger = \"1ms\"\n", "workers = 64\n");
    signal_times.push_back(std::chrono::steady_clock::now() + 1s - 3ms + i * 1ms);
  }
  auto at = signal_times.begin();
  for (auto& p : proxies) std::this_thread::sleep_until(*at++), p.signal(SIGTERM);
  for (auto& p : proxies) CHECK(p.wait_for_exit(5s) == 0);
}

TEST_CASE("SIGHUP reads the backends again, and a mistake changes nothing") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  proxy_process p{a.toml("a")};
  CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
  p.configure(a.toml("a") + b.toml("b"));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: b") != std::string::npos; }));
  p.configure("weight = 1\n" + b.toml("b"));
  CHECK(eventually([&] { return p.log().find("unknown field \"weight\"") != std::string::npos; }));
  CHECK(eventually([&] { return p.get("/").find("X-Backend: a") != std::string::npos; }));
  p.configure(b.toml("b"));
  CHECK(eventually([&] { return nlohmann::json::parse(p.body_of("/-/stats"))["backends"].size() == 1; }));
  auto const before = a.requests();
  for (int i = 0; i != 5; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: b"));
  CHECK(a.requests() == before);
}

TEST_CASE("The proxy reports its state as JSON, for Prometheus, and as a page") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  proxy_process const p{a.toml("a") + b.toml("b"), "policy = \"maglev\"\nkey = \"header X-User\"\n"};
  auto const first = p.get("/", "X-User: user-42\r\n");
  std::string const chosen = first.find("X-Backend: a") != first.npos ? "a" : "b";
  for (int i = 0; i != 5; ++i) CHECK_THAT(p.get("/", "X-User: user-42\r\n"), ContainsSubstring("X-Backend: " + chosen));

  auto const stats = nlohmann::json::parse(p.body_of("/-/stats"));
  CHECK(stats["policy"] == "maglev");
  CHECK(stats["answered"] == 6);
  for (auto const& s : stats["backends"]) {
    CHECK(s["picks"] == (s["name"] == chosen ? 6 : 0));
    CHECK(s["in_flight"] == 0);
    CHECK((s["last_pick_ns"] > 0) == (s["name"] == chosen));
  }
  auto const explanation = nlohmann::json::parse(p.body_of("/-/explain?key=user%2d42"));
  CHECK(explanation["choice"] == chosen);
  CHECK_THAT(explanation["text"].get<std::string>(), ContainsSubstring(chosen + " was chosen by maglev"));
  auto const metrics = p.body_of("/-/metrics");
  CHECK_THAT(metrics, ContainsSubstring("# TYPE proxy_backend_picks_total counter\n"));
  CHECK_THAT(metrics, ContainsSubstring("proxy_backend_picks_total{backend=\"" + chosen + "\"} 6\n"));
  CHECK_THAT(p.body_of("/-/"), ContainsSubstring("<!doctype html>"));
  CHECK_THAT(p.get("/-/nothing"), ContainsSubstring("404"));
}

TEST_CASE("With admin off, requests for /-/ go to the backends") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a"), "admin = \"off\"\n"};
  CHECK_THAT(p.get("/-/stats"), ContainsSubstring("X-Backend: a"));
}

TEST_CASE("A key is read before the proxy changes its header") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")}, c{answers_with("c")};
  auto const name = GENERATE(as<std::string>{}, "X-Forwarded-For", "X-User");
  proxy_process const p{a.toml("a") + b.toml("b") + c.toml("c"),
                        "policy = \"maglev\"\nkey = \"header " + name + "\"\n"};
  for (int i = 0; i != 20; ++i) {
    auto const key = "192.0.2." + std::to_string(i);
    std::string const chosen = nlohmann::json::parse(p.body_of("/-/explain?key=" + key))["choice"];
    CHECK_THAT(p.get("/", name + ": " + key + "\r\nConnection: X-User\r\n"), ContainsSubstring("X-Backend: " + chosen));
  }
}

TEST_CASE("An empty file on SIGHUP is a mistake, and changes nothing") {
  scripted_backend a{answers_with("a")};
  proxy_process p{a.toml("a")};
  p.configure("");
  CHECK(eventually([&] { return p.log().find("it has no [[backend]]") != std::string::npos; }));
  CHECK_THAT(p.get("/"), ContainsSubstring("X-Backend: a"));
}

TEST_CASE("The error for a port in use names the port") {
  scripted_backend a{answers_with("a")};
  demo::work_folder folder;
  auto const at = "127.0.0.1:" + std::to_string(a.port());
  std::ofstream{folder.path("p.toml")} << "listen = \"" << at << "\"\n";
  demo::process program{{PROXY_PROGRAM, folder.path("p.toml")}, folder.path("log")};
  CHECK(program.first_line(20s).empty());
  REQUIRE(eventually([&] { return !program.running(); }));
  CHECK(program.exit_code() == 1);
  std::ifstream in{folder.path("log")};
  CHECK_THAT((std::string{std::istreambuf_iterator<char>{in}, {}}), ContainsSubstring("cannot listen on " + at));
}

TEST_CASE("Too few file descriptors make clients wait and mark no backend down") {
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  proxy_process const p{"[checks]\ninterval = \"50ms\"\nfall = 1\n" + a.toml("a") + b.toml("b"), "workers = 1\n",
                        "ulimit -n 64"};
  std::vector<connection> clients;
  for (int i = 0; i != 80; ++i) clients.push_back(p.connect());
  std::this_thread::sleep_for(200ms);
  for (auto& w : clients) w.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  for (auto& w : clients) CHECK_THAT(w.read_to_end(), ContainsSubstring("200 OK"));
  CHECK_THAT(p.log(), ContainsSubstring("because of 64 file descriptors") && !ContainsSubstring("is down"));
}

TEST_CASE("Every policy that the proxy lists serves, also within a composition") {
  demo::work_folder folder;
  demo::process list{{PROXY_PROGRAM, "--policies"}, folder.path("log")};
  std::vector<std::string> policies;
  for (std::string line; !(line = list.first_line(20s)).empty();) {
    auto const name = line.substr(0, line.find('{'));
    if (line.find("…") != line.npos) {  // a composition: "failover{…}"
      policies.push_back(composition_of(name, "maglev"));
    } else {
      policies.push_back(name);
      policies.push_back("failover{" + name + "}");
    }
  }
  CHECK(policies.size() > 20);
  scripted_backend a{answers_with("a")}, b{answers_with("b")};
  for (auto const& name : policies) {
    CAPTURE(name);
    proxy_process const p{a.toml("a") + b.toml("b"), "policy = '" + name + "'\nworkers = 1\n"};
    auto w = p.connect();
    w.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK(w.read_message().starts_with("HTTP/1.1 200 OK\r\n"));
    w.send("GET /-/stats HTTP/1.1\r\nHost: test\r\n\r\n");
    CHECK_THAT(w.read_message(), ContainsSubstring(nlohmann::json(name).dump()));
  }
}

TEST_CASE("The status page fetches only the statistics, and uses their names") {
  scripted_backend a{answers_with("a")};
  proxy_process const p{a.toml("a")};
  auto const page = p.body_of("/-/");
  auto const all = [](std::string const& text, char const* pattern, unsigned group) {
    std::set<std::string> out;
    std::regex const wanted{pattern};
    for (std::sregex_iterator i{text.begin(), text.end(), wanted}, end; i != end; ++i) out.insert((*i)[group]);
    return out;
  };
  using names = std::set<std::string>;
  CHECK(all(page, "fetch\\(([^)]*)\\)", 1) == names{"'/-/stats'"});
  CHECK(all(page, "href=\"([^\"]*)\"", 1) == names{"/-/explain", "/-/metrics", "/-/stats"});
  for (std::string other : {"://", "\"//", "'//", "src=", "url(", "@import", "import(", "<link", "<form",
                            "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon"})
    CHECK_THAT(page, !ContainsSubstring(other));

  auto const stats = nlohmann::json::parse(p.body_of("/-/stats"));
  auto const at_top = all(page, "\\b(s|before)\\??\\.(\\w+)", 2), of_backend = all(page, "\\bb\\.(\\w+)", 1);
  CHECK(at_top.size() > 5);
  CHECK(of_backend.size() > 5);
  for (auto const& name : at_top) {
    CAPTURE(name);
    CHECK(stats.contains(name));
  }
  for (auto const& name : of_backend) {
    CAPTURE(name);
    CHECK(stats["backends"][0].contains(name));
  }
}

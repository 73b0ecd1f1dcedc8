// SPDX-License-Identifier: MIT
// Faults of backend processes under load: no request is lost that can be repeated. Once the proxy has noticed, the
// backend gets no further pick. Only a pick that each worker has begun at that moment may still go there.
#include "catch.hpp"
#include "real_backend.hpp"

using namespace fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr int workers = 2, clients = 8;
std::string const two_workers = "workers = 2\n";

std::string settings(std::string const& more = "") {
  return "[checks]\ninterval = \"50ms\"\ntimeout = \"100ms\"\nrise = 2\nfall = 2\n[passive]\nfailures = 3\neject = "
         "\"30s\"\n" +
         more;
}

// The backend fails now. Checks that no request is lost and that its picks end, and returns the number of the requests
// that the proxy repeated.
void check_that_nothing_is_lost(proxy_process const& p, std::string const& name, steady_load& load) {
  REQUIRE(eventually([&] { return !is_up(p, name); }));
  int const noticed = picks_of(p, name);
  REQUIRE(load.more(500));
  CHECK(picks_of(p, name) <= noticed + workers);
  CAPTURE(load.first_loss());
  CHECK(load.lost() == 0);
}

}  // namespace

TEST_CASE("SIGKILL of a backend loses no request, and it works again after its return") {
  real_backend a{"a"}, b{"b"}, c{"c"};
  proxy_process const p{settings() + a.toml() + b.toml() + c.toml(), two_workers};
  steady_load load{p, clients};
  REQUIRE(load.more(200));
  b.kill();
  check_that_nothing_is_lost(p, "b", load);
  b.start();
  CHECK(eventually([&] { return is_up(p, "b"); }));
  int const before = picks_of(p, "b");
  REQUIRE(load.more(200));
  CHECK(picks_of(p, "b") > before + 30);
  CHECK(load.lost() == 0);
}

TEST_CASE("SIGSTOP of a backend loses no request, and it works again after SIGCONT") {
  real_backend a{"a"}, b{"b"}, c{"c"};
  proxy_process const p{settings("[timeouts]\nresponse = \"200ms\"\n") + a.toml() + b.toml() + c.toml(), two_workers};
  steady_load load{p, clients};
  REQUIRE(load.more(200));
  b.signal(SIGSTOP);
  check_that_nothing_is_lost(p, "b", load);
  b.signal(SIGCONT);
  CHECK(eventually([&] { return is_up(p, "b"); }));
  int const before = picks_of(p, "b");
  REQUIRE(load.more(200));
  CHECK(picks_of(p, "b") > before + 30);
  CHECK(load.lost() == 0);
}

TEST_CASE("A backend that is ten times slower gets little work from policies that see load") {
  auto const policy = GENERATE(as<std::string>{}, "least_connections", "power_of_two");
  real_backend a{"a", "5ms"}, b{"b", "5ms"}, c{"c", "5ms"};
  proxy_process const p{settings() + a.toml() + b.toml() + c.toml(), "policy = \"" + policy + "\"\n" + two_workers};
  steady_load load{p, 24};
  REQUIRE(load.more(200));
  CHECK_THAT(b.control("service?time=50ms"), ContainsSubstring("200 OK"));
  REQUIRE(load.more(100));
  int const before = picks_of(p, "b"), all = load.answered();
  REQUIRE(load.more(1000));
  auto const share = static_cast<double>(picks_of(p, "b") - before) / (load.answered() - all);
  CHECK(share < 0.15);  // with equal loads it would be 1/21
  CHECK(is_up(p, "b"));
  CHECK(load.lost() == 0);
}

TEST_CASE("A backend that resets or half-closes its connections loses no request") {
  auto const how = GENERATE(as<std::string>{}, "reset", "reset in the answer", "half-closed");
  CAPTURE(how);
  std::atomic<bool> broken{false};
  scripted_backend b{[&](connection& w, std::string const& request) {
                       if (!broken) return answers_with("b")(w, request);
                       if (how == "half-closed") return w.half_close();
                       if (how == "reset in the answer") w.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
                       w.abort();
                     },
                     [&](connection& w, std::string const&) { broken ? w.abort() : void(w.send(answer("ok"))); }};
  real_backend a{"a"}, c{"c"};
  proxy_process const p{settings("[retry]\nhold = \"10s\"\n") + a.toml() + b.toml("b") + c.toml(), two_workers};
  steady_load load{p, clients};
  REQUIRE(load.more(200));
  broken = true;
  check_that_nothing_is_lost(p, "b", load);
  broken = false;
  CHECK(eventually([&] { return is_up(p, "b"); }));
  REQUIRE(load.more(200));
  CHECK(load.lost() == 0);
}

TEST_CASE("A backend that half-closes after its answer has not failed") {
  scripted_backend a{[](connection& w, std::string const& request) {
    answers_with("a")(w, request);
    w.half_close();
  }};
  proxy_process const p{"[checks]\nenabled = false\n[passive]\nfailures = 1\n" + a.toml("a")};
  auto w = p.connect();
  for (int i = 0; i != 20; ++i) {
    w.send(plain_request);
    REQUIRE_THAT(w.read_message(), ContainsSubstring("X-Backend: a"));
  }
  CHECK(stats_of(p, "a")["failed"] == 0);
}

TEST_CASE("A burst of errors reaches clients only until the backend is ejected") {
  auto const policy = GENERATE(as<std::string>{}, "round_robin", "least_connections");
  auto const status = GENERATE(as<std::string>{}, "500", "502");
  real_backend a{"a", "5ms"}, b{"b", "5ms"}, c{"c", "5ms"};
  proxy_process const p{
      "[checks]\ninterval = \"50ms\"\nrise = 1000\n[passive]\nfailures = 3\nerrors = true\n"
      "eject = \"500ms\"\n" +
          a.toml() + b.toml() + c.toml(),
      "policy = \"" + policy + "\"\n" + two_workers};
  steady_load load{p, clients};
  REQUIRE(load.more(200));
  CHECK_THAT(b.control("service?time=0ms"), ContainsSubstring("200 OK"));  // the errors come at once
  CHECK_THAT(b.control("errors?share=1&status=" + status), ContainsSubstring("200 OK"));
  REQUIRE(eventually([&] { return stats_of(p, "b")["state"] == "ejected"; }));
  CHECK_THAT(b.control("errors?share=0"), ContainsSubstring("200 OK"));
  CHECK(load.lost() <= 3 + clients);  // three in a row, and what the backend had in flight then
  CHECK(eventually([&] { return is_up(p, "b"); }));
  int const lost = load.lost(), before = picks_of(p, "b");
  REQUIRE(load.more(300));
  CHECK(load.lost() == lost);
  CHECK(picks_of(p, "b") > before + 50);
}

TEST_CASE("A backend that flaps loses no request, and with damping it is not believed soon") {
  bool const damped = GENERATE(false, true);
  real_backend a{"a"}, b{"b"}, c{"c"};
  std::string const checks = "[checks]\ninterval = \"20ms\"\nrise = 1\nfall = 1\n";
  proxy_process const p{checks + (damped ? "damping = \"30s\"\n" : "") + a.toml() + b.toml() + c.toml(), two_workers};
  steady_load load{p, clients};
  REQUIRE(load.more(100));
  for (int i = 0; i != 3; ++i) {
    b.kill();
    REQUIRE(eventually([&] { return !is_up(p, "b"); }));
    REQUIRE(eventually([&] { return stats_of(p, "b")["state"].get<std::string>().starts_with("down"); }));
    b.start();
    if (!damped || i != 2) REQUIRE(eventually([&] { return is_up(p, "b"); }));
  }
  CHECK((p.log().find("b flaps: it stays down") != std::string::npos) == damped);
  if (damped) {
    int const before = picks_of(p, "b");
    REQUIRE(load.more(500));
    CHECK(picks_of(p, "b") == before);
  }
  CHECK(load.lost() == 0);
}

TEST_CASE("With all backends down each request is refused at once, and all work again") {
  real_backend a{"a"}, b{"b"};
  proxy_process const p{settings() + a.toml() + b.toml(), two_workers};
  CHECK_THAT(p.get("/"), ContainsSubstring("200 OK"));
  a.kill(), b.kill();
  REQUIRE(eventually([&] { return !is_up(p, "a") && !is_up(p, "b"); }));
  auto const begin = std::chrono::steady_clock::now();
  for (int i = 0; i != 20; ++i) CHECK_THAT(p.get("/"), ContainsSubstring("503") && ContainsSubstring("no backend: "));
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
  a.start(), b.start();
  REQUIRE(eventually([&] { return is_up(p, "a") && is_up(p, "b"); }));
  steady_load load{p, clients};
  REQUIRE(load.more(200));
  load.stop();
  CHECK(load.lost() == 0);
}

TEST_CASE("The backend refuses a share or status of errors that is out of range") {
  real_backend a{"a"};
  for (std::string const bad : {"share=", "share=2", "share=-0.1", "share=nan", "share=x", "share=1&status=200",
                                "share=1&status=600", "share=1&status=", "share=1&code=500"}) {
    CAPTURE(bad);
    CHECK_THAT(a.control("errors?" + bad), ContainsSubstring("400") && ContainsSubstring(" is not "));
  }
}

#include "demo/findings.hpp"
#include "catch.hpp"

using namespace demo;

namespace {

constexpr policy_setup strict{"strict", true, true, true};  // promises all there is to promise
constexpr int a = 0, b = 1, c = 2, d = 3, e = 4;

// Ten clients whose homes are as the weights of a, b, c and d want it.
constexpr int owners[] = {a, a, a, a, b, b, b, c, c, d};

settings ten_clients() {
  settings how;
  how.clients = std::size(owners);
  return how;
}

// A thousand requests of each client before b is killed, ten in every later phase; `more` at d, and as many less at c.
recording good(int more = 0) {
  recording out;
  out.policy = strict;
  out.starts = {0, 10, 20, 30, 40, 50};
  out.dead_picked_for = 20;
  out.proxy_exit = 0;
  for (std::uint32_t who = 0; who != std::size(owners); ++who)
    for (std::size_t now = steady; now != phases; ++now) {
      int at = owners[who];
      if (now == killed && at == b) at = a;
      if (now == added && who == 8) at = e;
      int const requests = now != steady ? 10 : who == 9 ? 1000 + more : who == 8 ? 1000 - more : 1000;
      for (int i = 0; i != requests; ++i)
        out.requests.push_back({out.starts[now] + 1 + 8.0 * i / requests, 2, who, at, false});
    }
  return out;
}

std::vector<promise> judged(recording const& what) {
  auto const how = ten_clients();
  return judge({examine(what, how)}, how);
}

// The texts of the promises that were not kept; the verdict must say the same.
std::vector<std::string> broken(recording const& what) {
  std::vector<std::string> out;
  auto const promises = judged(what);
  auto const line = verdict(promises);
  for (auto const& p : promises) {
    if (!p.kept) out.push_back(p.text);
    CHECK(line.find("; " + p.text + (p.kept ? ": kept (" : ": BROKEN (") + p.evidence + ")") != line.npos);
  }
  CHECK(all_kept(promises) == out.empty());
  CHECK(line.starts_with(out.empty() ? "verdict: all promises kept; " : "verdict: NOT all promises kept; "));
  CHECK(line.find('\n') == line.npos);
  return out;
}

using texts = std::vector<std::string>;
constexpr char failure[] = "no failure seen by a client";
constexpr char late_pick[] = "no pick of the dead one later than one check interval";
constexpr char moved_key[] = "keyed policies move no key but the dead one's";
constexpr char shares[] = "shares within 2 % of the ideal";
constexpr char drain[] = "the proxy drains and ends well";

}  // namespace

TEST_CASE("A good play keeps every promise, and the bounds themselves are good") {
  auto what = good();
  REQUIRE(judged(what).size() == 5);
  CHECK(broken(what) == texts{});
  what.dead_picked_for = 250;
  CHECK(broken(what) == texts{});
  CHECK(broken(good(20)) == texts{});  // 1020 where 1000 are ideal
  CHECK(broken(good(-20)) == texts{});
}

TEST_CASE("Each promise can be broken, and breaks alone") {
  auto what = good();
  SECTION("by one request that failed, whenever it was") {
    what.requests[GENERATE(0u, 9'000u, 10'399u)].failed = true;
    CHECK(broken(what) == texts{failure});
  }
  SECTION("by one that failed elsewhere, which moves no key") {
    what.requests.push_back({15, 2, 0, c, true});
    CHECK(broken(what) == texts{failure});
  }
  SECTION("by a pick of the dead one after the interval") {
    what.dead_picked_for = 251;
    CHECK(broken(what) == texts{late_pick});
  }
  SECTION("by one answer to one key from another one while b is dead") {
    what.requests.push_back({15, 2, 0, c, false});
    CHECK(broken(what) == texts{moved_key});
  }
  SECTION("by a key that is at home in two places, though they stay the same") {
    what.requests.push_back({5, 2, 9, a, false});
    what.requests.push_back({15, 2, 9, a, false});
    CHECK(broken(what) == texts{moved_key});
  }
  SECTION("by a share above the ideal") { CHECK(broken(good(21)) == texts{shares}); }
  SECTION("by a share below the ideal") { CHECK(broken(good(-21)) == texts{shares}); }
  SECTION("by a proxy that ends badly") {
    what.proxy_exit = 1;
    CHECK(broken(what) == texts{drain});
  }
}

TEST_CASE("Where nothing was seen no promise about it was kept") {
  auto what = good();
  SECTION("no request at all") {
    what.requests.clear();
    CHECK(broken(what) == texts{failure, moved_key, shares});
  }
  SECTION("no key while b is dead") {
    std::erase_if(what.requests,
                  [&](seen const& r) { return r.due >= what.starts[killed] && r.due < what.starts[back]; });
    CHECK(broken(what) == texts{moved_key});
  }
}

TEST_CASE("One bad play among good ones is not lost") {
  auto const how = ten_clients();
  auto const fine = examine(good(), how);
  auto bad = good(21);
  bad.dead_picked_for = 251;
  bad.proxy_exit = 1;
  bad.requests.push_back({15, 2, 0, c, true});
  bad.requests.push_back({15, 2, 0, c, false});
  auto const worse = examine(bad, how);
  for (auto const& all : {std::vector{worse, fine}, std::vector{fine, worse}})
    for (auto const& p : judge(all, how)) CHECK_FALSE(p.kept);
}

TEST_CASE("A policy answers only for what it promises") {
  auto what = good(500);
  what.requests.push_back({15, 2, 0, c, false});
  what.policy = {"loose", false, true, false};
  CHECK(judged(what).size() == 3);
  CHECK(broken(what) == texts{});
}

TEST_CASE("Where the weights do not count, all shares are ideally alike") {
  auto what = good();
  what.policy.weighted = false;
  CHECK(broken(what) == texts{shares});
  for (auto& r : what.requests)
    if (r.due < what.starts[killed]) r.backend = static_cast<int>(&r - what.requests.data()) % 4;
  what.policy.keyed = false;  // its keys are now everywhere
  CHECK(broken(what) == texts{});
}

TEST_CASE("What was under way when something happened belongs to neither side of it") {
  auto what = good();
  SECTION("an answer that came after the kill") { what.requests.push_back({9.9, 200, 5, a, false}); }
  SECTION("a request within one check interval of the kill") { what.requests.push_back({10.2, 2, 0, c, false}); }
  SECTION("an answer that came after the return") { what.requests.push_back({19.9, 200, 0, c, false}); }
  auto const found = examine(what, ten_clients());
  CHECK(found.on_kill->moved == 3);
  CHECK(found.on_kill->needless == 0);
}

TEST_CASE("Moved keys are counted beside the least that had to move") {
  auto const found = examine(good(), ten_clients());
  CHECK(found.on_kill->compared == 10);
  CHECK(found.on_kill->moved == 3);  // those of b
  CHECK(found.on_kill->least == 3);
  CHECK(found.on_return->moved == 0);
  CHECK(found.on_add->moved == 1);  // to e
  CHECK(found.on_add->least == 1);
  CHECK(found.on_add->needless == 0);
}

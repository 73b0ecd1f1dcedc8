// SPDX-License-Identifier: MIT
#include "demo/findings.hpp"
#include "catch.hpp"

using namespace demo;

namespace {

constexpr policy_setup strict{"strict", true, true, true};  // makes every promise
constexpr int backend_a = 0, backend_b = 1, backend_c = 2, backend_d = 3, backend_e = 4;

// Ten clients. The weights of a, b, c and d say how many of them each backend owns.
constexpr int owners[] = {backend_a, backend_a, backend_a, backend_a, backend_b,
                          backend_b, backend_b, backend_c, backend_c, backend_d};

settings ten_clients() {
  settings how;
  how.clients = std::size(owners);
  return how;
}

// Each client sends a thousand requests before b is killed, and ten in every later phase. Before the kill d gets `more`
// requests than that, and c gets as many less.
recording good(int more = 0) {
  recording out;
  out.policy = strict;
  out.starts = {0, 10, 20, 30, 40, 50};
  out.dead_picked_for = 20;
  out.proxy_exit = 0;
  for (std::uint32_t client = 0; client != std::size(owners); ++client)
    for (std::size_t now = steady; now != phases; ++now) {
      int at = owners[client];
      if (now == killed && at == backend_b) at = backend_a;
      if (now == added && client == 8) at = backend_e;
      int const requests = now != steady ? 10 : client == 9 ? 1000 + more : client == 8 ? 1000 - more : 1000;
      for (int i = 0; i != requests; ++i)
        out.requests.push_back({out.starts[now] + 1 + 8.0 * i / requests, 2, client, at, false});
    }
  return out;
}

std::vector<promise> judged(recording const& what) {
  auto const how = ten_clients();
  return judge({examine(what, how)}, how);
}

// The texts of the promises that were not kept. The verdict must say the same.
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
constexpr char no_failure[] = "no failure seen by a client";
constexpr char no_late_pick[] = "no pick of the dead backend later than one check interval";
constexpr char no_moved_key[] = "keyed policies move only keys of the dead backend";
constexpr char exact_shares[] = "shares within 2 % of the ideal";
constexpr char clean_drain[] = "the proxy drains and exits with code 0";

}  // namespace

TEST_CASE("A good run keeps every promise, also when it is exactly at the bounds") {
  auto what = good();
  REQUIRE(judged(what).size() == 5);
  CHECK(broken(what) == texts{});
  what.dead_picked_for = 250;
  CHECK(broken(what) == texts{});
  CHECK(broken(good(20)) == texts{});  // 1020 requests where 1000 are ideal
  CHECK(broken(good(-20)) == texts{});
}

TEST_CASE("Each promise can be broken without the others") {
  auto what = good();
  SECTION("by one failed request, whenever it was") {
    what.requests[GENERATE(0u, 9'000u, 10'399u)].failed = true;
    CHECK(broken(what) == texts{no_failure});
  }
  SECTION("by one request that failed on another backend, which moves no key") {
    what.requests.push_back({15, 2, 0, backend_c, true});
    CHECK(broken(what) == texts{no_failure});
  }
  SECTION("by a pick of the dead backend after the interval") {
    what.dead_picked_for = 251;
    CHECK(broken(what) == texts{no_late_pick});
  }
  SECTION("by one answer to a key from another backend while b is dead") {
    what.requests.push_back({15, 2, 0, backend_c, false});
    CHECK(broken(what) == texts{no_moved_key});
  }
  SECTION("by a key that has two owners, although they stay the same") {
    what.requests.push_back({5, 2, 9, backend_a, false});
    what.requests.push_back({15, 2, 9, backend_a, false});
    CHECK(broken(what) == texts{no_moved_key});
  }
  SECTION("by a share above the ideal") { CHECK(broken(good(21)) == texts{exact_shares}); }
  SECTION("by a share below the ideal") { CHECK(broken(good(-21)) == texts{exact_shares}); }
  SECTION("by a proxy that ends badly") {
    what.proxy_exit = 1;
    CHECK(broken(what) == texts{clean_drain});
  }
}

TEST_CASE("A promise about something that was never seen is not kept") {
  auto what = good();
  SECTION("no request at all") {
    what.requests.clear();
    CHECK(broken(what) == texts{no_failure, no_moved_key, exact_shares});
  }
  SECTION("no key while b is dead") {
    std::erase_if(what.requests,
                  [&](request_record const& r) { return r.due >= what.starts[killed] && r.due < what.starts[back]; });
    CHECK(broken(what) == texts{no_moved_key});
  }
}

TEST_CASE("One bad run among good ones is not lost") {
  auto const how = ten_clients();
  auto const fine = examine(good(), how);
  auto bad = good(21);
  bad.dead_picked_for = 251;
  bad.proxy_exit = 1;
  bad.requests.push_back({15, 2, 0, backend_c, true});
  bad.requests.push_back({15, 2, 0, backend_c, false});
  auto const worse = examine(bad, how);
  for (auto const& all : {std::vector{worse, fine}, std::vector{fine, worse}})
    for (auto const& p : judge(all, how)) CHECK_FALSE(p.kept);
}

TEST_CASE("A policy is judged only by its own promises") {
  auto what = good(500);
  what.requests.push_back({15, 2, 0, backend_c, false});
  what.policy = {"loose", false, true, false};
  CHECK(judged(what).size() == 3);
  CHECK(broken(what) == texts{});
}

TEST_CASE("If the weights do not count, all ideal shares are equal") {
  auto what = good();
  what.policy.weighted = false;
  CHECK(broken(what) == texts{exact_shares});
  for (auto& r : what.requests)
    if (r.due < what.starts[killed]) r.backend = static_cast<int>(&r - what.requests.data()) % 4;
  what.policy.keyed = false;  // every backend now serves its keys
  CHECK(broken(what) == texts{});
}

TEST_CASE("A request that spans an event belongs to neither side of it") {
  auto what = good();
  SECTION("an answer that came after the kill") { what.requests.push_back({9.9, 200, 5, backend_a, false}); }
  SECTION("a request within one check interval of the kill") {
    what.requests.push_back({10.2, 2, 0, backend_c, false});
  }
  SECTION("an answer that came after the return") { what.requests.push_back({19.9, 200, 0, backend_c, false}); }
  auto const found = examine(what, ten_clients());
  CHECK(found.on_kill->moved == 3);
  CHECK(found.on_kill->needless == 0);
}

TEST_CASE("Moved keys are counted beside the minimum that had to move") {
  auto const found = examine(good(), ten_clients());
  CHECK(found.on_kill->compared == 10);
  CHECK(found.on_kill->moved == 3);  // the keys of b
  CHECK(found.on_kill->least == 3);
  CHECK(found.on_return->moved == 0);
  CHECK(found.on_add->moved == 1);  // to e
  CHECK(found.on_add->least == 1);
  CHECK(found.on_add->needless == 0);
}

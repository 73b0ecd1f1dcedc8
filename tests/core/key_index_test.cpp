// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/key_index.hpp>

#include <deque>
#include <map>

namespace key_index_test {
using namespace equipoise;

namespace {
struct node {
  std::string key;
  node* next_in_bucket = nullptr;
};

using index = detail::key_index<node>;

}  // namespace

TEST_CASE("key_index: an empty index finds no key and erases nothing") {
  index i;
  node const n{"a"};
  CHECK(i.find("a") == nullptr);
  CHECK(i.find("") == nullptr);
  i.erase(n);
  CHECK(i.size() == 0);
}

TEST_CASE("key_index: it agrees with a map through growth, erasure and reinsertion") {
  index i;
  std::map<std::string, node*> expected;
  std::deque<node> nodes;
  rng dice{1};
  for (int step = 0; step != 20'000; ++step) {
    auto const key = "10.0." + std::to_string(random_below(dice, 3000));
    if (auto const at = expected.find(key); at != expected.end()) {
      i.erase(*at->second);
      expected.erase(at);
      CHECK(i.find(key) == nullptr);
    } else {
      nodes.push_back({key});
      i.make_room(i.size() + 1);
      i.insert(nodes.back());
      expected[key] = &nodes.back();
    }
    if (step % 997 != 0) continue;
    REQUIRE(i.size() == expected.size());
    for (auto const& [k, n] : expected) REQUIRE(i.find(k) == n);
  }
  CHECK(i.find("10.0.3000") == nullptr);
}

TEST_CASE("key_index: a node that is not indexed is not erased, even under an indexed key") {
  index i;
  node a{"a"}, twin{"a"}, b{"b"};
  i.make_room(2);
  i.insert(a);
  i.insert(b);
  i.erase(twin);
  CHECK(i.size() == 2);
  CHECK(i.find("a") == &a);
  i.erase(a);
  i.erase(a);
  CHECK(i.size() == 1);
  CHECK(i.find("b") == &b);
}

}  // namespace key_index_test

// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/shard_router.hpp>

#include <limits>

namespace shard_router_test {
using namespace equipoise;

namespace {
shard_router<modulo_shards> three() { return shard_router{modulo_shards{{"A", "B", "C"}}}; }
shard_router<range_shards> thousands() {
  return shard_router{range_shards{{{1, 1000, "A"}, {1001, 2000, "B"}, {2001, 3000, "C"}}}};
}
}  // namespace

TEST_CASE("shard_router: a number goes to the shard of its remainder") {
  fleet f{three(), servers(3)};
  std::string names;
  for (int id = 0; id != 7; ++id) names += name_or_error(f.picker.select(id));
  CHECK(names == "ABCABCA");
}

TEST_CASE("shard_router: negative and 64-bit numbers have the mathematical remainder") {
  fleet f{three(), servers(3)};
  CHECK(name_or_error(f.picker.select(-1)) == "C");
  CHECK(name_or_error(f.picker.select(-2)) == "B");
  CHECK(name_or_error(f.picker.select(-3)) == "A");
  CHECK(name_or_error(f.picker.select(std::numeric_limits<std::uint64_t>::max())) == "A");  // 2^64 − 1 = 3 · …
  CHECK(name_or_error(f.picker.select(std::numeric_limits<std::uint64_t>::max() - 1)) == "C");
  CHECK(name_or_error(f.picker.select(std::numeric_limits<std::int64_t>::min())) == "B");  // −2^63 ≡ 1
  CHECK(name_or_error(f.picker.select(std::int64_t{4'294'967'296})) == "B");               // 2^32 ≡ 1
  rng d{24};
  for (int i = 0; i != 1000; ++i) {
    auto const id = static_cast<std::int64_t>(d());
    auto const rest = static_cast<std::size_t>((id % 3 + 3) % 3);
    CHECK(f.picker.select(id)->number == rest);
  }
}

TEST_CASE("shard_router: ranges include both ends, and other numbers are refused") {
  fleet f{thousands(), servers(3)};
  for (auto const& [id, name] : std::vector<std::pair<int, std::string>>{
           {1, "A"}, {1000, "A"}, {1001, "B"}, {2000, "B"}, {2001, "C"}, {3000, "C"}})
    CHECK(name_or_error(f.picker.select(id)) == name);
  for (long long id :
       {0LL, 3001LL, -1LL, -1001LL, std::numeric_limits<long long>::max(), std::numeric_limits<long long>::min()}) {
    CHECK(name_or_error(f.picker.select(id)) == "(refused)");
    CHECK(f.picker.acquire(id).error() == pick_error::refused);
    auto const explained = f.picker.explain(id);
    CHECK(explained.error == pick_error::refused);
    CHECK(explained.text() ==
          "no backend was chosen by shard_router{range_shards{1..1000=A, 1001..2000=B, 2001..3000=C}} for " +
              std::to_string(id) + ": refused, no such shard; 3 not asked.");
  }
  CHECK(name_or_error(f.picker.select(std::numeric_limits<std::uint64_t>::max())) == "(refused)");
}

TEST_CASE("shard_router: ranges may have gaps, negative ends and any order") {
  fleet f{shard_router{range_shards{{{10, 19, "B"}, {-5, -1, "A"}, {30, 30, "A"}}}}, servers(2)};
  std::string names;
  for (int id : {-6, -5, -1, 0, 9, 10, 19, 20, 29, 30, 31})
    names += f.picker.select(id) ? name_or_error(f.picker.select(id)) : "-";
  CHECK(names == "-AA--BB--A-");
}

TEST_CASE("shard_router: a shard that is down is all_down, and no other member is asked") {
  fleet f{three(), servers(3)};
  f.set(1, health_flag::down);
  CHECK(name_or_error(f.picker.select(1)) == "(all_down)");
  CHECK(name_or_error(f.picker.select(0)) == "A");
  f.pool.refresh();
  CHECK(name_or_error(f.picker.select(1)) == "(all_down)");
  f.clear(1, health_flag::down);
  CHECK(name_or_error(f.picker.select(1)) == "B");
}

TEST_CASE("shard_router: members that join or leave never move a shard") {
  fleet f{three(), servers(3)};
  f.join({{"D", 1, 0, "", 3}});
  CHECK(name_or_error(f.picker.select(3)) == "A");
  f.pool.remove(f.ids[1]);
  CHECK(name_or_error(f.picker.select(1)) == "(all_down)");
  CHECK(name_or_error(f.picker.select(2)) == "C");
  f.pool.update(f.ids[0], {.weight = 0});
  CHECK(name_or_error(f.picker.select(0)) == "(all_down)");
  fleet empty{three()};
  CHECK(name_or_error(empty.picker.select(1)) == "(empty)");
}

TEST_CASE("shard_router: exclusions are respected, and there is one replica") {
  fleet f{three(), servers(3)};
  CHECK(name_or_error(f.picker.select(0, {.excluded = f.ids})) == "(all_excluded)");
  CHECK(select_n(f.picker, 1, 5) == std::vector{f.ids[1]});
}

TEST_CASE("shard_router: the maps refuse invalid shards and name them") {
  using Catch::Matchers::ContainsSubstring;
  using names = std::vector<std::string>;
  using ranges = std::vector<range_shards::range>;
  CHECK_THROWS_WITH(modulo_shards(names{}), ContainsSubstring("empty"));
  CHECK_THROWS_WITH(modulo_shards(names{"a", ""}), ContainsSubstring("key is empty"));
  CHECK_THROWS_WITH(range_shards(ranges{}), ContainsSubstring("empty"));
  CHECK_THROWS_WITH(range_shards(ranges{{1, 9, ""}}), ContainsSubstring("1 … 9 names no backend"));
  CHECK_THROWS_WITH(range_shards(ranges{{9, 1, "a"}}), ContainsSubstring("9 … 1 ends before it begins"));
  CHECK_THROWS_WITH(range_shards(ranges{{1, 10, "a"}, {10, 20, "b"}}), ContainsSubstring("1 … 10 and 10 … 20 overlap"));
}

}  // namespace shard_router_test

// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/policy/round_robin.hpp>

// A type whose namespace has functions with the names that the library uses inside.
namespace named_alike {
struct machine {
  std::string name;
};
inline std::string_view key_of(machine const& m) { return m.name; }
inline std::string key_text(machine const&) { return "wrong"; }
inline std::string_view key_from(machine const&) { return "wrong"; }
inline int weight_from(machine const&) { return 7; }
inline equipoise::attributes attributes_of(machine const&, std::string const&) { return {7, 7, "wrong"}; }
inline equipoise::labels labels_from(machine const&) { return {{"wrong", "wrong"}}; }
}  // namespace named_alike

namespace backend_test {
namespace {
struct by_members {
  std::string key() const { return "m"; }  // a temporary: the pool copies it
  int weight() const { return 4; }
  short priority() const { return 2; }
  char const* zone() const { return "west"; }
  equipoise::labels labels() const { return {{"version", "2"}}; }
};

struct by_look_up {};
std::string_view key_of(by_look_up const&) { return "l"; }
long long weight_of(by_look_up const&) { return 5; }
unsigned priority_of(by_look_up const&) { return 3; }
std::string zone_of(by_look_up const&) { return "north"; }
equipoise::labels labels_of(by_look_up const&) { return {{"version", "3"}}; }

struct by_traits {
  std::string key() const { return "not this one"; }
  int weight() const { return 99; }
  int priority() const { return 99; }
  char const* zone() const { return "nowhere"; }
  equipoise::labels labels() const { return {{"version", "99"}}; }
};

struct bare {
  std::string name;
};
std::string_view key_of(bare const& b) { return b.name; }

struct only_moves {
  std::unique_ptr<int> value;
  std::string name;
};
std::string_view key_of(only_moves const& b) { return b.name; }

struct not_a_backend {};

struct any_numbers {
  long long weight_ = 1, priority_ = 0;
  std::string key() const { return "odd-one"; }
  long long weight() const { return weight_; }
  long long priority() const { return priority_; }
};
}  // namespace

}  // namespace backend_test

template <>
struct equipoise::backend_traits<backend_test::by_traits> {
  using by_traits = backend_test::by_traits;
  static char const* key_of(by_traits const&) { return "t"; }
  static unsigned char weight_of(by_traits const&) { return 6; }
  static signed char priority_of(by_traits const&) { return 4; }
  static std::string zone_of(by_traits const&) { return "south"; }
  static equipoise::labels labels_of(by_traits const&) { return {{"version", "1"}}; }
};

namespace backend_test {
using namespace equipoise;

namespace {
template <class B>
attributes attributes_in_a_pool(B b, std::string const& key) {
  pool<B> pool;
  auto const id = pool.add(std::move(b));
  CHECK(pool.find(key) == id);
  attributes found;
  pool.for_each([&](backend_id, B const&, attributes const& a, health_flag) { found = a; });
  return found;
}
}  // namespace

TEST_CASE("backend: functions of the user's namespace do not replace those of the library") {
  CHECK(attributes_in_a_pool(named_alike::machine{"a"}, "a") == attributes{});
}

TEST_CASE("backend: traits come before members, members before look-up, defaults last") {
  CHECK(attributes_in_a_pool(by_traits{}, "t") == attributes{6, 4, "south"});
  CHECK(attributes_in_a_pool(by_members{}, "m") == attributes{4, 2, "west"});
  CHECK(attributes_in_a_pool(by_look_up{}, "l") == attributes{5, 3, "north"});
  CHECK(attributes_in_a_pool(bare{"b"}, "b") == attributes{1, 0, ""});
  STATIC_REQUIRE(backend<bare>);
  STATIC_REQUIRE(backend<only_moves>);
  STATIC_REQUIRE(!backend<not_a_backend>);
  STATIC_REQUIRE(!backend<int>);
}

TEST_CASE("backend: labels reach the policies, and an unknown label is empty") {
  struct sees_labels {
    struct table {
      std::string version, unknown;
    };
    struct cursor {};
    std::string* seen;
    table build(members_view all) const {
      if (!all.empty()) *seen = std::string{all[0].label("version")} + "/" + std::string{all[0].label("unknown")};
      return {};
    }
    proposal propose(table const&, cursor&, pick const&) const noexcept { return nullptr; }
  };
  std::string seen;
  pool<by_members> a;
  balancer lb{a, sees_labels{&seen}, 0};
  a.add({});
  CHECK(seen == "2/");
  pool<by_look_up> b;
  balancer lb_b{b, sees_labels{&seen}, 0};
  b.add({});
  CHECK(seen == "3/");
  pool<by_traits> c;
  balancer lb_c{c, sees_labels{&seen}, 0};
  c.add({});
  CHECK(seen == "1/");
}

TEST_CASE("backend: a type that can only be moved can be a member") {
  pool<only_moves> pool;
  balancer lb{pool, round_robin{}, 0};
  auto picker = lb.make_picker();
  pool.add({std::make_unique<int>(7), "a"});
  std::vector<only_moves> list;
  list.push_back({std::make_unique<int>(8), "b"});
  CHECK(pool.assign(std::move(list)));
  CHECK(pool.size() == 1);
  CHECK(*picker.select()->value == 8);
}

TEST_CASE("backend: the error for a number out of range names field, value and backend") {
  using Catch::Matchers::ContainsSubstring;
  pool<any_numbers> pool;
  CHECK_THROWS_WITH(pool.add({-1, 0}), ContainsSubstring("weight -1 of backend 'odd-one'"));
  CHECK_THROWS_WITH(pool.add({4'294'967'296, 0}), ContainsSubstring("weight 4294967296 of backend 'odd-one'"));
  CHECK_THROWS_WITH(pool.add({1, -2}), ContainsSubstring("priority -2 of backend 'odd-one'"));
  CHECK_THROWS_WITH(pool.add({1, 65'536}), ContainsSubstring("priority 65536 of backend 'odd-one'"));
  CHECK_THROWS_WITH(pool.add({1, 0}, {.priority = 65'536}), ContainsSubstring("priority 65536 of backend 'odd-one'"));
  CHECK(pool.size() == 0);
  CHECK_NOTHROW(pool.add({0xFFFFFFFF, 65'535}));
  CHECK_THROWS_WITH(pool.update(pool.find("odd-one"), {.priority = 65'536}), ContainsSubstring("priority 65536"));
  pool.for_each([](backend_id, any_numbers const&, attributes const& a, health_flag) {
    CHECK(a == attributes{0xFFFFFFFF, 65'535, ""});
  });
}

TEST_CASE("backend: the pool numbers the zones, and the empty zone is number 0") {
  pool<server> pool;
  pool.add({"a", 1, 0, "east"});
  pool.add({"b", 1, 0, ""});
  pool.add({"c", 1, 0, "east"});
  CHECK(pool.zone_name(0).empty());
  CHECK(pool.zone_name(1) == "east");
  for (unsigned unknown : {2u, 3u, 65'535u}) CHECK(pool.zone_name(static_cast<std::uint16_t>(unknown)).empty());
  std::string zones;
  pool.for_each([&](backend_id, server const&, attributes const& a, health_flag) { zones += a.zone + ","; });
  CHECK(zones == "east,,east,");
}

}  // namespace backend_test

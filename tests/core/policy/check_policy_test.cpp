// SPDX-License-Identifier: MIT
#include "standard_policies.hpp"

#include <equipoise/core/policy/check_policy.hpp>
#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/shard_router.hpp>

namespace check_policy_test {
using namespace equipoise;

// A policy that is right. Each of the following types breaks it in one place. They are not in an unnamed namespace,
// because compilers warn there of functions without a body.
struct right {
  struct table {};
  struct cursor {};
  table build(members_view) const { return {}; }
  proposal propose(table const&, cursor&, pick const&) const noexcept { return nullptr; }
};

struct without_table {
  struct cursor {};
  proposal propose(cursor&, pick const&) const noexcept;
};
struct without_cursor {
  struct table {};
  table build(members_view) const;
  proposal propose(table const&, pick const&) const noexcept;
};
struct with_a_table_that_stays : right {
  struct table {
    table() = default;
    table(table&&) = delete;
  };
  table build(members_view) const;
  proposal propose(table const&, cursor&, pick const&) const noexcept;
};
struct with_a_cursor_that_only_moves : right {
  struct cursor {
    std::unique_ptr<int> state;
  };
  proposal propose(table const&, cursor&, pick const&) const noexcept;
};
struct without_build {
  struct table {};
  struct cursor {};
  proposal propose(table const&, cursor&, pick const&) const noexcept;
};
struct builds_another_type : right {
  int build(members_view) const;
};
struct without_propose {
  struct table {};
  struct cursor {};
  table build(members_view) const;
};
struct proposes_an_index : right {
  std::size_t propose(table const&, cursor&, pick const&) const noexcept;
};
struct proposes_text : right {
  std::string propose(table const&, cursor&, pick const&) const noexcept;
};
struct may_throw : right {
  proposal propose(table const&, cursor&, pick const&) const;
};
struct without_tries : right {
  static constexpr unsigned tries = 0;
};
struct with_a_key_that_is_expensive_to_copy : right {
  using key_type = std::string;
  proposal propose(table const&, cursor&, pick const&, std::string const&) const noexcept;
};
struct takes_no_key : right {
  using key_type = int;
};

TEMPLATE_LIST_TEST_CASE("policy: every standard policy and composition satisfies the concept", "", every_policy) {
  STATIC_REQUIRE(policy<TestType>);
  STATIC_REQUIRE(check_policy<TestType>());
  for_each_standard_composition([]<template <class> class C>() {
    STATIC_REQUIRE(policy<C<TestType>>);
    STATIC_REQUIRE(check_policy<C<TestType>>());
  });
}

TEST_CASE("policy: policies with arguments and a minimal policy satisfy the concept") {
  STATIC_REQUIRE(policy<right>);
  STATIC_REQUIRE(policy<any_policy>);
  STATIC_REQUIRE(policy<shard_router<modulo_shards>>);
  STATIC_REQUIRE(policy<shard_router<range_shards>>);
}

// What the compiler says of each is tested in compile_fail.
TEST_CASE("policy: a type with any one mistake does not satisfy the concept") {
  STATIC_REQUIRE(!policy<int>);
  STATIC_REQUIRE(!policy<without_table>);
  STATIC_REQUIRE(!policy<without_cursor>);
  STATIC_REQUIRE(!policy<with_a_table_that_stays>);
  STATIC_REQUIRE(!policy<with_a_cursor_that_only_moves>);
  STATIC_REQUIRE(!policy<without_build>);
  STATIC_REQUIRE(!policy<builds_another_type>);
  STATIC_REQUIRE(!policy<without_propose>);
  STATIC_REQUIRE(!policy<proposes_an_index>);
  STATIC_REQUIRE(!policy<proposes_text>);
  STATIC_REQUIRE(!policy<may_throw>);
  STATIC_REQUIRE(!policy<without_tries>);
  STATIC_REQUIRE(!policy<with_a_key_that_is_expensive_to_copy>);
  STATIC_REQUIRE(!policy<takes_no_key>);
}

}  // namespace check_policy_test

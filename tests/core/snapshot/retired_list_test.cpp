// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/snapshot/retired_list.hpp>

namespace retired_list_test {
using namespace equipoise;

namespace {
struct node {
  int number;
  detail::owned<node> next;
};
using list = detail::owned<node>;

list numbered(int n) {
  list all;
  for (int i = 0; i != n; ++i) detail::push(all, list{new node{i, {}}});
  return all;
}
std::vector<int> numbers(list const& l) {
  std::vector<int> all;
  for (auto const* n = l.get(); n != nullptr; n = n->next.get()) all.push_back(n->number);
  return all;
}
}  // namespace

TEST_CASE("retired_list: push adds at the front, and pop takes from there") {
  list l = numbered(3);
  CHECK(numbers(l) == std::vector{2, 1, 0});
  CHECK(detail::length(l) == 3);
  CHECK(detail::pop(l)->number == 2);
  CHECK(numbers(l) == std::vector{1, 0});
  CHECK(detail::length(list{}) == 0);
}

TEST_CASE("retired_list: move_if moves the wanted nodes and keeps the order of the others") {
  list from = numbered(7), to = numbered(1);
  detail::move_if(from, to, [](node const& n) { return n.number % 3 == 0; });
  CHECK(numbers(from) == std::vector{5, 4, 2, 1});
  CHECK(numbers(to) == std::vector{0, 3, 6, 0});
  detail::move_if(from, to, [](node const&) { return true; });
  CHECK(from.get() == nullptr);
  CHECK(detail::length(to) == 8);
}

TEST_CASE("retired_list: destroy_all needs no stack space for a long list") {
  list l = numbered(1'000'000);
  detail::destroy_all(l);
  CHECK(l.get() == nullptr);
}

}  // namespace retired_list_test

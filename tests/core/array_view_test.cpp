// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/array_view.hpp>

#include <array>
#include <span>

namespace array_view_test {
using namespace equipoise;

static_assert(std::is_trivially_copyable_v<array_view<int>>);
static_assert(sizeof(array_view<int>) == 2 * sizeof(void*));
static_assert(std::is_convertible_v<std::vector<int>&, array_view<int>>);
static_assert(std::is_convertible_v<std::vector<int>, array_view<int const>>);
static_assert(std::is_convertible_v<array_view<int>, array_view<int const>>);
static_assert(!std::is_convertible_v<std::vector<int> const&, array_view<int>>);
static_assert(!std::is_convertible_v<std::vector<int>, array_view<int>>, "a view of what is gone at once");
static_assert(!std::is_convertible_v<std::vector<long>&, array_view<int const>>);
static_assert(!std::is_convertible_v<int*, array_view<int const>>);

// A derived class has another size, so an array of it is not an array of its base.
struct base {
  int number = 0;
};
struct derived : base {
  double score = 0;
};
static_assert(!std::is_convertible_v<std::vector<derived>&, array_view<base const>>);
static_assert(!std::is_convertible_v<std::vector<base>&, array_view<derived const>>);
struct untyped {
  void* data() const { return nullptr; }
  std::size_t size() const { return 0; }
};
static_assert(!std::is_convertible_v<untyped&, array_view<int>>);
struct signed_size {
  int numbers[2] = {1, 2};
  int const* data() const { return numbers; }
  int size() const { return 2; }
};
static_assert(std::is_convertible_v<signed_size&, array_view<int const>>);
static_assert(std::ranges::borrowed_range<array_view<int>> && std::ranges::borrowed_range<members_view>);
static_assert(std::is_convertible_v<array_view<int>, std::span<int>>);

TEST_CASE("array_view: arrays, vectors and spans convert to it") {
  int numbers[] = {1, 2, 3};
  std::array const array{1, 2, 3};
  std::vector<int> vector{1, 2, 3};
  for (array_view<int const> v :
       {array_view<int const>{numbers}, array_view<int const>{array}, array_view<int const>{vector},
        array_view<int const>{std::span{numbers}}, array_view<int const>{numbers, 3}}) {
    CHECK(v.size() == 3);
    CHECK(!v.empty());
    CHECK(v.front() == 1);
    CHECK(v[1] == 2);
    CHECK(v.back() == 3);
    CHECK(std::vector<int>(v.begin(), v.end()) == vector);
  }
  CHECK(array_view<int>{vector}.data() == vector.data());
}

TEST_CASE("array_view: it converts to a span and is written through") {
  std::vector<int> numbers{1, 2, 3};
  array_view<int> const v = numbers;
  v[0] = 4;
  std::span<int> const span = v;
  span[1] = 5;
  CHECK(numbers == std::vector{4, 5, 3});
}

TEST_CASE("array_view: a container may count in signed numbers") {
  signed_size const two;
  array_view<int const> const v = two;
  CHECK(v.size() == 2);
  CHECK(v.back() == 2);
}

TEST_CASE("array_view: a default one is empty") {
  array_view<int> const v;
  CHECK(v.empty());
  CHECK(v.begin() == v.end());
}

}  // namespace array_view_test

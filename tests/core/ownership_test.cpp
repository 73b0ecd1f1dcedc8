// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/ownership.hpp>

namespace ownership_test {
using namespace equipoise;

namespace {
// An object that counts how many of its kind exist.
struct counted : detail::reference_counted {
  explicit counted(int& c) : count{&c} { ++*count; }
  ~counted() override { --*count; }
  int* count;
};
struct derived_from_counted final : counted {
  using counted::counted;
};
}  // namespace

TEST_CASE("ownership: owned destroys its object once, whatever moves") {
  int count = 0;
  {
    detail::owned<counted> a{new counted{count}}, b;
    CHECK(b.get() == nullptr);
    b = std::move(a);
    CHECK(a.get() == nullptr);
    CHECK(count == 1);
    auto& same = b;
    b = std::move(same);
    CHECK(count == 1);
    CHECK(b->count == &count);
    b.reset(new counted{count});
    CHECK(count == 1);
    delete b.release();
    CHECK(count == 0);
    b.reset(new counted{count});
    b.reset();
    CHECK(count == 0);
    detail::owned<counted> const c = detail::owned<derived_from_counted>{new derived_from_counted{count}};
    CHECK(count == 1);
  }
  CHECK(count == 0);
}

TEST_CASE("ownership: the last of several shared owners destroys the object") {
  int count = 0;
  {
    detail::shared<counted> a{new counted{count}}, b = a, c;
    CHECK(a->owners == 2);
    c = std::move(a);
    CHECK(b->owners == 2);
    auto& same = c;
    c = same;
    CHECK(c->owners == 2);
    b = {};
    CHECK(count == 1);
    c = detail::shared<counted>{new counted{count}};
    CHECK(count == 1);
    CHECK((*c).owners == 1);
  }
  CHECK(count == 0);
}

}  // namespace ownership_test

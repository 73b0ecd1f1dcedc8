// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/record.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <array>
#include <memory>

namespace record_test {
using namespace equipoise;

namespace {
std::string const long_name(100, 'x');

struct with_text {
  std::string name;
};
std::string_view key_of(with_text const& b) { return b.name; }

struct with_array {
  std::array<char, 40> name;
};
std::string_view key_of(with_array const& b) { return b.name.data(); }

struct with_temporary {
  int number;
};
std::string key_of(with_temporary const& b) { return "backend " + std::to_string(b.number); }

// Its key changes with an object that the application owns.
struct with_pointer {
  std::shared_ptr<std::string> name;
};
std::string const& key_of(with_pointer const& b) { return *b.name; }

template <class B>
bool is_inside(detail::record<B> const& r) {
  auto const* const object = reinterpret_cast<char const*>(&r.value);
  return object <= r.key.data() && r.key.data() + r.key.size() <= object + sizeof(B);
}
}  // namespace

TEST_CASE("record: a key inside the backend is not copied, any other is") {
  detail::record<with_text> const shortly{{"a"}, "a"}, at_length{{long_name}, long_name};
  CHECK(shortly.key == "a");
  CHECK(is_inside(shortly));
  CHECK(at_length.key == long_name);
  CHECK(!is_inside(at_length));
  CHECK(at_length.key.data() != at_length.value.name.data());
  with_array text{};
  std::string{"array"}.copy(text.name.data(), 5);
  detail::record<with_array> const in_array{std::move(text), "array"};
  CHECK(in_array.key == "array");
  CHECK(is_inside(in_array));
  detail::record<with_temporary> const temporary{{7}, "backend 7"};
  CHECK(temporary.key == "backend 7");
  CHECK(!is_inside(temporary));
}

TEST_CASE("record: a key that its owner changes or frees stays as it was for the pool") {
  pool<with_pointer> p;
  auto const name = std::make_shared<std::string>("before");
  auto const id = p.add({name});
  *name = long_name;
  CHECK(p.find("before") == id);
  CHECK(!p.find(long_name));
  CHECK(p.add({std::make_shared<std::string>("before, too")}));
  CHECK_THROWS_WITH(p.add({std::make_shared<std::string>("before")}), Catch::Matchers::ContainsSubstring("'before'"));
  CHECK(p.remove(id));
  CHECK(!p.find("before"));
}

TEST_CASE("record: a member takes 80 bytes and its backend") { CHECK(sizeof(detail::record<with_temporary>) <= 88); }

}  // namespace record_test

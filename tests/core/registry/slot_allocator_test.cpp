// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/registry/slot_allocator.hpp>

namespace slot_allocator_test {
using namespace equipoise;

TEST_CASE("slot_allocator: freed slots return oldest first, with the next generation") {
  std::vector<std::size_t> order{0, 1, 2};
  do {
    detail::state_table r{3, 1};
    detail::slot_allocator s{r};
    backend_id a[3];
    for (auto& id : a) {
      REQUIRE(s.has(1));
      id = s.take();
      r.word_of(id.slot).store(id.tag);
    }
    CHECK(!s.has(1));
    CHECK_THAT(s.shortage(), Catch::Matchers::ContainsSubstring("capacity 3"));
    for (auto i : order) s.leave(), s.give_back(a[i].slot);
    for (auto i : order) {
      auto const again = s.take();
      CHECK(again.slot == a[i].slot);
      CHECK(again.tag == a[i].tag + detail::one_generation);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("slot_allocator: back_to undoes every take since where()") {
  rng d{40};
  detail::state_table r{64, 1}, twin_r{64, 1};
  detail::slot_allocator s{r}, twin{twin_r};
  std::vector<backend_id> taken;
  for (int step = 0; step != 3000; ++step) {
    auto const which = random_below(d, 3);
    if (which == 0 && taken.size() < 40) {
      REQUIRE(s.has(1));
      auto const id = s.take();
      REQUIRE(id == twin.take());
      r.word_of(id.slot).store(id.tag);
      twin_r.word_of(id.slot).store(id.tag);
      taken.push_back(id);
    } else if (which == 1 && !taken.empty()) {
      std::swap(taken[random_below(d, static_cast<std::uint32_t>(taken.size()))], taken.back());
      for (auto* each : {&s, &twin}) each->leave(), each->give_back(taken.back().slot);
      taken.pop_back();
    } else {
      auto const before = s.where();
      for (auto n = random_below(d, 20); n != 0; --n) s.take();
      s.back_to(before);
    }
    REQUIRE(s.waiting() == twin.waiting());
  }
}

TEST_CASE("slot_allocator: a slot with no generations left is never used again") {
  detail::state_table r{1, 1};
  detail::slot_allocator s{r};
  auto id = s.take();
  r.word_of(id.slot).store((~detail::health_bits - detail::one_generation) |
                           static_cast<std::uint32_t>(health_flag::removed));
  s.leave();
  s.give_back(id.slot);
  auto const last = s.take();
  CHECK(last.slot == id.slot);
  CHECK(last.tag == ~detail::health_bits);
  r.word_of(id.slot).store(last.tag | static_cast<std::uint32_t>(health_flag::removed));
  s.leave();
  s.give_back(id.slot);
  CHECK(s.take().slot != id.slot);
}

TEST_CASE("slot_allocator: with all generations used up the next member is refused") {
  detail::state_table r{1, 1};
  detail::slot_allocator s{r};
  for (std::uint32_t k = 0; k != r.slots(); ++k) {
    REQUIRE(s.has(1));
    auto const slot = s.take().slot;
    r.word_of(slot).store(~detail::health_bits | static_cast<std::uint32_t>(health_flag::removed));
    s.leave();
    s.give_back(slot);
  }
  CHECK(!s.has(1));
}

}  // namespace slot_allocator_test

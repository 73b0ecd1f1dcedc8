// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <set>

namespace state_table_test {
using namespace equipoise;

TEST_CASE("state_table: deal permutes each block and puts neighbours on different lines") {
  constexpr std::size_t per_line = detail::cache_line / sizeof(detail::state_table::word);
  for (std::uint32_t first : {0u, 1024u, 7168u}) {
    std::set<std::uint32_t> seen;
    for (std::uint32_t k = first; k != first + detail::state_table::block; ++k) {
      seen.insert(detail::state_table::deal(k));
      if (k + 1 != first + detail::state_table::block)
        CHECK(detail::state_table::deal(k) / per_line != detail::state_table::deal(k + 1) / per_line);
    }
    CHECK(seen.size() == detail::state_table::block);
    CHECK(*seen.begin() == first);
    CHECK(*seen.rbegin() == first + detail::state_table::block - 1);
  }
  std::set<std::size_t> lines;  // 64 small backends are on 64 cache lines
  for (std::uint32_t k = 0; k != 64; ++k) lines.insert(detail::state_table::deal(k) / per_line);
  CHECK(lines.size() == 64);
}

TEST_CASE("state_table: health flags are set and cleared independently") {
  detail::state_table r{4, 1};
  backend_id const id{2, detail::one_generation};
  r.word_of(2).store(id.tag);
  CHECK(r.check(id));
  health_flag before{};
  CHECK(r.set(id, health_flag::down, &before));
  CHECK(before == health_flag::none);
  CHECK(r.set(id, health_flag::draining, &before));
  CHECK(before == health_flag::down);
  CHECK(r.health(id) == (health_flag::down | health_flag::draining));
  CHECK(!r.check(id));
  CHECK(r.clear(id, health_flag::down, &before));
  CHECK(before == (health_flag::down | health_flag::draining));
  CHECK(!r.check(id));
  CHECK(r.check(id, admission::same_session));
  CHECK(r.clear(id, health_flag::draining));
  CHECK(r.check(id));
}

TEST_CASE("state_table: outdated and forged ids change nothing, and no mask admits them") {
  detail::state_table r{4, 1};
  backend_id const mine{0, 5 * detail::one_generation};
  r.word_of(0).store(mine.tag);
  std::vector<backend_id> const bad{{},
                                    {0, 4 * detail::one_generation},
                                    {0, 6 * detail::one_generation},
                                    {0, mine.tag | 1},
                                    {1, detail::one_generation},
                                    {0, 0},
                                    {1, 0},
                                    {0xFFFFFFFF, detail::one_generation},
                                    {4096, detail::one_generation}};
  for (auto id : bad) {
    CAPTURE(id);
    CHECK(!r.set(id, health_flag::down));
    CHECK(!r.clear(id, health_flag::down));
    CHECK(r.health(id) == health_flag::removed);
  }
  for (auto mask :
       {admission::new_work, admission::same_session, admission::panic, admission::same_session & admission::panic}) {
    CHECK(!r.check({}, mask));
    CHECK(!r.check({0, 4 * detail::one_generation}, mask));
    CHECK(!r.check({1, detail::one_generation}, mask));
  }
  CHECK(r.health(mine) == health_flag::none);
}

TEST_CASE("state_table: a mask ignores its own flags and no others, and masks combine") {
  backend_id const id{0, detail::one_generation};
  auto const lets = [&](health_flag against, admission mask) {
    return detail::admits(id.tag | static_cast<std::uint32_t>(against), id.tag, mask);
  };
  for (unsigned bit = 0; bit != 12; ++bit) {
    auto const r = static_cast<health_flag>(1u << bit);
    bool const session = r == health_flag::draining || r == health_flag::zero_weight;
    bool const ill = r == health_flag::down || r == health_flag::ejected || r == health_flag::circuit_open;
    CHECK(!lets(r, admission::new_work));
    CHECK(lets(r, admission::same_session) == session);
    CHECK(lets(r, admission::panic) == ill);
    CHECK(lets(r, admission::panic & admission::same_session) == (session || ill));
  }
  CHECK(!lets(health_flag::draining | health_flag::down, admission::same_session));
}

}  // namespace state_table_test

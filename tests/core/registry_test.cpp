#include "support.hpp"

#include <set>

using namespace equipoise;

TEST_CASE("registry: slots are dealt as a permutation of each block, neighbours a cache line apart") {
  constexpr std::size_t per_line = cache_line / sizeof(registry::word);
  for (std::uint32_t first : {0u, 1024u, 7168u}) {
    std::set<std::uint32_t> seen;
    for (std::uint32_t k = first; k != first + registry::block; ++k) {
      seen.insert(registry::deal(k));
      if (k + 1 != first + registry::block) CHECK(registry::deal(k) / per_line != registry::deal(k + 1) / per_line);
    }
    CHECK(seen.size() == registry::block);
    CHECK(*seen.begin() == first);
    CHECK(*seen.rbegin() == first + registry::block - 1);
  }
  std::set<std::size_t> lines;  // so sixty-four small backends have sixty-four lines
  for (std::uint32_t k = 0; k != 64; ++k) lines.insert(registry::deal(k) / per_line);
  CHECK(lines.size() == 64);
}

TEST_CASE("registry: reasons are a set: each is set and cleared apart, and only all cleared is well") {
  registry r{4, 1};
  backend_id const id{2, one_generation};
  r.word_of(2).store(id.tag);
  CHECK(r.check(id));
  reason before{};
  CHECK(r.set(id, reason::down, &before));
  CHECK(before == reason::none);
  CHECK(r.set(id, reason::draining, &before));
  CHECK(before == reason::down);
  CHECK(r.reasons(id) == (reason::down | reason::draining));
  CHECK(!r.check(id));
  CHECK(r.clear(id, reason::down, &before));
  CHECK(before == (reason::down | reason::draining));
  CHECK(!r.check(id));
  CHECK(r.check(id, admission::same_session));
  CHECK(r.clear(id, reason::draining));
  CHECK(r.check(id));
}

TEST_CASE("registry: an id of another generation, a default one and forged ones change nothing and are let in by no mask") {
  registry r{4, 1};
  backend_id const mine{0, 5 * one_generation};
  r.word_of(0).store(mine.tag);
  std::vector<backend_id> const bad{{},
                                    {0, 4 * one_generation},
                                    {0, 6 * one_generation},
                                    {0, mine.tag | 1},
                                    {1, one_generation},
                                    {0, 0},
                                    {1, 0},
                                    {0xFFFFFFFF, one_generation},
                                    {4096, one_generation}};
  for (auto id : bad) {
    CAPTURE(id);
    CHECK(!r.set(id, reason::down));
    CHECK(!r.clear(id, reason::down));
    CHECK(r.reasons(id) == reason::removed);
  }
  for (auto mask : {admission::new_work, admission::same_session, admission::panic, admission::same_session & admission::panic}) {
    CHECK(!r.check({}, mask));
    CHECK(!r.check({0, 4 * one_generation}, mask));
    CHECK(!r.check({1, one_generation}, mask));
  }
  CHECK(r.reasons(mine) == reason::none);
}

TEST_CASE("registry: a mask ignores its own reasons and no others, and masks combine") {
  backend_id const id{0, one_generation};
  auto const lets = [&](reason against, admission mask) { return admits(id.tag | static_cast<std::uint32_t>(against), id.tag, mask); };
  for (unsigned bit = 0; bit != 12; ++bit) {
    auto const r = static_cast<reason>(1u << bit);
    bool const session = r == reason::draining || r == reason::weightless;
    bool const ill = r == reason::down || r == reason::ejected || r == reason::circuit_open;
    CHECK(!lets(r, admission::new_work));
    CHECK(lets(r, admission::same_session) == session);
    CHECK(lets(r, admission::panic) == ill);
    CHECK(lets(r, admission::panic & admission::same_session) == (session || ill));
  }
  CHECK(!lets(reason::draining | reason::down, admission::same_session));
}

TEST_CASE("slots: freed ones come back oldest first, with the next generation") {
  std::vector<std::size_t> order{0, 1, 2};
  do {
    registry r{3, 1};
    detail::slots s{r};
    backend_id a[3];
    for (auto& id : a) {
      s.require_one();
      id = s.take();
      r.word_of(id.slot).store(id.tag);
    }
    CHECK_THROWS_WITH(s.require_one(), Catch::Matchers::ContainsSubstring("capacity 3"));
    for (auto i : order) s.leave(), s.give_back(a[i].slot);
    for (auto i : order) {
      auto const again = s.take();
      CHECK(again.slot == a[i].slot);
      CHECK(again.tag == a[i].tag + one_generation);
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("slots: going back to where they were, whatever was taken since, is as if nothing had been") {
  dice d{40};
  registry r{64, 1}, twin_r{64, 1};
  detail::slots s{r}, twin{twin_r};
  std::vector<backend_id> taken;
  for (int step = 0; step != 3000; ++step) {
    auto const which = roll(d, 3);
    if (which == 0 && taken.size() < 40) {
      REQUIRE_NOTHROW(s.require_one());
      auto const id = s.take();
      REQUIRE(id == twin.take());
      r.word_of(id.slot).store(id.tag);
      twin_r.word_of(id.slot).store(id.tag);
      taken.push_back(id);
    } else if (which == 1 && !taken.empty()) {
      std::swap(taken[roll(d, static_cast<std::uint32_t>(taken.size()))], taken.back());
      for (auto* each : {&s, &twin}) each->leave(), each->give_back(taken.back().slot);
      taken.pop_back();
    } else {
      auto const before = s.where();
      for (auto n = roll(d, 20); n != 0; --n) s.take();
      s.back_to(before);
    }
    REQUIRE(s.waiting() == twin.waiting());
  }
}

TEST_CASE("slots: one whose generations are used up is never used again") {
  registry r{1, 1};
  detail::slots s{r};
  auto id = s.take();
  r.word_of(id.slot).store((~reason_bits - one_generation) | static_cast<std::uint32_t>(reason::removed));
  s.leave();
  s.give_back(id.slot);
  auto const last = s.take();
  CHECK(last.slot == id.slot);
  CHECK(last.tag == ~reason_bits);
  r.word_of(id.slot).store(last.tag | static_cast<std::uint32_t>(reason::removed));
  s.leave();
  s.give_back(id.slot);
  CHECK(s.take().slot != id.slot);
}

TEST_CASE("slots: once the generations of every slot are used up, one more is refused, though there is capacity") {
  registry r{1, 1};
  detail::slots s{r};
  for (std::uint32_t k = 0; k != r.slots(); ++k) {
    REQUIRE_NOTHROW(s.require_one());
    auto const slot = s.take().slot;
    r.word_of(slot).store(~reason_bits | static_cast<std::uint32_t>(reason::removed));
    s.leave();
    s.give_back(slot);
  }
  CHECK_THROWS(s.require_one());
}

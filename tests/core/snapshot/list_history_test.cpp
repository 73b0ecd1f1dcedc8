// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/snapshot/list_history.hpp>

#include <deque>
#include <map>
#include <random>

namespace list_history_test {
using namespace equipoise;
using list_history = detail::list_history<detail::list_version>;
using group = list_history::group;

namespace {
// The same in the simplest way: by position, the group and the weight.
using model = std::map<std::uint64_t, std::pair<group, std::uint32_t>>;
using contents = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

contents expected(model const& m, group g) {
  contents all;
  for (auto const& [position, what] : m)
    if (what.first == g) all.emplace_back(position, what.second);
  return all;
}

void check(detail::list_version const& v, model const& m) {
  auto const found = [&](std::size_t first, std::size_t last) {
    contents all;
    for (std::size_t i = first; i != last; ++i) all.emplace_back(v.members[i].record->position, v.members[i].weight);
    return all;
  };
  REQUIRE(found(0, v.first_group) == expected(m, group::first));
  REQUIRE(found(v.first_group, v.members.size()) == expected(m, group::second));
}

std::deque<detail::record_base> records_with_positions(std::size_t n) {
  std::deque<detail::record_base> all(n);
  for (std::size_t i = 0; i != n; ++i) all[i].position = i;
  return all;
}
}  // namespace

TEST_CASE("list_history: versions in use stay as they are, the newest is what was edited") {
  auto const seed = GENERATE(range(1u, 40u));
  std::mt19937 random{seed};
  auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::size_t const positions = std::vector<std::size_t>{1, 3, 40, 700}[seed % 4];

  auto const records = records_with_positions(positions);
  model m;
  list_history list;
  list.replace({}, 0);
  list.commit();
  struct held {
    detail::list_version* version;
    model as_it_was;
  };
  std::vector<held> in_use;
  for (int change = 0; change != 300; ++change) {
    model const before = m;
    bool const fails = below(10) == 0;
    if (below(40) == 0) {
      std::vector<member> members;
      for (group const g : {group::first, group::second})
        for (auto const& [position, weight] : expected(m, g)) members.push_back({&records[position], {}, weight});
      list.replace(std::move(members), expected(m, group::first).size());
    }
    for (std::size_t edits = below(seed % 5 == 0 ? 100 : 4); edits != 0; --edits) {
      std::uint64_t const position = below(positions);
      auto const found = m.find(position);
      group const was = found == m.end() ? group::none : found->second.first;
      auto const now = static_cast<group>(below(3));
      auto const weight = static_cast<std::uint32_t>(below(100));
      list.place({&records[position], {}, weight}, was, now);
      if (now == group::none)
        m.erase(position);
      else
        m[position] = {now, weight};
    }
    if (fails) {
      list.discard();
      m = before;
    } else {
      list.commit();
    }
    check(*list.newest(), m);
    if (below(2) == 0) {
      ++list.newest()->users;
      in_use.push_back({list.newest(), m});
    }
    while (in_use.size() > below(4)) {
      std::swap(in_use[below(in_use.size())], in_use.back());
      check(*in_use.back().version, in_use.back().as_it_was);
      --in_use.back().version->users;
      in_use.pop_back();
    }
    if (below(3) != 0) {
      detail::owned<detail::list_version> after;
      list.sweep(after);
      detail::destroy_all(after);
    }
  }
}

TEST_CASE("list_history: a change costs no copy once the version before the last is unused") {
  auto const records = records_with_positions(1000);
  std::vector<member> members;
  for (auto const& r : records) members.push_back({&r, {}, 1});
  list_history list;
  list.replace(std::move(members), 1000);
  list.commit();
  auto const publish = [&](std::uint32_t weight) {
    list.place({&records[7], {}, weight}, group::first, group::first);
    list.commit();
    return list.newest()->members.data();
  };
  member const* const first = list.newest()->members.data();
  member const* const second = publish(2);
  CHECK(second != first);
  CHECK(publish(3) == first);
  CHECK(publish(4) == second);
  CHECK(list.newest()->members[7].weight == 4);
}

}  // namespace list_history_test

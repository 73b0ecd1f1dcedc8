// SPDX-License-Identifier: MIT
// Numbers about the member of a slot. The first report about a membership sets those of the last one to 0; no report
// adds to what the last membership left.
#include <equipoise/health/orca_weights.hpp>

#include "ejections.hpp"

using equipoise::detail::basic_numbers_of_member;
using equipoise::detail::numbers_by_slot;

template <class Orders>
struct number : basic_numbers_of_member<model_memory<Orders>> {
  model::relacy_atomic<std::uint32_t> reports;
  model::plain<std::uint32_t> written_by_begin;

  void begin() {
    reports.store(0, std::memory_order::relaxed);
    written_by_begin = written_by_begin + 1;
  }
};

template <class Numbers, class Number>
struct adoption : rl::test_suite<adoption<Numbers, Number>, 3> {
  static constexpr std::uint32_t left_over = 100;
  model_pool pool;
  Numbers numbers{pool};

  void before() {
    numbers[0].tag.store(first_tag, std::memory_order::relaxed);
    numbers[0].reports.store(left_over, std::memory_order::relaxed);
    pool.words[0].store(second_tag, std::memory_order::relaxed);
  }
  void report(std::uint32_t tag) {
    if (Number* const n = numbers.find({0, tag})) {
      RL_ASSERT(n->reports.load(std::memory_order::relaxed) < left_over);
      n->reports.fetch_add(1, std::memory_order::relaxed);
    }
  }
  void thread(unsigned index) {
    report(second_tag);
    if (index == 0) pool.words[0].store(third_tag, std::memory_order::relaxed);
    report(third_tag);
  }
  void after() {
    report(third_tag);
    RL_ASSERT(numbers[0].tag.load(std::memory_order::relaxed) == third_tag);
  }
};

template <class Orders = ejection_orders>
using shipped = adoption<numbers_by_slot<model_pool, number<Orders>>, number<Orders>>;

// Sets the numbers to 0 when the tag is the new one already.
struct gives_first : numbers_by_slot<model_pool, number<ejection_orders>> {
  using numbers_by_slot::numbers_by_slot;
  number<ejection_orders>* find(backend_id id) {
    auto& n = (*this)[id.slot];
    std::uint32_t before = n.tag.load(std::memory_order::acquire);
    if (before == id.tag) return &n;
    if (!is_member(id) ||
        !n.tag.compare_exchange_strong(before, id.tag, std::memory_order::acq_rel, std::memory_order::relaxed))
      return nullptr;
    n.begin();
    return &n;
  }
};

// The first report of a run shows its weight, not that of an earlier one.
template <class Orders>
struct load : rl::test_suite<load<Orders>, 2> {
  static constexpr double earlier = 1, now = 2;
  equipoise::detail::basic_load<model_memory<Orders>> member;

  void before() {
    member.weight.store(earlier, std::memory_order::relaxed);
    member.begin();
  }
  void thread(unsigned index) {
    if (index == 0)
      member.hear(now, 10);
    else if (member.since() != member.none) {
      RL_ASSERT(member.weight.load(std::memory_order::relaxed) == now);
      RL_ASSERT(member.last.load(std::memory_order::relaxed) == 10);
    }
  }
};

int main() {
  model::holds<shipped<>>("adoption");
  model::breaks<shipped<claim_relaxed>>("the claim is relaxed");
  model::breaks<shipped<give_relaxed>>("the tag is given relaxed");
  model::breaks<shipped<look_relaxed>>("the look is relaxed");
  model::breaks<adoption<gives_first, number<ejection_orders>>>("the tag is given first");
  model::holds<load<ejection_orders>>("load reports");
  model::breaks<load<give_relaxed>>("the first report is given relaxed");
  model::breaks<load<look_relaxed>>("the look at the first report is relaxed");
  return model::exit_code();
}

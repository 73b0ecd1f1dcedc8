// SPDX-License-Identifier: MIT
// Replacing all members at once never shows an empty pool. A pick that finds no member looks whether there is a newer
// snapshot, and tries again if so. The picker's loop is written out here. It must load with acquire the words of
// members that it passes over.
#include "model.hpp"

using equipoise::admission;
using equipoise::health_flag;
using equipoise::detail::admits;
using equipoise::detail::lease_protocol;
using equipoise::detail::one_generation;
using equipoise::detail::publication_orders;
using equipoise::detail::publication_protocol;
using order = std::memory_order;

struct correct_use {
  static constexpr bool tag_first = true;       // first the new member's word, then the exchange
  static constexpr bool exchange_first = true;  // then `removed` of the old member
  static constexpr bool looks_again = true;
  static constexpr auto test = order::acquire;
  static constexpr bool tests_once = true;  // no second, relaxed test that could pass over a member
};

constexpr std::uint32_t tag = one_generation;

template <class Use>
struct replacement : rl::test_suite<replacement<Use>, 3> {
  static constexpr int readers = 2, picks = 3, versions = 4;
  using publication = publication_protocol<>;
  using lease = lease_protocol<>;
  struct snapshot {
    rl::var<int> member;  // the slot of the one member, which differs in each version
  };
  snapshot snapshots[versions];
  model::relacy_atomic<std::uint32_t> words[versions];
  model::relacy_atomic<snapshot*> current, hazards[readers];

  void before() {
    snapshots[0].member($) = 0;
    words[0].store(tag, order::release);
    publication::publish(current, &snapshots[0]);
  }

  void thread(unsigned index) {
    if (index != readers) {
      snapshot* held = nullptr;
      for (int i = 0; i != picks; ++i) RL_ASSERT(pick(held, hazards[index]));
    } else {
      for (int next = 1; next != versions; ++next) replace(next);
    }
  }

  bool admitted(int member, std::memory_order o) const {
    return admits(words[member].load(o), tag, admission::new_work);
  }

  bool pick(snapshot*& held, model::relacy_atomic<snapshot*>& hazard) {
    if (current.load(publication_orders::compare) != held) held = publication::refresh(current, hazard);
    if (admitted(held->member($), order::relaxed)) return true;  // the first proposal
    for (;;) {
      int const member = held->member($);
      if (admitted(member, Use::test) && (Use::tests_once || admitted(member, order::relaxed))) return true;
      if (!Use::looks_again || current.load(publication_orders::compare) == held) return false;
      held = publication::refresh(current, hazard);
    }
  }

  void replace(int next) {
    std::uint32_t before = 0;
    snapshots[next].member($) = next;
    if (Use::tag_first) words[next].store(tag, order::release);
    if (Use::exchange_first) publication::publish(current, &snapshots[next]);
    lease::set(words[next - 1], tag, health_flag::removed, before);
    if (!Use::exchange_first) publication::publish(current, &snapshots[next]);
    if (!Use::tag_first) words[next].store(tag, order::release);
  }
};

struct removed_before_the_exchange : correct_use {
  static constexpr bool exchange_first = false;
};
struct tag_after_the_exchange : correct_use {
  static constexpr bool tag_first = false;
};
struct no_second_look : correct_use {
  static constexpr bool looks_again = false;
};
struct relaxed_test : correct_use {
  static constexpr auto test = order::relaxed;
};
struct tests_twice : correct_use {
  static constexpr bool tests_once = false;
};

int main() {
  model::holds<replacement<correct_use>>("replacing all members as shipped", 300'000);
  model::breaks<replacement<removed_before_the_exchange>>("removed before the exchange");
  model::breaks<replacement<tag_after_the_exchange>>("new member's tag after the exchange");
  model::breaks<replacement<no_second_look>>("no second look");
  model::breaks<replacement<relaxed_test>>("pick that tests relaxed");
  model::breaks<replacement<tests_twice>>("relaxed test after the acquiring one");
  return model::exit_code();
}

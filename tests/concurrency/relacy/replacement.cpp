// Replacing all members at once never shows an empty pool: a walk that ends empty looks whether the snapshot moved, and
// walks again. The picker's walk is written out here; it must judge with acquire what it passes over.
#include "model.hpp"

using equipoise::admission;
using equipoise::health_flag;
using equipoise::detail::admits;
using equipoise::detail::lease_protocol;
using equipoise::detail::one_generation;
using equipoise::detail::publication_orders;
using equipoise::detail::publication_protocol;
using order = std::memory_order;

struct as_written {
  static constexpr bool tag_first = true;       // the joiner's word, then the exchange
  static constexpr bool exchange_first = true;  // then the leaver's `removed`
  static constexpr bool looks_again = true;
  static constexpr auto judge = order::acquire;
  static constexpr bool trusts_judgement = true;  // no second, relaxed test that could pass over somebody
};

constexpr std::uint32_t tag = one_generation;

template <class Use>
struct replacement : rl::test_suite<replacement<Use>, 3> {
  static constexpr int readers = 2, picks = 3, versions = 4;
  using publication = publication_protocol<>;
  using lease = lease_protocol<>;
  struct snapshot {
    rl::var<int> member;  // a slot: each version has one member, and another one
  };
  snapshot snapshots[versions];
  model::relacy_atomic<std::uint32_t> words[versions];
  model::relacy_atomic<snapshot*> current, marks[readers];

  void before() {
    snapshots[0].member($) = 0;
    words[0].store(tag, order::release);
    publication::publish(current, &snapshots[0]);
  }

  void thread(unsigned index) {
    if (index != readers) {
      snapshot* held = nullptr;
      for (int i = 0; i != picks; ++i) RL_ASSERT(pick(held, marks[index]));
    } else {
      for (int next = 1; next != versions; ++next) replace(next);
    }
  }

  bool admitted(int member, std::memory_order o) const {
    return admits(words[member].load(o), tag, admission::new_work);
  }

  bool pick(snapshot*& held, model::relacy_atomic<snapshot*>& mark) {
    if (current.load(publication_orders::compare) != held) held = publication::refresh(current, mark);
    if (admitted(held->member($), order::relaxed)) return true;  // the first proposal
    for (;;) {
      int const member = held->member($);
      if (admitted(member, Use::judge) && (Use::trusts_judgement || admitted(member, order::relaxed))) return true;
      if (!Use::looks_again || current.load(publication_orders::compare) == held) return false;
      held = publication::refresh(current, mark);
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

struct removed_before_the_exchange : as_written {
  static constexpr bool exchange_first = false;
};
struct tag_after_the_exchange : as_written {
  static constexpr bool tag_first = false;
};
struct no_second_look : as_written {
  static constexpr bool looks_again = false;
};
struct relaxed_scan : as_written {
  static constexpr auto judge = order::relaxed;
};
struct tests_twice : as_written {
  static constexpr bool trusts_judgement = false;
};

int main() {
  model::holds<replacement<as_written>>("replacing all members as shipped", 300'000);
  model::breaks<replacement<removed_before_the_exchange>>("removed before the exchange");
  model::breaks<replacement<tag_after_the_exchange>>("joiner's tag after the exchange");
  model::breaks<replacement<no_second_look>>("no second look");
  model::breaks<replacement<relaxed_scan>>("walk that judges relaxed");
  model::breaks<replacement<tests_twice>>("relaxed test after the judgement");
  return model::verdict();
}

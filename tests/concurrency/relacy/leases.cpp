// SPDX-License-Identifier: MIT
// Leases. Workers announce and validate while the writer marks, waits for zero, and gives the slot to the next owner.
// Each owner has a record, and freeing writes 0 to it. Each worker has data that it writes while it holds a lease. The
// writer resets that data before it reuses the slot. So a slot or a record that is reused under a lease is a data race.
#include "model.hpp"
#include "weaker_orders.hpp"

using equipoise::admission;
using equipoise::health_flag;
using equipoise::detail::admits;
using equipoise::detail::lease_protocol;
using equipoise::detail::one_generation;
using order = std::memory_order;

// How the protocol is used. The mutants below misuse it.
struct correct_use {
  static constexpr bool waits_for_zero = true;  // before the slot is reused
  static constexpr bool gives_last = true;      // the give is the last access
  static constexpr bool tags_have_generations = true;
};

template <class Protocol, int stripes, class Use = correct_use>
struct reuse : rl::test_suite<reuse<Protocol, stripes, Use>, 3> {
  static constexpr int workers = 2, picks = 3, owners = 3;

  model::relacy_atomic<std::uint32_t> word;
  model::relacy_atomic<std::uint32_t> counts[stripes];
  model::relacy_atomic<std::uint32_t> newest;  // the tag in the newest snapshot
  rl::var<int> records[owners + 1];
  rl::var<int> data[workers];

  static std::uint32_t tag_of(int owner) {
    return one_generation * static_cast<std::uint32_t>(Use::tags_have_generations ? owner : 1);
  }

  void before() {
    for (auto& r : records) r($) = 0;
    for (auto& d : data) d($) = 0;
    join(1);
  }
  void after() {
    for (auto& c : counts) RL_ASSERT(c.load(order::relaxed) == 0);  // every granted lease was given back
  }

  void join(int owner) {
    records[owner]($) = owner;
    word.store(tag_of(owner), order::release);
    newest.store(static_cast<std::uint32_t>(owner), order::release);
  }

  void thread(unsigned index) {
    if (index == workers)
      replace();
    else
      work(static_cast<int>(index));
  }

  void work(int me) {
    for (int i = 0; i != picks; ++i) {
      int const owner = static_cast<int>(newest.load(order::acquire));
      auto& count = counts[me % stripes];
      if (!Protocol::take(count, word, tag_of(owner), admission::new_work)) continue;
      RL_ASSERT(records[owner]($) == owner);
      data[me]($) = owner;
      RL_ASSERT(data[me]($) == owner);
      Protocol::give(count);
      if (!Use::gives_last) RL_ASSERT(records[owner]($) == owner);
    }
  }

  void replace() {
    for (int owner = 1; owner != owners; ++owner) {
      std::uint32_t before = 0;
      RL_ASSERT(Protocol::set(word, tag_of(owner), health_flag::removed, before));
      bool zero = !Use::waits_for_zero;
      for (int look = 0; !zero && look != 3; ++look) zero = Protocol::in_flight(counts, 1, stripes) == 0;
      if (!zero) return;
      for (auto& d : data) d($) = 0;
      records[owner]($) = 0;
      join(owner + 1);
      RL_ASSERT(!Use::tags_have_generations ||
                !Protocol::set(word, tag_of(owner), health_flag::down, before));  // a late report
    }
  }
};

// Draining. After the count was zero once, no lease for new work is or will be held. A bound session may still get
// leases. Each of the two has its own counter stripe.
template <class Protocol, unsigned bound_stripe = 1, bool gives_in_its_stripe = true>
struct drain : rl::test_suite<drain<Protocol, bound_stripe, gives_in_its_stripe>, 3> {
  static constexpr int stripes = 2;
  static constexpr std::uint32_t tag = one_generation;
  model::relacy_atomic<std::uint32_t> word;
  model::relacy_atomic<std::uint32_t> counts[stripes];
  rl::var<int> new_work;

  void before() {
    new_work($) = 0;
    word.store(tag, order::release);
  }
  void thread(unsigned index) {
    if (index == 2) {
      std::uint32_t before = 0;
      Protocol::set(word, tag, health_flag::draining, before);
      for (int look = 0; look != 4; ++look)
        if (Protocol::in_flight(counts, 1, stripes) == 0) {
          new_work($) = 1;  // no new work from here on
          return;
        }
    } else {
      bool const bound = index == bound_stripe;
      for (int i = 0; i != 2; ++i)
        if (Protocol::take(counts[index], word, tag, bound ? admission::same_session : admission::new_work)) {
          if (!bound) RL_ASSERT(new_work($) == 0);
          Protocol::give(counts[gives_in_its_stripe ? index : 1 - index]);
        }
    }
  }
};

// After a mark-down returned, every pick that starts later sees it, whatever other threads set and clear meanwhile.
template <class Protocol>
struct mark_down : rl::test_suite<mark_down<Protocol>, 3> {
  static constexpr std::uint32_t tag = one_generation;
  model::relacy_atomic<std::uint32_t> word, count;
  model::relacy_atomic<std::uint32_t> done;

  void before() { word.store(tag, order::release); }
  void thread(unsigned index) {
    std::uint32_t before = 0;
    if (index == 0) {
      Protocol::set(word, tag, health_flag::down, before);
      done.store(1, order::release);
    } else if (index == 1) {
      Protocol::set(word, tag, health_flag::ejected, before);
      Protocol::clear(word, tag, health_flag::ejected, before);
    } else {
      for (int i = 0; i != 3; ++i) {
        bool const later = done.load(order::acquire) != 0;
        bool const selected = admits(word.load(order::relaxed), tag, admission::new_work);
        bool const acquired = Protocol::take(count, word, tag, admission::new_work);
        if (acquired) Protocol::give(count);
        RL_ASSERT(!later || (!selected && !acquired));
      }
    }
  }
  void after() { RL_ASSERT(word.load(order::relaxed) == (tag | 1u)); }
};

template <class Orders>
using one_stripe = reuse<lease_protocol<Orders>, 1>;

struct no_validation : lease_protocol<> {
  template <class Count, class Word>
  static bool take(Count& count, Word const&, std::uint32_t, admission) {
    count.fetch_add(1, lease_orders::announce);
    return true;
  }
};
struct validates_first : lease_protocol<> {
  template <class Count, class Word>
  static bool take(Count& count, Word const& word, std::uint32_t tag, admission mask) {
    if (!admits(word.load(lease_orders::validate), tag, mask)) return false;
    count.fetch_add(1, lease_orders::announce);
    return true;
  }
};
struct sets_by_store : lease_protocol<> {
  template <class Word>
  static bool set(Word& word, std::uint32_t, health_flag flags, std::uint32_t& before) {
    before = word.load(order::seq_cst);
    word.store(before | static_cast<std::uint32_t>(flags), order::seq_cst);
    return true;
  }
};
struct reuses_at_once : correct_use {
  static constexpr bool waits_for_zero = false;
};
struct accesses_after_give : correct_use {
  static constexpr bool gives_last = false;
};
struct one_tag_for_all : correct_use {
  static constexpr bool tags_have_generations = false;
};

int main() {
  model::holds<reuse<lease_protocol<>, 1>>("slot reuse as shipped, one stripe", 200'000);
  model::holds<reuse<lease_protocol<>, 2>>("slot reuse as shipped, two stripes", 200'000);
  model::holds<drain<lease_protocol<>>>("draining as shipped", 200'000);
  model::holds<drain<lease_protocol<>, 0>>("draining as shipped, the bound session in the first stripe", 200'000);
  model::holds<mark_down<lease_protocol<>>>("mark-down as shipped", 200'000);
  model::breaks<one_stripe<announce_acq_rel>>("1 announce acq_rel");
  model::breaks<one_stripe<announce_relaxed>>("1 announce relaxed");
  model::breaks<one_stripe<validate_acquire>>("2 validate acquire");
  model::breaks<one_stripe<validate_relaxed>>("2 validate relaxed");
  model::breaks<one_stripe<mark_acq_rel>>("3 mark acq_rel");
  model::breaks<one_stripe<mark_relaxed>>("3 mark relaxed");
  model::breaks<one_stripe<zero_test_acquire>>("4 zero_test acquire");
  model::breaks<one_stripe<zero_test_relaxed>>("4 zero_test relaxed");
  model::breaks<one_stripe<give_relaxed>>("5 give relaxed");
  model::breaks<drain<lease_protocol<announce_acq_rel>>>("draining, 1 announce acq_rel");
  model::breaks<drain<lease_protocol<validate_acquire>>>("draining, 2 validate acquire");
  model::breaks<drain<lease_protocol<mark_acq_rel>>>("draining, 3 mark acq_rel");
  model::breaks<drain<lease_protocol<zero_test_acquire>>>("draining, 4 zero_test acquire");
  model::breaks<drain<lease_protocol<give_relaxed>>>("draining, 5 give relaxed");
  model::breaks<drain<lease_protocol<>, 0, false>>("draining, each gives in the other's stripe");
  model::breaks<reuse<no_validation, 1>>("take without validation");
  model::breaks<reuse<validates_first, 1>>("take that validates before it announces");
  model::breaks<reuse<lease_protocol<>, 1, reuses_at_once>>("slot reused without a zero");
  model::breaks<reuse<lease_protocol<>, 1, accesses_after_give>>("record accessed after the give");
  model::breaks<reuse<lease_protocol<>, 1, one_tag_for_all>>("word without a generation");
  model::breaks<mark_down<sets_by_store>>("flags set by load and store");
  return model::exit_code();
}

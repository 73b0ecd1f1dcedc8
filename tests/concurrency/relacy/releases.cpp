// SPDX-License-Identifier: MIT
// The log of releases. Two leases end while a policy looks at the load for the first time, and once more. Once all is
// at rest, what the policy remembers is not above the truth, unless the version says that it is old.
#include "model.hpp"

using equipoise::detail::lease_orders;
using equipoise::detail::lease_protocol;
using equipoise::detail::release_orders;
using equipoise::detail::release_protocol;

template <class Protocol, bool notes_first = false, class LeaseOrders = lease_orders, bool is_on = false>
struct releases : rl::test_suite<releases<Protocol, notes_first, LeaseOrders, is_on>, 3> {
  model::relacy_atomic<std::uint32_t> count, version;
  model::relacy_atomic<bool> on;
  std::uint32_t seen_version = 0, seen_count = 0;  // the policy's own

  void before() {
    count.store(2, std::memory_order::relaxed);
    version.store(0, std::memory_order::relaxed);
    on.store(is_on, std::memory_order::relaxed);
  }

  void thread(unsigned index) {
    if (index == 2) {
      if (!is_on) Protocol::turn_on(on);
      look();
      if (Protocol::look(version) != seen_version) look();
    } else {
      if (notes_first) note();
      lease_protocol<LeaseOrders>::give(count);
      if (!notes_first) note();
    }
  }
  void look() {
    seen_version = Protocol::look(version);
    seen_count = count.load(LeaseOrders::zero_test);
  }
  void note() {
    if (Protocol::is_on(on)) Protocol::note(version);
  }

  void after() {
    bool const is_old = version.load(std::memory_order::relaxed) != seen_version;
    RL_ASSERT(is_old || seen_count <= count.load(std::memory_order::relaxed));
  }
};

struct turn_on_relaxed : release_orders {
  static constexpr auto turn_on = std::memory_order::release;
};
struct is_on_relaxed : release_orders {
  static constexpr auto is_on = std::memory_order::acquire;
};
struct note_relaxed : release_orders {
  static constexpr auto note = std::memory_order::relaxed;
};
struct look_relaxed : release_orders {
  static constexpr auto look = std::memory_order::relaxed;
};

struct give_release : lease_orders {
  static constexpr auto give = std::memory_order::release;
};

// Once the log is on, the versions alone order the counts.
struct weaker_counts : lease_orders {
  static constexpr auto give = std::memory_order::relaxed;
  static constexpr auto zero_test = std::memory_order::relaxed;
};

// Notes by a load and a store, so that two that meet count as one.
struct notes_in_two_steps : release_protocol<> {
  template <class Version>
  static void note(Version& version) {
    version.store(version.load(std::memory_order::relaxed) + 1, release_orders::note);
  }
};

int main() {
  model::holds<releases<release_protocol<>>>("releases");
  model::breaks<releases<release_protocol<>, true>>("the note comes before the count falls");
  model::breaks<releases<notes_in_two_steps>>("a note is a load and a store");
  model::breaks<releases<release_protocol<turn_on_relaxed>>>("turn_on is a release");
  model::breaks<releases<release_protocol<is_on_relaxed>>>("is_on is an acquire");
  model::holds<releases<release_protocol<>, false, weaker_counts, true>>("releases while the log is on");
  model::breaks<releases<release_protocol<note_relaxed>, false, weaker_counts, true>>("note is relaxed");
  model::breaks<releases<release_protocol<look_relaxed>, false, weaker_counts, true>>("look is relaxed");
  model::breaks<releases<release_protocol<>, false, give_release>>("a lease ends with a release");
  return model::exit_code();
}

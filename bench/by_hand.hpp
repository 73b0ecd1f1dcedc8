// SPDX-License-Identifier: MIT
// The direct form of a policy: the code that a good engineer would write for a service that needs only this policy. It
// has a vector of servers, an array of atomic health words and an array of counts. A health word is as wide as the
// library's and is tested on each pick. The tables are built by the library, because only the picks are compared.
#pragma once

#include <bench.hpp>

namespace bench {

// The state that all workers of such a service share.
struct fleet {
  std::vector<server> servers;
  std::vector<std::atomic<std::uint32_t>> health;  // 0: healthy
  std::vector<std::atomic<std::uint32_t>> in_flight;
  std::vector<equipoise::detail::record_base> records;
  std::vector<equipoise::member> members;  // to build tables from

  explicit fleet(setup const& s)
      : servers{servers_of(s)}, health(s.backends), in_flight(s.backends), records(s.backends), members(s.backends) {
    for (std::size_t i = 0; i != s.backends; ++i) {
      records[i].key = servers[i].name;
      members[i].record = &records[i];
      members[i].weight = servers[i].weight;
      if (s.tenth_down && i % 10 == 0) health[i] = 1;
    }
  }
};

inline fleet const& fleet_of(setup const& s) { return kept<fleet>("", s); }

// The table that the library's policy builds from the fleet.
template <class P>
struct table_of {
  typename P::table table;
  table_of(setup const& s, P const& policy) {
    auto const& members = fleet_of(s).members;
    table = policy.build({members, members.size(), members});
  }
};
template <class P>
typename P::table const& table_for(P const& policy, setup const& s) {
  return kept<table_of<P>>("", s, policy).table;
}

// One worker's view of the fleet. A direct form derives from it and adds its own state.
struct hand {
  std::span<server const> servers;
  std::span<std::atomic<std::uint32_t> const> health, in_flight;

  explicit hand(setup const& s)
      : servers{fleet_of(s).servers}, health{fleet_of(s).health}, in_flight{fleet_of(s).in_flight} {}

  bool is_healthy(std::size_t i) const noexcept { return health[i].load(std::memory_order_relaxed) == 0; }
  std::uint32_t load(std::size_t i) const noexcept { return in_flight[i].load(std::memory_order_relaxed); }
};

template <class Hand, class P>
void add_direct(P const& policy, setup const& s, std::string const& condition = {}, std::size_t warm_up = 1'000) {
  add_threads(name_of("direct", subject_of(policy), s.backends, condition),
              [=](benchmark::State& state) { direct<Hand, equipoise::key_of_policy<P>>(state, Hand{s}, warm_up); });
}

// The direct form of a policy on n backends; its partner is select/SUBJECT/n.
template <class Hand, class P>
void add_direct(P const& policy, std::size_t n) {
  add_direct<Hand>(policy, {.backends = n, .weighted = plan_of<P>.weighted}, {}, warm_up_of<P>(n));
}

// The direct form of a standard policy at each size that the policy is measured at.
template <class Hand, class P>
void add_direct(P const& policy) {
  for (std::size_t n : up_to(plan_of<P>.largest)) add_direct<Hand>(policy, n);
}

// The policy and its direct form with every tenth backend down.
template <class Hand, class P>
void add_tenth_down(P const& policy, sizes const& some) {
  for (std::size_t n : some) {
    setup const s{.backends = n, .tenth_down = true};
    add_direct<Hand>(policy, s, "down10");
    add_select(policy, s, subject_of(policy), "down10");
  }
}

}  // namespace bench

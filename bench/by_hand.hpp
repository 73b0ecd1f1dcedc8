// The direct form of a policy: what a competent person would write in a service that needs that one policy and nothing
// else. A vector of servers, an array of atomic health words (as wide as ours, tested on each pick), an array of counts
// where the policy looks at load. The data structures are the library's own, built by it: what is compared is the pick.
#pragma once

#include <bench.hpp>

namespace bench {

// What all workers of such a service share.
struct fleet {
  std::vector<server> servers;
  std::vector<std::atomic<std::uint32_t>> health;  // 0: well
  std::vector<std::atomic<std::uint32_t>> in_flight;
  std::vector<equipoise::detail::record_base> records;
  std::vector<equipoise::member> members;  // to build tables from

  explicit fleet(scene const& s)
      : servers{servers_of(s)}, health(s.backends), in_flight(s.backends), records(s.backends), members(s.backends) {
    for (std::size_t i = 0; i != s.backends; ++i) {
      records[i].key = servers[i].name;
      members[i].record = &records[i];
      members[i].weight = servers[i].weight;
      if (s.tenth_down && i % 10 == 0) health[i] = 1;
    }
  }
};

inline fleet const& fleet_of(scene const& s) { return kept<fleet>("", s); }

// Built from the fleet by the library's policy.
template <class P>
struct table_of {
  typename P::table table;
  table_of(scene const& s, P const& policy) : table{policy.build({fleet_of(s).members, {}, fleet_of(s).members})} {}
};
template <class P>
typename P::table const& table_for(P const& policy, scene const& s) {
  return kept<table_of<P>>("", s, policy).table;
}

// One worker's view of the fleet; a direct form derives from it and adds its state.
struct hand {
  std::span<server const> servers;
  std::span<std::atomic<std::uint32_t> const> health, in_flight;

  explicit hand(scene const& s)
      : servers{fleet_of(s).servers}, health{fleet_of(s).health}, in_flight{fleet_of(s).in_flight} {}

  bool is_healthy(std::size_t i) const noexcept { return health[i].load(std::memory_order_relaxed) == 0; }
  std::uint32_t load(std::size_t i) const noexcept { return in_flight[i].load(std::memory_order_relaxed); }
};

template <class Hand, class P>
void add_direct(P const&, scene const& s, std::string const& subject, std::string const& condition = {},
                std::size_t warm_up = 1'000) {
  add_threads(name_of("direct", subject, s.backends, condition),
              [=](benchmark::State& state) { direct<Hand, equipoise::key_of_policy<P>>(state, Hand{s}, warm_up); });
}

// A leaf policy beside its direct form, at each size; and the building of its table.
template <class Hand, class P>
void leaf(P const& policy, sizes const& some = all_sizes, weights w = weights::equal) {
  auto const subject = equipoise::describe(policy);
  for (std::size_t n : some) {
    scene const s{.backends = n, .weighted = w};
    // A table that is larger than the cache is warm after one round; a policy that looks at all of it, after a pick.
    bool const scans = subject == "least_connections";
    std::size_t const warm_up = scans ? 1 : std::max<std::size_t>(n, 1'000);
    add_direct<Hand>(policy, s, subject, {}, warm_up);
    add_select(policy, s, subject, {}, warm_up);
    if (n > 3) add_build(policy, s, subject);
  }
}

// The same with every tenth backend down.
template <class Hand, class P>
void leaf_tenth_down(P const& policy, sizes const& some) {
  for (std::size_t n : some) {
    scene const s{.backends = n, .tenth_down = true};
    add_direct<Hand>(policy, s, equipoise::describe(policy), "down10");
    add_select(policy, s, equipoise::describe(policy), "down10");
  }
}

}  // namespace bench

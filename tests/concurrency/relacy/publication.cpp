// SPDX-License-Identifier: MIT
// Publication. Pickers compare, refresh and let go while the writer publishes, sweeps and frees. The writer builds new
// snapshots in the freed memory, so addresses come back. A snapshot is one plain number, its version. Freeing writes 0.
#include "model.hpp"
#include "weaker_orders.hpp"

using equipoise::detail::publication_protocol;

template <class Protocol, class Orders = publication_orders, bool hazards_read_once = true>
struct publication : rl::test_suite<publication<Protocol, Orders, hazards_read_once>, 3> {
  static constexpr int readers = 2, picks = 3, publishes = 3, places = readers + 2;
  struct snapshot {
    rl::var<int> version;
  };

  snapshot snapshots[places];
  model::relacy_atomic<snapshot*> current;
  model::relacy_atomic<snapshot*> hazards[readers];
  model::relacy_atomic<int> announced;

  void before() {
    for (auto& s : snapshots) s.version($) = 0;
    snapshots[0].version($) = 1;
    Protocol::publish(current, &snapshots[0]);
    announced.store(1, std::memory_order::release);
  }

  void thread(unsigned index) {
    if (index == readers)
      write();
    else
      read(hazards[index]);
  }

  void read(model::relacy_atomic<snapshot*>& hazard) {
    snapshot* held = nullptr;
    int last = 0;
    for (int i = 0; i != picks; ++i) {
      int const known = announced.load(std::memory_order::acquire);
      if (current.load(Orders::compare) != held) held = Protocol::refresh(current, hazard);
      int const version = held->version($);
      RL_ASSERT(version != 0);      // not freed
      RL_ASSERT(version >= last);   // never an older one
      RL_ASSERT(version >= known);  // a pick after publish() returned sees that snapshot or a newer one
      last = version;
    }
    Protocol::let_go(hazard);
  }

  void write() {
    bool in_use[places] = {true};
    snapshot* retired[places] = {};
    int waiting = 0;
    auto const sweep = [&] {
      bool held[places] = {};
      for (auto const& hazard : hazards)
        if (auto* const s = Protocol::held_by(hazard); s != nullptr) held[s - snapshots] = true;
      int kept = 0;
      for (int i = 0; i != waiting; ++i) {
        auto const place = retired[i] - snapshots;
        if (!hazards_read_once) {
          held[place] = false;
          for (auto const& hazard : hazards) held[place] = held[place] || Protocol::held_by(hazard) == retired[i];
        }
        if (held[place]) {
          retired[kept++] = retired[i];
        } else {
          snapshots[place].version($) = 0;
          in_use[place] = false;
        }
      }
      waiting = kept;
      RL_ASSERT(waiting <= readers);  // memory is bounded because each hazard pointer is read once
    };
    for (int version = 2; version != publishes + 2; ++version) {
      int place = 0;
      while (in_use[place]) ++place;
      in_use[place] = true;
      snapshots[place].version($) = version;
      retired[waiting++] = Protocol::publish(current, &snapshots[place]);
      announced.store(version, std::memory_order::release);
      sweep();
    }
    sweep();
  }
};

template <class Orders>
using with = publication<publication_protocol<Orders>, Orders>;

using order = std::memory_order;

// Sets the hazard pointer and does not look again.
struct looks_once : publication_protocol<> {
  template <class Current, class Hazard>
  static auto refresh(Current const& current, Hazard& hazard) {
    auto seen = current.load(publication_orders::look_again);
    hazard.store(seen, publication_orders::protect);
    return seen;
  }
};

// Looks again before it sets the hazard pointer.
struct protects_last : publication_protocol<> {
  template <class Current, class Hazard>
  static auto refresh(Current const& current, Hazard& hazard) {
    auto seen = current.load(publication_orders::look_again);
    for (auto again = current.load(publication_orders::look_again); again != seen;
         again = current.load(publication_orders::look_again))
      seen = again;
    hazard.store(seen, publication_orders::protect);
    return seen;
  }
};

struct frees_at_once : publication_protocol<> {
  template <class Hazard>
  static auto held_by(Hazard const&) {
    return decltype(std::declval<Hazard const&>().load(publication_orders::scan)){};
  }
};

int main() {
  model::holds<with<publication_orders>>("publication as shipped", 200'000);
  model::breaks<with<exchange_acq_rel>>("1 exchange acq_rel");
  model::breaks<with<exchange_relaxed>>("1 exchange relaxed");
  model::breaks<with<protect_release>>("2 protect release");
  model::breaks<with<protect_relaxed>>("2 protect relaxed");
  model::breaks<with<look_again_acquire>>("3 look_again acquire");
  model::breaks<with<look_again_relaxed>>("3 look_again relaxed");
  model::breaks<with<scan_acquire>>("4 scan acquire");
  model::breaks<with<scan_relaxed>>("4 scan relaxed");
  model::breaks<with<let_go_relaxed>>("5 let_go relaxed");
  model::breaks<publication<looks_once>>("refresh that looks once");
  model::breaks<publication<protects_last>>("refresh that looks again before it protects");
  model::breaks<publication<frees_at_once>>("sweep that does not scan");
  model::breaks<publication<publication_protocol<>, publication_orders, false>>(
      "sweep that scans again for each snapshot", 1'000'000);
  return model::exit_code();
}

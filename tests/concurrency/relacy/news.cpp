// SPDX-License-Identifier: MIT
// News of a recovery: a snapshot without a table of its own, which owns the one before it. Pickers hold either of the
// two while the writer publishes, announces, sweeps and frees. A table is one plain number; freeing writes 0.
#include "model.hpp"

using equipoise::detail::publication_orders;
using equipoise::detail::publication_protocol;

template <bool looks_at_older>
struct news : rl::test_suite<news<looks_at_older>, 3> {
  static constexpr int readers = 2, picks = 3, places = 8;
  struct snapshot {
    rl::var<int> table;
    rl::var<snapshot*> older;  // not null: news of that one
  };

  snapshot snapshots[places];
  model::relacy_atomic<snapshot*> current;
  model::relacy_atomic<snapshot*> hazards[readers];

  void before() {
    for (auto& s : snapshots) s.table($) = 0, s.older($) = nullptr;
    snapshots[0].table($) = 1;
    publication_protocol<>::publish(current, &snapshots[0]);
  }

  void thread(unsigned index) {
    if (index == readers)
      write();
    else
      read(hazards[index]);
  }

  void read(model::relacy_atomic<snapshot*>& hazard) {
    snapshot* held = nullptr;
    for (int i = 0; i != picks; ++i) {
      if (current.load(publication_orders::compare) != held) {
        auto* const seen = publication_protocol<>::refresh(current, hazard);
        snapshot* const older = seen->older($);
        held = older != nullptr ? older : seen;
      }
      RL_ASSERT(held->table($) != 0);  // not freed
    }
    publication_protocol<>::let_go(hazard);
  }

  void write() {
    int used = 1;
    snapshot* now = &snapshots[0];
    snapshot* retired[places] = {};
    int waiting = 0;
    auto const sweep = [&] {
      bool held[places] = {};
      for (auto const& hazard : hazards) {
        auto* const s = publication_protocol<>::held_by(hazard);
        for (int i = 0; i != waiting; ++i) {
          snapshot* const older = retired[i]->older($);
          if (s != nullptr && (s == retired[i] || (looks_at_older && s == older))) held[i] = true;
        }
      }
      int kept = 0;
      for (int i = 0; i != waiting; ++i) {
        if (held[i]) {
          retired[kept++] = retired[i];
          continue;
        }
        if (snapshot* const older = retired[i]->older($); older != nullptr) older->table($) = 0;
        retired[i]->table($) = 0;
        retired[i]->older($) = nullptr;
      }
      waiting = kept;
    };
    for (int round = 0; round != 2; ++round) {
      snapshot* const told = &snapshots[used++];
      told->older($) = now;
      publication_protocol<>::publish(current, told);
      sweep();
      snapshot* const next = &snapshots[used++];
      next->table($) = round + 2;
      retired[waiting++] = publication_protocol<>::publish(current, next);
      now = next;
      sweep();
    }
    sweep();
  }
};

int main() {
  model::holds<news<true>>("news of a recovery", 200'000);
  model::breaks<news<false>>("sweep that looks at the news alone");
  return model::exit_code();
}

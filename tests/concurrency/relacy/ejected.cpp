// SPDX-License-Identifier: MIT
// Members that a detector keeps out. Two threads eject, one brings back. Never more than one is out, none is forgotten,
// and what the thread that ejects writes is there for the one that brings back.
#include "ejections.hpp"

using equipoise::detail::basic_ejectable;
using equipoise::detail::ejections;

template <class Orders>
struct host : basic_ejectable<model_memory<Orders>> {
  model::plain<std::uint32_t> left;
  void begin() {}
};

template <class Orders>
struct shipped : ejections<model_pool, host<Orders>> {
  using ejections<model_pool, host<Orders>>::ejections;
  using host_type = host<Orders>;

  void eject(backend_id id) {
    auto* const h = this->find(id);
    if (h == nullptr || !this->begin(*h)) return;
    if (!this->reserve([](std::size_t already) { return already < 1; })) return this->stay(*h);
    if (!this->set(id)) {
      this->unreserve();
      return this->stay(*h);
    }
    h->left = h->left + 1;
    this->add(*h, id);
  }
};

template <class Detector>
struct ejected : rl::test_suite<ejected<Detector>, 3> {
  model_pool pool;
  Detector detector{pool, health_flag::ejected};

  void before() {
    pool.limit = 1;
    for (std::uint32_t slot = 0; slot != members; ++slot) pool.words[slot].store(first_tag, std::memory_order::relaxed);
    detector.eject({0, first_tag});
  }
  void bring_back() {
    for (auto* link = detector.collect(); *link != 0;) {
      auto& h = detector.at(*link);
      RL_ASSERT(h.left != 0);
      h.left = h.left + 1;
      detector.come_back(link);
    }
  }
  void thread(unsigned index) {
    for (int turn = 0; turn != 2; ++turn)
      if (index == 2)
        bring_back();
      else
        detector.eject({index, first_tag});
  }
  void after() {
    bring_back();
    RL_ASSERT(detector.count() == 0);
    for (std::uint32_t slot = 0; slot != members; ++slot) RL_ASSERT(!pool.is_ejected(slot));
  }
};

// Gives the place back before the member is in again.
struct unreserves_first : shipped<ejection_orders> {
  using shipped::shipped;
  template <class Link>
  void come_back(Link* link) {
    auto& h = at(*link);
    backend_id const id = id_of(*link);
    *link = h.next_out;
    unreserve();
    clear(id);
    h.state.store(h.is_in, std::memory_order::release);
  }
};
// Reserves its place when the member is out already.
struct reserves_late : shipped<ejection_orders> {
  using shipped::shipped;
  void eject(backend_id id) {
    auto* const h = find(id);
    if (h == nullptr || !begin(*h)) return;
    set(id);
    if (!reserve([](std::size_t already) { return already < 1; })) {
      clear(id);
      return stay(*h);
    }
    h->left = h->left + 1;
    add(*h, id);
  }
};
// Does not wait for a thread that still writes.
struct does_not_wait : shipped<ejection_orders> {
  using shipped::shipped;
  void eject(backend_id id) {
    auto* const h = find(id);
    if (h == nullptr || !begin(*h)) return;
    if (!reserve([](std::size_t already) { return already < 1; })) return stay(*h);
    set(id);
    add(*h, id);
    h->left = h->left + 1;
  }
};

int main() {
  model::holds<ejected<shipped<ejection_orders>>>("ejected");
  model::breaks<ejected<shipped<change_relaxed>>>("the change is relaxed");
  model::breaks<ejected<shipped<settle_relaxed>>>("a state is settled relaxed");
  model::breaks<ejected<shipped<push_relaxed>>>("the link is pushed relaxed");
  model::breaks<ejected<shipped<take_relaxed>>>("the links are taken relaxed");
  model::breaks<ejected<unreserves_first>>("the place is given back first");
  model::breaks<ejected<reserves_late>>("the place is reserved late");
  model::breaks<ejected<does_not_wait>>("the list is joined first");
  return model::exit_code();
}

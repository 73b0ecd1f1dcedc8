// SPDX-License-Identifier: MIT
// Shows that the thread sanitizer reports a lost memory order. Two real threads run the shipped protocols with one
// order made relaxed, which the argument names. With `shipped` the sanitizer must report nothing. CMakeLists.txt
// expects a race for every other argument. No sanitizer sees the store-load orders, which are 1 against 4 in both
// protocols. The model checker tests those.
#include <equipoise/core/registry/lease_protocol.hpp>
#include <equipoise/core/snapshot/publication_protocol.hpp>

#include <cstdio>
#include <cstring>
#include <thread>

using namespace equipoise;

namespace {

constexpr auto relaxed = std::memory_order_relaxed;

struct snapshot {
  int version = 0;
};

template <class Orders>
void publish_and_pick() {
  using protocol = detail::publication_protocol<Orders>;
  snapshot snapshots[3];
  std::atomic<snapshot*> current{&snapshots[0]}, hazard{nullptr};
  std::atomic<bool> done{false};
  std::thread picker{[&] {
    int sum = 0;
    while (!done.load(relaxed))
      for (int i = 0; i != 100; ++i) {
        sum += protocol::refresh(current, hazard)->version;
        if (i == 0) protocol::let_go(hazard);
      }
    protocol::let_go(hazard);
    std::printf("%d\n", sum & 1);
  }};
  for (int version = 1, place = 1; version != 5'000; ++version) {
    if (version % 8 == 0) std::this_thread::yield();
    snapshots[place].version = version;
    auto* const old = protocol::publish(current, &snapshots[place]);
    while (protocol::held_by(hazard) == old) std::this_thread::yield();
    old->version = 0;  // freed
    place = static_cast<int>(old - snapshots);
  }
  done.store(true, relaxed);
  picker.join();
}

template <class Orders>
void take_and_reuse() {
  using protocol = detail::lease_protocol<Orders>;
  std::atomic<std::uint32_t> word{detail::one_generation}, count{0}, newest{detail::one_generation};
  int data = 0;  // written by each lease holder
  std::atomic<bool> done{false};
  std::atomic<int> taken{0};
  std::thread worker{[&] {
    while (!done.load(relaxed))
      if (protocol::take(count, word, newest.load(relaxed), admission::new_work)) {
        taken.fetch_add(1, relaxed);
        ++data;
        protocol::give(count);
      }
  }};
  std::uint32_t tag = detail::one_generation, before = 0;
  for (int owner = 1; owner < 500'000 && (owner < 5'000 || taken.load(relaxed) < 2'000); ++owner) {
    protocol::set(word, tag, health_flag::removed, before);
    while (protocol::in_flight(&count, 1, 1) != 0) std::this_thread::yield();
    data = 0;
    tag += detail::one_generation;
    word.store(tag, std::memory_order_release);
    newest.store(tag, relaxed);
    std::this_thread::yield();  // otherwise the two threads might never run at once on one core
  }
  done.store(true, relaxed);
  worker.join();
}

struct exchange_relaxed : detail::publication_orders {
  static constexpr auto exchange = relaxed;
};
struct protect_relaxed : detail::publication_orders {
  static constexpr auto protect = relaxed;
};
struct look_again_relaxed : detail::publication_orders {
  static constexpr auto look_again = relaxed;
};
struct scan_relaxed : detail::publication_orders {
  static constexpr auto scan = relaxed;
};
struct let_go_relaxed : detail::publication_orders {
  static constexpr auto let_go = relaxed;
};
struct validate_relaxed : detail::lease_orders {
  static constexpr auto validate = relaxed;
};
struct zero_test_relaxed : detail::lease_orders {
  static constexpr auto zero_test = relaxed;
};
struct give_relaxed : detail::lease_orders {
  static constexpr auto give = relaxed;
};

}  // namespace

int main(int argc, char** argv) {
  auto const is = [&](char const* name) { return argc == 2 && std::strcmp(argv[1], name) == 0; };
  if (is("shipped")) publish_and_pick<detail::publication_orders>(), take_and_reuse<detail::lease_orders>();
  // The first race ends the program. On a busy machine the threads may need many runs until they meet.
  for (int run = 0; run != 100; ++run) {
    if (is("exchange")) publish_and_pick<exchange_relaxed>();
    if (is("protect")) publish_and_pick<protect_relaxed>();
    if (is("look_again")) publish_and_pick<look_again_relaxed>();
    if (is("scan")) publish_and_pick<scan_relaxed>();
    if (is("let_go")) publish_and_pick<let_go_relaxed>();
    if (is("validate")) take_and_reuse<validate_relaxed>();
    if (is("zero_test")) take_and_reuse<zero_test_relaxed>();
    if (is("give")) take_and_reuse<give_relaxed>();
  }
  std::puts("no race was seen");
}

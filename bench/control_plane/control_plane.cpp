// SPDX-License-Identifier: MIT
// What the control plane costs, and the picks that depend on its lists: a line for each figure, the median of several
// runs. It uses nothing but the library, so that it can be compiled with another version of it too:
// tools/compare_control_plane does so.
#include <equipoise/equipoise.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>

static std::atomic<std::size_t> allocated{0};
void* operator new(std::size_t n) {
  auto* const p = static_cast<std::size_t*>(std::malloc(n + 16));
  if (p == nullptr) std::abort();
  *p = n;
  allocated += n;
  return p + 2;
}
void operator delete(void* p) noexcept {
  if (p == nullptr) return;
  auto* const start = static_cast<std::size_t*>(p) - 2;
  allocated -= *start;
  std::free(start);
}
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }

namespace {
using namespace equipoise;
using clock = std::chrono::steady_clock;

struct server {
  std::string name;
  std::uint32_t number = 0;
  friend bool operator==(server const&, server const&) = default;
};
std::string_view key_of(server const& s) { return s.name; }

std::vector<server> servers(std::size_t n) {
  std::vector<server> all(n);
  for (std::size_t i = 0; i != n; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "b%07zu", i);
    all[i].name = name;
  }
  return all;
}

pool_options room_for(std::size_t n) { return {.capacity = static_cast<std::uint32_t>(n + 8)}; }

// Microseconds of one call: the median of `runs`, each of `calls` calls.
template <class F>
double microseconds(int runs, int calls, F&& f) {
  std::vector<double> all;
  for (int r = 0; r != runs; ++r) {
    auto const start = clock::now();
    for (int i = 0; i != calls; ++i) f();
    all.push_back(std::chrono::duration<double, std::micro>(clock::now() - start).count() / calls);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void report(char const* what, std::size_t n, double value, char const* unit) {
  std::printf("%s\t%zu\t%.6g\t%s\n", what, n, value, unit);
  std::fflush(stdout);
}

template <class P>
void mark_and_refresh(char const* what, std::size_t n, P policy, int runs) {
  pool<server> p{room_for(n)};
  p.assign(servers(n));
  balancer lb{p, policy, 1};
  auto picker = lb.make_picker();
  auto const id = p.find("b0000001");
  bool down = false;
  report(what, n,
         microseconds(runs, 2,
                      [&] {
                        (down = !down) ? p.set(id, health_flag::down) : p.clear(id, health_flag::down);
                        p.refresh();
                      }),
         "us");
}

void membership(std::size_t n) {
  pool<server> p{room_for(n)};
  auto list = servers(n);
  p.assign(list);
  balancer lb{p, round_robin{}, 1};
  auto const id = p.find("b0000001");
  std::uint32_t weight = 1;
  int const calls = n < 10'000 ? 50 : 2;
  report("update one", n, microseconds(15, calls, [&] { p.update(id, {.weight = weight ^= 3}); }), "us");
  report("add and remove one", n, microseconds(15, calls, [&] { p.remove(p.add({"another"})); }), "us");
  report("assign, one changed", n,
         microseconds(9, 1,
                      [&] {
                        ++list[n / 2].number;
                        p.assign(list);
                      }),
         "us");
}

template <class P>
void picks(char const* what, std::size_t n, P policy) {
  pool<server> p{room_for(n)};
  p.assign(servers(n));
  balancer lb{p, policy, 1};
  auto picker = lb.make_picker();
  std::uint64_t key = 1;
  std::size_t sum = 0;
  double const us = microseconds(9, 200'000, [&] {
    if constexpr (keyed<P>) {
      key = mix(key + golden_gamma);
      sum += picker.select(key).id().slot;
    } else {
      sum += picker.select().id().slot;
    }
  });
  report(what, n, us * 1000, sum != 0 ? "ns" : "ns ");
}

template <class P>
void nobody_up(char const* what, std::size_t n, P policy) {
  pool<server> p{room_for(n)};
  p.assign(servers(n));
  balancer lb{p, policy, 1};
  auto picker = lb.make_picker();
  p.for_each([&](backend_id id, server const&, attributes const&, health_flag) { p.set(id, health_flag::down); });
  std::size_t found = 0;
  double const us = microseconds(9, 50, [&] {
    if constexpr (keyed<P>)
      found += picker.acquire(7) ? 1u : 0u;
    else
      found += picker.acquire() ? 1u : 0u;
  });
  report(what, n, us * 1000, found == 0 ? "ns" : "wrong");
}

// How long a find() takes while another thread changes weights, so that a table is built all the time. There is one
// each 50 µs, and it counts from then on. The 99th of a hundred, because the slowest ones are those that the operating
// system took off the processor.
void find_beside_builds(std::size_t n) {
  pool<server> p{room_for(n)};
  p.assign(servers(n));
  balancer lb{p, ring_hash{}, 1};
  std::atomic<bool> is_over{false};
  std::thread builder{[&] {
    auto const id = p.find("b0000000");
    for (std::uint32_t weight = 1; !is_over;) p.update(id, {.weight = weight ^= 3});
  }};
  std::vector<double> all;
  std::size_t found = 0;
  auto due = clock::now();
  for (int i = 0; i != 20'000; ++i, due += std::chrono::microseconds{50}) {
    while (clock::now() < due) {
    }
    found += p.find("b0000001") ? 1u : 0u;
    all.push_back(std::chrono::duration<double, std::micro>(clock::now() - due).count());
  }
  is_over = true;
  builder.join();
  std::sort(all.begin(), all.end());
  report("find beside table builds, ring_hash, 99 %", n, all[all.size() * 99 / 100], found == 0 ? "wrong" : "us");
}
}  // namespace

int main() {
  mark_and_refresh("mark and refresh, maglev", 10'000, maglev{}, 9);
  mark_and_refresh("mark and refresh, ring_hash", 10'000, ring_hash{}, 9);
  mark_and_refresh("mark and refresh, round_robin", 100'000, round_robin{}, 15);
  membership(1000);
  membership(100'000);
  {
    pool<server> p{room_for(1000)};
    p.assign(servers(1000));
    balancer lb{p, maglev{}, 1};
    report("add and remove one, maglev", 1000, microseconds(9, 2, [&] { p.remove(p.add({"another"})); }), "us");
  }
  {
    pool<server> p{room_for(200'000)};
    p.assign(servers(100'000));
    balancer lb{p, round_robin{}, 1};
    auto parked = lb.make_picker();
    parked.select();
    p.assign(std::vector<server>{{"the only one"}});
    p.refresh();
    report("idle refresh behind a parked picker", 100'000, microseconds(15, 5, [&] { p.refresh(); }), "us");
  }
  for (std::size_t n : {3u, 10'000u}) {
    pool<server> p{room_for(n)};
    p.assign(servers(n));
    balancer lb{p, least_connections{}, 1};
    auto picker = lb.make_picker();
    report("least_connections, acquire and finish", n,
           microseconds(9, 500, [&] { picker.acquire().finish(outcome::ok); }) * 1000, "ns");
  }
  for (std::size_t n : {3u, 100u, 1000u, 10'000u, 1'000'000u}) {
    picks("select, round_robin", n, round_robin{});
    picks("select, random", n, equipoise::random{});
    picks("select, power_of_two", n, power_of_two{});
    if (n > 10'000) continue;
    picks("select, maglev", n, maglev{});
    picks("select, ring_hash", n, ring_hash{});
  }
  nobody_up("acquire while all are down, round_robin", 10'000, round_robin{});
  nobody_up("acquire while all are down, failover{bounded_load{maglev}}", 10'000, failover{bounded_load{maglev{}}});
  find_beside_builds(10'000);
  {
    auto const list = servers(100'000);
    std::size_t const before = allocated;
    pool<server> p{room_for(100'000)};
    p.assign(list);
    balancer lb{p, round_robin{}, 1};
    report("bytes a member", 100'000, static_cast<double>(allocated - before) / 100'000, "B");
  }
}

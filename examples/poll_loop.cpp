// A picker in an event loop of plain poll(2): no Asio, no threads, no allocation for a pick.
//
// Four workers sit behind socket pairs, as they might behind TCP; one is slow, and one dies on the way. The loop sends
// them 600 small jobs, at most 16 at once, each to whom power_of_two picks, and counts how many each has done.
#include <equipoise/equipoise.hpp>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

// What the pool knows of a worker: its name and our end of the wire.
struct server {
  std::string name;
  int wire;
};
std::string_view key_of(server const& s) { return s.name; }

// The other end: answers each byte after its service time, one at a time.
struct worker {
  int wire;
  std::chrono::milliseconds service;
  clock_type::time_point busy_until{};
  bool busy = false;
  int done = 0;

  void turn(bool readable, clock_type::time_point now) {
    char byte = 0;
    if (busy && now >= busy_until) {
      busy = false;
      ++done;
      if (::write(wire, &byte, 1) != 1) return;
    }
    if (!busy && readable && ::read(wire, &byte, 1) == 1) {
      busy = true;
      busy_until = now + service;
    }
  }
};

}  // namespace

int main() {
  equipoise::pool<server> pool{{.observations = true}};
  equipoise::balancer balancer{pool, equipoise::power_of_two{}};
  auto picker = balancer.make_picker();

  using lease = equipoise::lease<server>;
  std::vector<worker> workers;
  std::vector<std::vector<lease>> under_way;  // by wire: the jobs it is working on, oldest first
  std::vector<equipoise::backend_id> ids;
  for (auto const& [name, service] : {std::pair{"a", 1ms}, {"b", 1ms}, {"c", 10ms}, {"d", 1ms}}) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
    ids.push_back(pool.add({name, ends[0]}));
    workers.push_back({ends[1], service});
    under_way.resize(static_cast<std::size_t>(ends[0]) + 1);
  }

  constexpr int jobs = 600, most_at_once = 16;
  int sent = 0, done = 0, again = 0;
  bool d_died = false;
  while (done < jobs) {
    // Send what may be sent.
    while (sent - done < most_at_once && sent < jobs) {
      auto to = picker.acquire({.now = clock_type::now()});
      if (!to) {
        fmt::print("nobody: {}\n", equipoise::to_string(to.error()));
        return 1;
      }
      char const job = 'j';
      int const wire = to->wire;
      if (::write(wire, &job, 1) != 1) break;
      under_way[static_cast<std::size_t>(wire)].push_back(std::move(to));
      ++sent;
    }
    // Wait for whatever happens next: a wire that can be read, or a worker that is done.
    auto const before = clock_type::now();
    auto patience = 10ms;
    for (auto const& w : workers)
      if (w.busy) patience = std::min(patience, std::chrono::ceil<std::chrono::milliseconds>(w.busy_until - before));
    std::vector<pollfd> wires;
    pool.for_each([&](auto, server const& s, auto const&...) { wires.push_back({s.wire, POLLIN, 0}); });
    for (auto const& w : workers) wires.push_back({w.wire, static_cast<short>(w.busy ? 0 : POLLIN), 0});
    if (::poll(wires.data(), wires.size(), std::max(0, static_cast<int>(patience.count()))) < 0) return 1;
    auto const now = clock_type::now();
    for (std::size_t i = 0; i != ids.size(); ++i) {
      char byte;
      auto& jobs_there = under_way[static_cast<std::size_t>(wires[i].fd)];
      while (!jobs_there.empty() && ::recv(wires[i].fd, &byte, 1, MSG_DONTWAIT) == 1) {
        jobs_there.front().finish(equipoise::outcome::ok, now);  // ends the lease: one less in flight
        jobs_there.erase(jobs_there.begin());
        ++done;
      }
    }
    for (std::size_t i = 0; i != workers.size(); ++i)
      workers[i].turn((wires[ids.size() + i].revents & POLLIN) != 0, now);

    if (!d_died && done > jobs / 2) {  // d dies: from here on no pick gets it, and what it had is sent again
      d_died = true;
      workers[3].wire = -1;  // poll() passes over it
      workers[3].busy = false;
      pool.set(ids[3], equipoise::health_flag::down);
      auto& lost = under_way[static_cast<std::size_t>(wires[3].fd)];
      again = static_cast<int>(lost.size());
      sent -= again;
      lost.clear();  // a lease that just ends says nothing about how it went
    }
  }

  for (std::size_t i = 0; i != workers.size(); ++i)
    fmt::print("{} ({} ms a job) did {} jobs, {} in flight, {}\n", "abcd"[i], workers[i].service.count(),
               workers[i].done, pool.in_flight(ids[i]), equipoise::to_string(pool.health(ids[i])));
  fmt::print("{} jobs done, {} of them sent again after d died\n", done, again);
  fmt::print("{}\n", picker.explain().text());
}

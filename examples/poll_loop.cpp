// SPDX-License-Identifier: MIT
// A picker in an event loop on poll(2), without threads.
//
// Four workers are connected by socket pairs. One of them is slow, and another one dies. The loop sends 600 small jobs,
// at most 16 at once, to the workers that power_of_two picks. At the end it prints how many jobs each worker did.
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

// What the pool stores for a worker: its name and the loop's end of the socket pair.
struct server {
  std::string name;
  int socket;
};
std::string_view key_of(server const& s) { return s.name; }

// A worker has the other end. It answers each byte after its service time, one at a time.
struct worker {
  int socket;
  std::chrono::milliseconds service;
  clock_type::time_point busy_until{};
  bool busy = false;
  int done = 0;

  void run_once(bool readable, clock_type::time_point now) {
    char byte = 0;
    if (busy && now >= busy_until) {
      busy = false;
      ++done;
      if (::write(socket, &byte, 1) != 1) return;
    }
    if (!busy && readable && ::read(socket, &byte, 1) == 1) {
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
  std::vector<std::vector<lease>> pending;  // for each socket the leases of its jobs, oldest first
  std::vector<equipoise::backend_id> ids;
  for (auto const& [name, service] : {std::pair{"a", 1ms}, {"b", 1ms}, {"c", 10ms}, {"d", 1ms}}) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
    ids.push_back(pool.add({name, ends[0]}));
    workers.push_back({ends[1], service});
    pending.resize(static_cast<std::size_t>(ends[0]) + 1);
  }

  constexpr int jobs = 600, max_pending = 16;
  int sent = 0, done = 0, resent = 0;
  bool d_died = false;
  while (done < jobs) {
    // Send jobs up to the limit.
    while (sent - done < max_pending && sent < jobs) {
      auto to = picker.acquire({.now = clock_type::now()});
      if (!to) {
        fmt::print("no worker: {}\n", equipoise::to_string(to.error()));
        return 1;
      }
      char const job = 'j';
      int const socket = to->socket;
      if (::write(socket, &job, 1) != 1) break;
      pending[static_cast<std::size_t>(socket)].push_back(std::move(to));
      ++sent;
    }
    // Wait until a socket is readable or a worker has finished its job.
    auto const before = clock_type::now();
    auto timeout = 10ms;
    for (auto const& w : workers)
      if (w.busy) timeout = std::min(timeout, std::chrono::ceil<std::chrono::milliseconds>(w.busy_until - before));
    std::vector<pollfd> sockets;
    pool.for_each([&](auto, server const& s, auto const&...) { sockets.push_back({s.socket, POLLIN, 0}); });
    for (auto const& w : workers) sockets.push_back({w.socket, static_cast<short>(w.busy ? 0 : POLLIN), 0});
    if (::poll(sockets.data(), sockets.size(), std::max(0, static_cast<int>(timeout.count()))) < 0) return 1;
    auto const now = clock_type::now();
    for (std::size_t i = 0; i != ids.size(); ++i) {
      char byte;
      auto& leases = pending[static_cast<std::size_t>(sockets[i].fd)];
      while (!leases.empty() && ::recv(sockets[i].fd, &byte, 1, MSG_DONTWAIT) == 1) {
        leases.front().finish(equipoise::outcome::ok, now);  // ends the lease, so the worker has one job less in flight
        leases.erase(leases.begin());
        ++done;
      }
    }
    for (std::size_t i = 0; i != workers.size(); ++i)
      workers[i].run_once((sockets[ids.size() + i].revents & POLLIN) != 0, now);

    if (!d_died && done > jobs / 2) {  // d dies: it is never picked again, and its pending jobs are sent again
      d_died = true;
      workers[3].socket = -1;  // poll() ignores it
      workers[3].busy = false;
      pool.set(ids[3], equipoise::health_flag::down);
      auto& lost = pending[static_cast<std::size_t>(sockets[3].fd)];
      resent = static_cast<int>(lost.size());
      sent -= resent;
      lost.clear();  // a lease that ends without finish() reports no outcome
    }
  }

  for (std::size_t i = 0; i != workers.size(); ++i)
    fmt::print("{} ({} ms a job) did {} jobs, {} in flight, {}\n", "abcd"[i], workers[i].service.count(),
               workers[i].done, pool.in_flight(ids[i]), equipoise::to_string(pool.health(ids[i])));
  fmt::print("{} jobs done, {} of them sent again after d died\n", done, resent);
  fmt::print("{}\n", picker.explain().text());
}

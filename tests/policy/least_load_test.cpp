// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/least_connections.hpp>

#include <random>

namespace least_load_test {
using namespace equipoise;

namespace {
struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

struct fleet {
  pool<server> members;
  balancer<server, least_connections> lb{members, least_connections{}, 1};
  std::vector<backend_id> ids;

  explicit fleet(std::size_t n) {
    for (std::size_t i = 0; i != n; ++i) names.push_back({"b" + std::to_string(i)});
    members.assign(names);
    read_ids();
  }
  void read_ids() {
    ids.clear();
    members.for_each([&](backend_id id, server const&, attributes const&, health_flag) { ids.push_back(id); });
  }
  // The least work in flight on a healthy member.
  std::uint32_t least() const {
    std::uint32_t all = 0xFFFFFFFF;
    for (backend_id const id : ids)
      if (members.health(id) == health_flag::none) all = std::min(all, members.in_flight(id));
    return all;
  }
  std::vector<server> names;
};
}  // namespace

TEST_CASE("least_connections: exact at every size while work, health and members change") {
  auto const n = GENERATE(127u, 128u, 129u, 160u, 1000u, 5000u);
  auto const often = GENERATE(1u, 3u);  // how many pickers take turns
  CAPTURE(n, often);
  fleet f{n};
  std::mt19937 random{n};
  auto const below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  std::vector<decltype(f.lb.make_picker())> pickers;
  for (unsigned i = 0; i != often; ++i) pickers.push_back(f.lb.make_picker());
  std::vector<lease<server>> held;
  for (int step = 0; step != 3000; ++step) {
    std::uint32_t const least = f.least();
    auto lease = pickers[below(often)].acquire();
    REQUIRE(lease);
    REQUIRE(f.members.in_flight(lease.id()) == least + 1);
    REQUIRE(f.members.health(lease.id()) == health_flag::none);
    held.push_back(std::move(lease));
    std::size_t const wanted = step % 1000 < 500 ? n * 2 : n / 2;  // the load rises above the members, and falls
    while (held.size() > wanted || below(4) == 0) {
      if (held.empty()) break;
      std::swap(held[below(held.size())], held.back());
      held.pop_back();
    }
    backend_id const one = f.ids[below(f.ids.size())];
    switch (below(30)) {
      case 0:
        f.members.set(one, health_flag::down);
        break;
      case 1:
        f.members.clear(one, health_flag::down);
        f.members.refresh();  // until then it gets its share by chance
        break;
      case 2:
        f.members.refresh();
        break;
      case 3:
        if (step % 20 == 0) {
          f.members.remove(one);
          f.members.add({"n" + std::to_string(step)});
          f.read_ids();
        }
        break;
      default:
        break;
    }
  }
}

TEST_CASE("least_connections: idle members are taken in turn at every size") {
  auto const n = GENERATE(1u, 2u, 128u, 129u, 1000u);
  fleet f{n};
  for (std::size_t i = 0; i < n; i += 3) {
    f.members.remove(f.ids[i]);
    f.members.add({"again" + std::to_string(i)});
  }
  f.members.refresh();
  f.read_ids();
  auto picker = f.lb.make_picker();
  for (int round = 0; round != 3; ++round) {
    std::vector<lease<server>> held;
    for (std::size_t i = 0; i != n; ++i) held.push_back(picker.acquire());
    for (backend_id const id : f.ids) REQUIRE(f.members.in_flight(id) == 1);
  }
}

}  // namespace least_load_test

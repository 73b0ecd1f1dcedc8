// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/outlier_detection.hpp>

#include <atomic>
#include <thread>

namespace outlier_detection_threads_test {
using namespace equipoise;
using namespace std::chrono_literals;

TEST_CASE("outlier_detection: workers report while intervals end and members come and go") {
  constexpr std::size_t n = 20;
  outlier_options o;
  o.errors.failures = 3;
  o.most_ejected = 40;
  o.success_rate.least_requests = o.failures.least_requests = 20;
  o.failures.enforced = 100;
  o.failures.percent = 60;
  pool<server> pool;
  outlier_detection<server> detection{pool, o};
  std::atomic<std::uint64_t> ids[n];  // slot and tag, for workers
  auto const packed = [](backend_id id) { return std::uint64_t{id.tag} << 32 | id.slot; };
  for (std::size_t i = 0; i != n; ++i) ids[i] = packed(pool.add(server{name_of(i)}));

  std::atomic<std::int64_t> now{1};
  std::atomic<bool> is_over{false};
  std::atomic<unsigned> wrong{0};
  auto const time = [&] { return time_point{std::chrono::seconds{now.load()}}; };
  std::vector<std::thread> workers;
  for (std::uint64_t seed : {1u, 2u, 3u})
    workers.emplace_back([&, seed] {
      rng d{seed};
      while (!is_over) {
        std::uint64_t const id = ids[random_below(d, n)];
        auto const how = random_below(d, 3) == 0 ? outcome::ok : static_cast<outcome>(1 + random_below(d, 3));
        detection.report({static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32)}, how, time());
        wrong += detection.ejected() > n * 40 / 100;
      }
    });
  rng d{4};
  auto const ejected = [&] {
    return detection.counts().ejected[static_cast<std::size_t>(outlier_test::errors)].load();
  };
  for (int round = 0; round < 2000 || ejected() <= 100; ++round) {  // the workers may begin late
    now += random_below(d, 5);
    detection.end_interval(time());
    auto const i = random_below(d, n);
    std::uint64_t const id = ids[i];
    backend_id const member{static_cast<std::uint32_t>(id), static_cast<std::uint32_t>(id >> 32)};
    if (random_below(d, 4) == 0) detection.bring_back(member, time());
    if (random_below(d, 8) == 0) {  // another membership in one change, so that there are always n members
      pool.change([&](auto& t) {
        t.remove(member);
        ids[i] = packed(t.add(server{name_of(i)}));
      });
    }
  }
  is_over = true;
  for (auto& w : workers) w.join();
  CHECK(wrong == 0);

  std::size_t out = 0;
  auto const count = [&] {
    out = 0;
    pool.for_each(
        [&](backend_id, server const&, attributes const&, health_flag flags) { out += flags == health_flag::ejected; });
    return out;
  };
  detection.end_interval(time());
  CHECK(count() == detection.ejected());
  now += 10'000;
  detection.end_interval(time());
  CHECK(count() == 0);
  CHECK(detection.ejected() == 0);
}

}  // namespace outlier_detection_threads_test

// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include "histogram.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>

namespace demo {
namespace {

// The part of a recording after a time. Requests are recorded when they end, so they are only nearly sorted by `due`.
struct recent_requests {
  std::array<std::size_t, backend_count> answers{};
  std::size_t all = 0, failed = 0;
  latencies took;

  recent_requests(recording const& what, double from) {
    histogram h;
    for (auto r = what.requests.rbegin(); r != what.requests.rend() && r->due > from - 1; ++r) {
      if (r->due < from) continue;
      ++all;
      failed += r->failed;
      if (r->backend >= 0) ++answers[static_cast<std::size_t>(r->backend)];
      h.add(std::chrono::nanoseconds{static_cast<std::int64_t>(r->latency * 1e6)});
    }
    auto const ms = [&](double share) { return static_cast<double>(h.quantile(share).count()) / 1e6; };
    took = {ms(0.5), ms(0.99), ms(0.999)};
  }

  double share(std::size_t index) const {
    return all ? static_cast<double>(answers[index]) / static_cast<double>(all) : 0;
  }
};

std::string bar(double share, std::size_t width) {
  constexpr std::string_view eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  auto const parts = static_cast<std::size_t>(share * static_cast<double>(width) * 8 + 0.5);
  std::string out;
  for (std::size_t i = 0; i != parts / 8; ++i) out += "█";
  return out + std::string{eighths[parts % 8]};
}

}  // namespace

screen::screen() : terminal_{::isatty(STDOUT_FILENO) != 0} {}

void screen::show(recording const& so_far, phase now, double elapsed, bool phase_ends) {
  if (terminal_) {
    recent_requests const last{so_far, elapsed - 0.5};
    if (lines_drawn_) fmt::print("\033[{}A", lines_drawn_);
    std::string marks;
    for (std::size_t p = 0; p != phases; ++p)
      marks += p == now ? fmt::format(" \033[7m {} \033[0m", phase_names[p]) : fmt::format("  {} ", phase_names[p]);
    fmt::print("\033[K\033[1m{}\033[0m {}\n", so_far.policy.name, marks);
    fmt::print(
        "\033[K  {:6} requests, {} failed; now {:.0f}/s, p50 {:.1f} ms, p99 {:.1f} ms\n", so_far.requests.size(),
        std::count_if(so_far.requests.begin(), so_far.requests.end(), [](request_record const& r) { return r.failed; }),
        static_cast<double>(last.all) / 0.5, last.took.p50, last.took.p99);
    for (std::size_t i = 0; i != backend_count; ++i)
      fmt::print("\033[K  {} {:5.1f} % {}\n", backends[i].name, 100 * last.share(i), bar(last.share(i), 60));
    lines_drawn_ = 2 + static_cast<int>(backend_count);
  } else if (phase_ends) {
    recent_requests const last{so_far, so_far.starts[now]};
    std::string shares;
    for (std::size_t i = 0; i != backend_count; ++i)
      shares += fmt::format("  {} {:4.1f} %", backends[i].name, 100 * last.share(i));
    fmt::print("{:28} {:15} {:5.1f} s  {:6} requests  {} failed  p50 {:.1f} ms  p99 {:.1f} ms {}\n", so_far.policy.name,
               phase_names[now], elapsed - so_far.starts[now], last.all, last.failed, last.took.p50, last.took.p99,
               shares);
  }
  std::fflush(stdout);
}

void screen::finished(findings const& f) {
  if (!terminal_) return;
  if (lines_drawn_) fmt::print("\033[{}A\033[J", lines_drawn_);
  lines_drawn_ = 0;
  fmt::print("{:28} {} requests, {} failed\n", f.policy.name, f.requests, f.failures);
}

std::string table(std::vector<findings> const& all) {
  std::string out = fmt::format("\n{:<28}{:>9}{:>7}{:>8}{:>8}{:>8}   {:<46}{:>9}  {:<13}{:<13}\n", "policy", "requests",
                                "failed", "p50 ms", "p99 ms", "p99.9", "share in the steady phase, in % (its ideal)",
                                "dead ms", "moved: kill", "add");
  auto const moved = [](std::optional<movement> const& m) {
    return m ? fmt::format("{} / {}", m->moved, m->least) : std::string{"no keys"};
  };
  for (auto const& f : all) {
    std::string shares;
    for (std::size_t i = 0; i != initial_count; ++i)
      shares += fmt::format("{} {:.1f} ({:.0f}) ", backends[i].name, 100 * f.share[i], 100 * f.ideal[i]);
    out += fmt::format("{:<28}{:>9}{:>7}{:>8.1f}{:>8.1f}{:>8.1f}   {:<46}{:>9.1f}  {:<13}{:<13}\n", f.policy.name,
                       f.requests, f.failures, f.overall.p50, f.overall.p99, f.overall.p999, shares, f.dead_picked_for,
                       moved(f.on_kill), moved(f.on_add));
  }
  out +=
      "\ndead ms: how long the dead backend was still picked after its SIGKILL. moved: client keys whose backend "
      "changed /\nthe minimum, which is the keys of the dead backend or the keys that the new backend got.\n";
  out += fmt::format(
      "Latencies count from the moment a request was due. e joins in the last phase. The ideal shares follow the "
      "weights,\nor are equal for round robin. Only round robin and smooth weighted round robin promise them. Service "
      "times: a {}, b {}, c {}, d {}, e {} ms.\n\n",
      backends[0].service.count() / 1e3, backends[1].service.count() / 1e3, backends[2].service.count() / 1e3,
      backends[3].service.count() / 1e3, backends[4].service.count() / 1e3);
  for (auto const& f : all) out += fmt::format("explain {}: {}\n", f.policy.name, f.explain);
  return out;
}

}  // namespace demo

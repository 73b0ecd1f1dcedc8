// SPDX-License-Identifier: MIT
#include "output.hpp"
#include "process.hpp"
#include "screen.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace demo {
namespace {

constexpr std::string_view colours[backend_count] = {"#4477aa", "#ee6677", "#228833", "#ccbb44", "#aa3377"};

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

// Writes the stacked requests per second of each backend, and the latencies.
void write_series(recording const& what, std::string const& file) {
  constexpr double bin = 0.1;
  auto const bins = static_cast<std::size_t>(what.starts[phases] / bin) + 1;
  std::vector<std::array<double, backend_count>> rates(bins);
  for (auto const& r : what.requests)
    if (r.backend >= 0 && r.due >= 0)
      rates[std::min(bins - 1, static_cast<std::size_t>(r.due / bin))][static_cast<std::size_t>(r.backend)] += 1 / bin;
  std::ofstream out{file};
  for (std::size_t i = 0; i + 1 < bins; ++i) {
    auto const from = static_cast<double>(i) * bin;
    auto const l = latencies_between(what, from, from + bin);
    out << fmt::format("{:.3f} {:.4f} {:.4f}", from + bin / 2, std::max(l.p50, 0.01), std::max(l.p99, 0.01));
    double sum = 0;
    for (double rate : rates[i]) out << fmt::format(" {:.1f}", sum += rate);
    out << '\n';
  }
}

std::string plot_script(recording const& what, std::string const& series, std::string const& svg) {
  std::string s = fmt::format(
      "set terminal svg size 920,460 font 'sans,12' background '#ffffff'\nset output '{}'\nset multiplot\n"
      "set lmargin 9\nset rmargin 14\nset xrange [0:{:.3f}]\nset grid ytics lc rgb '#dddddd'\nset border 3\nset tics "
      "nomirror\nset key outside right\n",
      svg, what.starts[phases]);
  for (std::size_t p = 0; p != phases; ++p) {
    if (p)
      s += fmt::format("set arrow from {0:.3f}, graph 0 to {0:.3f}, graph 1 nohead front lc rgb '#555555' dt 2\n",
                       what.starts[p]);
    s += fmt::format("set label {} '{}' at {:.3f}, graph 1.05 font ',11'\n", p + 1, phase_names[p], what.starts[p]);
  }
  s += "set origin 0,0.45\nset size 1,0.55\nset ylabel 'requests per second'\nset format x ''\nset yrange [0:*]\nplot ";
  for (std::size_t i = 0; i != backend_count; ++i)
    s += fmt::format("'{}' using 1:{}:{} with filledcurves lc rgb '{}' title '{}'{}", series,
                     i ? fmt::format("{}", i + 3) : "(0)", i + 4, colours[i], backends[i].name,
                     i + 1 == backend_count ? "\n" : ", ");
  for (std::size_t p = 0; p != phases; ++p) s += fmt::format("unset label {}\n", p + 1);
  s += "set origin 0,0\nset size 1,0.47\nset ylabel 'latency, ms'\nset format x '%g'\nset xlabel 'seconds'\nset yrange "
       "[*:*]\nset logscale y\n";
  s += fmt::format(
      "plot '{0}' using 1:3 with lines lw 1.5 lc rgb '#cc3311' title 'p99', '{0}' using 1:2 with lines lw 1.5 lc rgb "
      "'#0077bb' title 'p50'\n",
      series);
  return s + "unset multiplot\n";
}

// Returns the chart as inline SVG, or an empty string if gnuplot is not installed.
std::string chart(recording const& what, work_folder const& folder) {
  auto const series = folder.path("series"), script = folder.path("script"), svg = folder.path("chart.svg");
  write_series(what, series);
  std::ofstream{script} << plot_script(what, series, svg);
  if (std::system(fmt::format("gnuplot '{}' >/dev/null 2>&1", script).c_str()) != 0) return {};
  std::ostringstream text;
  text << std::ifstream{svg}.rdbuf();
  auto const whole = text.str();
  auto const start = whole.find("<svg");
  std::remove(svg.c_str());
  return start == whole.npos ? "" : whole.substr(start);
}

std::string moved(std::optional<movement> const& m) {
  return m ? fmt::format("{} / {}", m->moved, m->least) : std::string{"–"};
}

std::string row(findings const& f) {
  std::string shares;
  for (std::size_t i = 0; i != initial_count; ++i) {
    shares += fmt::format("<span class=share><i style=\"background:{}\"></i>{} {:.1f} <small>({:.0f})</small></span> ",
                          colours[i], backends[i].name, 100 * f.share[i], 100 * f.ideal[i]);
  }
  return fmt::format(
      "<tr><td>{}<td>{}<td class={}>{}<td>{:.1f}<td>{:.1f}<td>{:.1f}<td class=left>{}<td>{:.1f}<td>{}<td>{}</tr>\n",
      f.policy.name, f.requests, f.failures ? "bad" : "good", f.failures, f.overall.p50, f.overall.p99, f.overall.p999,
      shares, f.dead_picked_for, moved(f.on_kill), moved(f.on_add));
}

constexpr std::string_view head =
    R"(<!doctype html><html lang="en"><head><meta charset="utf-8">
<title>equipoise: load balancing of real traffic</title>
<meta name="viewport" content="width=device-width,initial-scale=1"><style>
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{padding:.3rem .5rem;border-bottom:1px solid #ddd;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child,.left{text-align:left}.good{color:#2e7d32}.bad{color:#c62828;font-weight:600}
.scroll{overflow-x:auto}
.share{white-space:nowrap;margin-right:.4rem}
.share i{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin-right:.2rem}
small{color:#666}svg{max-width:100%;height:auto}figure{margin:1.5rem 0}figcaption{color:#444}li b{font-weight:600}
</style></head><body>
<h1>Load balancing of real traffic</h1>
)";

}  // namespace

std::string as_page(outcome const& all) {
  work_folder folder;
  std::string out{head};
  out += fmt::format(
      "<p>Real backend processes, the proxy with {} workers, and {:.0f} requests per second from {} client addresses "
      "on "
      "an open-loop schedule; "
      "{:.1f} s in all. Latencies count from the moment a request was due.</p>\n<ul>\n",
      all.options.workers, all.options.rate, all.options.clients, all.seconds);
  for (auto const& p : all.promises)
    out += fmt::format("<li><b class={}>{}</b>: {} <small>({})</small>\n", p.kept ? "good" : "bad",
                       p.kept ? "kept" : "broken", escaped(p.text), escaped(p.evidence));
  out +=
      "</ul>\n<div class=scroll><table><tr><th>policy<th>requests<th>failed<th>p50 ms<th>p99 ms<th>p99.9 ms<th "
      "class=left>share in the steady phase, % (its "
      "ideal)<th>dead backend picked for, ms<th>keys moved / minimum: killed<th>added</tr>\n";
  for (auto const& f : all.found) out += row(f);
  out += "</table></div>\n";
  for (std::size_t i = 0; i != all.recordings.size(); ++i) {
    auto const& f = all.found[i];
    auto const svg = chart(all.recordings[i], folder);
    out += fmt::format("<figure><h2>{}</h2>{}<figcaption>While one backend is dead: {}</figcaption></figure>\n",
                       f.policy.name, svg.empty() ? "<p>(no chart: gnuplot is not installed)</p>" : svg,
                       escaped(f.explain));
  }
  return out + "</body></html>\n";
}

}  // namespace demo

// SPDX-License-Identifier: MIT
// Metrics of backends as Prometheus text, to be answered to GET /metrics with the content type
// `text/plain; version=0.0.4`.
//
//   std::string const body = equipoise::prometheus_text(metrics.rows());
//
// Source: Prometheus, "Exposition formats", text format 0.0.4.
#pragma once

#include <equipoise/core/policy/parameter.hpp>
#include <equipoise/metrics/backend_metrics.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

namespace detail {

// A backslash, a quote and a line feed are escaped. Bytes that are not UTF-8 become U+FFFD, as the format demands
// UTF-8.
inline std::string prometheus_label(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    auto const c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if (c == '\n')
        out += "\\n";
      else
        (c == '"' || c == '\\' ? out += '\\' : out) += static_cast<char>(c);
      ++i;
      continue;
    }
    std::size_t const size = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    std::uint32_t point = c & (0xFF >> (size + 1));
    bool good = c >= 0xC2 && c <= 0xF4 && i + size <= text.size();
    for (std::size_t k = 1; good && k != size; ++k) {
      auto const next = static_cast<unsigned char>(text[i + k]);
      good = (next & 0xC0) == 0x80;
      point = point << 6 | (next & 0x3F);
    }
    constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    good = good && point >= least[size] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    out += good ? text.substr(i, size) : "\xEF\xBF\xBD";
    i += good ? size : 1;
  }
  return out;
}

class prometheus_writer {
 public:
  explicit prometheus_writer(std::vector<backend_row> const& rows) : rows_{rows} {
    for (auto const& r : rows) labels_.push_back("backend=\"" + prometheus_label(r.key) + '"');
  }

  // One line for each backend.
  template <class Value>
  void write(std::string_view name, std::string_view type, std::string_view help, Value value) {
    begin(name, type, help);
    for (std::size_t i = 0; i != rows_.size(); ++i) line(name, i, {}, value(rows_[i]));
  }
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    text += joined({"# HELP equipoise_", name, " ", help, "\n# TYPE equipoise_", name, " ", type, "\n"});
  }
  void line(std::string_view name, std::size_t row, std::string_view more, double value) {
    text += joined({"equipoise_", name, "{", labels_[row], more, "} ", written_number(value), "\n"});
  }

  std::string text;

 private:
  std::vector<backend_row> const& rows_;
  std::vector<std::string> labels_;
};

inline double seconds_of(std::chrono::nanoseconds t) { return static_cast<double>(t.count()) / 1e9; }

}  // namespace detail

/// The rows of backend_metrics as Prometheus text 0.0.4. Names: equipoise_backend_up, _flag, _weight, _in_flight,
/// _requests_total by outcome, _ejections_total, _downs_total, _latency_seconds as a histogram. Allocates; O(rows).
inline std::string prometheus_text(std::vector<backend_row> const& rows) {
  detail::prometheus_writer w{rows};
  w.write("backend_up", "gauge", "Whether the backend may get new work.",
          [](backend_row const& r) { return r.health == health_flag::none; });
  w.begin("backend_flag", "gauge", "Which health flags are set against the backend.");
  for (std::size_t i = 0; i != rows.size(); ++i)
    for (auto const& [bit, name] : detail::flags_by_severity)
      if ((rows[i].health & bit) != health_flag::none)
        w.line("backend_flag", i, detail::joined({",flag=\"", name, "\""}), 1);
  w.write("backend_weight", "gauge", "The weight of the backend.",
          [](backend_row const& r) { return static_cast<double>(r.attrs.weight); });
  w.write("backend_in_flight", "gauge", "Pieces of work in flight.",
          [](backend_row const& r) { return static_cast<double>(r.in_flight); });
  w.begin("backend_requests_total", "counter", "Pieces of work that have ended, by outcome.");
  for (std::size_t i = 0; i != rows.size(); ++i)
    for (std::size_t k = 0; k != backend_row::outcomes; ++k)
      w.line("backend_requests_total", i, detail::joined({",outcome=\"", to_string(static_cast<outcome>(k)), "\""}),
             static_cast<double>(rows[i].ended[k]));
  w.write("backend_ejections_total", "counter", "How often the backend was ejected as an outlier.",
          [](backend_row const& r) { return static_cast<double>(r.ejections); });
  w.write("backend_downs_total", "counter", "How often the backend was found to be down.",
          [](backend_row const& r) { return static_cast<double>(r.downs); });
  w.begin("backend_latency_seconds", "histogram", "How long pieces of work took.");
  for (std::size_t i = 0; i != rows.size(); ++i) {
    backend_row const& r = rows[i];
    for (int power = r.first_power; power <= r.last_power; ++power) {
      auto const bound = detail::seconds_of(std::chrono::nanoseconds{std::int64_t{1} << power});
      w.line("backend_latency_seconds_bucket", i, detail::joined({",le=\"", detail::written_number(bound), "\""}),
             static_cast<double>(r.below[power - r.first_power]));
    }
    w.line("backend_latency_seconds_bucket", i, ",le=\"+Inf\"", static_cast<double>(r.latencies));
    w.line("backend_latency_seconds_sum", i, {}, detail::seconds_of(r.latency_sum));
    w.line("backend_latency_seconds_count", i, {}, static_cast<double>(r.latencies));
  }
  return std::move(w.text);
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

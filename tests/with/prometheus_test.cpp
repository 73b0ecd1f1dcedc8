// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/with/prometheus.hpp>

namespace prometheus_test {
using namespace equipoise;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("prometheus_text: each backend has a line for each number") {
  pool<server> p;
  auto const a = p.add(server{"a", 3}), b = p.add(server{"b"});
  backend_metrics<server> m{p};
  m.report(a, outcome::ok, 300ms);
  m.report(a, outcome::gateway_error);
  p.set(b, health_flag::down | health_flag::draining);
  auto const text = prometheus_text(m.rows());
  for (auto const* line :
       {"# TYPE equipoise_backend_up gauge\n", "\nequipoise_backend_up{backend=\"a\"} 1\n",
        "\nequipoise_backend_up{backend=\"b\"} 0\n", "\nequipoise_backend_flag{backend=\"b\",flag=\"draining\"} 1\n",
        "\nequipoise_backend_weight{backend=\"a\"} 3\n",
        "\nequipoise_backend_requests_total{backend=\"a\",outcome=\"ok\"} 1\n",
        "\nequipoise_backend_requests_total{backend=\"a\",outcome=\"gateway_error\"} 1\n",
        "\n# TYPE equipoise_backend_latency_seconds histogram\n",
        "\nequipoise_backend_latency_seconds_bucket{backend=\"a\",le=\"0.268435456\"} 0\n",
        "\nequipoise_backend_latency_seconds_bucket{backend=\"a\",le=\"0.536870912\"} 1\n",
        "\nequipoise_backend_latency_seconds_bucket{backend=\"a\",le=\"+Inf\"} 1\n",
        "\nequipoise_backend_latency_seconds_sum{backend=\"a\"} 0.3\n",
        "\nequipoise_backend_latency_seconds_count{backend=\"b\"} 0\n"})
    CHECK_THAT("\n" + text, ContainsSubstring(line));
  CHECK(text.back() == '\n');
  CHECK_THAT(prometheus_text({}), ContainsSubstring("# HELP"));
}

TEST_CASE("prometheus_text: keys are escaped, and bytes that are not UTF-8 are replaced") {
  using detail::prometheus_label;
  CHECK(prometheus_label("a\"b\\c\nx") == "a\\\"b\\\\c\\nx");
  CHECK(prometheus_label("z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x98\x80") ==
        "z\xC3\xBCrich \xE2\x82\xAC \xF0\x9F\x98\x80");
  std::string const bad = "\xEF\xBF\xBD";
  CHECK(prometheus_label("\xC3") == bad);
  CHECK(prometheus_label("\x80z") == bad + "z");
  CHECK(prometheus_label("\xC0\xAF") == bad + bad);            // too long for its value
  CHECK(prometheus_label("\xED\xA0\x80") == bad + bad + bad);  // half of a pair
  CHECK(prometheus_label("\xF5\x80\x80\x80") == bad + bad + bad + bad);
}

}  // namespace prometheus_test

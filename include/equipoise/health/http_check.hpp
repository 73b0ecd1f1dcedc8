// SPDX-License-Identifier: MIT
// What counts as a good answer to an HTTP check. The application sends the request and parses the answer.
//
//   equipoise::http_check const check{.expected = {{200, 299}}, .body = "ok"};
//   scheduler.finish(probe, check.judge(status, header, body), now);
//
// `header` is a function: the value of the first header of that name as std::optional<std::string_view>, whatever the
// case of the name. Give the final answer: interim ones (1xx) say nothing.
#pragma once

#include <equipoise/health/check_rules.hpp>

#include <concepts>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The statuses from `first` to `last`.
struct status_range {
  std::int32_t first = 200, last = first;

  constexpr bool contains(std::int32_t status) const noexcept { return first <= status && status <= last; }
};

/// All of them, also those that are none.
inline constexpr status_range every_status{std::numeric_limits<std::int32_t>::min(),
                                           std::numeric_limits<std::int32_t>::max()};

/// A header that an answer must have. The value is compared as it is written.
struct expected_header {
  std::string name;
  std::string contains = {};  ///< a text in its value; empty for any value
};

/// What counts as a good answer. The presets are HAProxy's.
struct http_check {
  std::vector<status_range> expected{{200, 399}};  ///< the good ones
  /// Bad, but one of them alone takes no backend down. A status that is in no list is `unhealthy`.
  std::vector<status_range> retried{every_status};
  std::vector<status_range> stopping = {};  ///< the backend asks for no new work; looked at before the others
  std::string body = {};                    ///< a text in the body, or in the part of it that was read; empty for any
  std::vector<expected_header> headers = {};

  /// What an answer means. The body and the headers matter if the status is good. Allocates nothing; O(ranges + headers
  /// + body).
  template <std::invocable<std::string_view> Header>
  check_result judge(std::int32_t status, Header&& header, std::string_view content = {}) const {
    if (is_in(stopping, status)) return {check_answer::stopping, "HTTP status", status};
    if (!is_in(expected, status))
      return {is_in(retried, status) ? check_answer::failed : check_answer::unhealthy, "HTTP status", status};
    for (expected_header const& h : headers) {
      std::optional<std::string_view> const value = header(std::string_view{h.name});
      if (!value) return {check_answer::failed, "no expected header; HTTP status", status};
      if (value->find(h.contains) == value->npos)
        return {check_answer::failed, "another value of a header; HTTP status", status};
    }
    if (content.find(body) == content.npos) return {check_answer::failed, "no expected text; HTTP status", status};
    return {check_answer::good, "HTTP status", status};
  }
  /// The same of an answer whose headers do not matter.
  check_result judge(std::int32_t status, std::string_view content = {}) const {
    return judge(
        status, [](std::string_view) { return std::optional<std::string_view>{}; }, content);
  }

 private:
  static bool is_in(std::vector<status_range> const& ranges, std::int32_t status) noexcept {
    for (status_range const& r : ranges)
      if (r.contains(status)) return true;
    return false;
  }
};

/// As HAProxy's `option httpchk`: 2xx and 3xx are good. With `disable_on_404` a backend that answers 404 is stopping.
inline http_check haproxy_http_check(bool disable_on_404 = false) {
  http_check c;
  if (disable_on_404) c.stopping.push_back({404});
  return c;
}
/// As Envoy's http_health_check: 200 is good, and any other status takes a backend down at once, unless it is retried.
inline http_check envoy_http_check(std::vector<status_range> expected = {{200}},
                                   std::vector<status_range> retriable = {}) {
  http_check c;
  c.expected = std::move(expected);
  c.retried = std::move(retriable);
  return c;
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

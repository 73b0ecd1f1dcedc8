// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/http_check.hpp>

#include <limits>

namespace http_check_test {
using namespace equipoise;

namespace {
auto const headers = [](std::string_view name) -> std::optional<std::string_view> {
  if (name == "content-type") return "text/plain; charset=utf-8";
  if (name == "x-empty") return "";
  return std::nullopt;
};
}  // namespace

TEST_CASE("http_check: the statuses of the presets") {
  auto const answer = [](http_check const& c, std::int32_t status) { return c.judge(status).answer; };
  for (std::int32_t s : {200, 204, 299, 301, 399}) {
    CHECK(answer({}, s) == check_answer::good);
    CHECK(answer(haproxy_http_check(true), s) == check_answer::good);
  }
  for (std::int32_t s : {100, 199, 400, 404, 500, 503, 0, -1, 99'999, std::numeric_limits<std::int32_t>::max()}) {
    CHECK(answer({}, s) == check_answer::failed);
    CHECK(answer(envoy_http_check(), s) == check_answer::unhealthy);
  }
  CHECK(answer(haproxy_http_check(true), 404) == check_answer::stopping);
  CHECK(answer(envoy_http_check(), 200) == check_answer::good);
  CHECK(answer(envoy_http_check(), 204) == check_answer::unhealthy);
  auto const retrying = envoy_http_check({{200}, {301, 302}}, {{429}});
  CHECK(answer(retrying, 302) == check_answer::good);
  CHECK(answer(retrying, 429) == check_answer::failed);
  CHECK(answer(retrying, 503) == check_answer::unhealthy);
}

TEST_CASE("http_check: a good status with a wrong body or header is a failure that says so") {
  http_check c;
  c.body = "ok";
  CHECK(c.judge(200, "all ok here").answer == check_answer::good);
  CHECK(to_string(c.judge(200, "")) == "failed: no expected text; HTTP status 200");
  CHECK(to_string(c.judge(503, "ok")) == "failed: HTTP status 503");
  c.headers = {{"content-type", "text/"}};
  CHECK(c.judge(200, headers, "ok").answer == check_answer::good);
  CHECK(to_string(c.judge(200, "ok")) == "failed: no expected header; HTTP status 200");
  c.headers = {{"content-type", "json"}};
  CHECK(to_string(c.judge(200, headers, "ok")) == "failed: another value of a header; HTTP status 200");
  c.headers = {{"x-empty"}};
  CHECK(c.judge(200, headers, "ok").answer == check_answer::good);
  c.headers = {{"x-empty"}, {"x-absent"}};
  CHECK(c.judge(200, headers, "ok").answer == check_answer::failed);
}

TEST_CASE("http_check: no expected status at all, and ranges that are the wrong way round") {
  http_check c;
  c.expected = {};
  CHECK(c.judge(200).answer == check_answer::failed);
  c.expected = {{299, 200}};
  CHECK(c.judge(250).answer == check_answer::failed);
}

}  // namespace http_check_test

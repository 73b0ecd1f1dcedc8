// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/health/timestamp.hpp>

#include <limits>

namespace timestamp_test {
using namespace equipoise;

namespace {
std::string written(std::int64_t milliseconds) { return iso_8601(wall_time{std::chrono::milliseconds{milliseconds}}); }
}  // namespace

TEST_CASE("iso_8601: times before 1970, leap days and the ends of years") {
  CHECK(written(0) == "1970-01-01T00:00:00.000Z");
  CHECK(written(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(written(951'782'400'000) == "2000-02-29T00:00:00.000Z");
  CHECK(written(1'709'251'199'999) == "2024-02-29T23:59:59.999Z");
  CHECK(written(4'107'542'400'000) == "2100-03-01T00:00:00.000Z");  // no leap year
  CHECK(written(4'107'542'399'999) == "2100-02-28T23:59:59.999Z");
  CHECK(written(1'234'567'890'123) == "2009-02-13T23:31:30.123Z");
  CHECK(written(253'402'300'799'999) == "9999-12-31T23:59:59.999Z");
  CHECK(written(-62'167'219'200'000) == "0000-01-01T00:00:00.000Z");
}

TEST_CASE("iso_8601: years that need more than four digits have a sign") {
  CHECK(written(253'402'300'800'000) == "+010000-01-01T00:00:00.000Z");
  CHECK(written(-62'167'219'200'001) == "-000001-12-31T23:59:59.999Z");
  CHECK(written(8'640'000'000'000'000) == "+275760-09-13T00:00:00.000Z");  // the last and the first of ECMAScript
  CHECK(written(-8'640'000'000'000'000) == "-271821-04-20T00:00:00.000Z");
  CHECK(written(std::numeric_limits<std::int64_t>::max()) == "+292278994-08-17T07:12:55.807Z");
  CHECK(written(std::numeric_limits<std::int64_t>::min()) == "-292275055-05-16T16:47:04.192Z");
}

TEST_CASE("iso_8601: each day follows the one before it, through eras of 400 years") {
  // A calendar that counts day by day, from 1 January of a year that is a multiple of 400.
  auto const digits = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  for (std::int64_t const first_year : {-800, 1600}) {
    std::int64_t day = first_year == 1600 ? -135'140 : -1'011'722;
    for (std::int64_t year = first_year; year != first_year + 800; ++year) {
      bool const is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      int const lengths[] = {31, is_leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
      for (int month = 1; month != 13; ++month)
        for (int d = 1; d <= lengths[month - 1]; ++d, ++day) {
          if (d > 1 && d < 28 && d != month) continue;  // it takes time to look at all of them
          auto const text = written(day * 86'400'000);
          auto const end = '-' + digits(month) + '-' + digits(d) + "T00:00:00.000Z";
          auto const at = text.find('-', 1);
          if (text.substr(at) != end || std::stoll(text.substr(0, at)) != year) FAIL("day " << day << " is " << text);
        }
    }
  }
}

}  // namespace timestamp_test

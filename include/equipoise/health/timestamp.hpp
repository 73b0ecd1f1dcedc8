// SPDX-License-Identifier: MIT
// A time of the wall clock as text: 2026-11-30T16:00:20.123Z.
//
//   equipoise::iso_8601(std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()))
#pragma once

#include <equipoise/core/platform.hpp>

#include <string>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A time of the wall clock, in milliseconds since 1970 without leap seconds. For people and logs only: ages and
/// time-outs are measured with time_point.
using wall_time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// The time in UTC as ISO 8601 and RFC 3339 write it. Years outside 0000 … 9999 have a sign and six digits or more, as
/// ECMAScript's toISOString() writes them; RFC 3339 has no form for them. Every value is defined. O(1).
inline std::string iso_8601(wall_time t) {
  constexpr std::int64_t day_length = 86'400'000;
  auto const since = std::int64_t{t.time_since_epoch().count()};
  std::int64_t days = since / day_length, rest = since % day_length;
  if (rest < 0) rest += day_length, --days;

  // Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, civil_from_days: years begin on 1 March, and an era
  // has 400 of them.
  constexpr std::int64_t era_length = 146'097;
  days += 719'468;  // since 0000-03-01
  std::int64_t const era = (days >= 0 ? days : days - (era_length - 1)) / era_length;
  std::int64_t const day_of_era = days - era * era_length;
  std::int64_t const year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / (era_length - 1)) / 365;
  std::int64_t const day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  std::int64_t const month_from_march = (5 * day_of_year + 2) / 153;
  std::int64_t const day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  std::int64_t const month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  std::int64_t const year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  std::string text;
  auto const number = [&text](std::int64_t n, std::size_t digits) {
    auto const written = std::to_string(n);
    if (written.size() < digits) text.append(digits - written.size(), '0');
    text += written;
  };
  if (year >= 0 && year <= 9999) {
    number(year, 4);
  } else {
    text += year < 0 ? '-' : '+';
    number(year < 0 ? -year : year, 6);
  }
  text += '-', number(month, 2);
  text += '-', number(day, 2);
  text += 'T', number(rest / 3'600'000, 2);
  text += ':', number(rest / 60'000 % 60, 2);
  text += ':', number(rest / 1'000 % 60, 2);
  text += '.', number(rest % 1'000, 3);
  return text += 'Z';
}

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

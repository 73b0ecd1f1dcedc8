// SPDX-License-Identifier: MIT
// orca_report::parse() reads finite numbers under known names, and what is written from a report is read back to it.
#include "fuzz.hpp"

#include <equipoise/health/orca_report.hpp>

using equipoise::orca_report;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const read = orca_report::parse(text);
  if (!read) {
    FUZZ_CHECK(read.error().starts_with("equipoise: a load report "));
    return 0;
  }
  FUZZ_CHECK(text.starts_with("TEXT "));
  std::string written = "TEXT ";
  auto const write = [&](std::string const& name, double value) {
    FUZZ_CHECK(std::isfinite(value));
    written += name + "=" + equipoise::detail::written_number(value) + ",";
    FUZZ_CHECK(read->largest(name) == std::max(value, 0.0));
  };
  for (auto const& [name, number] : orca_report::numbers()) write(std::string{name}, *read.*number);
  for (auto const& [name, map] : orca_report::maps())
    for (auto const& [key, value] : *read.*map)
      if (key != "*") write(std::string{name} + "." + key, value);
  auto const again = orca_report::parse(written);
  FUZZ_CHECK(again);
  bool const has_star = text.find(".*") != text.npos;
  FUZZ_CHECK(has_star || *again == *read);
  return 0;
}

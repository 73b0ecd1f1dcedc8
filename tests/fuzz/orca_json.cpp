// SPDX-License-Identifier: MIT
// parse_orca_header() never throws. A report that was read as JSON is read again from the JSON that is written of it.
#include "fuzz.hpp"

#include <equipoise/with/orca_json.hpp>

using equipoise::orca_report;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = std::string{fuzz::text_of(data, size)};
  auto const read = equipoise::parse_orca_header("JSON " + text);
  FUZZ_CHECK(read || read.error().starts_with("equipoise: a load report "));
  if (!read) return 0;
  nlohmann::ordered_json j;
  for (auto const& [name, number] : orca_report::numbers()) {
    FUZZ_CHECK(std::isfinite(*read.*number));
    j[std::string{name}] = *read.*number;
  }
  for (auto const& [name, map] : orca_report::maps())
    for (auto const& [key, value] : *read.*map) {
      FUZZ_CHECK(std::isfinite(value) && !key.empty());
      j[std::string{name}][key] = value;
    }
  auto const again = equipoise::parse_orca_json(j.dump());
  FUZZ_CHECK(again);
  for (auto const& [name, number] : orca_report::numbers()) FUZZ_CHECK(*again.*number == *read.*number);
  for (auto const& [name, map] : orca_report::maps()) FUZZ_CHECK((*again.*map).size() == (*read.*map).size());
  return 0;
}

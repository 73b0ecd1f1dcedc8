// SPDX-License-Identifier: MIT
// endpoint::parse() and endpoint::text() are inverses. A refusal names the text.
#include "fuzz.hpp"

#include <equipoise/core/endpoint.hpp>

using equipoise::endpoint;

namespace {

// Whether a host can stand in a text: all bytes but brackets and white space.
bool plain(std::string_view host) { return !host.empty() && host.find_first_of("[] \t\r\n") == host.npos; }

// The rule for a text, written another way than in the library: HOST:PORT, or [HOST]:PORT for a host with colons.
bool well_formed(std::string_view text) {
  std::size_t digits = 0;
  while (digits != text.size() && text[text.size() - 1 - digits] >= '0' && text[text.size() - 1 - digits] <= '9')
    ++digits;
  if (digits == 0 || digits > 5) return false;
  auto const port = std::stoul(std::string{text.substr(text.size() - digits)});
  text.remove_suffix(digits);
  if (port < 1 || port > 65'535 || !text.ends_with(':')) return false;
  text.remove_suffix(1);
  bool const bracketed = text.starts_with('[') && text.ends_with(']') && text.size() > 1;
  if (bracketed) text = text.substr(1, text.size() - 2);
  return plain(text) && bracketed == (text.find(':') != text.npos);
}

// What what() shows of a text: it ends at a NUL.
std::string_view shown(std::string_view text) { return text.substr(0, text.find('\0')); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  try {
    auto const e = endpoint::parse(text);
    FUZZ_CHECK(well_formed(text));
    auto const written = e.text();
    auto const colon = written.rfind(':');
    FUZZ_CHECK(text.substr(0, text.rfind(':')) == written.substr(0, colon));
    FUZZ_CHECK(std::stoul(std::string{text.substr(colon + 1)}) == e.port);  // it may have leading zeros
    FUZZ_CHECK(endpoint::parse(written) == e);
    FUZZ_CHECK(equipoise::detail::key_text(e) == written);
  } catch (std::invalid_argument const& e) {
    FUZZ_CHECK(!well_formed(text));
    FUZZ_CHECK(std::string_view{e.what()}.find("'" + std::string{shown(text)}) != std::string_view::npos);
  }

  // The input as a port and a host.
  fuzz::bytes in{data, size};
  endpoint e;
  e.port = static_cast<std::uint16_t>(in.number(2));
  e.host = in.text(size);
  if (e.port != 0 && plain(e.host)) FUZZ_CHECK(endpoint::parse(e.text()) == e);
  return 0;
}

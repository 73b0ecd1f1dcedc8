// SPDX-License-Identifier: MIT
// address::parse() reads exactly the texts that inet_pton() reads, to the same octets. The text that inet_ntop() writes
// of an address is read back to that address.
#include "fuzz.hpp"

#include <equipoise/hash/address.hpp>

#include <arpa/inet.h>
#include <sys/socket.h>

using equipoise::address;

namespace {

void reads_back(address const& a) {
  char text[INET6_ADDRSTRLEN] = {};
  FUZZ_CHECK(inet_ntop(a.is_v6() ? AF_INET6 : AF_INET, a.bytes().data(), text, sizeof text) != nullptr);
  auto const again = address::parse(text);
  FUZZ_CHECK(again && *again == a);
}

// The answer of inet_pton(), or nothing. It knows no text with a NUL inside.
std::optional<address> by_inet_pton(std::string const& text) {
  if (text.find('\0') != text.npos) return {};
  std::array<std::uint8_t, 4> v4{};
  if (inet_pton(AF_INET, text.c_str(), v4.data()) == 1) return address::v4(v4);
  std::array<std::uint8_t, 16> v6{};
  if (inet_pton(AF_INET6, text.c_str(), v6.data()) == 1) return address::v6(v6);
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const parsed = address::parse(text);
#if defined(__GLIBC__)  // elsewhere inet_pton() may have its own idea of leading zeros
  FUZZ_CHECK(parsed == by_inet_pton(std::string{text}));
#endif
  if (parsed) {
    FUZZ_CHECK(parsed->size() == (parsed->is_v6() ? 16 : 4));
    FUZZ_CHECK(parsed->bytes().size() == parsed->size());
    FUZZ_CHECK(parsed->is_v6() == (text.find(':') != text.npos));
    for (std::size_t i = 0; i != parsed->size(); ++i)
      FUZZ_CHECK(static_cast<std::uint8_t>(parsed->bytes()[i]) == (*parsed)[i]);
    reads_back(*parsed);
  }
  // The input as octets.
  if (size == 4) reads_back(address::v4({data[0], data[1], data[2], data[3]}));
  if (size == 16) {
    std::array<std::uint8_t, 16> octets{};
    std::copy_n(data, size, octets.begin());
    reads_back(address::v6(octets));
  }
  return 0;
}

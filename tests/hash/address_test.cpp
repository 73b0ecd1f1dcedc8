// SPDX-License-Identifier: MIT
#include "support.hpp"

namespace address_test {
using namespace equipoise;

TEST_CASE("address: parse reads every form of an address") {
  struct good {
    char const* text;
    std::vector<std::uint8_t> bytes;
  };
  std::vector<std::uint8_t> const db8_1{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  std::vector<std::uint8_t> const mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
  for (good const& g : std::vector<good>{
           {"0.0.0.0", {0, 0, 0, 0}},
           {"192.0.2.1", {192, 0, 2, 1}},
           {"255.255.255.255", {255, 255, 255, 255}},
           {"2001:db8::1", db8_1},
           {"2001:DB8:0:0:0:0:0:1", db8_1},
           {"2001:0db8:0000:0000:0000:0000:0000:0001", db8_1},
           {"::ffff:192.0.2.1", mapped},
           {"0:0:0:0:0:ffff:192.0.2.1", mapped},
           {"::", std::vector<std::uint8_t>(16, 0)},
           {"1::", {0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
           {"::1", {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
           {"1:2:3:4:5:6:7::", {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0}},
           {"::2:3:4:5:6:7:8", {0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8}},
           {"1:2::7:8", {0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8}},
       }) {
    CAPTURE(g.text);
    auto const a = address::parse(g.text);
    REQUIRE(a);
    CHECK(a->is_v6() == (g.bytes.size() == 16));
    CHECK(a->bytes() == std::string_view(reinterpret_cast<char const*>(g.bytes.data()), g.bytes.size()));
  }
}

TEST_CASE("address: parse refuses any other text") {
  for (std::string_view bad : {"",
                               " ",
                               "1",
                               "1.2.3",
                               "1.2.3.4.5",
                               "1.2.3.4 ",
                               " 1.2.3.4",
                               "256.1.1.1",
                               "1.2.3.999",
                               "01.2.3.4",
                               "1.2.3.00",
                               "1..2.3",
                               ".1.2.3",
                               "1.2.3.",
                               "1.2.3.-4",
                               "1.2.3.a",
                               "a.b.c.d",
                               "1.2.3.4:80",
                               "[::1]",
                               ":",
                               ":::",
                               ":1",
                               "1:",
                               "1:2:3:4:5:6:7",
                               "1:2:3:4:5:6:7:8:9",
                               "1:2:3:4:5:6:7:8::",
                               "1:2:3:4:5:6:7:8:",
                               ":2:3:4:5:6:7:8",
                               ":1::",
                               ":1:2:3:4:5:6:7:8",
                               "1::2::3",
                               "::1:2:3:4:5:6:7:8",
                               "12345::",
                               "g::",
                               "::1%eth0",
                               "::1.2.3",
                               "::1.2.3.4.5",
                               "1.2.3.4::",
                               "::1.2.3.4:5",
                               "1:2:3:4:5:6:7:1.2.3.4",
                               "fe80::1/64",
                               "localhost"}) {
    CAPTURE(bad);
    CHECK(!address::parse(bad));
  }
}

TEST_CASE("address: parse reads or refuses text that is cut or random") {
  std::string const whole = "2001:db8:ffff:1:2:3:192.0.2.255";
  for (std::size_t n = 0; n <= whole.size(); ++n)
    static_cast<void>(address::parse(std::string_view{whole}.substr(0, n)));
  rng d{25};
  for (int i = 0; i != 100'000; ++i) {
    std::string text(random_below(d, 24), ' ');
    for (char& c : text) c = "0123456789abcdefF:::...%[ \xff"[random_below(d, 28)];
    if (auto const a = address::parse(text)) CHECK(a->size() == (text.find(':') == text.npos ? 4 : 16));
  }
}

TEST_CASE("address: to_string writes what parse reads, in the shortest form") {
  std::pair<char const*, char const*> const forms[]{{"192.0.2.1", "192.0.2.1"},
                                                    {"0.0.0.0", "0.0.0.0"},
                                                    {"::", "::"},
                                                    {"0:0:0:0:0:0:0:1", "::1"},
                                                    {"1::", "1::"},
                                                    {"2001:DB8::0001", "2001:db8::1"},
                                                    {"2001:0:0:1:0:0:0:2", "2001:0:0:1::2"},
                                                    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                                                    {"1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"},
                                                    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"}};
  for (auto const& [text, shortest] : forms) CHECK(to_string(*address::parse(text)) == shortest);
  rng d{26};
  for (int i = 0; i != 20'000; ++i) {
    std::array<std::uint8_t, 16> octets{};
    for (auto& o : octets) o = static_cast<std::uint8_t>(random_below(d, 3) == 0 ? d() : 0);
    for (auto const& a : {address::v6(octets), address::v4({octets[0], octets[1], octets[2], octets[3]})})
      if (address::parse(to_string(a)) != a) FAIL(to_string(a));
  }
}

TEST_CASE("address: IPv4 and its IPv6-mapped form are different keys") {
  CHECK(*address::parse("192.0.2.1") != *address::parse("::ffff:192.0.2.1"));
  CHECK(*address::parse("::1") == *address::parse("0:0::1"));
  STATIC_REQUIRE(address::parse("10.0.0.1") == address::v4({10, 0, 0, 1}));
}

}  // namespace address_test

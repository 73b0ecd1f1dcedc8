// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <equipoise/core/endpoint.hpp>

namespace endpoint_test {
using namespace equipoise;

TEST_CASE("endpoint: parse is the inverse of text") {
  struct good {
    char const *text, *host;
    int port;
  };
  for (auto const& [text, host, port] :
       {good{"10.0.0.1:80", "10.0.0.1", 80}, good{"example.org:443", "example.org", 443},
        good{"[::1]:65535", "::1", 65'535}, good{"[2001:db8::7]:1", "2001:db8::7", 1}}) {
    auto const e = endpoint::parse(text);
    CHECK(e.host == host);
    CHECK(e.port == port);
    CHECK(e.text() == text);
    CHECK(endpoint::parse(e.text()) == e);
  }
}

TEST_CASE("endpoint: text that is not host:port is refused, and the error quotes it") {
  for (std::string bad : {"",           ":",           "host",      "host:",   ":80",     "host:0",   "host:65536",
                          "host:99999", "host:123456", "host:-1",   "host:+1", "host:8o", "host: 80", "host:80 ",
                          "::1:80",     "[::1]",       "[::1]:",    "[]:80",   "[::1:80", "::1]:80",  "host]:80",
                          "[host:80",   "[[::1]]:80",  "[host]:80", "a b:80"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(endpoint::parse(bad), Catch::Matchers::ContainsSubstring("'" + bad + "'"));
  }
}

#if EQUIPOISE_EXCEPTIONS
TEST_CASE("endpoint: any bytes are refused by name or parse to the same text again") {
  using namespace std::string_literals;
  std::string const bytes = "0123456789ab.:-[] \n\xff\0"s;
  rng d{44};
  int good = 0, bad = 0;
  for (int i = 0; i != 100'000; ++i) {
    std::string text(random_below(d, 24), ' ');
    for (char& c : text) c = bytes[random_below(d, static_cast<std::uint32_t>(bytes.size()))];
    if (random_below(d, 2) == 0) text = "[" + text + "]";
    if (random_below(d, 2) == 0) text += ":" + std::to_string(random_below(d, 100'000));
    try {
      auto const e = endpoint::parse(text);
      bool const plain = text[text.rfind(':') + 1] != '0';  // "080" is also read, and written as "80"
      if (e.port == 0 || endpoint::parse(e.text()) != e || (plain && e.text() != text))
        FAIL("'" << text << "' is read as " << e.text());
      ++good;
    } catch (std::invalid_argument const& why) {
      if (std::string_view{why.what()}.find("endpoint '") == std::string_view::npos)
        FAIL("'" << text << "': " << why.what());
      ++bad;
    }
  }
  CHECK(good > 1000);
  CHECK(bad > 1000);
}
#endif

TEST_CASE("endpoint: a pool of endpoints works as it is and finds them by their text") {
  pool<endpoint> pool;
  auto const a = pool.add({"10.0.0.1", 80, {.weight = 3, .priority = 1, .zone = "east"}});
  CHECK(pool.find("10.0.0.1:80") == a);
  pool.for_each([&](backend_id id, endpoint const& e, attributes const& attrs, health_flag against) {
    CHECK(id == a);
    CHECK(e.port == 80);
    CHECK(attrs == attributes{3, 1, "east"});
    CHECK(against == health_flag::none);
  });
}

TEST_CASE("endpoint: new attributes do not make it another backend") {
  pool<endpoint> pool;
  auto const a = pool.add({"10.0.0.1", 80});
  CHECK(pool.assign(std::vector<endpoint>{{"10.0.0.1", 80, {.weight = 9}}}));
  CHECK(pool.find("10.0.0.1:80") == a);
  pool.for_each([&](backend_id, endpoint const&, attributes const& attrs, health_flag) { CHECK(attrs.weight == 9); });
}

}  // namespace endpoint_test

// SPDX-License-Identifier: MIT
#include "config.hpp"
#include "catch.hpp"
#include "duration.hpp"
#include "endpoint.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>

using proxy::config;
using proxy::config_error;
using proxy::parse_config;
using namespace std::literals;

namespace {

std::string example() {
  std::ifstream in{PROXY_TOML};
  return {std::istreambuf_iterator<char>{in}, {}};
}

// Every setting of a proxy by its name. The bindings name every member, so a new member that is missing here does not
// compile.
std::map<std::string, std::string> values(config const& c) {
  auto const text = [](auto const& value) {
    std::ostringstream out;
    out << std::boolalpha << value;
    return out.str();
  };
  auto const time = [](std::chrono::nanoseconds t) { return proxy::format_duration(t); };
  auto const& [file, listen, workers, policy, line, key, admin, seed, checks, passive, retry, timeouts, limits,
               discovery, backends] = c;
  auto const& [from, header_key, key_line] = key;
  auto const& [enabled, path, interval, timeout, rise, fall, await_first, damping] = checks;
  auto const& [failures, eject, errors] = passive;
  auto const& [attempts, hold] = retry;
  auto const& [connect, response, stream, request, idle, linger, drain] = timeouts;
  auto const& [header, request_body, clients, idle_per_backend] = limits;
  auto const& [etcd, prefix, discovery_hold] = discovery;
  return {{"listen", proxy::to_text(listen)},
          {"workers", text(workers)},
          {"policy", policy},
          {"key", text(static_cast<int>(from)) + ' ' + header_key},
          {"admin", text(static_cast<int>(admin))},
          {"seed", seed ? text(*seed) : "random"},
          {"checks.enabled", text(enabled)},
          {"checks.path", path},
          {"checks.interval", time(interval)},
          {"checks.timeout", time(timeout)},
          {"checks.rise", text(rise)},
          {"checks.fall", text(fall)},
          {"checks.await_first", text(await_first)},
          {"checks.damping", damping ? time(*damping) : "off"},
          {"passive.failures", text(failures)},
          {"passive.eject", time(eject)},
          {"passive.errors", text(errors)},
          {"retry.attempts", text(attempts)},
          {"retry.hold", time(hold)},
          {"timeouts.connect", time(connect)},
          {"timeouts.response", time(response)},
          {"timeouts.stream", time(stream)},
          {"timeouts.request", time(request)},
          {"timeouts.idle", time(idle)},
          {"timeouts.linger", time(linger)},
          {"timeouts.drain", time(drain)},
          {"limits.header", text(header)},
          {"limits.request_body", text(request_body)},
          {"limits.clients", text(clients)},
          {"limits.idle_per_backend", text(idle_per_backend)},
          {"discovery.etcd", text(etcd.size())},
          {"discovery.prefix", prefix},
          {"discovery.hold", time(discovery_hold)},
          {"backends", text(backends.size())}};
}

std::string error_of(std::string const& text) {
  try {
    parse_config(text, "p.toml");
  } catch (config_error const& e) {
    return e.what();
  }
  return "none";
}

// The names that this section may contain. "" is the top of the file.
std::set<std::string> known_in(std::string const& section) {
  std::string const head = section.empty()          ? ""
                           : section == "backend"   ? "[[backend]]\naddress = \"127.0.0.1:1\"\n"
                           : section == "discovery" ? "[discovery]\netcd = [\"a:1\"]\n"
                                                    : "[" + section + "]\n";
  auto const message = error_of(head + "no_such_name = 1\n");
  auto const list = message.find("known: ");
  if (list == message.npos) return {};
  std::set<std::string> out;
  std::istringstream names{message.substr(list + 7)};
  for (std::string name; std::getline(names >> std::ws, name, ',');) out.insert(name);
  return out;
}

}  // namespace

TEST_CASE("The example configuration shows the defaults") {
  auto const text = example();
  auto const first_backend = text.find("[[backend]]");
  REQUIRE(first_backend != text.npos);
  auto shown = values(parse_config(text.substr(0, first_backend), "proxy.toml"));
  auto const defaults = values(config{});
  // The example uses a better policy than the default. A comment beside it must name the default.
  CHECK(std::regex_search(text, std::regex{"\npolicy .*# .*default " + defaults.at("policy") + "\n"}));
  shown["policy"] = defaults.at("policy");
  for (auto const& [name, value] : defaults) {
    CAPTURE(name);
    CHECK(shown.at(name) == value);
  }
  CHECK(parse_config(text, "proxy.toml").backends.size() == 2);
}

TEST_CASE("The example configuration shows every setting") {
  std::map<std::string, std::set<std::string>> shown;
  std::string section;
  std::istringstream text{example()};
  std::smatch found;
  for (std::string line; std::getline(text, line);)
    if (std::regex_search(line, found, std::regex{"^(# )?\\[+(\\w+)\\]"}))
      shown[""].insert(section = found[2]);
    else if (std::regex_search(line, found, std::regex{"^(# )?(\\w+) *= "}))
      shown[section].insert(found[2]);
  REQUIRE(shown.size() == 8);
  for (auto const& [where, names] : shown) {
    CAPTURE(where);
    CHECK(names == known_in(where));
  }
}

TEST_CASE("A configuration with random mistakes is read, or refused with its line") {
  std::string const valid =
      "listen = \"127.0.0.1:8080\"\nworkers = 2\npolicy = \"failover{maglev}\"\nkey = \"header X-User\"\n"
      "admin = \"off\"\nseed = 7\n[checks]\nenabled = true\npath = \"/health\"\ninterval = \"1.5s\"\nrise = 2\n"
      "[passive]\nfailures = 3\neject = \"10s\"\n[retry]\nattempts = 3\n[timeouts]\nidle = \"250ms\"\ndrain = \"1m\"\n"
      "[limits]\nheader = 16384\nclients = 100\n[discovery]\netcd = [\"a:1\", \"[::1]:2\"]\nhold = "
      "\"5s\"\n[[backend]]\nname = \"a\"\naddress = \"127.0.0.1:9001\"\nweight = 2\n"
      "[[backend]]\naddress = \"[::1]:9002\"\nzone = \"west\"\npriority = 1\n";
  REQUIRE(error_of(valid) == "none");
  std::mt19937_64 random{1};
  auto const below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  auto const any_byte = [&] {  // half of them have a meaning in the grammar
    constexpr auto grammar = "\"'[]{}=.,#\\\n\r\t -+_:0123456789eExmsh\0\xEF\xBB\xBF\xC3"sv;
    return random() % 2 ? static_cast<char>(random()) : grammar[below(grammar.size())];
  };
  int read = 0, refused = 0;
  for (int i = 0; i != 20'000; ++i) {
    auto text = valid;
    for (auto mistakes = 1 + below(3); mistakes != 0; --mistakes) {
      auto const at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = any_byte();
          break;
        case 1:
          text.erase(at, 1 + below(3));
          break;
        case 2:
          text.insert(at, 1 + below(3), any_byte());
          break;
        default: {
          auto const begin = text.rfind('\n', at == 0 ? 0 : at - 1) + 1;  // npos + 1: the first line
          text.insert(begin, text.substr(begin, text.find('\n', begin) - begin) + '\n');
        }
      }
    }
    std::string message;
    try {
      parse_config(text, "p.toml");
      ++read;
      continue;
    } catch (config_error const& e) {
      ++refused;
      message = e.what();
    } catch (std::exception const& e) {
      message = std::string{"not a config_error: "} + e.what();
    }
    auto const digits = std::min(message.find_first_not_of("0123456789", 7), message.size());
    auto const lines = std::count(text.begin(), text.end(), '\n') + 1;
    bool const clear = message.starts_with("p.toml:") && digits > 7 && digits < 14 && message.size() > digits + 2 &&
                       std::stol(message.substr(7, digits - 7)) >= 1 &&
                       std::stol(message.substr(7, digits - 7)) <= lines && message.compare(digits, 2, ": ") == 0;
    if (clear) continue;
    CAPTURE(i, text, message);
    FAIL_CHECK("this error is not clear");
  }
  CHECK(read > 100);
  CHECK(refused > 1'000);
}

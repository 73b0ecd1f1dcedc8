// SPDX-License-Identifier: MIT
#include "config.hpp"

#include "fields.hpp"

#include <algorithm>
#include <set>

namespace proxy {
namespace {

constexpr unsigned most_in_a_row = 1'000'000;

template <class Read>
void section(fields& top, std::string name, std::string const& file, Read read) {
  auto const* node = top.find(name);
  if (!node) return;
  auto const* table = node->as_table();
  if (!table) top.refuse(*node, fmt::format("{0} must be a section, written as [{0}]", name));
  fields in{*table, name, file};
  read(in);
  in.no_others();
}

void read_key(fields& top, config& out) {
  auto const text = top.text("key", "client");
  if (text == "client")
    out.key.from = key_config::source::client;
  else if (text == "path")
    out.key.from = key_config::source::path;
  else if (text.starts_with("header ") && text.size() > 7 && text.find_first_of(" \t\r\n:", 7) == text.npos)
    out.key = {key_config::source::header, text.substr(7), 0};
  else
    top.refuse("key", "is unknown; known: client, path, header NAME");
}

void read_admin(fields& top, config& out) {
  auto const text = top.text("admin", "loopback");
  if (text == "off")
    out.admin = admin_access::off;
  else if (text == "loopback")
    out.admin = admin_access::loopback;
  else if (text == "any")
    out.admin = admin_access::any;
  else
    top.refuse("admin", "is unknown; known: off, loopback, any");
}

void read_backends(fields& top, config& out) {
  auto const* node = top.find("backend");
  if (!node) return;
  auto const* list = node->as_array();
  if (!list) top.refuse(*node, "each backend is written as [[backend]]");
  std::set<std::string> names;
  for (auto const& element : *list) {
    auto const* table = element.as_table();
    if (!table) top.refuse(element, "each backend is written as [[backend]]");
    if (out.backends.size() == most_backends)
      top.refuse(element, fmt::format("there are more than {} backends", most_backends));
    fields in{*table, "backend", out.file};
    backend_config one;
    one.line = element.source().begin.line;
    in.address("address", one.address);
    if (!table->contains("address")) in.refuse(element, "this [[backend]] needs address = \"address:port\"");
    if (one.address.port() == 0) in.refuse("address", "needs a port");
    one.name = in.text("name", to_text(one.address));
    if (one.name.empty()) in.refuse("name", "must not be empty");
    if (!names.insert(one.name).second)
      in.refuse(element, fmt::format("there is already a backend named \"{}\"", one.name));
    in.number("weight", one.weight, 0);
    in.number("priority", one.priority, 0, 65535);
    one.zone = in.text("zone", "");
    in.no_others();
    out.backends.push_back(std::move(one));
  }
}

}  // namespace

config config_of(toml::table const& root, std::string const& file) {
  config out;
  out.file = file;
  fields top{root, "", out.file};
  top.address("listen", out.listen);
  top.number("workers", out.workers, 1, 1024);
  out.policy = top.text("policy", out.policy);
  if (auto const* node = root.get("policy")) out.policy_line = node->source().begin.line;
  read_key(top, out);
  if (auto const* node = root.get("key")) out.key.line = node->source().begin.line;
  read_admin(top, out);
  std::uint64_t seed = 0;
  top.number("seed", seed, 0, std::numeric_limits<std::int64_t>::max());
  if (root.contains("seed")) out.seed = seed;
  section(top, "checks", out.file, [&](fields& in) {
    in.flag("enabled", out.checks.enabled);
    out.checks.path = in.text("path", out.checks.path);
    if (!out.checks.path.starts_with('/')) in.refuse("path", "must start with /");
    if (std::any_of(out.checks.path.begin(), out.checks.path.end(),
                    [](unsigned char c) { return c <= ' ' || c == 127; }))
      in.refuse("path", "must not contain blanks");
    in.duration("interval", out.checks.interval);
    in.duration("timeout", out.checks.timeout);
    in.number("rise", out.checks.rise, 1, most_in_a_row);
    in.number("fall", out.checks.fall, 1, most_in_a_row);
    in.flag("await_first", out.checks.await_first);
    std::chrono::nanoseconds half_life{};
    in.duration("damping", half_life);
    if (half_life.count() != 0) out.checks.damping = half_life;
  });
  section(top, "passive", out.file, [&](fields& in) {
    in.number("failures", out.passive.failures, 0, most_in_a_row);
    in.duration("eject", out.passive.eject);
    in.flag("errors", out.passive.errors);
  });
  section(top, "retry", out.file, [&](fields& in) {
    in.number("attempts", out.retry.attempts, 1, 16);
    in.duration("hold", out.retry.hold);
  });
  section(top, "timeouts", out.file, [&](fields& in) {
    in.duration("connect", out.timeouts.connect);
    in.duration("response", out.timeouts.response);
    in.duration("stream", out.timeouts.stream);
    in.duration("request", out.timeouts.request);
    in.duration("idle", out.timeouts.idle);
    in.duration("linger", out.timeouts.linger);
    in.duration("drain", out.timeouts.drain);
  });
  section(top, "limits", out.file, [&](fields& in) {
    in.number("header", out.limits.header, 256, 1u << 20);
    in.number("request_body", out.limits.request_body, 0, 1u << 30);
    in.number("clients", out.limits.clients, 1, 1'000'000);
    in.number("idle_per_backend", out.limits.idle_per_backend, 0, 10'000);
  });
  section(top, "discovery", out.file, [&](fields& in) { read_discovery(in, out); });
  read_backends(top, out);
  top.no_others();
  return out;
}

}  // namespace proxy

// SPDX-License-Identifier: MIT
// Which settings a policy reads. A setting that it never reads is refused, because it would have no effect.
#include "proxy.hpp"

#include <fmt/format.h>

namespace proxy {

namespace {

[[noreturn]] void refuse(config const& s, unsigned line, std::string_view setting, std::string_view what) {
  throw config_error{
      fmt::format("{}:{}: {} has no effect, because policy {} reads no {}", s.file, line, setting, s.policy, what)};
}

}  // namespace

void check_settings(config const& s) {
  auto const policy = make_policy(s);
  auto const used = policy.attributes_read();
  auto const keys = policy.key_kinds();
  if (policy.needs_key() && !keys.text && !keys.address)
    throw config_error{fmt::format("{}:{}: policy {} has numbers for keys, and this proxy has texts and addresses",
                                   s.file, s.policy_line, s.policy)};
  if (s.key.from != key_config::source::client) {
    auto const key = s.key.from == key_config::source::path ? "key = \"path\"" : "key = \"header " + s.key.header + '"';
    if (!policy.needs_key()) refuse(s, s.key.line, key, "key");
    if (takes_addresses_alone(policy))
      throw config_error{fmt::format("{}:{}: {} must be client, because policy {} hashes addresses", s.file, s.key.line,
                                     key, s.policy)};
  }
  for (auto const& b : s.backends) {
    auto const setting = [&](std::string_view name, auto const& value) {
      return fmt::format("backend \"{}\": {} = {}", b.name, name, value);
    };
    if (b.weight > 1 && !used.weight) refuse(s, b.line, setting("weight", b.weight), "weights (0 and 1 are allowed)");
    if (b.priority != 0 && !used.priority) refuse(s, b.line, setting("priority", b.priority), "priorities");
    if (!b.zone.empty() && !used.zone) refuse(s, b.line, setting("zone", '"' + b.zone + '"'), "zones");
  }
}

std::string warning_about(config const& s) {
  if (s.policy.find("sticky{") == s.policy.npos) return {};
  return fmt::format("policy {}: sticky has no effect, because this proxy passes no session", s.policy);
}

}  // namespace proxy

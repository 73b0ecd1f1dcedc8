// SPDX-License-Identifier: MIT
// Which settings a policy reads. A setting that it never reads is refused, because it would have no effect.
#include "proxy.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace proxy {

namespace {

// What one name within a policy reads. The key is asked of the policy itself.
struct reads {
  std::string_view name;
  bool weight = true, priority = false, zone = false;
};

constexpr reads exceptions[] = {{"round_robin", false},
                                {"random", false},
                                {"hash_modulo", false},
                                {"max_in_flight", false},
                                {"sticky", false},
                                {"failover", false, true},
                                {"zone_first", false, false, true}};

// What the parts of a policy such as "failover{bounded_load{maglev}}" read together. All other names read weights.
reads read_by(std::string_view policy) {
  reads all{policy, false};
  while (!policy.empty()) {
    auto const end = std::min(policy.find_first_of("{}"), policy.size());
    auto const name = policy.substr(0, end);
    auto const* known =
        std::find_if(std::begin(exceptions), std::end(exceptions), [&](auto& e) { return e.name == name; });
    if (!name.empty()) {
      reads const part = known != std::end(exceptions) ? *known : reads{name};
      all.weight |= part.weight;
      all.priority |= part.priority;
      all.zone |= part.zone;
    }
    policy.remove_prefix(std::min(end + 1, policy.size()));
  }
  return all;
}

[[noreturn]] void refuse(config const& s, unsigned line, std::string_view setting, std::string_view what) {
  throw config_error{
      fmt::format("{}:{}: {} has no effect, because policy {} reads no {}", s.file, line, setting, s.policy, what)};
}

}  // namespace

void check_settings(config const& s) {
  auto const used = read_by(s.policy);
  if (s.key.from != key_config::source::client && !make_policy(s).needs_key())
    refuse(s, s.key.line,
           s.key.from == key_config::source::path ? "key = \"path\"" : "key = \"header " + s.key.header + '"', "key");
  if (!s.zone.empty() && !used.zone) refuse(s, s.zone_line, fmt::format("zone = \"{}\"", s.zone), "zones");
  if (s.zone.empty() && used.zone)
    throw config_error{fmt::format("{}:{}: policy {} needs zone = \"…\" at the top of the file, the zone of this proxy",
                                   s.file, s.policy_line, s.policy)};
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

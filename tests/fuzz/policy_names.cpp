// SPDX-License-Identifier: MIT
// policy_registry::make() answers a name with the policy that describes itself by that name, or with a refusal that
// shows what it did not understand.
#include "fuzz.hpp"

#include <equipoise/policy/policy_registry.hpp>

using equipoise::policy_registry;

namespace {

policy_registry const& registry() {
  static auto const all = policy_registry::standard();
  return all;
}

bool knows(std::string_view name) {
  auto const names = registry().names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What is left of a name without the compositions around it, and how many these are.
struct peeled {
  std::string_view rest;
  int depth = 0;
};
peeled peel(std::string_view text) {
  peeled p{text};
  for (;; ++p.depth) {
    auto const open = p.rest.find('{');
    if (open == p.rest.npos || !p.rest.ends_with('}')) return p;
    if (!knows(std::string{p.rest.substr(0, open)} + "{…}")) return p;
    p.rest = p.rest.substr(open + 1, p.rest.size() - open - 2);
  }
}

bool is_keyed(std::string_view policy) {
  return policy == "ip_hash" || policy == "hash_modulo" || policy == "ring_hash" || policy == "maglev";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  bool const deep = std::count(text.begin(), text.end(), '{') > 8;
  auto const [rest, depth] = peel(text);
  bool const good = depth <= 8 && rest.find_first_of("{}") == rest.npos && knows(rest);
  try {
    auto const policy = registry().make(text);
    FUZZ_CHECK(good);
    FUZZ_CHECK(policy.describe() == text);
    // A composition around an any_policy asks its child whether the key is needed.
    FUZZ_CHECK(policy.needs_key() == is_keyed(rest));
    FUZZ_CHECK(policy.includes_unhealthy() == is_keyed(rest));
  } catch (std::invalid_argument const& e) {
    FUZZ_CHECK(!good);
    auto const shown = (deep ? text.substr(0, 80) : rest).substr(0, 4096);  // what() ends at a NUL
    auto const named = "policy '" + std::string{shown.substr(0, shown.find('\0'))};
    FUZZ_CHECK(std::string_view{e.what()}.find(named) != std::string_view::npos);
  }
  return 0;
}

// SPDX-License-Identifier: MIT
// policy_registry::try_make() answers a text with a policy whose description makes the same policy again, or with a
// sentence that says why not.
#include "fuzz.hpp"

#include <equipoise/policy/policy_registry.hpp>

using equipoise::policy_registry;

namespace {

policy_registry const& registry() {
  static auto const all = [] {
    auto r = policy_registry::standard();
    r.add("at_most_10", equipoise::max_in_flight{equipoise::round_robin{}, 10});
    r.wrap("twice", [](equipoise::any_policy p) -> equipoise::any_policy {
      return equipoise::failover{equipoise::failover{std::move(p)}};
    });
    return r;
  }();
  return all;
}

bool knows(std::string_view name) {
  static auto const names = registry().names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What is left of a text without the compositions around it, and how many these are.
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

void check_made(std::string_view text, equipoise::any_policy const& policy) {
  auto const described = policy.describe();
  auto const again = registry().try_make(described);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(again->describe() == described);
  FUZZ_CHECK(again->needs_key() == policy.needs_key());
  FUZZ_CHECK(again->includes_unhealthy() == policy.includes_unhealthy());
  std::string spaced = " \r\n\t";
  spaced.append(text).append("\r\n");
  auto const same = registry().try_make(spaced);
  FUZZ_CHECK(same.has_value());
  FUZZ_CHECK(same->describe() == described);
  // Nothing of a text is passed over.
  for (char const* more : {"}", "{", ",", "=x", " x", "\""}) {
    auto const longer = registry().try_make(std::string{text} + more);
    FUZZ_CHECK(!longer.has_value());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  std::string why;
  auto const policy = registry().try_make(text, &why);
  FUZZ_CHECK(policy.has_value() == why.empty());
  if (policy)
    check_made(text, *policy);
  else
    FUZZ_CHECK(why.starts_with("equipoise: "));
  // Names and compositions alone are as they are described.
  auto const [rest, depth] = peel(text);
  if (knows(rest) && rest.find('{') == rest.npos) {
    FUZZ_CHECK(policy.has_value() == (depth <= 8));
    if (policy) FUZZ_CHECK(policy->describe() == text && policy->needs_key() == is_keyed(rest));
  }
#if EQUIPOISE_EXCEPTIONS
  try {
    registry().make(text);
    FUZZ_CHECK(policy.has_value());
  } catch (std::invalid_argument const& e) {
    FUZZ_CHECK(e.what() == why.substr(0, why.find('\0')));  // what() ends at a NUL
  }
#endif
  return 0;
}

// Policies by name, for configuration files: the library's, and your own under your names.
//
//   auto registry = equipoise::policy_registry::standard();
//   registry.add("mine", my_policy{});
//   equipoise::balancer lb{pool, registry.make("failover{bounded_load{maglev}}")};
#pragma once

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/hash_modulo.hpp>
#include <equipoise/policy/ip_hash.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/power_of_two.hpp>
#include <equipoise/policy/random.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/round_robin.hpp>
#include <equipoise/policy/smooth_weighted_round_robin.hpp>
#include <equipoise/policy/sticky.hpp>
#include <equipoise/policy/weighted_random.hpp>
#include <equipoise/policy/weighted_round_robin.hpp>

#include <functional>
#include <map>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// A value: copy it, add to it, keep it where the configuration is read. Everything here allocates and may refuse (fail).
class policy_registry {
 public:
  // Makes a composition around the policy inside.
  using wrapper = std::function<any_policy(any_policy)>;

  // Everything the library has that needs no arguments; the compositions with their defaults. (A template, so that only
  // the programs that ask for all policies compile all of them.)
  template <class = void>
  static policy_registry standard() {
    policy_registry c;
    c.add(round_robin{}), c.add(weighted_round_robin{}), c.add(smooth_weighted_round_robin{});
    c.add(random{}), c.add(weighted_random{}), c.add(least_connections{}), c.add(power_of_two{});
    c.add(ip_hash{}), c.add(hash_modulo{}), c.add(ring_hash{}), c.add(maglev{});
    c.wrap("max_in_flight", [](any_policy p) -> any_policy { return max_in_flight{std::move(p)}; });
    c.wrap("bounded_load", [](any_policy p) -> any_policy { return bounded_load{std::move(p)}; });
    c.wrap("failover", [](any_policy p) -> any_policy { return failover{std::move(p)}; });
    c.wrap("sticky", [](any_policy p) -> any_policy { return sticky{std::move(p)}; });
    return c;
  }

  // A name is letters, digits, '_' and '-'; known names are refused.
  void add(std::string name, any_policy policy) {
    check_new(name);
    policies_.emplace(std::move(name), std::move(policy));
  }

  // Under the policy's own `name`.
  template <class P>
  void add(P policy) {
    add(std::string{P::name}, any_policy{std::move(policy)});
  }

  // A composition of your own: make("name{maglev}") then calls w with the maglev.
  void wrap(std::string name, wrapper w) {
    check_new(name);
    wrappers_.emplace(std::move(name), std::move(w));
  }

  // "maglev", "failover{maglev}", …; refuses, naming it and the known ones, what it does not know.
  any_policy make(std::string_view text) const {
    auto const open = text.find('{');
    if (open == text.npos) {
      if (auto const at = policies_.find(text); at != policies_.end()) return at->second;
      if (wrappers_.contains(text))
        fail("equipoise: policy '" + std::string{text} + "' needs another inside: " + std::string{text} + "{round_robin}");
    } else if (std::count(text.begin(), text.end(), '{') > 8) {
      fail("equipoise: policy '" + std::string{text.substr(0, 80)} + "…' nests more than eight deep");
    } else if (auto const at = wrappers_.find(text.substr(0, open)); at != wrappers_.end() && text.back() == '}') {
      return at->second(make(text.substr(open + 1, text.size() - open - 2)));
    }
    std::string known;
    for (auto const& n : names()) (known += known.empty() ? "" : ", ") += n;
    fail("equipoise: unknown policy '" + std::string{text} + "'; known: " + known);
  }

  // Policies, then compositions as "name{…}".
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (auto const& [name, policy] : policies_) all.push_back(name);
    for (auto const& [name, make] : wrappers_) all.push_back(name + "{…}");
    return all;
  }

 private:
  void check_new(std::string const& name) const {
    bool good = !name.empty();
    for (char c : name)
      good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    if (!good) fail("equipoise: policy name '" + name + "' is not made of letters, digits, '_' and '-'");
    if (policies_.contains(name) || wrappers_.contains(name)) fail("equipoise: policy name '" + name + "' is taken");
  }

  std::map<std::string, any_policy, std::less<>> policies_;
  std::map<std::string, wrapper, std::less<>> wrappers_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// SPDX-License-Identifier: MIT
// Policies by name, for configuration files: the library's, and your own under your names.
//
//   auto registry = equipoise::policy_registry::standard();
//   registry.add("mine", my_policy{});
//   equipoise::balancer lb{pool, registry.make("failover{bounded_load{maglev}}")};
#pragma once

#include <equipoise/policy/any_policy.hpp>
#include <equipoise/policy/standard.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Policies by name. A value: copy it, add to it, and keep it where the configuration is read. All functions allocate.
class policy_registry {
 public:
  /// The library's policies that need no arguments, and its compositions with their defaults. (A template, so that only
  /// programs that ask for all policies compile all of them.)
  template <class = void>
  static policy_registry standard() {
    policy_registry r;
    for_each_policy(standard_policies{}, [&](auto policy) { r.add(std::move(policy)); });
    for_each_composition(standard_compositions{}, [&]<template <class> class C>() {
      r.wrap(std::string{C<any_policy>::name}, [](any_policy p) -> any_policy { return C<any_policy>{std::move(p)}; });
    });
    return r;
  }

  /// Adds a policy. Fails if the name is taken, or has characters other than letters, digits, '_' and '-'.
  void add(std::string name, any_policy policy) {
    check_new(name);
    policies_.push_back({std::move(name), std::move(policy)});
  }

  /// Adds a policy under its own `name`.
  template <class P>
  void add(P policy) {
    add(std::string{P::name}, any_policy{std::move(policy)});
  }

  /// Adds a composition: make("name{maglev}") then calls wrapper(maglev), which returns an any_policy. Fails as add().
  template <class Wrapper>
  void wrap(std::string name, Wrapper wrapper) {
    check_new(name);
    wrappers_.push_back(
        {std::move(name), detail::shared<wrapper_base const>{new wrapper_of<Wrapper>{std::move(wrapper)}}});
  }

  /// The policy of that name: "maglev", "failover{maglev}", …. Fails, naming the text and the known names, if there is
  /// none, or if it nests more than eight deep.
  any_policy make(std::string_view text) const {
    auto const open = text.find('{');
    if (open == text.npos) {
      if (auto const* p = find(policies_, text)) return p->value;
      if (find(wrappers_, text) != nullptr)
        fail("equipoise: policy '" + std::string{text} + "' needs another inside: " + std::string{text} +
             "{round_robin}");
    } else if (std::count(text.begin(), text.end(), '{') > 8) {
      fail("equipoise: policy '" + std::string{text.substr(0, 80)} + "…' nests more than eight deep");
    } else if (auto const* w = find(wrappers_, text.substr(0, open)); w != nullptr && text.back() == '}') {
      return (*w->value)(make(text.substr(open + 1, text.size() - open - 2)));
    }
    std::string known;
    for (auto const& n : names()) (known += known.empty() ? "" : ", ") += n;
    fail("equipoise: unknown policy '" + std::string{text} + "'; known: " + known);
  }

  /// The names in the order in which they were added: policies, then compositions as "name{…}".
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    all.reserve(policies_.size() + wrappers_.size());
    for (auto const& p : policies_) all.push_back(p.name);
    for (auto const& w : wrappers_) all.push_back(w.name + "{…}");
    return all;
  }

 private:
  struct wrapper_base : detail::reference_counted {
    virtual any_policy operator()(any_policy) const = 0;
  };
  template <class Wrapper>
  struct wrapper_of final : wrapper_base {
    explicit wrapper_of(Wrapper w) : wrapper{std::move(w)} {}
    any_policy operator()(any_policy p) const override { return wrapper(std::move(p)); }
    Wrapper wrapper;
  };

  template <class Value>
  struct named {
    std::string name;
    Value value;
  };
  template <class Value>
  static named<Value> const* find(std::vector<named<Value>> const& list, std::string_view name) {
    for (auto const& n : list)
      if (n.name == name) return &n;
    return nullptr;
  }

  void check_new(std::string const& name) const {
    bool good = !name.empty();
    for (char c : name)
      good =
          good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-');
    if (!good) fail("equipoise: policy name '" + name + "' is not made of letters, digits, '_' and '-'");
    if (find(policies_, name) != nullptr || find(wrappers_, name) != nullptr)
      fail("equipoise: policy name '" + name + "' is taken");
  }

  std::vector<named<any_policy>> policies_;
  std::vector<named<detail::shared<wrapper_base const>>> wrappers_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

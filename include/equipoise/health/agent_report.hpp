// SPDX-License-Identifier: MIT
// What a backend's agent says of it, as HAProxy's agents do: one line of words, for instance "up 75% maxconn:30".
//
//   equipoise::agent_target target{id, 100};  // 100 is the configured weight
//   if (auto const report = equipoise::agent_report::parse(reply)) report->apply(pool, target);
//
// The application polls the agent; there is no I/O here. A reply that cannot be read changes nothing.
//
// Source: HAProxy 2.6.12, `agent-check`.
#pragma once

#include <equipoise/core/pool/pool.hpp>

#include <optional>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A member as its agent knows it. One thread at a time may use it.
struct agent_target {
  backend_id id{};                      ///< the member
  std::uint32_t configured_weight = 1;  ///< 100 %
  /// The flag for an agent that says down. If the member is checked in another way too, give the agent a flag of its
  /// own, so that the member is up only if both say so.
  health_flag down = health_flag::down;
  /// The most work in flight that the agent allows; 0 is no limit. For the policy, or for a limit of the application.
  std::uint32_t limit = 0;
  bool is_up = true;  ///< what the agent said last
};

/// What one reply of an agent says.
struct agent_report {
  /// What an operator would do by hand.
  enum class order : std::uint8_t { none, ready, drain, maintenance };

  order operation = order::none;           ///< `ready`, `drain`, `maint`
  std::optional<std::uint32_t> percent{};  ///< `75%`: the weight, in percent of the configured one, at most 25 600
  std::optional<std::uint32_t> limit{};    ///< `maxconn:30`: the most work in flight; 0 is no limit
  std::optional<bool> is_up{};             ///< `up`; false for `down`, `stopped` and `fail`

  friend bool operator==(agent_report const&, agent_report const&) = default;

  /// Reads a reply: words between blanks, tabs and commas, in any case, up to the first CR or LF. A word that begins
  /// with '#' begins a comment. Of words that say something about the same thing the last one counts, and if that one
  /// has a mistake ("33%x", "maxconn:many"), none counts. Other words say nothing. Empty if the line does not end: the
  /// reply was cut off. O(length).
  static constexpr std::optional<agent_report> parse(std::string_view reply) noexcept {
    auto const end = reply.find_first_of(std::string_view{"\r\n\0", 3});
    if (end == reply.npos || reply[end] == '\0') return {};
    std::string_view rest = reply.substr(0, end);
    agent_report r;
    while (!rest.empty()) {
      auto const length = rest.find_first_of(" \t,");
      std::string_view const word = rest.substr(0, length);
      if (word.starts_with('#')) break;
      r.read(word);
      rest.remove_prefix(length == rest.npos ? rest.size() : length + 1);
    }
    return r;
  }

  /// Does what a report says: the weight, the operator's flags, the limit, and the agent's own flag. (HAProxy cuts
  /// weights off at 256; here they go on.) An `up` ends neither draining nor maintenance; `ready` does. Returns false,
  /// and changes nothing, if the target is no member. Fails as pool::update() does if a policy refuses the weight;
  /// nothing has changed then. A weight that is overridden stays as it is until the override ends. Blocking if the
  /// report has a weight, else lock-free; as pool::update().
  template <class B>
  bool apply(pool<B>& p, agent_target& target) const {
    if ((p.health(target.id) & health_flag::removed) != health_flag::none) return false;
    if (percent) {
      std::uint64_t const weight = std::uint64_t{target.configured_weight} * *percent / 100;
      std::int64_t const wanted = static_cast<std::int64_t>(weight < 0xFFFF'FFFF ? weight : 0xFFFF'FFFF);
      bool changes = false;
      p.visit(target.id, [&](B const&, attributes const& a, health_flag) { changes = a.weight != wanted; });
      // First what may fail. Each poll says the same again, and a weight that stays costs no publish.
      if (changes && !p.overrides(target.id).weight && !p.update(target.id, {.weight = wanted})) return false;
    }
    if (operation == order::maintenance) p.set(target.id, health_flag::maintenance);
    if (operation == order::drain) p.set(target.id, health_flag::draining);
    if (operation == order::maintenance) p.clear(target.id, health_flag::draining);
    if (operation == order::drain) p.clear(target.id, health_flag::maintenance);
    if (operation == order::ready) p.clear(target.id, health_flag::draining | health_flag::maintenance);
    if (limit) target.limit = *limit;
    if (!is_up) return true;
    target.is_up = *is_up;
    return *is_up ? p.clear(target.id, target.down) : p.set(target.id, target.down);
  }

 private:
  static constexpr std::uint32_t most_percent = 25'600;

  constexpr void read(std::string_view word) noexcept {
    if (is(word, "ready")) operation = order::ready;
    if (is(word, "drain")) operation = order::drain;
    if (is(word, "maint")) operation = order::maintenance;
    if (is(word, "up")) is_up = true;
    if (is(word, "down") || is(word, "stopped") || is(word, "fail")) is_up = false;
    constexpr std::string_view prefix = "maxconn:";
    if (is(word.substr(0, prefix.size()), prefix)) {
      std::string_view const digits = word.substr(prefix.size());
      limit = number(digits.substr(digits.starts_with('+')), 0x7FFF'FFFF);
    }
    if (is_digit(word) && word.find('%') != word.npos)
      percent = word.ends_with('%') ? number(word.substr(0, word.size() - 1), most_percent) : std::nullopt;
  }
  static constexpr bool is_digit(std::string_view text) noexcept {
    return !text.empty() && text[0] >= '0' && text[0] <= '9';
  }
  static constexpr bool is(std::string_view word, std::string_view lower) noexcept {
    if (word.size() != lower.size()) return false;
    for (std::size_t i = 0; i != word.size(); ++i) {
      char const c = word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + ('a' - 'A')) : word[i];
      if (c != lower[i]) return false;
    }
    return true;
  }
  // Digits; a number above `most` is `most`.
  static constexpr std::optional<std::uint32_t> number(std::string_view digits, std::uint64_t most) noexcept {
    if (digits.empty()) return {};
    std::uint64_t n = 0;
    for (; !digits.empty(); digits.remove_prefix(1)) {
      if (!is_digit(digits)) return {};
      n = n * 10 + static_cast<std::uint64_t>(digits[0] - '0');
      n = n < most ? n : most;
    }
    return static_cast<std::uint32_t>(n);
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

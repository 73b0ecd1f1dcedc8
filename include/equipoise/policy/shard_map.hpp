// SPDX-License-Identifier: MIT
// A shard map chosen at run time: one of the library's, as policy_registry reads them.
//
//   shard_router{modulo_shards{a, b, c}}                 0 is a's, 1 is b's, 3 is a's
//   shard_router{range_shards{1..1000=a, 1001..2000=b}}  both ends included; 0 has no shard
#pragma once

#include <equipoise/policy/shard_router.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A modulo_shards or a range_shards.
class shard_map {
 public:
  shard_map(modulo_shards map) : modulo_{std::move(map)}, is_modulo_{true} {}
  shard_map(range_shards map) : ranges_{std::move(map)} {}

  /// Of a text without a mistake: "modulo_shards{a, b}", "range_shards{1..9=a, 10=b}". Fails if it has one.
  explicit shard_map(policy_text const& text) {
    std::string const why = read(text);
    if (!why.empty()) fail(why);
  }
  /// Why a text is refused; empty if it is not. O(length · log shards).
  static std::string mistake_in(policy_text const& text) { return shard_map{}.read(text); }

  /// The keys of the backends, by shard.
  std::vector<std::string> const& backends() const noexcept {
    return is_modulo_ ? modulo_.backends() : ranges_.backends();
  }

  /// As the function of the map inside. Wait-free.
  EQUIPOISE_INLINE std::size_t find(integer_key k) const noexcept {
    return is_modulo_ ? modulo_.find(k) : ranges_.find(k);
  }

  /// The map inside as text.
  std::string describe() const { return is_modulo_ ? modulo_.describe() : ranges_.describe(); }

 private:
  shard_map() = default;

  std::string read(policy_text const& text) {
    if (text.key.empty() && text.text == "modulo_shards") {
      std::vector<std::string> backends;
      for (policy_text const& part : text.parts) {
        if (!part.key.empty() || part.has_braces) return not_a(part, "a backend's key");
        backends.push_back(part.text);
      }
      std::string why = modulo_shards::mistake_in(backends);
      if (why.empty()) *this = modulo_shards{std::move(backends)};
      return why;
    }
    if (text.key.empty() && text.text == "range_shards") {
      std::vector<range_shards::range> ranges;
      for (policy_text const& part : text.parts) {
        std::string_view const key = part.key;
        auto const dots = key.find("..");
        auto const first = number(key.substr(0, dots));
        auto const last = dots == key.npos ? first : number(key.substr(dots + 2));
        if (!first || !last || part.has_braces) return not_a(part, "first..last=backend");
        ranges.push_back({*first, *last, part.text});
      }
      std::string why = range_shards::mistake_in(ranges);
      if (why.empty()) *this = range_shards{std::move(ranges)};
      return why;
    }
    return not_a(text, "a shard map; there are modulo_shards{a, b} and range_shards{1..9=a, 10..19=b}");
  }

  static std::string not_a(policy_text const& part, std::string_view wanted) {
    return detail::joined({"equipoise: policy 'shard_router': '", part.key, part.key.empty() ? "" : "=",
                           detail::shown_text(part.text), part.has_braces ? "{…}" : "", "' is not ", wanted});
  }

  static std::optional<integer_key> number(std::string_view text) {
    bool const negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    std::uint64_t value = 0;
    if (text.empty()) return std::nullopt;
    for (char c : text) {
      auto const digit = static_cast<std::uint64_t>(static_cast<unsigned char>(c)) - '0';
      if (digit > 9 || value > (~std::uint64_t{0} - digit) / 10) return std::nullopt;
      value = value * 10 + digit;
    }
    integer_key k{value};
    k.negative = negative && value != 0;
    return k;
  }

  modulo_shards modulo_;
  range_shards ranges_;
  bool is_modulo_ = false;  // which of the two it is; the other one is empty
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// Why this backend, and why not each of the others: for a person (one sentence) and for a program (JSON).
#pragma once

#include <equipoise/core/policy/policy.hpp>

#include <algorithm>
#include <cmath>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// What a pick would answer now, and what was said of each member on the way.
struct explanation {
  struct number {
    std::string name;
    double value;
  };
  struct row {
    backend_id id;
    std::string key;
    std::string verdict;          // "chosen", the reasons against it ("down"), "tried", "full", "not asked", "not in the table",
                                  // or what the policy has against it
    std::vector<number> numbers;  // weight, in_flight, a limit, and what the policy compared
  };
  static constexpr std::size_t most_rows = 64;

  backend_id choice;       // none: see error
  pick_error error = pick_error::empty;
  std::string detail;      // what the policy says of that: "no such shard"
  std::string policy;
  std::vector<row> rows;   // in the order they were considered; then those that were not
  std::size_t more = 0;    // members beyond `most_rows`

  // One sentence.
  std::string text() const {
    std::string candidate, others;
    std::size_t told = 0, unasked = 0;
    for (row const& r : rows) {
      if (r.verdict == "chosen") {
        candidate = r.key + " was chosen by " + policy + numbers_of(r);
      } else if (r.verdict == "not asked" && r.numbers.size() <= 2) {
        ++unasked;
      } else if (told++ < 8) {
        others += (others.empty() ? "" : ", ") + r.key + " " +
                  (r.verdict == "not asked" ? "was compared" : "was refused: " + r.verdict) + numbers_of(r);
      }
    }
    std::string sentence = candidate;
    if (candidate.empty()) (sentence = "nobody was chosen by " + policy + ": ") += to_string(error);
    if (candidate.empty() && !detail.empty()) sentence += ", " + detail;
    if (!others.empty()) sentence += "; " + others;
    if (told > 8) sentence += " and " + std::to_string(told - 8) + " like these";
    if (unasked + more > 0) sentence += "; " + std::to_string(unasked + more) + " not asked";
    return sentence + ".";
  }

  // {"choice": key or null, "error": …, "detail": …, "policy": …, "rows": [{"id", "key", "verdict", "numbers": {…}}], "more": n}
  std::string json() const {
    std::string chosen = "null", list;
    for (row const& r : rows) {
      if (r.verdict == "chosen") chosen = quoted(r.key);
      std::string numbers;
      for (auto const& [name, value] : r.numbers) (numbers += numbers.empty() ? "" : ",") += quoted(name) + ":" + written(value);
      (list += list.empty() ? "" : ",") += "{\"id\":" + quoted(to_string(r.id)) + ",\"key\":" + quoted(r.key) +
                                           ",\"verdict\":" + quoted(r.verdict) + ",\"numbers\":{" + numbers + "}}";
    }
    return "{\"choice\":" + chosen + ",\"error\":" + quoted(to_string(error)) + ",\"detail\":" + quoted(detail) +
           ",\"policy\":" + quoted(policy) + ",\"rows\":[" + list + "],\"more\":" + std::to_string(more) + "}";
  }

 private:
  static std::string numbers_of(row const& r) {
    std::string text;
    for (auto const& [name, value] : r.numbers) text += (text.empty() ? " (" : ", ") + name + " " + written(value);
    return text.empty() ? text : text + ")";
  }

  static std::string written(double value) {
    if (!std::isfinite(value)) return "null";
    if (value == std::floor(value) && std::fabs(value) < 9e15) return std::to_string(static_cast<long long>(value));
    std::string text = std::to_string(value);
    std::replace(text.begin(), text.end(), ',', '.');  // whatever the locale writes, JSON wants a point
    return text;
  }

  static std::string quoted(std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    std::string out = "\"";
    for (std::size_t i = 0; i != text.size();) {
      char const c = text[i];
      auto const byte = static_cast<unsigned char>(c);
      auto const length = utf8_length(text.substr(i));
      if (length == 0)
        out += "\xEF\xBF\xBD";  // U+FFFD
      else if (c == '"' || c == '\\')
        (out += '\\') += c;
      else if (byte < 0x20)
        ((out += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
      else
        out += text.substr(i, length);
      i += std::max<std::size_t>(1, length);
    }
    return out + "\"";
  }

  // Of the character that the text begins with; 0 if that is ill-formed. RFC 3629, section 4.
  static std::size_t utf8_length(std::string_view text) {
    auto const at = [&](std::size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    unsigned const lead = at(0);
    if (lead < 0x80) return 1;
    std::size_t const length = lead < 0xC2 || lead > 0xF4 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned const lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;   // no longer form of a shorter one
    unsigned const highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;  // no surrogate, none beyond U+10FFFF
    bool whole = lowest <= at(1) && at(1) <= highest;
    for (std::size_t k = 2; k < length; ++k) whole = whole && (at(k) & 0xC0) == 0x80;
    return whole ? length : 0;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

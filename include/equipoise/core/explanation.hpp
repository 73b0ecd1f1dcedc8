// Why this backend, and why not each of the others: for a person (one sentence) and for a program (JSON).
#pragma once

#include <equipoise/core/policy.hpp>

#include <algorithm>
#include <cmath>

namespace equipoise::inline EQUIPOISE_ABI {

// The name of a policy as it is written: `failover{bounded_load{maglev}}`.
template <class P>
std::string describe(P const& policy) {
  if constexpr (requires { policy.describe(); })
    return policy.describe();
  else if constexpr (composition<P> && requires { P::name; })
    return std::string{P::name} + "{" + describe(policy.child) + "}";
  else if constexpr (requires { P::name; })
    return std::string{P::name};
  else
    return "the policy";
}

// What a pick would answer now, and what was said of each member on the way.
struct explanation {
  struct number {
    std::string name;
    double value;
  };
  struct row {
    backend_id id;
    std::string key;
    std::string verdict;          // "chosen", the reasons against it ("down"), "tried", "full", "not asked", "not in the table"
    std::vector<number> numbers;  // weight, in_flight, and what the policy compared
  };
  static constexpr std::size_t most_rows = 64;

  backend_id choice;       // none: see why
  cause why = cause::empty;
  std::string policy;
  std::vector<row> rows;   // in the order they were considered; then those that were not
  std::size_t more = 0;    // members beyond `most_rows`

  // One sentence.
  std::string text() const {
    std::string who, others;
    std::size_t told = 0, unasked = 0;
    for (row const& r : rows) {
      if (r.verdict == "chosen") {
        who = r.key + " was chosen by " + policy + numbers_of(r);
      } else if (r.verdict == "not asked" && r.numbers.size() <= 2) {
        ++unasked;
      } else if (told++ < 8) {
        others += (others.empty() ? "" : ", ") + r.key + " " +
                  (r.verdict == "not asked" ? "was compared" : "was refused: " + r.verdict) + numbers_of(r);
      }
    }
    std::string sentence = who.empty() ? "nobody was chosen by " + policy + ": " + std::string{to_string(why)} : who;
    if (!others.empty()) sentence += "; " + others;
    if (told > 8) sentence += " and " + std::to_string(told - 8) + " like these";
    if (unasked + more > 0) sentence += "; " + std::to_string(unasked + more) + " not asked";
    return sentence + ".";
  }

  // {"choice": key or null, "why": …, "policy": …, "rows": [{"id", "key", "verdict", "numbers": {…}}], "more": n}
  std::string json() const {
    std::string chosen = "null", list;
    for (row const& r : rows) {
      if (r.verdict == "chosen") chosen = quoted(r.key);
      std::string numbers;
      for (auto const& [name, value] : r.numbers) (numbers += numbers.empty() ? "" : ",") += quoted(name) + ":" + written(value);
      (list += list.empty() ? "" : ",") += "{\"id\":" + quoted(to_string(r.id)) + ",\"key\":" + quoted(r.key) +
                                           ",\"verdict\":" + quoted(r.verdict) + ",\"numbers\":{" + numbers + "}}";
    }
    return "{\"choice\":" + chosen + ",\"why\":" + quoted(to_string(why)) + ",\"policy\":" + quoted(policy) + ",\"rows\":[" +
           list + "],\"more\":" + std::to_string(more) + "}";
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
    for (char c : text) {
      auto const byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\')
        (out += '\\') += c;
      else if (byte < 0x20)
        ((out += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
      else
        out += c;
    }
    return out + "\"";
  }
};

namespace detail {
// Gathers an explanation while a walk goes by.
class explainer final : public recorder {
 public:
  explainer(registry const& r, std::string policy) : registry_{r} { result.policy = std::move(policy); }

  void compared(member const& m, char const* name, double value) override {
    if (auto* r = row_of(m)) {
      for (auto& n : r->numbers)
        if (n.name == name) return void(n.value = value);
      r->numbers.push_back({name, value});
    }
  }

  void judged(member const& m, std::string verdict) {
    if (auto* r = row_of(m); r != nullptr && r->verdict == "not asked") r->verdict = std::move(verdict);
  }

  // The chosen one always has a row, if need be in the place of the last.
  void chosen(member const& m) {
    if (row_of(m) == nullptr) result.rows.back() = described(m);
    row_of(m)->verdict = "chosen";
    result.choice = m.id;
    result.why = cause::none;
  }

  // The rest: those that the policy passed over by itself, for a reason of their own or for none.
  void others(std::span<member const> everybody, std::span<member const> table, std::span<backend_id const> tried) {
    for (member const& m : everybody) {
      auto* const r = row_of(m);
      if (r == nullptr || r->verdict != "not asked") continue;
      if (auto const against = registry_.reasons(m.id); against != reason::none)
        r->verdict = to_string(against);
      else if (std::find(tried.begin(), tried.end(), m.id) != tried.end())
        r->verdict = "tried";
      else if (!is_in(m, table))
        r->verdict = "not in the table";
    }
    result.more = everybody.size() > result.rows.size() ? everybody.size() - result.rows.size() : 0;
  }

  explanation result;

 private:
  static bool is_in(member const& m, std::span<member const> table) {
    for (member const& t : table)
      if (t.id == m.id) return true;
    return false;
  }

  explanation::row described(member const& m) const {
    return {m.id, std::string{m.key()}, "not asked",
            {{"weight", static_cast<double>(m.weight)}, {"in_flight", static_cast<double>(registry_.load(m.id.slot))}}};
  }

  explanation::row* row_of(member const& m) {
    for (auto& r : result.rows)
      if (r.id == m.id) return &r;
    if (result.rows.size() == explanation::most_rows) return nullptr;
    return &result.rows.emplace_back(described(m));
  }

  registry const& registry_;
};
}  // namespace detail

}  // namespace equipoise::inline EQUIPOISE_ABI

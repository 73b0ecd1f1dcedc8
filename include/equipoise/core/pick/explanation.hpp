// SPDX-License-Identifier: MIT
// Why a pick chose this backend, and why it did not choose each of the others: as data and as one sentence. For JSON
// include <equipoise/with/nlohmann_json.hpp>.
#pragma once

#include <equipoise/core/backend_id.hpp>
#include <equipoise/core/pick_error.hpp>

#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What a pick would answer now, and what it found out about each member on the way.
struct explanation {
  /// One number that was looked at: the weight, the work in flight, a limit, or what the policy compared.
  struct number {
    std::string name;
    double value;

    /// Whether the value is written without a decimal point.
    constexpr bool is_whole() const noexcept {
      return -9e15 < value && value < 9e15 && static_cast<double>(static_cast<long long>(value)) == value;
    }
  };
  /// What the pick found out about one member.
  struct row {
    backend_id id;
    std::string key;
    /// "chosen", "compared" (with the chosen one), the health flags against it ("down"), "excluded", "full", what the
    /// policy said, or why its turn did not come: "not asked", "on standby".
    std::string verdict;
    std::vector<number> numbers;
    bool had_its_turn = true;  ///< false if nothing speaks against it, but the pick was decided before
  };
  static constexpr std::size_t most_rows = 64;  ///< the greatest number of rows

  backend_id choice;                     ///< a false id if there is none: see error
  pick_error error = pick_error::empty;  ///< none if a backend was chosen
  std::string detail;                    ///< what the policy says about the error: "no such shard"
  std::vector<std::string> notes;        ///< what the policy says about the whole pick: "panic: 3 of 10 healthy, …"
  std::string policy;                    ///< the policy's name
  std::string key;                       ///< what the policy made of the key: "198.51.100.0/24"; empty without one
  std::vector<row> rows;                 ///< the members in the order they were considered, then the others
  std::size_t more = 0;                  ///< how many members have no row

  /// One sentence for a person. Allocates. (A template, so that only programs that ask for it compile it.)
  template <class = void>
  std::string text() const {
    std::string const asker = policy + (key.empty() ? "" : " for " + key);
    std::string chosen, others;
    std::vector<number> no_turn;  // why, and how many
    std::size_t told = 0;
    for (row const& r : rows) {
      if (r.verdict == "chosen")
        chosen = r.key + " was chosen by " + asker + numbers_of(r);
      else if (!r.had_its_turn)
        count(no_turn, r.verdict);
      else if (told++ < 8)
        others += (others.empty() ? "" : ", ") + r.key +
                  (r.verdict == "compared" ? " was compared" : " was refused: " + r.verdict) + numbers_of(r);
    }
    std::string sentence = chosen;
    if (chosen.empty()) (sentence = "no backend was chosen by " + asker + ": ") += to_string(error);
    if (chosen.empty() && !detail.empty()) sentence += ", " + detail;
    for (std::string const& note : notes) sentence += "; " + note;
    if (!others.empty()) sentence += "; " + others;
    if (told > 8) sentence += " and " + std::to_string(told - 8) + " like these";
    for (number const& n : no_turn) sentence += "; " + written(n) + " " + n.name;
    if (more > 0) sentence += "; " + std::to_string(more) + " more not listed";
    return sentence + ".";
  }

 private:
  template <class Numbers>
  static void count(Numbers& numbers, std::string const& name) {
    for (number& n : numbers)
      if (n.name == name) return void(++n.value);
    numbers.push_back({name, 1});
  }

  template <class Row>
  static std::string numbers_of(Row const& r) {
    std::string text;
    for (auto const& n : r.numbers) text += (text.empty() ? " (" : ", ") + n.name + " " + written(n);
    return text.empty() ? text : text + ")";
  }

  template <class Number>
  static std::string written(Number const& n) {
    if (n.is_whole()) return std::to_string(static_cast<long long>(n.value));
    std::string text = std::to_string(n.value);
    for (char& c : text)
      if (c == ',') c = '.';  // the decimal point of some locales
    return text;
  }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

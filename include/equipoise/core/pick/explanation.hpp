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
    /// "chosen", the health flags against it ("down"), "excluded", "full", "not asked", "not in the table", or what the
    /// policy said.
    std::string verdict;
    std::vector<number> numbers;
  };
  static constexpr std::size_t most_rows = 64;  ///< the greatest number of rows

  backend_id choice;                     ///< a false id if there is none: see error
  pick_error error = pick_error::empty;  ///< none if a backend was chosen
  std::string detail;                    ///< what the policy says about the error: "no such shard"
  std::string policy;                    ///< the policy's name
  std::vector<row> rows;                 ///< the members in the order they were considered, then the others
  std::size_t more = 0;                  ///< how many members have no row

  /// One sentence for a person. Allocates. (A template, so that only programs that ask for it compile it.)
  template <class = void>
  std::string text() const {
    std::string chosen, others;
    std::size_t told = 0, unasked = 0;
    for (row const& r : rows) {
      if (r.verdict == "chosen") {
        chosen = r.key + " was chosen by " + policy + numbers_of(r);
      } else if (r.verdict == "not asked" && r.numbers.size() <= 2) {
        ++unasked;
      } else if (told++ < 8) {
        others += (others.empty() ? "" : ", ") + r.key + " " +
                  (r.verdict == "not asked" ? "was compared" : "was refused: " + r.verdict) + numbers_of(r);
      }
    }
    std::string sentence = chosen;
    if (chosen.empty()) (sentence = "no backend was chosen by " + policy + ": ") += to_string(error);
    if (chosen.empty() && !detail.empty()) sentence += ", " + detail;
    if (!others.empty()) sentence += "; " + others;
    if (told > 8) sentence += " and " + std::to_string(told - 8) + " like these";
    if (unasked > 0) sentence += "; " + std::to_string(unasked) + " not asked";
    if (more > 0) sentence += "; " + std::to_string(more) + " more not listed";
    return sentence + ".";
  }

 private:
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

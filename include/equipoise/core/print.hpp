// ids, reasons, outcomes and answers on a stream: `std::cout << lease.why()`. For {fmt}: <equipoise/with/fmt.hpp>.
#pragma once

#include <equipoise/core/explanation.hpp>

#include <iosfwd>

namespace equipoise::inline EQUIPOISE_ABI {

inline std::string to_string(explanation const& e) { return e.text(); }

template <class T>
concept printable = std::same_as<T, backend_id> || std::same_as<T, reason> || std::same_as<T, outcome> ||
                    std::same_as<T, cause> || std::same_as<T, explanation>;

template <printable T, class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, T const& value) {
  return out << to_string(value);
}

}  // namespace equipoise::inline EQUIPOISE_ABI

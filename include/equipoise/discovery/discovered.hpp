// SPDX-License-Identifier: MIT
// A backend as service discovery knows it. Every source of the room `discovery` and of `with/` makes lists of these.
#pragma once

#include <equipoise/core/endpoint.hpp>
#include <equipoise/core/health_flag.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A backend as a source of service discovery knows it. A pool may hold these as they are, or an application makes its
/// own type of them. Two are equal if they are the same backend, whatever their attributes and flags.
struct discovered {
  std::string name;                       ///< its key, unique within a list
  endpoint at;                            ///< where it listens, with its weight, priority and zone
  health_flag flags = health_flag::none;  ///< what the source says against it: see allowed_flags
  std::string incarnation = {};  ///< changes when another process takes over name and address; empty if unknown

  /// The flags that a source may set: `down`, `draining`, `maintenance`, and the application's four.
  static constexpr health_flag allowed_flags = health_flag::down | health_flag::draining | health_flag::maintenance |
                                               health_flag::user_1 | health_flag::user_2 | health_flag::user_3 |
                                               health_flag::user_4;

  friend bool operator==(discovered const& a, discovered const& b) {
    return a.name == b.name && a.at == b.at && a.incarnation == b.incarnation;
  }

  /// Whether everything is equal, attributes and flags too.
  bool is_exactly(discovered const& d) const { return *this == d && at.attrs == d.at.attrs && flags == d.flags; }

  /// What is wrong with it, naming the field and its value; empty if nothing is.
  std::string mistake() const {
    bool const is_good = !name.empty() && !at.host.empty() && at.host.find_first_of("[] \t\r\n") == at.host.npos &&
                         at.port != 0 && at.attrs.priority <= 0xFFFF &&
                         without(flags, allowed_flags) == health_flag::none;
    if (is_good) return {};
    auto const shown = "'" + name + "'";
    if (name.empty()) return "equipoise: a backend's name is empty";
    if (at.host.empty()) return "equipoise: the host of backend " + shown + " is empty";
    if (at.host.find_first_of("[] \t\r\n") != at.host.npos)
      return "equipoise: the host '" + at.host + "' of backend " + shown + " is no host name and no address";
    if (at.port == 0) return "equipoise: the port of backend " + shown + " is 0";
    if (at.attrs.priority > 0xFFFF)
      return "equipoise: priority " + std::to_string(at.attrs.priority) + " of backend " + shown +
             " is outside 0 … 65535";
    return "equipoise: the flags " + to_string(flags) + " of backend " + shown + " are not a source's to set";
  }
};

template <>
struct backend_traits<discovered> {
  static std::string_view key_of(discovered const& d) noexcept { return d.name; }
  static std::uint32_t weight_of(discovered const& d) noexcept { return d.at.attrs.weight; }
  static std::uint32_t priority_of(discovered const& d) noexcept { return d.at.attrs.priority; }
  static std::string_view zone_of(discovered const& d) noexcept { return d.at.attrs.zone; }
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

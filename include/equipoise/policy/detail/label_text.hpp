// SPDX-License-Identifier: MIT
// Texts as "name=value, name": the labels of a subset, the weights of zones.
#pragma once

#include <equipoise/core/config.hpp>

#include <string_view>

namespace equipoise {
inline namespace EQUIPOISE_ABI {
namespace detail {

// Calls f(name, value, has_value) for each label of "name=value,name", until it returns false. Returns false then.
template <class F>
bool each_label(std::string_view text, F f) {
  auto const trimmed = [](std::string_view t) {
    while (!t.empty() && t.front() == ' ') t.remove_prefix(1);
    while (!t.empty() && t.back() == ' ') t.remove_suffix(1);
    return t;
  };
  while (!text.empty()) {
    std::size_t const end = text.find(',') < text.size() ? text.find(',') : text.size();
    std::string_view const part = text.substr(0, end);
    text.remove_prefix(end < text.size() ? end + 1 : end);
    std::size_t const equals = part.find('=');
    bool const has_value = equals != part.npos;
    std::string_view const name = trimmed(part.substr(0, has_value ? equals : part.size()));
    if (name.empty() && !has_value) continue;
    if (!f(name, has_value ? trimmed(part.substr(equals + 1)) : std::string_view{}, has_value)) return false;
  }
  return true;
}

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

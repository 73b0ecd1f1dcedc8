// SPDX-License-Identifier: MIT
// From a file to a TOML table: every mistake in the text becomes a config_error with a line.
#include "fields.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace proxy {
namespace {

constexpr std::size_t largest_file = 4u << 20;  // bytes

// A table header must begin with a name. This is checked here, so that the error is the same for each way to miss it.
void check_headers(std::string const& text, std::string const& file) {
  std::istringstream lines{text};
  unsigned number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::string_view rest{line};
    auto const skip_blanks = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size())); };
    if (number == 1 && rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
    skip_blanks();
    if (!rest.starts_with('[')) continue;
    rest.remove_prefix(rest.starts_with("[[") ? 2 : 1);
    skip_blanks();
    bool const named = !rest.empty() && (std::isalnum(static_cast<unsigned char>(rest[0])) != 0 ||
                                         std::string_view{"_-\"'"}.find(rest[0]) != std::string_view::npos);
    if (!named) throw config_error{fmt::format("{}:{}: this header has no name of letters or digits", file, number)};
  }
}

bool fails_assertion(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (toml::parse_error const&) {  // for example a value that goes on in the next line
  } catch (toml_assertion) {
    return true;
  }
  return false;
}

// The line on which the text stops being TOML: the first one with which an assertion fails. With more lines it fails
// too, so the line is found by halving.
std::size_t line_of_assertion(std::string const& text) {
  std::vector<std::size_t> ends;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n', end + 1)) ends.push_back(end);
  auto const first = std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) {
    return !fails_assertion(std::string_view{text}.substr(0, end));
  });
  return static_cast<std::size_t>(first - ends.begin()) + 1;
}

}  // namespace

config parse_config(std::string const& text, std::string const& file) try {
  check_headers(text, file);
  return config_of(toml::parse(text, file), file);
} catch (toml::parse_error const& e) {
  throw config_error{fmt::format("{}:{}: {}", file, e.source().begin.line, e.description())};
} catch (toml_assertion) {
  throw config_error{fmt::format("{}:{}: this is not TOML", file, line_of_assertion(text))};
}

config read_config(std::string const& file) {
  std::error_code ec;
  std::ifstream in{file};
  if (!in || std::filesystem::is_directory(file, ec)) throw config_error{fmt::format("{}: cannot be read", file)};
  std::string text(largest_file + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > largest_file) throw config_error{fmt::format("{}: has more than {} bytes", file, largest_file)};
  return parse_config(text, file);
}

}  // namespace proxy

// SPDX-License-Identifier: MIT
// agent_report::parse() reads what a slow restatement of the rules reads.
#include "fuzz.hpp"

#include <equipoise/health/agent_report.hpp>

using equipoise::agent_report;

namespace {

std::optional<std::uint32_t> number(std::string digits, std::uint32_t most) {
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return {};
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  return digits.size() > 10 ? most : static_cast<std::uint32_t>(std::min<std::uint64_t>(std::stoull(digits), most));
}

std::optional<agent_report> restated(std::string text) {
  auto const end = std::find_if(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  if (end == text.end() || *end == '\0') return {};
  text.erase(end, text.end());
  agent_report r;
  std::string word;
  for (char c : text + " ") {
    if (c != ' ' && c != '\t' && c != ',') {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      continue;
    }
    if (word.starts_with('#')) break;
    if (word == "ready") r.operation = agent_report::order::ready;
    if (word == "drain") r.operation = agent_report::order::drain;
    if (word == "maint") r.operation = agent_report::order::maintenance;
    if (word == "up") r.is_up = true;
    if (word == "down" || word == "stopped" || word == "fail") r.is_up = false;
    if (word.starts_with("maxconn:")) r.limit = number(word.substr(word.starts_with("maxconn:+") ? 9 : 8), 0x7FFFFFFF);
    if (!word.empty() && word[0] >= '0' && word[0] <= '9' && word.find('%') != word.npos)
      r.percent = word.back() == '%' ? number(word.substr(0, word.size() - 1), 25600) : std::nullopt;
    word.clear();
  }
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  auto const text = fuzz::text_of(data, size);
  auto const read = agent_report::parse(text);
  FUZZ_CHECK(read == restated(std::string{text}));
  if (read) FUZZ_CHECK(agent_report::parse(std::string{text} + "down 1% maint\n") == read);
  return 0;
}

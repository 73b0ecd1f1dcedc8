#include "admin.hpp"

#include "endpoint.hpp"
#include "forward.hpp"

#include <equipoise/with/nlohmann_json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <map>

namespace proxy {
namespace {

// "/-/explain?key=user%2042" → the path, and the values by name.
struct target {
  std::string path;
  std::map<std::string, std::string, std::less<>> values;
};

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

target parse_target(std::string_view text) {
  target out;
  auto const question = text.find('?');
  out.path = text.substr(0, question);
  if (question == text.npos) return out;
  for (text.remove_prefix(question + 1); !text.empty();) {
    auto const pair = text.substr(0, text.find('&'));
    auto const equals = pair.find('=');
    out.values[decoded(pair.substr(0, equals))] = equals == pair.npos ? "" : decoded(pair.substr(equals + 1));
    text.remove_prefix(std::min(text.size(), pair.size() + 1));
  }
  return out;
}

}  // namespace

bool is_admin(config const& settings, client_request const& request) {
  return settings.admin != admin_access::off && view(request.target()).starts_with("/-/");
}

task<bool> administer(worker& at, client& c, client_request const& request, client_side side) {
  auto const say = [&](unsigned status, std::string text, std::string_view type) {
    return reply(at, c, status, std::move(text), side, type, request.method() == http::verb::head);
  };
  constexpr std::string_view plain = "text/plain; charset=utf-8", json = "application/json";
  if (at.all.settings.admin == admin_access::loopback && !c.peer.address().is_loopback())
    co_return co_await say(403, "only from this machine\n", plain);
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    co_return co_await say(405, "only GET and HEAD\n", plain);

  auto const asked = parse_target(view(request.target()));
  if (asked.path == "/-/") co_return co_await say(200, std::string{status_page}, "text/html; charset=utf-8");
  if (asked.path == "/-/stats") co_return co_await say(200, stats_json(at.all), json);
  if (asked.path == "/-/metrics")
    co_return co_await say(200, metrics_text(at.all), "text/plain; version=0.0.4; charset=utf-8");
  if (asked.path == "/-/explain") {
    // For whom? ?key=TEXT or ?client=ADDRESS; without either, for whoever asks.
    auto const key = asked.values.find("key");
    auto const address = asked.values.find("client");
    error_code ec;
    auto const from =
        address != asked.values.end() ? unmapped(asio::ip::make_address(address->second, ec)) : c.peer.address();
    if (ec) co_return co_await say(400, fmt::format("client: \"{}\" is not an address\n", address->second), plain);
    std::string const text = from.to_string();
    auto const hashed =
        key != asked.values.end() ? equipoise::any_key{std::string_view{key->second}} : client_key(at.all, from, text);
    auto const explanation = at.pick.explain(hashed, {.now = now()});
    nlohmann::ordered_json answer = explanation;
    answer["text"] = explanation.text();
    co_return co_await say(200, answer.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n',
                           json);
  }
  co_return co_await say(404, "here are: /-/ /-/stats /-/explain?key=…&client=… /-/metrics\n", plain);
}

}  // namespace proxy

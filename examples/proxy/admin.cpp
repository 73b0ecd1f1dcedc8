// SPDX-License-Identifier: MIT
#include "admin.hpp"

#include "endpoint.hpp"
#include "forward.hpp"

#include <equipoise/with/nlohmann_json.hpp>

#include <fmt/format.h>
#include <boost/url/parse.hpp>
#include <nlohmann/json.hpp>

namespace proxy {

bool is_admin(config const& settings, client_request const& request) {
  return settings.admin != admin_access::off && request.target().starts_with("/-/");
}

task<bool> administer(worker& at, client& c, client_request const& request, client_side side) {
  auto const respond = [&](unsigned status, std::string text, std::string_view type) {
    return reply(at, c, status, std::move(text), side, type, request.method() == http::verb::head);
  };
  constexpr std::string_view plain = "text/plain; charset=utf-8", json = "application/json";
  if (at.all.settings.admin == admin_access::loopback && !c.peer.address().is_loopback())
    co_return co_await respond(403, "only for clients on this machine\n", plain);
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    co_return co_await respond(405, "only GET and HEAD are allowed\n", plain);

  auto const url = boost::urls::parse_origin_form(request.target());
  if (!url) co_return co_await respond(400, "the target is not a valid URI: " + url.error().message() + '\n', plain);
  std::string_view const path = url->encoded_path();
  if (path == "/-/") co_return co_await respond(200, std::string{status_page}, "text/html; charset=utf-8");
  if (path == "/-/stats") co_return co_await respond(200, stats_json(at.all), json);
  if (path == "/-/metrics")
    co_return co_await respond(200, metrics_text(at.all), "text/plain; version=0.0.4; charset=utf-8");
  if (path == "/-/explain") {
    // Explains the pick for ?key=TEXT or ?client=ADDRESS. Without either, it explains the pick for this client.
    std::optional<std::string> key, address;
    for (auto const& parameter : url->params()) {
      if (parameter.key == "key") key = parameter.value;
      if (parameter.key == "client") address = parameter.value;
    }
    error_code ec;
    auto const from = address ? unmapped(asio::ip::make_address(*address, ec)) : c.peer.address();
    if (ec) co_return co_await respond(400, fmt::format("client: \"{}\" is not an address\n", *address), plain);
    std::string const text = from.to_string();
    auto const hashed = key ? equipoise::any_key{std::string_view{*key}} : client_key(at.all, from, text);
    auto const explanation = at.pick.explain(hashed, {.now = now()});
    nlohmann::ordered_json answer = explanation;
    answer["text"] = explanation.text();
    co_return co_await respond(200, answer.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n',
                               json);
  }
  co_return co_await respond(404, "available: /-/ /-/stats /-/explain?key=…&client=… /-/metrics\n", plain);
}

}  // namespace proxy

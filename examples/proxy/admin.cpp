// SPDX-License-Identifier: MIT
#include "admin.hpp"

#include "forward.hpp"

#include <boost/url/parse.hpp>

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
    auto const [status, text] = explain(at, c, request, *url);
    co_return co_await respond(status, text, status == 200 ? json : plain);
  }
  co_return co_await respond(404, "available: /-/ /-/stats /-/explain?key=…&client=…&backend=… /-/metrics\n", plain);
}

}  // namespace proxy

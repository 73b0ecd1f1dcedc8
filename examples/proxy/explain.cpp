// SPDX-License-Identifier: MIT
#include "admin.hpp"
#include "endpoint.hpp"
#include "forward.hpp"

#include <equipoise/with/nlohmann_json.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace proxy {
namespace {

using nlohmann::ordered_json;

struct question {
  std::optional<std::string> key, client, backend;
};

question read_question(boost::urls::url_view target) {
  question asked;
  for (auto const& parameter : target.params()) {
    if (parameter.key == "key") asked.key = parameter.value;
    if (parameter.key == "client") asked.client = parameter.value;
    if (parameter.key == "backend") asked.backend = parameter.value;
  }
  return asked;
}

// Why this pick did not choose the backend: what the policy found out about it, or its health if it was not asked.
ordered_json about_backend(shared const& all, equipoise::explanation const& e, std::string const& name,
                           equipoise::backend_id id) {
  auto const row = std::find_if(e.rows.begin(), e.rows.end(), [&](auto const& r) { return r.id == id; });
  auto const state = to_string(all.pool.health(id));
  std::string verdict = row != e.rows.end() ? row->verdict : state == "up" ? "not asked" : state;
  std::string text = verdict == "chosen"      ? name + " is chosen"
                     : verdict == "not asked" ? name + " was not asked, because another backend was chosen before"
                     : verdict == "compared"  ? name + " was compared with the chosen one, which was better"
                                              : name + " is not chosen: " + verdict;
  return {{"name", name}, {"state", state}, {"verdict", std::move(verdict)}, {"text", std::move(text)}};
}

}  // namespace

std::pair<unsigned, std::string> explain(worker& at, client const& c, client_request const& request,
                                         boost::urls::url_view target) {
  auto const asked = read_question(target);
  error_code ec;
  auto const from = asked.client ? unmapped(asio::ip::make_address(*asked.client, ec)) : c.peer.address();
  if (ec) return {400, fmt::format("client: \"{}\" is not an address\n", *asked.client)};
  std::string text = from.to_string();
  auto const key = asked.key      ? equipoise::any_key{std::string_view{*asked.key}}
                   : asked.client ? client_key(at.all, from, text)
                                  : key_of(at.all, c, request, text);
  auto explanation = at.pick.explain(key, {.now = now()});
  at.backend_health.add_time_left(explanation);
  ordered_json answer = explanation;
  answer["text"] = explanation.text();
  if (asked.backend) {
    auto const id = at.all.pool.find(*asked.backend);
    if (!id) return {404, fmt::format("backend: there is no backend named \"{}\"\n", *asked.backend)};
    answer["backend"] = about_backend(at.all, explanation, *asked.backend, id);
  }
  return {200, answer.dump(2, ' ', false, ordered_json::error_handler_t::replace) + '\n'};
}

}  // namespace proxy

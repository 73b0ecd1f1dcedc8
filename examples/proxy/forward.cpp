// SPDX-License-Identifier: MIT
#include "forward.hpp"

#include "endpoint.hpp"

#include <spdlog/spdlog.h>
#include <boost/beast/http/write.hpp>

namespace proxy {

using equipoise::outcome;

task<bool> reply(worker& at, client& c, unsigned status, std::string text, client_side side, std::string_view type,
                 bool head) {
  http::response<http::string_body> out{http::int_to_status(status), side.version};
  out.set(http::field::content_type, type);
  out.set(http::field::cache_control, "no-store");
  out.body() = std::move(text);
  out.keep_alive(side.keep_alive);
  out.prepare_payload();
  error_code ec;
  c.stream.expires_after(at.all.settings.timeouts.request);
  http::response_serializer<http::string_body> serializer{out};
  if (head)
    co_await http::async_write_header(c.stream, serializer, into(ec));
  else
    co_await http::async_write(c.stream, serializer, into(ec));
  co_return !ec && side.keep_alive;
}

namespace {

outcome outcome_of(unsigned status) noexcept {
  switch (status) {
    case 502:
    case 504:
      return outcome::gateway_error;
    case 503:
      return outcome::rejected;
    default:
      return status >= 500 ? outcome::error : outcome::ok;
  }
}

// Turns the client's request into the proxy's own request.
void prepare(client_request& request, client const& c) {
  remove_hop_by_hop(request);
  add_forwarded(request, c.peer.address());
  request.insert(http::field::via, request.version() == 10 ? "1.0 equipoise" : "1.1 equipoise");
  request.version(11);
  request.prepare_payload();
}

}  // namespace

task<bool> forward(worker& at, client& c, client_request& request, client_side side) {
  auto& counts = at.all.counts;
  bool const head = request.method() == http::verb::head;
  if (request.method() == http::verb::connect)
    co_return co_await reply(at, c, 501, "CONNECT is not supported\n", {11, false});
  if (request.method() == http::verb::trace && !request.body().empty())
    co_return co_await reply(at, c, 400, "TRACE has no body\n", {11, false});

  std::string text;
  auto const key = key_of(at.all, c, request, text);
  bool const hostless = request.count(http::field::host) == 0;  // allowed in HTTP/1.0 only
  prepare(request, c);
  std::vector<equipoise::backend_id> excluded;
  std::string problem;
  unsigned status = 503;  // no backend could be asked
  for (unsigned attempt = 0; attempt < at.all.settings.retry.attempts; ++attempt) {
    auto lease = at.pick.acquire(key, {.now = now(), .excluded = excluded});
    // All other backends are down, so it is better to try the same one again.
    if (lease.error() == equipoise::pick_error::all_excluded) lease = at.pick.acquire(key, {.now = now()});
    if (!lease) {
      if (problem.empty()) problem = fmt::format("no backend: {}", equipoise::to_string(lease.error()));
      break;
    }
    lease->counts->picked(lease.start());
    if (attempt != 0) ++counts.retries;

    if (hostless) request.set(http::field::host, to_text(lease->address));
    exchange with{at.all.settings, at.upstream, request};
    auto const result = co_await with.send(lease->address);
    if (result == attempt_result::answered) {
      outcome const answer = outcome_of(with.status());
      if (at.all.draining) side.keep_alive = false;  // the drain may have begun during the attempt
      bool const more = co_await with.relay(c.stream, side);
      ++(with.complete() ? counts.answered : counts.broken);
      if (with.broke_off()) problem = fmt::format("{}: {}", lease->name, with.problem());
      auto const id = lease.id();
      lease.finish(with.complete() ? answer : with.broke_off() ? outcome::error : outcome::cancelled, now());
      if (with.broke_off()) at.backend_health.failed(id, problem);
      co_return more;
    }

    problem = fmt::format("{}: {}", lease->name, with.problem());
    if (result == attempt_result::not_tried) {  // every other backend would fail in the same way
      lease.finish(outcome::cancelled, now());
      status = 503;
      break;
    }
    status = result == attempt_result::timed_out ? 504 : 502;
    auto const id = lease.id();
    lease.finish(result == attempt_result::not_sent ? outcome::local_error : outcome::error, now());
    at.backend_health.failed(id, problem);
    // The backend may have acted on the request already.
    if (result != attempt_result::not_sent && !repeatable(request.method())) break;
    excluded.push_back(id);
  }
  ++counts.refused;
  spdlog::debug("{} {}: {}", std::string_view{request.method_string()}, std::string_view{request.target()}, problem);
  co_return co_await reply(at, c, status, problem + '\n', side, "text/plain; charset=utf-8", head);
}

equipoise::any_key key_of(shared const& all, client const& c, client_request const& request, std::string& text) {
  auto const& wanted = all.settings.key;
  switch (wanted.from) {
    case key_config::source::path:
      return std::string_view{text = request.target()};
    case key_config::source::header:
      return std::string_view{text = request[wanted.header]};
    case key_config::source::client:
      break;
  }
  return client_key(all, c.peer.address(), c.address);
}

}  // namespace proxy

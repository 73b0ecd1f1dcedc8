// SPDX-License-Identifier: MIT
#include "forward.hpp"

#include "client_watch.hpp"
#include "endpoint.hpp"

#include <spdlog/spdlog.h>

namespace proxy {
namespace {

using equipoise::outcome;
using backend_lease = decltype(std::declval<picker&>().acquire(equipoise::any_key{}));

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

bool is_error(outcome o) noexcept { return o == outcome::error || o == outcome::gateway_error; }

// Turns the client's request into the proxy's own request.
void prepare(client_request& request, client const& c) {
  remove_hop_by_hop(request);
  add_forwarded(request, c.peer.address());
  request.insert(http::field::via, request.version() == 10 ? "1.0 equipoise" : "1.1 equipoise");
  request.version(11);
  request.prepare_payload();
}

// The attempts to get one request answered.
class forwarding {
 public:
  forwarding(worker& at, client& c, client_request& request, client_side side)
      : at_{at}, client_{c}, request_{request}, side_{side}, key_{key_of(at.all, c, request, text_)},
        hostless_{request.count(http::field::host) == 0}, watch_{c} {
    prepare(request, c);
  }

  task<bool> run() {
    auto& counts = at_.all.counts;
    for (unsigned attempt = 0; attempt < at_.all.settings.retry.attempts; ++attempt) {
      auto lease = acquire(attempt == 0 ? at_.pick : at_.pick_again);
      if (!lease) {
        if (problem_.empty()) problem_ = fmt::format("no backend: {}", equipoise::to_string(lease.error()));
        break;
      }
      if (attempt != 0) ++counts.retries;
      auto const then = co_await ask(lease);
      if (watch_.gone()) co_return ++counts.broken, false;
      if (then == next::done) co_return reusable_;
      if (then == next::refuse) break;
    }
    ++counts.refused;
    spdlog::debug("{} {}: {}", std::string_view{request_.method_string()}, std::string_view{request_.target()},
                  problem_);
    co_return co_await reply(at_, client_, status_, problem_ + '\n', side_, "text/plain; charset=utf-8",
                             request_.method() == http::verb::head);
  }

 private:
  enum class next { another_backend, refuse, done };

  backend_lease acquire(picker& from) {
    auto lease = from.acquire(key_, {.now = now(), .excluded = excluded_});
    // All other backends are down, so it is better to try the same one again.
    if (lease.error() == equipoise::pick_error::all_excluded) lease = from.acquire(key_, {.now = now()});
    return lease;
  }

  task<next> ask(backend_lease& lease) {
    lease->counts->picked(lease.start());
    if (hostless_) request_.set(http::field::host, to_text(lease->address));
    exchange with{limits_for_requests(at_.all.settings), at_.upstream, request_, &client_, side_.version};
    watch_.set_attempt(&with);
    auto const result = co_await with.send(lease->address);
    auto const then =
        result == attempt_result::answered ? co_await relay(lease, with) : judge_failure(lease, with, result);
    watch_.set_attempt(nullptr);
    co_return then;
  }

  task<next> relay(backend_lease& lease, exchange& with) {
    auto& counts = at_.all.counts;
    auto const answer = outcome_of(with.status());
    if (at_.all.draining) side_.keep_alive = false;  // the drain may have begun during the attempt
    reusable_ = co_await with.relay(side_);
    if (with.complete()) {
      ++counts.answered;
      if (is_error(answer) && at_.all.settings.passive.errors)
        at_.backend_health.failed(lease.id(), *lease->counts, fmt::format("{}: status {}", lease->name, with.status()));
      else
        at_.backend_health.answered(lease.id(), *lease->counts);
    } else if (!watch_.gone()) {  // otherwise run() counts it
      ++counts.broken;
    }
    if (with.broke_off())
      at_.backend_health.failed(lease.id(), *lease->counts, fmt::format("{}: {}", lease->name, with.problem()));
    lease.finish(with.complete() ? answer : with.broke_off() ? outcome::error : outcome::cancelled, now());
    co_return next::done;
  }

  next judge_failure(backend_lease& lease, exchange const& with, attempt_result result) {
    problem_ = fmt::format("{}: {}", lease->name, with.problem());
    if (result == attempt_result::not_tried || result == attempt_result::given_up) {
      lease.finish(outcome::cancelled, now());  // every other backend would fail in the same way
      status_ = 503;
      return next::refuse;
    }
    bool const unsent = result == attempt_result::not_sent;
    status_ = result == attempt_result::timed_out ? 504 : 502;
    excluded_.push_back(lease.id());
    at_.backend_health.failed(lease.id(), *lease->counts, problem_);
    lease.finish(unsent ? outcome::local_error : outcome::error, now());
    // The backend may have acted on the request already.
    return unsent || repeatable(request_.method()) ? next::another_backend : next::refuse;
  }

  worker& at_;
  client& client_;
  client_request& request_;
  client_side side_;
  std::string text_;  // what key_ may refer to
  equipoise::any_key key_;
  bool hostless_;  // allowed in HTTP/1.0 only
  client_watch watch_;
  std::vector<equipoise::backend_id> excluded_;
  std::string problem_;
  unsigned status_ = 503;  // no backend could be asked
  bool reusable_ = false;  // the client's connection
};

}  // namespace

task<bool> forward(worker& at, client& c, client_request& request, client_side side) {
  if (request.method() == http::verb::connect)
    co_return co_await reply(at, c, 501, "CONNECT is not supported\n", {11, false});
  if (request.method() == http::verb::trace && !request.body().empty())
    co_return co_await reply(at, c, 400, "TRACE has no body\n", {11, false});
  forwarding work{at, c, request, side};
  co_return co_await work.run();
}

equipoise::any_key key_of(shared const& all, client const& c, client_request const& request, std::string& text) {
  auto const& wanted = all.settings.key;
  switch (wanted.from) {
    case key_config::source::path:
      return std::string_view{text = request.target()};
    case key_config::source::header:
      text = request[wanted.header];
      if (text.empty()) text = to_text(c.peer);  // with the port, so that requests without a key are spread
      return std::string_view{text};
    case key_config::source::client:
      break;
  }
  return client_key(all, c.peer.address(), c.address);
}

}  // namespace proxy

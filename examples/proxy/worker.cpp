// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include "background.hpp"
#include "session.hpp"

#include <boost/asio/post.hpp>

namespace proxy {

worker::worker(shared& s, health& h)
    : all{s}, backend_health{h}, pick{s.balancer.make_picker()}, pick_again{s.balancer.make_picker()},
      upstream{s.settings.limits.idle_per_backend}, work_{io.get_executor()}, sweep_timer_{io} {
  start_task(io, all.counts, "sweep", sweep());
}

worker::~worker() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void worker::run() {
  thread_ = std::thread{[this] { run_loop(io, all.counts); }};
}

void worker::stop() { io.stop(); }

void worker::adopt(tcp::socket socket) {
  ++all.counts.clients;  // before the post, because the control thread limits this number
  asio::post(io, [this, socket = std::move(socket)]() mutable {
    start_task(io, all.counts, "session", session(*this, std::move(socket)));
  });
}

task<> worker::sweep() {
  for (error_code ec; !ec && !all.draining;) {  // drain() may cancel a timer that has expired already
    sweep_timer_.expires_after(1s);
    co_await sweep_timer_.async_wait(into(ec));
    upstream.close_older_than(all.settings.timeouts.idle);
  }
}

task<> worker::close_idle_clients() {
  co_await sleep_for(all.settings.timeouts.linger);
  closing = true;
  for (client* c : clients)
    if (c->idle) c->stream.cancel();
}

void worker::keep_connections_to(std::set<tcp::endpoint> backends) {
  asio::post(io, [this, backends = std::move(backends)]() mutable { upstream.keep_only(std::move(backends)); });
}

void worker::drain() {
  asio::post(io, [this] {
    work_.reset();
    sweep_timer_.cancel();
    // An idle client that is just sending a request still gets its answer, with "Connection: close".
    start_task(io, all.counts, "drain", close_idle_clients());
  });
}

}  // namespace proxy

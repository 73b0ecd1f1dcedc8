// SPDX-License-Identifier: MIT
#include "worker.hpp"

#include "session.hpp"

#include <boost/asio/post.hpp>

namespace proxy {

worker::worker(shared& s, health& h)
    : all{s}, backend_health{h}, pick{s.balancer.make_picker()}, upstream{s.settings.limits.idle_per_backend},
      work_{io.get_executor()}, sweep_timer_{io} {
  asio::co_spawn(io, sweep(), asio::detached);
}

worker::~worker() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void worker::run() {
  thread_ = std::thread{[this] { io.run(); }};
}

void worker::stop() { io.stop(); }

void worker::adopt(tcp::socket socket) {
  ++all.counts.clients;  // before the post, because the control thread limits this number
  asio::post(io, [this, socket = std::move(socket)]() mutable {
    asio::co_spawn(io, session(*this, std::move(socket)), asio::detached);
  });
}

task<> worker::sweep() {
  for (error_code ec; !ec && !all.draining;) {  // drain() may cancel a timer that has expired already
    sweep_timer_.expires_after(1s);
    co_await sweep_timer_.async_wait(into(ec));
    upstream.close_older_than(all.settings.timeouts.idle);
  }
}

void worker::drain() {
  asio::post(io, [this] {
    work_.reset();
    sweep_timer_.cancel();
    // An idle client that is just sending a request still gets its answer, with "Connection: close".
    asio::co_spawn(
        io,
        [this]() -> task<> {
          co_await sleep_for(all.settings.timeouts.linger);
          closing = true;
          for (client* c : clients)
            if (c->idle) c->stream.cancel();
        },
        asio::detached);
  });
}

}  // namespace proxy

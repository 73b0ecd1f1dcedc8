#include "worker.hpp"

#include "session.hpp"

#include <boost/asio/post.hpp>

namespace proxy {

worker::worker(shared& s, health& h)
    : all{s}, wellness{h}, pick{s.balancer.make_picker()}, upstream{s.settings.limits.idle_per_backend},
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
  ++all.counts.clients;  // here and not in its thread: whoever accepts must know how many there are
  asio::post(io, [this, socket = std::move(socket)]() mutable {
    asio::co_spawn(io, session(*this, std::move(socket)), asio::detached);
  });
}

task<> worker::sweep() {
  for (error_code ec; !ec && !all.draining;) {  // a cancellation may find the timer expired already
    sweep_timer_.expires_after(1s);
    co_await sweep_timer_.async_wait(into(ec));
    upstream.close_older_than(all.settings.timeouts.idle);
  }
}

void worker::drain() {
  asio::post(io, [this] {
    work_.reset();
    sweep_timer_.cancel();
    // Idle clients get a moment: whoever is just sending a request is answered, with "Connection: close".
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

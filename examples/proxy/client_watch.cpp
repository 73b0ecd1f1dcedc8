// SPDX-License-Identifier: MIT
#include "client_watch.hpp"

#include "exchange.hpp"

#include <sys/socket.h>

namespace proxy {

namespace {
constexpr std::size_t most_read_ahead = 16 * 1024;  // bytes of further requests
}

client_watch::client_watch(client& c) : state_{std::make_shared<state>(state{&c})} { wait(state_); }

client_watch::~client_watch() {
  error_code ignored;
  state_->watched->stream.socket().cancel(ignored);
  state_->watched = nullptr;
}

void client_watch::wait(std::shared_ptr<state> const& s) {
  // A full buffer is not read any more. Then only a broken connection is noticed.
  bool const full = s->watched->buffer.size() >= most_read_ahead;
  s->watched->stream.socket().async_wait(full ? tcp::socket::wait_error : tcp::socket::wait_read, [s](error_code ec) {
    if (ec || !s->watched) return;
    look(*s);
    if (!s->gone)
      wait(s);
    else if (s->attempt)
      s->attempt->give_up();
  });
}

void client_watch::look(state& s) {
  auto& c = *s.watched;
  char piece[4096];
  auto const n = ::recv(c.stream.socket().native_handle(), piece, sizeof piece, MSG_DONTWAIT);
  s.gone = n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
  if (n <= 0) return;
  auto const size = static_cast<std::size_t>(n);
  c.buffer.commit(asio::buffer_copy(c.buffer.prepare(size), asio::buffer(piece, size)));
}

}  // namespace proxy

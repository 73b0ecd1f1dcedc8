// SPDX-License-Identifier: MIT
#include "upstream.hpp"

#include <sys/socket.h>

namespace proxy {
namespace {

// An idle connection must be silent. If it can be read, the backend has closed it or broken the protocol.
bool looks_alive(upstream_connection& connection) {
  char byte;
  auto const n = ::recv(connection.stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

bool is_local(error_code ec) noexcept {
  namespace errc = boost::system::errc;
  return ec == errc::too_many_files_open || ec == errc::too_many_files_open_in_system ||
         ec == errc::not_enough_memory || ec == errc::no_buffer_space || ec == errc::address_not_available;
}

upstream_connections::owned upstream_connections::take(tcp::endpoint const& to) {
  auto const found = idle_.find(to);
  if (found == idle_.end()) return nullptr;
  auto& waiting = found->second;
  while (!waiting.empty()) {
    owned last = std::move(waiting.back());
    waiting.pop_back();
    if (!looks_alive(*last)) continue;
    last->reused = true;
    return last;
  }
  return nullptr;
}

task<> upstream_connections::open(upstream_connection& connection, tcp::endpoint to, std::chrono::nanoseconds timeout,
                                  error_code& ec) {
  connection.stream.expires_after(timeout);
  co_await connection.stream.async_connect(to, into(ec));
  if (is_local(ec) && !idle_.empty()) {
    idle_.clear();
    co_await connection.stream.async_connect(to, into(ec));
  }
  if (ec) co_return;
  error_code ignored;
  connection.stream.socket().set_option(tcp::no_delay{true}, ignored);
}

void upstream_connections::give(tcp::endpoint const& to, owned connection) {
  if (kept_ && !kept_->contains(to)) return;
  auto& waiting = idle_[to];
  if (waiting.size() >= most_idle_) return;
  connection->stream.expires_never();
  connection->idle_since = std::chrono::steady_clock::now();
  waiting.push_back(std::move(connection));
}

void upstream_connections::keep_only(std::set<tcp::endpoint> backends) {
  kept_ = std::move(backends);
  std::erase_if(idle_, [&](auto const& one) { return !kept_->contains(one.first); });
}

void upstream_connections::close_older_than(std::chrono::nanoseconds age) {
  auto const oldest = std::chrono::steady_clock::now() - age;
  for (auto it = idle_.begin(); it != idle_.end();) {
    std::erase_if(it->second, [&](owned const& c) { return c->idle_since < oldest || !looks_alive(*c); });
    it = it->second.empty() ? idle_.erase(it) : std::next(it);
  }
}

}  // namespace proxy

// SPDX-License-Identifier: MIT
// Waits for the sockets of a library that has no event loop of its own, until the check is given up.
#pragma once

#include "net.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <stdexcept>

namespace health {

using namespace proxy;

struct given_up : std::runtime_error {
  given_up() : runtime_error{"no answer in time"} {}
};

class watch {
 public:
  using kind = asio::posix::descriptor_base::wait_type;

  watch() = default;
  watch(watch const&) = delete;
  watch& operator=(watch const&) = delete;

  // Waits until the socket is ready. Throws given_up. Asio knows the socket for the time of the wait only: the library
  // may close it and open another one with the same number.
  task<> until(int socket, kind what) {
    auto const executor = co_await asio::this_coro::executor;
    borrowed own{*this, asio::posix::stream_descriptor{executor, socket}};
    error_code ec;
    if (!is_over_) co_await own.descriptor.async_wait(what, into(ec));
    if (is_over_) throw given_up{};
  }

  // Ends the wait. The next one ends at once.
  void give_up() {
    is_over_ = true;
    if (waiting_ != nullptr) waiting_->cancel();
  }

 private:
  // Gives the socket back, because the library closes it.
  struct borrowed {
    watch& owner;
    asio::posix::stream_descriptor descriptor;
    borrowed(watch& w, asio::posix::stream_descriptor d) : owner{w}, descriptor{std::move(d)} {
      owner.waiting_ = &descriptor;
    }
    borrowed(borrowed const&) = delete;
    ~borrowed() {
      owner.waiting_ = nullptr;
      descriptor.release();
    }
  };

  asio::posix::stream_descriptor* waiting_ = nullptr;
  bool is_over_ = false;
};

}  // namespace health

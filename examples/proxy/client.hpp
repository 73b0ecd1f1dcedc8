// SPDX-License-Identifier: MIT
// The connection of one client.
#pragma once

#include "net.hpp"

#include <boost/beast/core/flat_buffer.hpp>

#include <string>

namespace proxy {

struct client {
  client(tcp::socket socket, tcp::endpoint from, std::size_t header_limit)
      : stream{std::move(socket)}, buffer{header_limit + 64 * 1024}, peer{from}, address{from.address().to_string()} {}

  beast::tcp_stream stream;
  beast::flat_buffer buffer;  // bounded, so that no line fills the memory
  tcp::endpoint peer;
  std::string address;          // the address of the peer as text
  bool idle = false;            // between two requests
  bool answer_started = false;  // a byte of the answer to the current request may have been sent
};

}  // namespace proxy

// SPDX-License-Identifier: MIT
#include "forward.hpp"

#include <boost/beast/http/write.hpp>

namespace proxy {

task<bool> reply(worker& at, client& c, unsigned status, std::string text, client_side side, std::string_view type,
                 bool head) {
  http::response<http::string_body> out{http::int_to_status(status), side.version};
  out.set(http::field::content_type, type);
  out.set(http::field::cache_control, "no-store");
  out.body() = std::move(text);
  out.keep_alive(side.keep_alive);
  out.prepare_payload();
  error_code ec;
  c.answer_started = true;
  c.stream.expires_after(at.all.settings.timeouts.request);
  http::response_serializer<http::string_body> serializer{out};
  if (head)
    co_await http::async_write_header(c.stream, serializer, into(ec));
  else
    co_await http::async_write(c.stream, serializer, into(ec));
  co_return !ec && side.keep_alive;
}

}  // namespace proxy

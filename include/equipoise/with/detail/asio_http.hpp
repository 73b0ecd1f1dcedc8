// SPDX-License-Identifier: MIT
// The request of an HTTP check, and what its answer means.
#pragma once

#include <equipoise/core/backend.hpp>
#include <equipoise/health/http_check.hpp>
#include <equipoise/with/detail/asio_connect.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <boost/none.hpp>

#include <algorithm>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What an HTTP check asks for, and what it takes for a good answer.
struct http_probe_options {
  http_check check = {};
  std::string path = "/health";    ///< with the query, if there is one
  labels headers = {};             ///< more fields of the request, also instead of Host and User-Agent
  std::size_t most_body = 65'536;  ///< of the body, as many bytes are searched for http_check::body
};

namespace detail {

// Options that are in order.
class http_question {
 public:
  // Fails if an option would break the request, naming it.
  explicit http_question(http_probe_options o) : options_{std::move(o)} {
    auto const is_printable = [](unsigned char c) { return c > ' ' && c != 0x7F; };
    auto const& path = options_.path;
    if (!path.starts_with('/') || !std::all_of(path.begin(), path.end(), is_printable))
      fail("equipoise: http_probe_options::path '" + path + "' is not a path that begins with '/', without blanks");
    for (auto const& [name, value] : options_.headers) {
      if (name.empty() || name.find(':') != name.npos || !std::all_of(name.begin(), name.end(), is_printable))
        fail("equipoise: http_probe_options::headers has the name '" + name + "', which is none");
      if (value.find_first_of(std::string_view{"\r\n\0", 3}) != value.npos)
        fail("equipoise: http_probe_options::headers has a line end in the value of '" + name + "'");
    }
  }

  // Sends the request over a connection, and judges the answer. Throws boost::system::system_error.
  template <class Stream>
  boost::asio::awaitable<check_result> ask(Stream& stream, check_target const& to, std::uint16_t usual_port) const {
    namespace http = boost::beast::http;
    using boost::asio::use_awaitable;
    auto const question = request_to(to, usual_port);
    co_await http::async_write(stream, question, use_awaitable);
    boost::beast::flat_buffer buffer;
    std::optional<parser> answer;
    do {
      answer.emplace();
      answer->header_limit(64 * 1024);
      answer->body_limit(boost::none);
      co_await http::async_read_header(stream, buffer, *answer, use_awaitable);
    } while (answer->get().result_int() / 100 == 1 && answer->get().result_int() != 101);

    std::string content;
    boost::system::error_code ec;
    while (!ec && !answer->is_done() && content.size() < options_.most_body &&
           content.find(options_.check.body) == content.npos) {
      char piece[4096];
      answer->get().body().data = piece;
      answer->get().body().size = std::min(sizeof piece, options_.most_body - content.size());
      auto const room = answer->get().body().size;
      co_await http::async_read_some(stream, buffer, *answer, boost::asio::redirect_error(use_awaitable, ec));
      content.append(piece, room - answer->get().body().size);
      if (ec == http::error::need_buffer) ec = {};
    }
    if (says_nothing(ec)) throw boost::system::system_error{ec};
    auto const header = [&](std::string_view name) -> std::optional<std::string_view> {
      auto const found = answer->get().find(boost::beast::string_view{name.data(), name.size()});
      if (found == answer->get().end()) return {};
      return std::string_view{found->value().data(), found->value().size()};
    };
    co_return options_.check.judge(static_cast<std::int32_t>(answer->get().result_int()), header, content);
  }

 private:
  using request = boost::beast::http::request<boost::beast::http::empty_body>;
  using parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  request request_to(check_target const& to, std::uint16_t usual_port) const {
    namespace http = boost::beast::http;
    std::string host = to.server_name.empty() ? to.host : to.server_name;
    if (host.find_first_of(std::string_view{"\r\n\0 ", 4}) != host.npos)
      fail("equipoise: check_target '" + host + "' is no host");
    if (host.find(':') != host.npos) host = "[" + host + "]";
    if (to.port != usual_port) host += ":" + std::to_string(to.port);
    request r{http::verb::get, options_.path, 11};
    r.set(http::field::host, host);
    r.set(http::field::user_agent, "equipoise-check");
    r.keep_alive(false);
    for (auto const& [name, value] : options_.headers) r.set(name, value);
    return r;
  }

  http_probe_options options_;
};

}  // namespace detail
}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

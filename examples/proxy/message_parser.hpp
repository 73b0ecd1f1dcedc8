// SPDX-License-Identifier: MIT
// The parser for requests of clients and for answers of backends.
#pragma once

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

namespace proxy {

namespace http = boost::beast::http;

// Beast's parser with two differences. A field that is too long for Beast's container is an error of the message, like
// a header that is too long. Trailer fields are dropped, because a filter of header fields in front has not seen them.
template <bool is_request, class Body>
class message_parser final : public http::parser<is_request, Body> {
 public:
  static constexpr std::size_t longest_field = 65'000;  // bytes of a name or a value; the container takes 65 533

 private:
  void on_field_impl(http::field name, boost::beast::string_view spelling, boost::beast::string_view value,
                     boost::beast::error_code& ec) override {
    if (spelling.size() > longest_field || value.size() > longest_field)
      ec = http::error::header_limit;
    else if (!this->is_header_done())
      this->get().insert(name, spelling, value);
  }
};

}  // namespace proxy

// SPDX-License-Identifier: MIT
// Checks over TLS, by Boost.Asio and OpenSSL (link with -lssl -lcrypto). See with/asio.hpp.
//
//   equipoise::check_runner runner{io, pool, scheduler, target, equipoise::https_probe{{.path = "/health"}}};
//
// The backend's certificate must be valid, trusted, and made out for check_target::server_name, or for the host if
// there is none. The name is sent to the backend too (SNI), unless it is an address.
#pragma once

#include <equipoise/with/asio.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How a connection is secured.
struct tls_probe_options {
  /// Trusted certificates, and a certificate of the client if the backends ask for one. Null: those of the system,
  /// none.
  std::shared_ptr<boost::asio::ssl::context> context = {};
  bool verify = true;  ///< whether the certificate counts. Without it anything that speaks TLS is taken for the backend
};

namespace detail {

inline check_result certificate_failure(long error) noexcept {
  auto const code = static_cast<std::int32_t>(error);
  switch (error) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return {check_answer::failed, "TLS: certificate verify failed: self-signed", code};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return {check_answer::failed, "TLS: certificate verify failed: unknown issuer", code};
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {check_answer::failed, "TLS: certificate verify failed: expired", code};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {check_answer::failed, "TLS: certificate verify failed: not yet valid", code};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {check_answer::failed, "TLS: certificate verify failed: another name", code};
    default:
      return {check_answer::failed, "TLS: certificate verify failed", code};
  }
}

using tls_stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;

class tls_connector {
 public:
  explicit tls_connector(tls_probe_options o) : options_{std::move(o)} {
    if (options_.context != nullptr) return;
    options_.context = std::make_shared<boost::asio::ssl::context>(boost::asio::ssl::context::tls_client);
    options_.context->set_default_verify_paths();
  }

  tls_stream stream(boost::asio::any_io_executor const& on) const { return tls_stream{on, *options_.context}; }

  // Nothing, if the connection is secure; otherwise why it is not. Throws boost::system::system_error.
  boost::asio::awaitable<std::optional<check_result>> open(tls_stream& stream, check_target const& to) const {
    expect(stream, to.server_name.empty() ? to.host : to.server_name);
    co_await open_connection(stream.next_layer(), to);
    boost::system::error_code ec;
    ::ERR_clear_error();
    co_await stream.async_handshake(boost::asio::ssl::stream_base::client,
                                    boost::asio::redirect_error(boost::asio::use_awaitable, ec));
    if (!ec) co_return std::nullopt;
    if (says_nothing(ec)) throw boost::system::system_error{ec};
    auto const verified = ::SSL_get_verify_result(stream.native_handle());
    if (options_.verify && verified != X509_V_OK) co_return certificate_failure(verified);
    if (ec == boost::asio::ssl::error::stream_truncated || ec == boost::asio::error::eof)
      co_return check_result{check_answer::failed, "TLS: connection closed in the handshake"};
    if (ec.category() != boost::asio::error::get_ssl_category()) throw boost::system::system_error{ec};
    auto const reason = ERR_GET_REASON(static_cast<unsigned long>(ec.value()));
    co_return check_result{
        check_answer::failed,
        reason == SSL_R_WRONG_VERSION_NUMBER ? "TLS: the backend does not speak TLS" : "TLS: handshake failed",
        static_cast<std::int32_t>(reason)};
  }

 private:
  void expect(tls_stream& stream, std::string const& name) const {
    auto* const ssl = stream.native_handle();
    boost::system::error_code ec;
    boost::asio::ip::make_address(name, ec);
    bool const is_address = !ec;
    bool is_set = is_address || SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
    stream.set_verify_mode(options_.verify ? boost::asio::ssl::verify_peer : boost::asio::ssl::verify_none);
    if (options_.verify) {
      ::SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      is_set = is_set && !name.empty() && name.find('\0') == name.npos &&
               (is_address ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl), name.c_str()) == 1
                           : ::SSL_set1_host(ssl, name.c_str()) == 1);
    }
    if (!is_set) fail("equipoise: check_target '" + name + "' is no name for TLS");
  }

  tls_probe_options options_;
};

}  // namespace detail

/// Good if a connection opens, and is secured.
class tls_probe {
 public:
  explicit tls_probe(tls_probe_options o = {}) : connector_{std::move(o)} {}

  boost::asio::awaitable<check_result> operator()(check_target const& to, backend_id) const {
    auto stream = connector_.stream(co_await boost::asio::this_coro::executor);
    auto const problem = co_await connector_.open(stream, to);
    if (problem) co_return *problem;
    co_return check_result{check_answer::good, "TLS: connected"};
  }

 private:
  detail::tls_connector connector_;
};

/// As http_probe, over TLS.
class https_probe {
 public:
  /// Fails if an option would break the request, naming it.
  explicit https_probe(http_probe_options o = {}, tls_probe_options t = {})
      : question_{std::move(o)}, connector_{std::move(t)} {}

  boost::asio::awaitable<check_result> operator()(check_target const& to, backend_id) const {
    auto stream = connector_.stream(co_await boost::asio::this_coro::executor);
    auto const problem = co_await connector_.open(stream, to);
    if (problem) co_return *problem;
    co_return co_await question_.ask(stream, to, 443);
  }

 private:
  detail::http_question question_;
  detail::tls_connector connector_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// SPDX-License-Identifier: MIT
#include <equipoise/with/asio_tls.hpp>

#include "asio_fixture.hpp"

#include <openssl/pem.h>
#include <openssl/rsa.h>

namespace asio_tls_test {
using namespace asio_fixture;
using Catch::Matchers::ContainsSubstring;
namespace ssl = asio::ssl;

namespace {
struct freed {
  void operator()(X509* x) const { ::X509_free(x); }
  void operator()(EVP_PKEY* k) const { ::EVP_PKEY_free(k); }
  void operator()(BIO* b) const { ::BIO_free(b); }
};
template <class T>
using owned = std::unique_ptr<T, freed>;

// A certificate and its key. Without an issuer it signs itself.
struct certificate {
  owned<EVP_PKEY> key{EVP_EC_gen("P-256")};
  owned<X509> x509{::X509_new()};

  // `names` as OpenSSL writes them: "DNS:shop.test,IP:127.0.0.1".
  explicit certificate(std::string const& names, certificate const* issuer = nullptr, long valid_from = -3600,
                       long valid_to = 3600) {
    static long serial = 0;
    auto* const x = x509.get();
    auto const& by = issuer != nullptr ? *issuer : *this;
    ::X509_set_version(x, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(x), ++serial);
    ::X509_gmtime_adj(::X509_getm_notBefore(x), valid_from);
    ::X509_gmtime_adj(::X509_getm_notAfter(x), valid_to);
    auto const common = "test " + std::to_string(serial);
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                 reinterpret_cast<unsigned char const*>(common.c_str()), -1, -1, 0);
    ::X509_set_issuer_name(x, ::X509_get_subject_name(by.x509.get()));
    ::X509_set_pubkey(x, key.get());
    extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) extend(NID_subject_alt_name, names);
    REQUIRE(::X509_sign(x, by.key.get(), ::EVP_sha256()) != 0);
  }
  void extend(int what, std::string const& value) {
    auto* const e = ::X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
    REQUIRE(e != nullptr);
    ::X509_add_ext(x509.get(), e, -1);
    ::X509_EXTENSION_free(e);
  }
  std::string text() const {
    owned<BIO> const b{::BIO_new(::BIO_s_mem())};
    ::PEM_write_bio_X509(b.get(), x509.get());
    char* data = nullptr;
    auto const size = BIO_get_mem_data(b.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
};

std::shared_ptr<ssl::context> trusting(certificate const& ca) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  context->add_certificate_authority(asio::buffer(ca.text()));
  return context;
}

// A server with that certificate, which notes the name that it was asked for.
class tls_server {
 public:
  tls_server(asio::io_context& io, certificate const& c, std::string answer = http("200 OK", "ready"))
      : answer_{std::move(answer)}, server_{io, [this](tcp::socket& s) { return serve(s); }} {
    ::SSL_CTX_use_certificate(context_.native_handle(), c.x509.get());
    ::SSL_CTX_use_PrivateKey(context_.native_handle(), c.key.get());
  }
  endpoint at() const { return server_.at(); }
  std::string asked_for;

 private:
  task<void> serve(tcp::socket& socket) {
    ssl::stream<tcp::socket&> stream{socket, context_};
    co_await stream.async_handshake(ssl::stream_base::server, asio::use_awaitable);
    if (auto const* const name = ::SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name))
      asked_for = name;
    std::string request;
    co_await asio::async_read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", asio::use_awaitable);
    co_await asio::async_write(stream, asio::buffer(answer_), asio::use_awaitable);
  }

  std::string answer_;
  ssl::context context_{ssl::context::tls_server};
  fake_server server_;
};

// What a check says, if the backend is known under that name.
std::string check(asio::io_context& io, endpoint const& at, std::string const& name, probe p) {
  equipoise::pool<endpoint> pool;
  pool.add(at);
  check_scheduler scheduler{pool, quick()};
  std::string text;
  check_runner const runner{io,           pool,
                            scheduler,    [&](endpoint const& e) { return check_target{e.host, e.port, name}; },
                            std::move(p), {.on_result = [&](check_event const& e) { text = to_string(e.result); }}};
  REQUIRE(until(io, [&] { return !text.empty(); }));
  return text;
}
}  // namespace

TEST_CASE("https_probe: a certificate must be trusted, in time, and have the right name") {
  asio::io_context io;
  certificate const ca{""}, right{"DNS:shop.test,IP:127.0.0.1", &ca}, self_signed{"DNS:shop.test"},
      old{"DNS:shop.test", &ca, -7200, -3600}, early{"DNS:shop.test", &ca, 3600, 7200}, partial{"DNS:s*.test", &ca};
  auto const context = trusting(ca);
  https_probe const ask{{.check = {.body = "ready"}}, {context}};
  tls_server good{io, right};
  CHECK(check(io, good.at(), "shop.test", ask) == "good: HTTP status 200");
  CHECK(good.asked_for == "shop.test");
  good.asked_for = "none";
  CHECK(check(io, good.at(), "", ask) == "good: HTTP status 200");  // the address itself
  CHECK(good.asked_for == "none");
  std::string const failed = "failed: TLS: certificate verify failed: ";
  CHECK(check(io, good.at(), "other.test", ask) == failed + "another name 62");
  CHECK(check(io, good.at(), "127.0.0.2", ask) == failed + "another name 64");
  CHECK(check(io, good.at(), "shop.test", https_probe{}) == failed + "unknown issuer 20");  // the system's
  tls_server alone{io, self_signed}, expired{io, old}, future{io, early}, wild{io, partial};
  CHECK(check(io, alone.at(), "shop.test", ask) == failed + "self-signed 18");
  CHECK(check(io, expired.at(), "shop.test", ask) == failed + "expired 10");
  CHECK(check(io, future.at(), "shop.test", ask) == failed + "not yet valid 9");
  CHECK(check(io, wild.at(), "shop.test", ask) == failed + "another name 62");
  CHECK(check(io, alone.at(), "other.test", https_probe{{}, {context, false}}) == "good: HTTP status 200");
  CHECK(check(io, alone.at(), "shop.test", tls_probe{{trusting(self_signed)}}) == "good: TLS: connected");
  CHECK(check(io, alone.at(), "other.test", tls_probe{{context}}) == failed + "self-signed 18");
}

TEST_CASE("https_probe: the answer is judged as without TLS") {
  asio::io_context io;
  certificate const ca{""}, right{"DNS:shop.test", &ca};
  auto const context = trusting(ca);
  https_probe const ask{{.check = {.body = "ready"}}, {context}};
  tls_server bad{io, right, http("503 No")}, other{io, right, http("200 OK", "steady")},
      unbounded{io, right, "HTTP/1.1 200 OK\r\n\r\nready"};
  CHECK(check(io, bad.at(), "shop.test", ask) == "failed: HTTP status 503");
  CHECK(check(io, other.at(), "shop.test", ask) == "failed: no expected text; HTTP status 200");
  CHECK(check(io, unbounded.at(), "shop.test", ask) == "good: HTTP status 200");  // it ends without close_notify
}

TEST_CASE("https_probe: a port without TLS, and one that is silent, are failures") {
  asio::io_context io;
  auto const context = trusting(certificate{""});
  https_probe const ask{{}, {context}};
  fake_server plain{io, [](tcp::socket& socket) -> task<void> {
                      char bytes[512];
                      co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
                      auto const text = http("400 Bad");
                      co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
                    }};
  CHECK_THAT(check(io, plain.at(), "shop.test", ask), ContainsSubstring("failed: TLS: the backend does not speak TLS"));
  fake_server closing{io, [](tcp::socket&) -> task<void> { co_return; }};
  auto const closed = check(io, closing.at(), "shop.test", ask);
  CHECK((closed == "failed: TLS: connection closed in the handshake" || closed == "failed: connection reset 104"));
  CHECK(check(io, refusing(io), "shop.test", ask) == "failed: connection refused 111");

  fake_server silent{io, asio_fixture::says_nothing};
  auto o = quick();
  o.timeout = 30ms;
  checked c{io, {silent.at()}, ask, o};
  REQUIRE(c.waits_for(2));
  CHECK(to_string(c.events[0].result) == "failed: no answer in time");
  c.runner.reset();  // in the middle of a handshake
  CHECK(until(io, [&] { return silent.open == 0; }));
}

TEST_CASE("https_probe: a name that cannot be one is a failure, and no request") {
  asio::io_context io;
  certificate const ca{""}, right{"DNS:shop.test", &ca};
  tls_server s{io, right};
  https_probe const ask{{}, {trusting(ca)}};
  CHECK(check(io, s.at(), std::string{"shop.test\0.evil", 14}, ask) == "failed: the check threw an exception");
  CHECK(check(io, s.at(), std::string(300, 'x'), ask) == "failed: the check threw an exception");
}

}  // namespace asio_tls_test

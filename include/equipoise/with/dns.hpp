// SPDX-License-Identifier: MIT
// The questions of a dns_lookup, asked through c-ares (1.18 or newer; link with -lcares).
//
//   equipoise::dns_resolver resolver;            // the system's servers
//   for (auto const& q : lookup.due(now)) resolver.ask(q);
//   for (auto const& [question, answer] : resolver.wait(100ms)) lookup.answer(question, answer, now);
//
// c-ares asks the next server after SERVFAIL or REFUSED. If there is none, version 1.18 says only that no server could
// be reached, so that is the status then.
//
// wait() waits in poll(). In an event loop, watch sockets() and call process() instead. An answer that does not fit
// into a datagram is asked for again by TCP; c-ares does so.
#pragma once

#include <equipoise/discovery/dns_lookup.hpp>

#define CARES_NO_DEPRECATED  // ares_query() is there from 1.18 to the newest
#include <ares.h>
#include <arpa/inet.h>
#include <poll.h>

#include <memory>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// How a dns_resolver asks.
struct dns_resolver_options {
  std::string servers = {};                                     ///< "127.0.0.1:5353,10.0.0.2"; empty: the system's
  std::chrono::milliseconds timeout = std::chrono::seconds{2};  ///< of the first try; c-ares doubles it
  int tries = 2;                                                ///< of each server
};

/// Asks DNS servers. One thread at a time.
class dns_resolver {
 public:
  using answers = std::vector<std::pair<dns_question, dns_answer>>;

  /// Fails if an option is out of range, or if c-ares does not take it.
  explicit dns_resolver(dns_resolver_options const& o = {}) {
    if (o.timeout.count() <= 0 || o.timeout > std::chrono::hours{1})
      fail("equipoise: dns_resolver_options::timeout " + std::to_string(o.timeout.count()) +
           " ms is not within 1 ms … 1 h");
    if (o.tries < 1 || o.tries > 100)
      fail("equipoise: dns_resolver_options::tries " + std::to_string(o.tries) + " is not within 1 … 100");
    ares_options options{};
    options.timeout = static_cast<int>(o.timeout.count());
    options.tries = o.tries;
    require(ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES), "dns_resolver");
    if (o.servers.empty()) return;
    int const done = ares_set_servers_ports_csv(channel_, o.servers.c_str());
    if (done != ARES_SUCCESS) ares_destroy(channel_);
    require(done, "dns_resolver_options::servers '" + o.servers + "'");
  }
  dns_resolver(dns_resolver const&) = delete;
  dns_resolver& operator=(dns_resolver const&) = delete;
  ~dns_resolver() { ares_destroy(channel_); }  // each open question is answered, into arrived_

  /// Asks. The answer comes out of process() or wait(). Allocates; sends at once.
  void ask(dns_question q) {
    ++open_;
    auto owned = std::make_unique<asked>(asked{this, std::move(q)});
    std::string const name = owned->question.name;
    int const type = static_cast<int>(owned->question.type);
    ares_query(channel_, name.c_str(), 1, type, &dns_resolver::arrived, owned.release());
  }
  /// How many questions are open.
  std::size_t open() const noexcept { return open_; }

  /// What to wait for, with poll() or in an event loop. Allocates.
  std::vector<pollfd> sockets() const {
    ares_socket_t fds[ARES_GETSOCK_MAXNUM];
    int const which = ares_getsock(channel_, fds, ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> list;
    for (int i = 0; i != ARES_GETSOCK_MAXNUM; ++i) {
      auto const reads = (static_cast<unsigned>(which) >> i & 1) != 0;
      auto const writes = (static_cast<unsigned>(which) >> (i + ARES_GETSOCK_MAXNUM) & 1) != 0;
      if (reads || writes)
        list.push_back({fds[i], static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0});
    }
    return list;
  }
  /// How long to wait for the sockets at most; `most` if no question is open.
  std::chrono::milliseconds patience(std::chrono::milliseconds most) const {
    timeval limit{most.count() / 1000, static_cast<suseconds_t>(most.count() % 1000 * 1000)}, room{};
    timeval const* const left = ares_timeout(channel_, &limit, &room);
    return std::chrono::milliseconds{left->tv_sec * 1000 + (left->tv_usec + 999) / 1000};
  }
  /// Goes on with what arrived at the sockets, and with what has taken too long. Returns the answers since.
  answers process(std::vector<pollfd> const& ready) {
    for (auto const& s : ready)
      if (s.revents != 0)
        ares_process_fd(channel_, (s.revents & ~POLLOUT) != 0 ? s.fd : ARES_SOCKET_BAD,
                        (s.revents & POLLOUT) != 0 ? s.fd : ARES_SOCKET_BAD);
    ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return std::exchange(arrived_, {});
  }
  /// Waits for answers, but not longer than that. Returns at once if no question is open, or if there are some.
  answers wait(std::chrono::milliseconds most) {
    if (open_ == 0 || !arrived_.empty()) return std::exchange(arrived_, {});
    auto list = sockets();
    static_cast<void>(::poll(list.data(), list.size(), static_cast<int>(patience(most).count())));
    return process(list);
  }

 private:
  struct asked {
    dns_resolver* by;
    dns_question question;
  };

  static void require(int done, std::string const& what) {
    if (done != ARES_SUCCESS) fail("equipoise: " + what + ": " + ares_strerror(done));
  }

  static void arrived(void* argument, int status, int, unsigned char* bytes, int size) {
    std::unique_ptr<asked> const a{static_cast<asked*>(argument)};
    --a->by->open_;
    dns_answer answer{status_of(status)};
    if (answer.status == dns_status::ok && bytes != nullptr)
      answer = read(a->question.type, bytes, static_cast<std::size_t>(size));
    a->by->arrived_.emplace_back(std::move(a->question), std::move(answer));
  }

  static dns_status status_of(int status) noexcept {
    switch (status) {
      case ARES_SUCCESS:
        return dns_status::ok;
      case ARES_ENODATA:
        return dns_status::no_data;
      case ARES_ENOTFOUND:
        return dns_status::no_name;
      case ARES_ESERVFAIL:
        return dns_status::server_failure;
      case ARES_EREFUSED:
      case ARES_ENOTIMP:
      case ARES_EFORMERR:
        return dns_status::refused;
      case ARES_ETIMEOUT:
        return dns_status::timed_out;
      case ARES_EBADRESP:
      case ARES_EBADNAME:
        return dns_status::malformed;
      default:
        return dns_status::unreachable;
    }
  }

  static std::uint16_t u16(unsigned char const* at) noexcept { return static_cast<std::uint16_t>(at[0] << 8 | at[1]); }

  // The functions of c-ares that read SRV records give no TTL before version 1.28, so the answer is walked here. An
  // alias counts no longer than its own TTL.
  static dns_answer read(dns_type type, unsigned char const* bytes, std::size_t size) {
    constexpr std::size_t header = 12;
    constexpr std::uint16_t cname = 5, internet = 1;
    dns_answer answer;
    auto const malformed = [] { return dns_answer{dns_status::malformed}; };
    if (size < header) return malformed();
    if ((bytes[2] & 2) != 0) return {dns_status::truncated};
    auto const* const end = bytes + size;
    auto const* at = bytes + header;
    auto const skip_name = [&] {
      std::string name;
      return read_name(at, bytes, size, name);
    };
    for (unsigned i = u16(bytes + 4); i != 0; --i) {
      if (!skip_name() || end - at < 4) return malformed();
      at += 4;
    }
    std::uint32_t alias = 0xFFFFFFFF;
    for (unsigned i = u16(bytes + 6); i != 0; --i) {
      if (!skip_name() || end - at < 10) return malformed();
      auto const kind = u16(at), network = u16(at + 2), length = u16(at + 8);
      std::uint32_t const ttl = static_cast<std::uint32_t>(u16(at + 4)) << 16 | u16(at + 6);
      at += 10;
      if (end - at < length) return malformed();
      auto const* const data = at;
      at += length;
      if (network != internet) continue;
      if (kind == cname) alias = std::min(alias, ttl > 0x7FFFFFFF ? 0 : ttl);
      if (kind != static_cast<std::uint16_t>(type)) continue;
      dns_record r;
      r.ttl = ttl;
      if (!read_data(type, data, length, bytes, size, r)) return malformed();
      answer.records.push_back(std::move(r));
    }
    for (auto& r : answer.records) r.ttl = std::min(r.ttl > 0x7FFFFFFF ? 0 : r.ttl, alias);
    return answer;
  }
  static bool read_data(dns_type type, unsigned char const* data, std::size_t length, unsigned char const* bytes,
                        std::size_t size, dns_record& into) {
    if (type == dns_type::srv) {
      if (length < 7) return false;
      into.priority = u16(data), into.weight = u16(data + 2), into.port = u16(data + 4);
      auto const* at = data + 6;
      if (!read_name(at, bytes, size, into.text)) return false;
      if (into.text.empty()) into.text = ".";
      return true;
    }
    char text[INET6_ADDRSTRLEN];
    bool const is_v6 = type == dns_type::aaaa;
    if (length != (is_v6 ? 16u : 4u)) return false;
    into.text = ::inet_ntop(is_v6 ? AF_INET6 : AF_INET, data, text, sizeof text);
    return true;
  }
  static bool read_name(unsigned char const*& at, unsigned char const* bytes, std::size_t size, std::string& into) {
    char* text = nullptr;
    long length = 0;
    if (ares_expand_name(at, bytes, static_cast<int>(size), &text, &length) != ARES_SUCCESS) return false;
    into = text;
    ares_free_string(text);
    at += length;
    return true;
  }

  ares_channel channel_ = nullptr;
  std::size_t open_ = 0;
  answers arrived_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

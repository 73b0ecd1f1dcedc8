// SPDX-License-Identifier: MIT
// DNS as a source of service discovery: which questions to ask when, and which backends the answers make. It asks
// nothing itself: with/dns.hpp does so, through c-ares.
//
//   equipoise::dns_lookup lookup{{.name = "_http._tcp.shop.example.com"}};   // SRV
//   equipoise::dns_lookup lookup{{.name = "shop.example.com", .port = 80}};  // A and AAAA
//   for (auto const& q : lookup.due(now)) ask(q);                            // when lookup.next()
//   lookup.answer(q, what_came, now);
//   lookup.tell(feed, now);
//
// Each question has a life of its own. A good answer counts for its TTL, within bounds. After a failure (NXDOMAIN,
// SERVFAIL, no answer in time, a truncated or garbled one) its last good answer stays, and it is asked again after a
// wait that doubles. So one target of an SRV record that cannot be resolved keeps its addresses, and the others go on.
//
// Sources: RFC 2782 (SRV), RFC 2181 section 8 (TTL).
#pragma once

#include <equipoise/discovery/back_off.hpp>
#include <equipoise/discovery/feed.hpp>
#include <equipoise/hash/address.hpp>

#include <numeric>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The types of records that are asked for. The values are those of the protocol.
enum class dns_type : std::uint16_t { a = 1, aaaa = 28, srv = 33 };

/// "A", "AAAA" or "SRV".
constexpr std::string_view to_string(dns_type t) noexcept {
  return t == dns_type::a ? "A" : t == dns_type::aaaa ? "AAAA" : "SRV";
}

/// A question: records of a type under a name, which has no dot at its end.
struct dns_question {
  std::string name;
  dns_type type;
  friend bool operator==(dns_question const&, dns_question const&) = default;
  friend bool operator<(dns_question const& a, dns_question const& b) {
    return a.name != b.name ? a.name < b.name : a.type < b.type;
  }
};

/// How a question was answered.
enum class dns_status : std::uint8_t {
  ok,              ///< with records
  no_data,         ///< the name exists, but has no record of the type
  no_name,         ///< NXDOMAIN
  server_failure,  ///< SERVFAIL
  refused,         ///< REFUSED, or another code of the server
  timed_out,       ///< no server answered in time
  unreachable,     ///< no server could be reached, or none gave an answer of any use
  truncated,       ///< with less than everything, also by TCP
  malformed,       ///< with what is no DNS message
};

/// What a status is in a message.
constexpr std::string_view to_string(dns_status s) noexcept {
  constexpr std::string_view names[] = {"ok",
                                        "no such record",
                                        "NXDOMAIN",
                                        "SERVFAIL",
                                        "the server refused",
                                        "no answer in time",
                                        "no server would answer",
                                        "truncated",
                                        "not understood"};
  return names[static_cast<std::size_t>(s)];
}

/// A record of an answer. The fields that a type does not have are 0.
struct dns_record {
  std::string text;       ///< A, AAAA: the address; SRV: the target, "." for none
  std::uint32_t ttl = 0;  ///< seconds
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
};

/// An answer.
struct dns_answer {
  dns_status status = dns_status::ok;
  std::vector<dns_record> records = {};
};

/// What to look up, and how often.
struct dns_lookup_options {
  std::string name;        ///< of the service, "_http._tcp.shop.example.com", or of the hosts
  std::uint16_t port = 0;  ///< of the hosts; 0: SRV records say host and port
  bool ipv4 = true;        ///< ask for A records
  bool ipv6 = true;        ///< ask for AAAA records
  std::chrono::nanoseconds shortest = std::chrono::seconds{5};   ///< an answer counts at least that long
  std::chrono::nanoseconds longest = std::chrono::seconds{300};  ///< and at most that long
  /// Up to this part of the time is added by chance, so that the many that share a cache do not all ask in the moment
  /// in which it forgets. 0 … 1.
  double jitter = 0.1;
  back_off_options retry = {};  ///< the waits after failures

  /// Fails if a value is out of range, naming it.
  void check() const {
    auto const refuse = [](char const* field, std::string const& value, char const* wanted) {
      fail("equipoise: dns_lookup_options::" + std::string{field} + " " + value + " is not " + wanted);
    };
    if (name.empty() || name == ".") refuse("name", "'" + name + "'", "a name");
    if (!ipv4 && !ipv6) refuse("ipv4", "false", "true, and neither is ipv6");
    if (shortest.count() <= 0) refuse("shortest", std::to_string(shortest.count()) + " ns", "more than 0");
    if (longest < shortest || longest > std::chrono::hours{24 * 365})
      refuse("longest", std::to_string(longest.count()) + " ns", "within shortest … one year");
    if (!(jitter >= 0 && jitter <= 1)) refuse("jitter", std::to_string(jitter), "within 0 … 1");
    retry.check();
  }
};

/// Which questions to ask when, and which backends the answers make. See the top of the header. One thread at a time.
class dns_lookup {
 public:
  /// Fails if an option is out of range. The seed decides the jitter, and the waits after failures.
  explicit dns_lookup(dns_lookup_options o, std::uint64_t seed = 1) : options_{std::move(o)}, random_{seed} {
    options_.check();
    options_.name = normal(options_.name);
    if (options_.port == 0)
      want({options_.name, dns_type::srv});
    else
      want_addresses(options_.name);
  }

  /// The questions to ask now. Each is due again when it was answered, or after `longest`. Allocates; O(questions).
  std::vector<dns_question> due(time_point now) {
    std::vector<dns_question> list;
    for (auto& [question, s] : questions_) {
      if (now < s.next) continue;
      s.next = detail::later(now, options_.longest);
      list.push_back(question);
    }
    return list;
  }
  /// When due() has a question. O(questions).
  time_point next() const noexcept {
    auto first = time_point::max();
    for (auto const& [question, s] : questions_) first = std::min(first, s.next);
    return first;
  }

  /// What came of a question. An answer with a bad record is refused whole, as a malformed one. An answer to what is
  /// not asked any more is ignored. Returns why the last good answer stays, if it does. Allocates; O(records +
  /// questions).
  result<> answer(dns_question const& asked, dns_answer const& a, time_point now) {
    auto const at = questions_.find({normal(asked.name), asked.type});
    if (at == questions_.end()) return {};
    auto const& [question, s] = *at;
    return take(question, at->second, a, now);
  }

  /// Whether each question was answered, well or not. A list before that lacks backends.
  bool is_complete() const noexcept {
    for (auto const& [question, s] : questions_)
      if (!s.is_answered) return false;
    return true;
  }
  /// The SRV record has the target ".": the service is "decidedly not available at this domain" (RFC 2782).
  bool says_none() const noexcept {
    auto const at = questions_.find({options_.name, dns_type::srv});
    return at != questions_.end() && at->second.records.size() == 1 && at->second.records[0].text == ".";
  }
  /// Why a last good answer stays; empty if the last answer to every question was good.
  std::string problem() const {
    for (auto const& [question, s] : questions_)
      if (!s.problem.empty()) return s.problem;
    return {};
  }

  /// The backends, by "address:port".
  ///
  /// Priorities of SRV records are ranked: the lowest becomes 0, the next 1, and so on. Weights are relative within a
  /// priority. If a target has several addresses, they share its weight. Records of weight 0 get work only now and
  /// then: together as much as a weight of 1 would, which is the probability that the algorithm of RFC 2782 gives them.
  /// If all records of a priority have weight 0, they are equal. Allocates; O(n log n).
  std::vector<discovered> members() const {
    std::map<std::string, discovered> list;
    if (options_.port != 0) {
      for (auto const& host : addresses_of(options_.name)) {
        endpoint const at{host, options_.port};
        list.try_emplace(at.text(), discovered{at.text(), at});
      }
    } else if (auto const at = questions_.find({options_.name, dns_type::srv}); at != questions_.end()) {
      std::map<std::uint16_t, std::vector<dns_record const*>> by_priority;
      for (auto const& r : at->second.records)
        if (r.text != ".") by_priority[r.priority].push_back(&r);
      std::uint32_t rank = 0;
      for (auto const& [priority, records] : by_priority) add_level(list, records, rank++);
    }
    std::vector<discovered> all;
    all.reserve(list.size());
    for (auto& [name, d] : list) all.push_back(std::move(d));
    return all;
  }

  /// Tells a feed what is known: the list once it is complete, and a problem if there is one. Allocates; O(n log n).
  void tell(discovery_feed& feed, time_point now) const {
    auto why = problem();
    if (is_complete()) {
      auto list = members();
      if (!list.empty() || why.empty()) static_cast<void>(feed.offer(std::move(list), now, says_none()));
    }
    if (!why.empty()) feed.failed(std::move(why), now);
  }

 private:
  struct state {
    std::vector<dns_record> records = {};  // of the last good answer
    time_point next = time_point::min();
    back_off retry;
    std::string problem = {};
    bool is_answered = false;
  };

  // In lower case, without the dot at the end.
  static std::string normal(std::string_view name) {
    std::string text{name};
    if (text.size() > 1 && text.back() == '.') text.pop_back();
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
  }

  void want(dns_question q) {
    if (!questions_.contains(q))
      questions_.emplace(std::move(q), state{.retry = back_off{options_.retry, random_.next()}});
  }
  void want_addresses(std::string const& host) {
    if (options_.ipv4) want({host, dns_type::a});
    if (options_.ipv6) want({host, dns_type::aaaa});
  }

  result<> take(dns_question const& question, state& s, dns_answer const& a, time_point now) {
    s.is_answered = true;
    bool const is_address = question.type != dns_type::srv;
    std::string mistake;
    if (a.status == dns_status::ok)
      for (auto const& r : a.records)
        if (mistake.empty()) mistake = mistake_of(question.type, r);
    auto status = a.status;
    if (status == dns_status::ok && a.records.empty()) status = dns_status::no_data;
    if (status == dns_status::no_data && is_address) {  // the other family may have some
      s.records.clear();
      s.problem.clear();
      s.next = detail::later(now, s.retry.next());
      return {};
    }
    if (status != dns_status::ok || !mistake.empty()) {
      auto const wait = s.retry.next();
      s.next = detail::later(now, wait);
      s.problem = "equipoise: DNS, " + question.name + " " + std::string{to_string(question.type)} + ": " +
                  (mistake.empty() ? std::string{to_string(status)} : mistake);
      return result<>::failure(s.problem);
    }
    s.records = a.records;
    for (auto& r : s.records)
      if (!is_address) r.text = normal(r.text);
    s.problem.clear();
    s.retry.reset();
    s.next = detail::later(now, lifetime(a.records));
    if (!is_address) ask_for_targets(s.records);
    return {};
  }

  static std::string mistake_of(dns_type type, dns_record const& r) {
    if (type == dns_type::srv) {
      if (r.text == ".") return {};
      if (r.text.empty()) return "the target of a record is empty";
      if (r.text.find_first_of(" \t\r\n:[]") != r.text.npos) return "the target '" + r.text + "' is no host name";
      if (r.port == 0) return "the port of target '" + r.text + "' is 0";
      return {};
    }
    auto const address = address::parse(r.text);
    if (!address || address->is_v6() != (type == dns_type::aaaa))
      return "'" + r.text + "' is no address of an " + std::string{to_string(type)} + " record";
    return {};
  }

  std::chrono::nanoseconds lifetime(std::vector<dns_record> const& records) {
    std::uint32_t ttl = 0x7FFFFFFF;
    for (auto const& r : records) ttl = std::min(ttl, r.ttl > 0x7FFFFFFF ? 0 : r.ttl);  // RFC 2181: such a one is 0
    auto const time =
        std::clamp<std::chrono::nanoseconds>(std::chrono::seconds{ttl}, options_.shortest, options_.longest);
    double const more = options_.jitter * static_cast<double>(random_.next() >> 11) * 0x1p-53;
    return time + std::chrono::nanoseconds{static_cast<std::int64_t>(static_cast<double>(time.count()) * more)};
  }

  // Those that are not asked for any more are forgotten.
  void ask_for_targets(std::vector<dns_record> const& records) {
    std::erase_if(questions_, [&](auto const& q) {
      return q.first.type != dns_type::srv &&
             std::none_of(records.begin(), records.end(), [&](auto const& r) { return r.text == q.first.name; });
    });
    for (auto const& r : records)
      if (r.text != ".") want_addresses(r.text);
  }

  std::vector<std::string> addresses_of(std::string const& host) const {
    std::vector<std::string> list;
    for (auto const type : {dns_type::a, dns_type::aaaa})
      if (auto const at = questions_.find({host, type}); at != questions_.end())
        for (auto const& r : at->second.records)
          if (std::find(list.begin(), list.end(), r.text) == list.end()) list.push_back(r.text);
    return list;
  }

  // The records of one priority. An address that a better priority has is left out; of two records for it, both weights
  // count.
  void add_level(std::map<std::string, discovered>& list, std::vector<dns_record const*> const& records,
                 std::uint32_t rank) const {
    std::uint64_t zeros = 0, parts = 1;
    std::vector<std::vector<std::string>> addresses;
    for (auto const* r : records) {
      zeros += r->weight == 0;
      addresses.push_back(addresses_of(r->text));
      if (!addresses.back().empty()) parts = std::lcm(parts, addresses.back().size());
      parts = std::min<std::uint64_t>(parts, 5040);  // beyond that, shares are rounded
    }
    bool const all_zero = zeros == records.size();
    std::map<std::string, std::pair<endpoint, std::uint64_t>> level;
    std::uint64_t divisor = 0, most = 0;
    for (std::size_t i = 0; i != records.size(); ++i) {
      auto const& r = *records[i];
      std::uint64_t const whole = all_zero || r.weight == 0 ? 1 : r.weight * std::max<std::uint64_t>(zeros, 1);
      for (auto const& host : addresses[i]) {
        endpoint at{host, r.port};
        auto& weight = level.try_emplace(at.text(), at, 0).first->second.second;
        weight += std::max<std::uint64_t>(whole * parts / addresses[i].size(), 1);
      }
    }
    for (auto const& [name, l] : level) divisor = std::gcd(divisor, l.second), most = std::max(most, l.second);
    if (parts == 1 && zeros <= 1) divisor = 1;  // as the records say
    if (divisor != 0 && most / divisor > 0xFFFFFFFF) divisor = most / 0xFFFFFFFF + 1;
    for (auto& [name, l] : level) {
      l.first.attrs.weight = static_cast<std::uint32_t>(std::max<std::uint64_t>(l.second / divisor, 1));
      l.first.attrs.priority = rank;
      list.try_emplace(name, discovered{name, l.first});
    }
  }

  dns_lookup_options options_;
  std::map<dns_question, state> questions_;
  random_source random_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

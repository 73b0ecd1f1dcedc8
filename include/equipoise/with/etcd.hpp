// SPDX-License-Identifier: MIT
// Members and operators' words in etcd v3, through its HTTP/JSON gateway. Needs nlohmann's library. It opens no
// connection: it says what to ask, and is given what came. with/etcd_client.hpp is a transport, on Boost.Beast.
//
//   equipoise::etcd_source source{{.endpoints = {"10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"}}};
//   auto const task = source.next(now);          // POST task.body to task.endpoint and task.target
//   source.range_answer(status, body, now);      // for a task `range`
//   source.watch_bytes(piece, now);              // for a task `watch`, while source.is_watching()
//   source.failed("connection refused", now);    // for both
//   source.tell(feed, now);
//
// Each backend is a key under members/, each word of an operator a key under operators/, both under the prefix:
//
//   /equipoise/members/b1     {"address": "10.0.0.7:8080", "weight": 2, "zone": "west", "priority": 0}
//   /equipoise/operators/b1   {"drain": true}                  or "maintenance": true, or "weight": 0
//
// A range reads everything once, then a watch goes on from the next revision. After a lost connection the watch goes on
// from the last revision that was seen, at the next endpoint, without another range. If etcd has compacted that
// revision, or is another cluster, or was restored from a backup, a range comes first, and what is not in it leaves.
//
// Every request asks for a leader (the header Grpc-Metadata-hasleader), so a member of etcd that has lost the others
// ends its watches instead of going silent.
//
// Source: the API of etcd 3.4 (api/etcdserverpb/rpc.proto, dev-guide/api_grpc_gateway).
#pragma once

#include <equipoise/discovery/back_off.hpp>
#include <equipoise/discovery/feed.hpp>
#include <equipoise/with/detail/base64.hpp>
#include <equipoise/with/detail/json_reading.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Where etcd is, and how it is asked.
struct etcd_options {
  std::vector<std::string> endpoints = {"127.0.0.1:2379"};      ///< host:port of each member of the cluster
  std::string prefix = "/equipoise/";                           ///< of all keys
  std::chrono::nanoseconds silence = std::chrono::seconds{10};  ///< of a watch, until it is probed
  /// The waits after each endpoint has failed once. Between two endpoints there is none.
  back_off_options retry = {std::chrono::milliseconds{200}, std::chrono::seconds{5}};

  /// Fails if a value is out of range, naming it.
  void check() const {
    if (endpoints.empty()) fail("equipoise: etcd_options::endpoints is empty");
    for (auto const& e : endpoints) static_cast<void>(endpoint::parse(e));
    if (prefix.empty() || prefix.back() != '/')
      fail("equipoise: etcd_options::prefix '" + prefix + "' does not end with '/'");
    if (silence.count() <= 0)
      fail("equipoise: etcd_options::silence " + std::to_string(silence.count()) + " ns is not more than 0");
    retry.check();
  }
};

/// What an etcd_source wants to be done next.
struct etcd_task {
  enum class kind : std::uint8_t {
    wait,   ///< nothing until `at`, or until a watch that is open has something
    range,  ///< a request with one answer
    watch,  ///< a request whose answer goes on and on
  } what = kind::wait;
  std::string endpoint = {};  ///< "host:port"
  std::string target = {};    ///< "/v3/kv/range" or "/v3/watch"
  std::string body = {};      ///< JSON
  time_point at = {};         ///< for `wait`
};

/// Members and operators' words, as etcd has them. See the top of the header. One thread at a time.
class etcd_source {
 public:
  /// Each request has this header: without a leader there is no answer.
  static constexpr char const* leader_header = "Grpc-Metadata-hasleader";
  static constexpr char const* leader_value = "true";

  /// Fails if an option is out of range. The seed decides with which endpoint it begins, and the waits.
  explicit etcd_source(etcd_options o, std::uint64_t seed = 1) : options_{std::move(o)}, retry_{options_.retry, seed} {
    options_.check();
    members_prefix_ = options_.prefix + "members/";
    operators_prefix_ = options_.prefix + "operators/";
    endpoint_ = random_source{seed}.below(static_cast<std::uint32_t>(options_.endpoints.size()));
  }

  /// What to do now. A task that is not over must be answered before the next call. Allocates; O(1).
  etcd_task next(time_point now) {
    if (is_watching()) return {.at = time_point::max()};
    if (now < retry_at_ && detail::elapsed(now, retry_at_) <= options_.retry.most) return {.at = retry_at_};
    retry_at_ = {};
    return needs_range_ ? range() : watch(now);
  }
  /// Whether the bytes of a watch are wanted. If not, its connection is of no use any more.
  bool is_watching() const noexcept { return is_watching_; }
  /// A question to the endpoint of the watch, for when it has been silent for long. If it gets no answer with status
  /// 200 in time, say failed().
  etcd_task probe() const {
    return {etcd_task::kind::range, here(), "/v3/kv/range",
            nlohmann::json{{"key", detail::base64(options_.prefix)}, {"count_only", true}}.dump()};
  }

  /// The answer to a range. A garbled one is refused whole. Allocates; O(n log n).
  result<> range_answer(int status, std::string_view body, time_point now) {
    std::string mistake;
    bytes_ += body.size();
    auto const j = detail::json_of(body, "the answer to a range", mistake);
    if (status != 200) return fail_with(status_text(status, j), now);
    std::map<std::string, member, std::less<>> members;
    std::map<std::string, word, std::less<>> words;
    detail::json_fields fields{j, "range", mistake};
    auto const head = header_of(fields, mistake);
    if (fields.flag("more")) fields.refuse("more", "is true, although no limit was asked for");
    if (auto const* kvs = fields.array("kvs")) {
      std::size_t i = 0;
      for (auto const& kv : *kvs) {
        auto const pair = pair_of(kv, "range.kvs[" + std::to_string(i++) + "]", mistake);
        if (mistake.empty()) put(pair, members, words);
      }
    }
    if (!mistake.empty()) return fail_with(std::move(mistake), now);
    members_ = std::move(members);
    words_ = std::move(words);
    cluster_ = head.cluster;
    next_revision_ = head.revision + 1;
    needs_range_ = false;
    problem_.clear();
    ++ranges_;
    return {};
  }

  /// The status of the answer to a watch, and its body if that is not 200.
  result<> watch_status(int status, std::string_view body, time_point now) {
    if (status == 200) return {};
    std::string ignored;
    return fail_with(status_text(status, detail::json_of(body, "the answer", ignored)), now);
  }
  /// The bytes of a watch as they arrive. Returns why the watch is over, if it is. Allocates; O(bytes).
  result<> watch_bytes(std::string_view piece, time_point now) {
    if (!is_watching()) return {};
    bytes_ += piece.size();
    lines_.append(piece);
    for (std::string_view line; lines_.next(line);) {
      if (line.find_first_not_of(" \t\r") == line.npos) continue;
      if (auto done = fold(line, now); !done || !is_watching()) return done;
    }
    if (lines_.is_too_long()) return fail_with("equipoise: an event of the watch has more than 64 MiB", now);
    return {};
  }

  /// The connection was lost, or no answer came in time. What is known stays; the next task is for the next endpoint.
  void failed(std::string why, time_point now) { static_cast<void>(fail_with(here() + ": " + std::move(why), now)); }

  /// The backends, with the operators' words, by the name that follows members/. Allocates; O(n).
  std::vector<discovered> members() const {
    std::vector<discovered> list;
    list.reserve(members_.size());
    for (auto const& [name, m] : members_) {
      if (m.last.name.empty()) continue;
      list.push_back(m.last);
      auto const at = words_.find(name);
      if (at == words_.end()) continue;
      list.back().flags = at->second.flags;
      if (at->second.weight >= 0) list.back().at.attrs.weight = static_cast<std::uint32_t>(at->second.weight);
    }
    return list;
  }
  /// Why what is known may be old; empty if the last word of etcd was good.
  std::string const& problem() const noexcept { return problem_; }
  /// What is wrong with the first value that is; empty if none is. A bad value does not count, nor does a part of it:
  /// the last good one of its key does.
  std::string mistake() const {
    for (auto const& [name, m] : members_)
      if (!m.mistake.empty()) return m.mistake;
    for (auto const& [name, w] : words_)
      if (!w.mistake.empty()) return w.mistake;
    return {};
  }
  /// Tells a feed what is known. Allocates; O(n log n).
  void tell(discovery_feed& feed, time_point now) const {
    if (ranges_ != 0) static_cast<void>(feed.offer(members(), now));
    if (!problem_.empty()) feed.failed(problem_, now);
  }

  /// The options.
  etcd_options const& options() const noexcept { return options_; }
  std::uint64_t ranges() const noexcept { return ranges_; }              ///< good answers to ranges
  std::uint64_t watches() const noexcept { return watches_; }            ///< watches that etcd began
  std::uint64_t events() const noexcept { return events_; }              ///< changes of keys that came by watches
  std::uint64_t bytes() const noexcept { return bytes_; }                ///< of the answers to both
  std::int64_t revision() const noexcept { return next_revision_ - 1; }  ///< the last one that is known

 private:
  struct member {
    discovered last;  // the last good one; without a name if there is none
    std::string mistake = {};
  };
  struct word {  // the last good one, which may be none
    health_flag flags = health_flag::none;
    std::int64_t weight = -1;  // less than 0: that of the member
    std::string mistake = {};
  };
  using member_map = std::map<std::string, member, std::less<>>;
  using word_map = std::map<std::string, word, std::less<>>;
  struct header {
    std::int64_t revision = 0;
    std::string cluster;
  };
  struct key_value {
    std::string key, value;
    std::int64_t revision = 0;
  };

  std::string const& here() const noexcept { return options_.endpoints[endpoint_]; }

  // The end of the range of all keys with the prefix: the prefix with its last byte raised. It ends with '/'.
  nlohmann::json all_keys() const {
    std::string end = options_.prefix;
    ++end.back();
    return {{"key", detail::base64(options_.prefix)}, {"range_end", detail::base64(end)}};
  }
  etcd_task range() const { return {etcd_task::kind::range, here(), "/v3/kv/range", all_keys().dump()}; }
  etcd_task watch(time_point now) {
    auto request = all_keys();
    request["start_revision"] = std::to_string(next_revision_);
    request["progress_notify"] = true;
    is_watching_ = true;
    began_ = now;
    lines_.clear();
    return {etcd_task::kind::watch, here(), "/v3/watch", nlohmann::json{{"create_request", request}}.dump()};
  }

  result<> fail_with(std::string why, time_point now) {
    if (is_watching_ && detail::elapsed(began_, now) >= options_.retry.most) {  // it was a good connection
      tried_ = 0;
      retry_.reset();
    }
    is_watching_ = false;
    endpoint_ = (endpoint_ + 1) % options_.endpoints.size();
    if (++tried_ >= options_.endpoints.size()) {
      tried_ = 0;
      retry_at_ = detail::later(now, retry_.next());
    }
    problem_ = std::move(why);
    return result<>::failure(problem_);
  }
  // Everything is read again, at once.
  void begin_anew() noexcept {
    is_watching_ = false;
    needs_range_ = true;
  }

  static std::string status_text(int status, nlohmann::json const& j) {
    std::string text = "equipoise: etcd answered " + std::to_string(status), message, ignored;
    if (j.is_object()) {  // {"error": text, "message": text} or {"error": {"message": text}}
      detail::json_fields outer{j, "answer", ignored};
      auto const* error = outer.find("error");
      detail::json_fields inner{error != nullptr && error->is_object() ? *error : j, "answer", ignored};
      message = inner.text("message");
    }
    return message.empty() ? text : text + ": " + message;
  }

  static header header_of(detail::json_fields& fields, std::string& mistake) {
    auto const* j = fields.object("header");
    if (j == nullptr) {
      if (mistake.empty()) fields.refuse("header", "is missing");
      return {};
    }
    detail::json_fields in{*j, fields.where() + ".header", mistake};
    return {in.number("revision", 0, INT64_MAX - 1), in.text("cluster_id")};
  }
  static std::string bytes_of(detail::json_fields& fields, char const* field) {
    auto bytes = detail::from_base64(fields.text(field));
    if (!bytes) fields.refuse(field, "is no base64");
    return bytes ? *std::move(bytes) : std::string{};
  }
  static key_value pair_of(nlohmann::json const& j, std::string const& where, std::string& mistake) {
    detail::json_fields fields{j, where, mistake};
    key_value kv;
    kv.key = bytes_of(fields, "key");
    kv.value = bytes_of(fields, "value");
    kv.revision = fields.number("mod_revision", 0, INT64_MAX - 1);
    return kv;
  }

  // What follows the prefix; nothing if there is no such prefix, or nothing behind it.
  static std::string_view name_behind(std::string_view prefix, std::string_view key) noexcept {
    return key.substr(0, prefix.size()) == prefix ? key.substr(prefix.size()) : std::string_view{};
  }
  // Another key under the prefix means nothing here.
  void put(key_value const& kv, member_map& members, word_map& words) const {
    if (auto const name = name_behind(members_prefix_, kv.key); !name.empty()) {
      std::string mistake;
      member m{member_of(name, kv, mistake)};
      if (!mistake.empty()) {
        auto const at = members_.find(name);
        m = at != members_.end() ? at->second : member{};
        m.mistake = std::move(mistake);
      }
      members.insert_or_assign(std::string{name}, std::move(m));
    } else if (auto const about = name_behind(operators_prefix_, kv.key); !about.empty()) {
      std::string mistake;
      word w = word_of(kv, mistake);
      if (!mistake.empty()) {
        auto const at = words_.find(about);
        w = at != words_.end() ? at->second : word{};
        w.mistake = std::move(mistake);
      }
      words.insert_or_assign(std::string{about}, std::move(w));
    }
  }
  void erase(std::string_view key) {
    if (auto const at = members_.find(name_behind(members_prefix_, key)); at != members_.end()) members_.erase(at);
    if (auto const at = words_.find(name_behind(operators_prefix_, key)); at != words_.end()) words_.erase(at);
  }

  static discovered member_of(std::string_view name, key_value const& kv, std::string& mistake) {
    auto const j = detail::json_of(kv.value, kv.key, mistake);
    if (!mistake.empty()) return {};
    detail::json_fields fields{j, kv.key, mistake};
    discovered d;
    d.name = name;
    auto const address = fields.text("address");
    if (!fields.has("address"))
      fields.refuse_whole("has no address");
    else if (auto const parsed = endpoint::try_parse(address))
      d.at = *parsed;
    else
      fields.refuse("address", "is not host:port with a port of 1 … 65535");
    d.at.attrs.weight = static_cast<std::uint32_t>(fields.number("weight", 0, 0xFFFFFFFF, 1));
    d.at.attrs.priority = static_cast<std::uint32_t>(fields.number("priority", 0, 0xFFFF, 0));
    d.at.attrs.zone = fields.text("zone");
    if (mistake.empty()) mistake = d.mistake();
    return d;
  }
  // A field that is not known is refused: an operator who mistypes "drain" must hear of it.
  static word word_of(key_value const& kv, std::string& mistake) {
    auto const j = detail::json_of(kv.value, kv.key, mistake);
    if (!mistake.empty()) return {};
    detail::json_fields fields{j, kv.key, mistake};
    fields.no_others({"drain", "maintenance", "weight", "by", "why"});
    word w;
    if (fields.flag("drain")) w.flags = w.flags | health_flag::draining;
    if (fields.flag("maintenance")) w.flags = w.flags | health_flag::maintenance;
    w.weight = fields.number("weight", 0, 0xFFFFFFFF, -1);
    return w;
  }

  result<> fold(std::string_view line, time_point now) {
    std::string mistake;
    auto const j = detail::json_of(line, "an event", mistake);
    detail::json_fields outer{j, "watch", mistake};
    if (auto const* error = mistake.empty() ? outer.object("error") : nullptr) {
      detail::json_fields in{*error, "watch.error", mistake};
      return fail_with("equipoise: etcd ended the watch: " + in.text("message"), now);
    }
    auto const* inner = outer.object("result");
    if (inner == nullptr) {
      if (mistake.empty()) outer.refuse_whole("has neither result nor error");
      return fail_with(std::move(mistake), now);
    }
    detail::json_fields fields{*inner, "watch.result", mistake};
    auto const head = header_of(fields, mistake);
    if (fields.flag("canceled")) return canceled(fields, mistake, now);
    bool const is_created = fields.flag("created");
    std::vector<std::pair<bool, key_value>> changes;  // whether the key is gone
    if (auto const* events = fields.array("events")) {
      std::size_t i = 0;
      for (auto const& e : *events) {
        auto const where = "watch.result.events[" + std::to_string(i++) + "]";
        detail::json_fields in{e, where, mistake};
        auto const type = in.text("type", "PUT");
        if (type != "PUT" && type != "DELETE") in.refuse("type", "is neither PUT nor DELETE");
        if (auto const* kv = in.object("kv"))
          changes.emplace_back(type == "DELETE", pair_of(*kv, where + ".kv", mistake));
        else if (mistake.empty())
          in.refuse("kv", "is missing");
      }
    }
    if (!mistake.empty()) return fail_with(std::move(mistake), now);
    if (is_created && (head.cluster != cluster_ || head.revision < next_revision_ - 1)) {
      begin_anew();
      return {};
    }
    if (is_created) {
      ++watches_;
      problem_.clear();
    }
    for (auto const& [is_gone, kv] : changes) {
      if (is_gone)
        erase(kv.key);
      else
        put(kv, members_, words_);
      next_revision_ = std::max(next_revision_, kv.revision + 1);
      ++events_;
    }
    if (changes.empty() && !is_created)  // a notice of progress: every later event has a later revision
      next_revision_ = std::max(next_revision_, head.revision + 1);
    return {};
  }
  result<> canceled(detail::json_fields& fields, std::string& mistake, time_point now) {
    auto const compacted = fields.number("compact_revision", 0, INT64_MAX - 1);
    auto const why = fields.text("cancel_reason");
    if (!mistake.empty()) return fail_with(std::move(mistake), now);
    if (compacted == 0) return fail_with("equipoise: etcd canceled the watch" + (why.empty() ? why : ": " + why), now);
    begin_anew();
    return {};
  }

  etcd_options options_;
  std::string members_prefix_, operators_prefix_;
  member_map members_;
  word_map words_;
  back_off retry_;
  std::string problem_;
  std::string cluster_;
  std::int64_t next_revision_ = 0;
  std::size_t endpoint_ = 0, tried_ = 0;  // the one in use, and how many failed in a row
  time_point retry_at_{}, began_{};
  bool needs_range_ = true, is_watching_ = false;
  std::uint64_t ranges_ = 0, watches_ = 0, events_ = 0, bytes_ = 0;
  detail::line_splitter lines_{std::size_t{64} << 20};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

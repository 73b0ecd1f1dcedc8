// SPDX-License-Identifier: MIT
// Replays nginx's round robin with failing backends: the same requests, answers and waits, and each request has to try
// the same backends in the same order. The proxy around the choice is here; the choice, the failures and what they do
// to later choices are the library's.
#include "conform.hpp"

#include <equipoise/compat/nginx.hpp>
#include <equipoise/core/pick/balancer.hpp>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>

namespace conform {
namespace {

using namespace equipoise;

struct peer_line {
  server backend;
  std::uint32_t max_fails, max_conns;
  std::chrono::seconds fail_timeout;
  bool is_down, is_backup;
  std::size_t index;
};

std::vector<peer_line> peers_in(json const& list) {
  std::vector<peer_line> all;
  for (std::size_t i = 0; i != list.size(); ++i) {
    auto const& b = as_object(list[i], {"backends", i});
    auto const number = [&](char const* name, std::int64_t preset, std::int64_t least) {
      return b.contains(name) ? as_integer(b[name], {"backends", i, name}, least, 1'000'000) : preset;
    };
    all.push_back({{std::to_string(i), static_cast<std::uint32_t>(number("weight", 1, 1))},
                   static_cast<std::uint32_t>(number("max_fails", 1, 0)),
                   static_cast<std::uint32_t>(number("max_conns", 0, 0)),
                   std::chrono::seconds{number("fail_timeout", 10, 0)},
                   b.value("down", false),
                   b.value("backup", false),
                   i});
  }
  return all;
}

// The primary peers, or the backups.
struct group {
  std::vector<peer_line> peers;
  equipoise::pool<server> pool;
  failure_window<server> window;
  equipoise::balancer<server, compat::nginx_round_robin<server>> lb;
  equipoise::picker<server, compat::nginx_round_robin<server>> picker;
  std::vector<backend_id> ids;

  explicit group(std::vector<peer_line> const& lines)
      : peers{lines}, pool{{.capacity = static_cast<std::uint32_t>(lines.size())}},
        window{pool, compat::nginx_failure_presets()}, lb{pool, compat::nginx_round_robin{window}, 0},
        picker{lb.make_picker()} {
    for (auto const& p : peers) {
      ids.push_back(pool.add(p.backend));
      window.set_limits(ids.back(), p.max_fails, p.fail_timeout);
      if (p.is_down) pool.set(ids.back(), health_flag::maintenance);
    }
  }
};

// The upstream block as one worker sees it.
struct upstream {
  std::unique_ptr<group> primary, backup;
  std::size_t tries = 0;

  explicit upstream(std::vector<peer_line> const& peers) {
    std::vector<peer_line> lines[2];
    for (auto const& p : peers) lines[p.is_backup].push_back(p), tries += !p.is_down;
    if (lines[0].empty()) throw skipped("all backends are backups");
    primary = std::make_unique<group>(lines[0]);
    if (!lines[1].empty()) backup = std::make_unique<group>(lines[1]);
  }
  bool is_single() const { return backup == nullptr && primary->peers.size() == 1; }
  void advance(time_point now) {
    for (auto* g : {primary.get(), backup.get()})
      if (g != nullptr) g->window.advance(now);
  }
};

struct request {
  std::shared_ptr<upstream> of;
  group* from;
  std::size_t tries;
  bool is_post;
  std::vector<backend_id> tried{};
  equipoise::lease<server> work{};
  std::size_t peer = 0;  // in its group
  bool is_cached = false;
};

class proxy {
 public:
  proxy(json const& params, json const& backends) : peers_{peers_in(backends)} {
    for (auto const& [name, value] : as_object(params, {"params"}).items()) {
      place const at{"params", {}, name};
      if (name == "zone")
        has_zone_ = value.get<bool>();
      else if (name == "worker_processes")
        workers_ = static_cast<std::size_t>(as_integer(value, at, 1, 64));
      else if (name == "keepalive")
        keep_ = static_cast<std::size_t>(as_integer(value, at, 0, 10'000));
      else if (name == "proxy_next_upstream")
        next_ = words_in(as_text(value, at));
      else if (name == "proxy_next_upstream_tries")
        most_tries_ = static_cast<std::size_t>(as_integer(value, at, 0, 10'000));
      else if (name != "balancer" && name != "proxy_read_timeout")
        throw skipped(at.text() + " is not supported yet");
    }
    std::map<std::string, std::size_t> addresses;  // backends with one address cannot be told apart
    for (std::size_t i = 0; i != peers_.size(); ++i)
      shown_as_.push_back(
          addresses.emplace(as_text(field_of(backends[i], {"backends", i, "address"}), {"address"}), i).first->second);
    reload();
  }

  void reload() {
    upstreams_.clear();
    for (std::size_t i = 0; i != workers_; ++i)
      upstreams_.push_back(has_zone_ && i != 0 ? upstreams_[0] : std::make_shared<upstream>(peers_));
  }
  void wait(std::int64_t seconds) {
    now_ += std::chrono::seconds{seconds};
    for (auto const& u : upstreams_) u->advance(now_);
    for (auto const& [name, r] : held_) r.of->advance(now_);
  }
  std::set<std::size_t> refusing;
  std::map<std::size_t, json> answers;  // 200 for the others

  // A request and its attempts; held by its backend if it has a name.
  json ask(bool is_post, std::size_t worker, std::string const& name = {}) {
    auto const& u = upstreams_.at(worker);
    std::size_t const tries = most_tries_ != 0 ? std::min(most_tries_, u->tries) : u->tries;
    json tried = json::array();
    return attempts({u, u->primary.get(), tries, is_post}, tried, name);
  }
  // The status of a held request, and the further attempts.
  std::pair<json, json> release(std::string const& name, json const& answer) {
    request r = std::move(held_.at(name));
    held_.erase(name);
    json tried = json::array();
    if (auto const status = answered(r, answer, 0)) return {tried, status};
    json const rest = attempts(std::move(r), tried, {});
    bool const is_good = !rest.is_object();
    return {is_good ? (rest.is_array() ? rest : json::array({rest})) : rest["tried"],
            is_good ? json(200) : rest["status"]};
  }
  void abort(std::string const& name) {
    ended(held_.at(name), false);
    held_.erase(name);
  }
  bool has_held(std::string const& name) const { return held_.contains(name); }

 private:
  static std::set<std::string> words_in(std::string const& text) {
    std::istringstream in{text};
    std::set<std::string> words;
    for (std::string word; in >> word;) words.insert(word);
    return words;
  }

  bool choose(request& r) {
    for (;;) {
      r.work = r.from->picker.acquire({.now = now_, .excluded = r.tried});
      if (r.work) break;
      if (r.from == r.of->backup.get() || r.of->backup == nullptr) return false;
      r.from = r.of->backup.get(), r.tried.clear();
    }
    auto const id = r.work.id();
    r.peer = static_cast<std::size_t>(std::find(r.from->ids.begin(), r.from->ids.end(), id) - r.from->ids.begin());
    if (!r.of->is_single()) r.from->window.began(id, now_), r.tried.push_back(id);
    auto const most = r.from->peers[r.peer].max_conns;
    if (most != 0 && r.from->pool.in_flight(id) >= most) r.from->pool.set(id, health_flag::saturated);
    return true;
  }
  void ended(request& r, bool is_failure) {
    auto const id = r.work.id();
    r.work = {};
    r.from->pool.clear(id, health_flag::saturated);
    if (r.of->is_single()) {
      r.tries = 0;
      return;
    }
    r.from->window.report(id, is_failure ? outcome::error : outcome::ok, now_);
    if (r.tries != 0) --r.tries;
  }

  json attempts(request r, json& tried, std::string const& name) {
    for (;;) {
      if (!choose(r)) {
        tried.push_back(nullptr);
        return {{"tried", tried}, {"status", 502}};
      }
      std::size_t const index = r.from->peers[r.peer].index;
      tried.push_back(shown_as_[index]);
      std::size_t served = 0;
      auto const idle = std::find_if(idle_.begin(), idle_.end(), [&](auto const& i) { return i.first == index; });
      r.is_cached = idle != idle_.end();
      if (r.is_cached) served = idle->second, idle_.erase(idle);
      int status = 0;
      if (refusing.contains(index) && !r.is_cached) {
        status = failed(r, "error", false);
      } else if (!name.empty()) {
        held_.emplace(name, std::move(r));
        return tried.size() == 1 ? tried[0] : tried;
      } else {
        auto const found = answers.find(index);
        json answer = found == answers.end() ? json(200) : found->second;
        if (answer == "one_shot") answer = served == 0 ? json(200) : json("close");
        status = answered(r, answer, served);
      }
      if (status == 200) return tried.size() == 1 ? tried[0] : tried;
      if (status != 0) return {{"tried", tried}, {"status", status}};
    }
  }
  // The final status, or 0 for another attempt.
  int answered(request& r, json const& answer, std::size_t served) {
    if (answer == "close") return failed(r, "error", true);
    if (answer == "garbage") return failed(r, "invalid_header", true);
    if (answer == "hang") return failed(r, "timeout", true);
    int const status = answer == "cut" ? 200 : static_cast<int>(as_integer(answer, {"status"}, 100, 599));
    static std::set<std::string> const known{"http_500", "http_502", "http_503", "http_504",
                                             "http_403", "http_404", "http_429"};
    std::string const kind = "http_" + std::to_string(status);
    if (answer != "cut" && known.contains(kind) && next_.contains(kind) && r.tries > 1 && may_repeat(r, true))
      return failed(r, kind, true);
    std::size_t const index = r.from->peers[r.peer].index;
    ended(r, false);
    if (keep_ != 0) {
      idle_.insert(idle_.begin(), {index, served + 1});
      if (idle_.size() > keep_) idle_.pop_back();
    }
    return status;
  }
  bool may_repeat(request const& r, bool was_sent) const {
    return !was_sent || !r.is_post || next_.contains("non_idempotent");
  }
  int failed(request& r, std::string const& kind, bool was_sent) {
    ended(r, kind != "http_403" && kind != "http_404");
    if (r.is_cached && kind == "error") ++r.tries;
    if (r.tries != 0 && next_.contains(kind) && may_repeat(r, was_sent)) return 0;
    return kind == "timeout" ? 504 : kind.starts_with("http_") ? std::stoi(kind.substr(5)) : 502;
  }

  std::vector<peer_line> peers_;
  std::vector<std::size_t> shown_as_;
  bool has_zone_ = false;
  std::size_t workers_ = 1, keep_ = 0, most_tries_ = 0;
  std::set<std::string> next_{"error", "timeout"};
  std::vector<std::shared_ptr<upstream>> upstreams_;
  std::map<std::string, request> held_;
  std::vector<std::pair<std::size_t, std::size_t>> idle_;  // backends and the requests served, the newest first
  time_point now_{std::chrono::hours{1}};
};

void replay(result& r, json const& s) {
  auto const name = as_text(field_of(s, {"scenario", {}, "name"}), {"name"});
  auto const& backends = as_list(field_of(s, {"scenario", {}, "backends"}), {"backends"});
  proxy x{s["params"], backends};
  std::size_t number = 0;
  auto const most = static_cast<std::int64_t>(backends.size()) - 1;
  for (auto const& step : as_list(field_of(s, {"scenario", {}, "steps"}), {"steps"})) {
    place const at{"steps", number};
    std::string const what = name + ", step " + std::to_string(number++);
    as_object(step, at);
    auto const index_in = [&](char const* field) {
      return static_cast<std::size_t>(as_integer(step[field], {at.name, at.index, field}, 0, most));
    };
    auto const held = [&](char const* field) {
      auto const held_name = as_text(step[field], {at.name, at.index, field});
      if (!x.has_held(held_name)) throw skipped(at.text() + ": " + line_of(held_name, 60) + " is not held");
      return held_name;
    };
    bool const is_post = step.value("method", "GET") == "POST";
    if (step.contains("wait_s")) {
      x.wait(as_integer(step["wait_s"], {at.name, at.index, "wait_s"}, 0, 1'000'000));
    } else if (step.contains("down")) {
      x.refusing.insert(index_in("down"));
    } else if (step.contains("up")) {
      x.refusing.erase(index_in("up"));
    } else if (step.contains("reload")) {
      x.reload();
    } else if (step.contains("picks")) {
      auto const& got = as_list(field_of(step, {at.name, at.index, "got"}), {at.name, at.index, "got"});
      for (std::size_t i = 0; i != got.size(); ++i) {
        auto const worker = step.contains("workers") ? step["workers"].at(i).get<std::size_t>() : std::size_t{0};
        r.compare(what, got[i].dump(), x.ask(is_post, worker).dump());
      }
    } else if (step.contains("hold")) {
      r.compare(what, field_of(step, {at.name, at.index, "got"}).dump(),
                x.ask(is_post, 0, as_text(step["hold"], {at.name, at.index, "hold"})).dump());
    } else if (step.contains("release")) {
      auto const [tried, status] = x.release(held("release"), step.contains("as") ? step["as"] : json(200));
      r.compare(what, json({step.value("more", json::array()), step.value("status", json(200))}).dump(),
                json({tried, status}).dump());
    } else if (step.contains("abort")) {
      x.abort(held("abort"));
    } else if (step.contains("status")) {
      auto const& both = as_list(step["status"], {at.name, at.index, "status"});
      if (both.size() != 2) is_not(both, {at.name, at.index, "status"}, "a list of 2");
      x.answers[static_cast<std::size_t>(as_integer(both[0], at, 0, most))] = both[1];
    } else {
      throw skipped(at.text() + " is not supported yet");
    }
  }
}

}  // namespace

bool is_nginx_upstream(json const& file) {
  auto const scenarios = file.find("scenarios");
  if (file.value("system", json{}) != "nginx" || scenarios == file.end() || !scenarios->is_array()) return false;
  for (auto const& s : *scenarios)
    if (!s.is_object() || !s.contains("params") || !s["params"].is_object() ||
        s["params"].value("balancer", json{}) != "round_robin")
      return false;
  return !scenarios->empty();
}

result replay_nginx_upstream(json const& file) {
  result r;
  for (auto const& s : file["scenarios"]) replay(r, s);
  return r;
}

}  // namespace conform

// SPDX-License-Identifier: MIT
// Every policy with every kind of health, capacity, session and level: all combinations against the same laws.
//
//   equipoise_matrix                 runs all of them; says which fail, and why; exit 1 then
//   equipoise_matrix --page FILE     the same; the table of results must be in FILE, docs/combinations.md
//   equipoise_matrix TEXT            those with TEXT in their names
//
// A run is a small fleet with work in flight, on a clock of its own: all is well, then the heaviest backend dies, comes
// back, members join and leave. The policies are made by name, as in a configuration.
#include <equipoise/equipoise.hpp>
#include <equipoise/health.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace equipoise;
using namespace std::chrono_literals;

struct server {
  std::string name;
  std::uint32_t weight = 1, priority = 0;
};
std::string_view key_of(server const& s) { return s.name; }
std::uint32_t weight_of(server const& s) { return s.weight; }
std::uint32_t priority_of(server const& s) { return s.priority; }
std::string_view zone_of(server const& s) { return s.priority == 0 ? "west" : "east"; }
labels labels_of(server const& s) { return {{"level", s.priority == 0 ? "first" : "second"}}; }

// How a backend is found to be dead, and to be back.
enum class health { active, passive, window, accrual, slow_start, flapping };
constexpr char const* health_names[] = {"active checks",   "outlier detection", "failure window",
                                        "failure accrual", "slow start",        "flapping"};
constexpr health all_kinds[] = {health::active,  health::passive,    health::window,
                                health::accrual, health::slow_start, health::flapping};

struct combination {
  std::string policy;
  health how;
  std::string capacity, session, level;  // a composition around it, or empty

  std::string text() const {
    std::string all = policy;
    for (auto const* outer : {&capacity, &level, &session}) wrap(all, *outer);
    if (how == health::slow_start) wrap(all, "slow_start");
    return all;
  }
  std::string name() const { return text() + " with " + health_names[static_cast<std::size_t>(how)]; }
  bool is_keyed() const {
    return policy == "ip_hash" || policy == "hash_modulo" || policy == "ring_hash" || policy == "maglev";
  }
  bool has_reports() const { return how == health::passive || how == health::window || how == health::accrual; }
  // Its spares get nothing while the first level is well, or never.
  bool keeps_spares() const { return level == "failover" || level.starts_with("subset"); }

 private:
  static void wrap(std::string& inside, std::string const& outer) {
    if (outer.empty()) return;
    auto const brace = outer.find('}');
    inside = brace == std::string::npos ? outer + "{" + inside + "}"
                                        : outer.substr(0, brace) + ", " + inside + outer.substr(brace);
    if (auto const at = inside.find("{, "); at != std::string::npos) inside.erase(at + 1, 2);
  }
};

// One run of a combination. Says what was wrong in `faults`.
class run {
 public:
  run(combination const& c, std::uint64_t seed)
      : c_{c}, lb_{pool_, policy_registry::standard().make(c.text()), seed}, picker_{lb_.make_picker()},
        draw_{seed + 1} {
    for (auto const& s : {server{"heavy", 5}, server{"a"}, server{"b"}, server{"unwanted", 0}, server{"drained"},
                          server{"spare", 1, 1}})
      ids_[s.name] = pool_.add(s);
    pool_.set(ids_["drained"], health_flag::draining);
    pool_.refresh();
  }

  std::vector<std::string> faults;
  std::uint64_t digest = 0;  // of all picks

  void go() {
    auto const before = phase(3000);
    law(before.at("heavy") > 0 && before.at("a") > 0 && before.at("b") > 0, "a healthy backend gets nothing");
    if (c_.keeps_spares()) law(before.at("spare") == 0, "the spare gets work while others are well");

    die();
    auto dead = phase(600);
    // Pickers learn of it at once. Reports need up to five failures in a row; what was in flight may be in
    // between, and before them.
    law(dead.at("heavy") <= (c_.has_reports()             ? 5 + 2 * window
                             : c_.how == health::flapping ? 600
                                                          : 0),
        "a dead backend gets work: " + std::to_string(dead.at("heavy")) + " times");
    pool_.refresh();
    if (c_.how == health::flapping) pool_.set(ids_["heavy"], health_flag::down), flaps_ = false;
    dead = phase(3000);
    law(dead.at("heavy") == 0, "a backend that was found dead gets work: " + std::to_string(dead.at("heavy")));
    double const a = dead.at("a"), b = dead.at("b");
    double const allowed = c_.is_keyed() ? 0.35 : 0.15;
    law(std::abs(a - b) <= allowed * (a + b),
        "the load of the dead one is not shared evenly: " + std::to_string(dead.at("a")) + " and " +
            std::to_string(dead.at("b")));

    come_back();
    auto const early = phase(300);
    if (c_.how == health::slow_start)
      law(early.at("heavy") * 10 < before.at("heavy") / 2, "a backend in slow start gets its whole share");
    now_ += 100s;
    pool_.refresh();
    auto const after = phase(3000);
    double const share = after.at("heavy"), share_before = before.at("heavy");
    law(std::abs(share - share_before) < 0.25 * share_before + 60,
        "a backend that is back has another share: " + std::to_string(after.at("heavy")) + " after " +
            std::to_string(before.at("heavy")));

    retries();
    joins();
    sessions();
    held_.clear();
    pool_.refresh();
    for (auto const& [name, id] : ids_) law(pool_.in_flight(id) == 0, "work is left in flight on " + name);
    law(pool_.waiting().records == 0 && pool_.waiting().slots == 0, "removed backends are not reclaimed");
  }

 private:
  static constexpr int window = 7;  // pieces of work in flight at once

  void law(bool holds, std::string const& otherwise) {
    if (!holds && faults.size() < 3) faults.push_back(otherwise);
  }

  any_key next_key() {
    if (c_.policy == "ip_hash")
      return address::v4({static_cast<std::uint8_t>(draw_.below(200)), static_cast<std::uint8_t>(draw_.below(256)),
                          static_cast<std::uint8_t>(draw_.below(256)), 1});
    return draw_.next();
  }

  // The work of that many picks, by backend.
  std::map<std::string, int> phase(int picks) {
    std::map<std::string, int> count;
    for (auto const& [name, id] : ids_) count[name] = 0;
    for (int i = 0; i != picks; ++i) {
      now_ += 1ms;
      if (flaps_ && i % 50 == 0) flap(i % 100 == 0);
      if (has_guests_ && i % 50 == 0) guest(i % 100 == 0);
      auto const key = next_key();
      auto lease = picker_.acquire(key, {.now = now_});
      if (!lease) {
        law(false, "a pick got nothing: " + std::string{to_string(lease.error())});
        continue;
      }
      ++count[lease->name];
      note(lease.id());
      law(lease->name != "unwanted", "a backend of weight 0 got work");
      law(lease->name != "drained", "a backend that drains got new work");
      if (flaps_) law(lease->name != "heavy" || !is_down_, "a backend that is down got work");
      if (!began(lease.id())) {  // another request is its trial
        lease.finish(outcome::cancelled, now_);
        continue;
      }
      bool const is_bad = is_dead_ && lease->name == "heavy";
      held_.push_back({std::move(lease), is_bad ? outcome::error : outcome::ok});
      if (held_.size() > window) finish_oldest();
      if (i % 500 == 499) timer();
    }
    return count;
  }

  void finish_oldest() {
    std::swap(held_.front(), held_[draw_.below(3)]);
    auto& [lease, how] = held_.front();
    report(lease.id(), how);
    lease.finish(how, now_);
    held_.pop_front();
  }

  bool began(backend_id id) {
    return c_.how == health::window    ? window_.began(id, now_)
           : c_.how == health::accrual ? accrual_.began(id, now_)
                                       : true;
  }
  void report(backend_id id, outcome how) {
    if (c_.how == health::passive) detection_.report(id, how, now_);
    if (c_.how == health::window) window_.report(id, how, now_);
    if (c_.how == health::accrual) accrual_.report(id, how, now_);
    law(std::max({detection_.ejected(), window_.ejected(), accrual_.opened()}) * 100 <= most_out * pool_.size(),
        "more are ejected than the limit allows");
  }
  void timer() {
    if (c_.how == health::passive) detection_.end_interval(now_);
    if (c_.how == health::window) window_.advance(now_);
    if (c_.how == health::accrual) accrual_.advance(now_);
  }

  void die() {
    is_dead_ = true;
    if (c_.how == health::flapping)
      flaps_ = true;
    else if (!c_.has_reports())
      pool_.set(ids_["heavy"], health_flag::down);
  }
  void flap(bool down) {
    is_down_ = down;
    down ? pool_.set(ids_["heavy"], health_flag::down) : pool_.clear(ids_["heavy"], health_flag::down, now_);
  }
  void come_back() {
    is_dead_ = false;
    if (c_.how == health::passive) {
      detection_.bring_back(ids_["heavy"], now_);
    } else if (c_.has_reports()) {
      now_ += 100s;
      timer();  // the next request is its trial
    } else
      pool_.clear(ids_["heavy"], health_flag::down, now_);
  }

  // Another attempt never goes to the backend that was tried.
  void retries() {
    for (int i = 0; i != 200; ++i) {
      auto const key = next_key();
      auto const first = picker_.acquire(key, {.now = now_});
      backend_id const tried[] = {first.id()};
      auto const second = picker_.acquire(key, {.now = now_, .excluded = tried});
      law(second && second.id() != first.id(), "another attempt went to the same backend, or nowhere");
      if (second) note(second.id());
    }
  }

  // Members that join and leave leave the shares of the others alone.
  void joins() {
    has_guests_ = true;
    auto const count = phase(3000);
    has_guests_ = false;
    guest(false);
    double const a = count.at("a"), b = count.at("b");
    law(a > 0 && b > 0 && std::abs(a - b) <= (c_.is_keyed() ? 0.35 : 0.15) * (a + b),
        "joins disturb the shares: " + std::to_string(count.at("a")) + " and " + std::to_string(count.at("b")));
  }
  void guest(bool joins) {
    if (ids_.contains("guest")) pool_.remove(ids_["guest"]), ids_.erase("guest");
    if (joins) ids_["guest"] = pool_.add({"guest"});
  }

  void sessions() {
    for (int i = 0; i != 50; ++i) {
      auto const choice = picker_.select(next_key(), {.now = now_, .session = ids_["drained"]});
      bool const is_bound = choice && choice->name == "drained";
      law(is_bound == (c_.session == "sticky"), "a session is not where it lives");
    }
  }

  void note(backend_id id) { digest = mix(digest + id.slot + 1); }

  combination const& c_;
  pool<server> pool_;
  balancer<server, any_policy> lb_;
  picker<server, any_policy> picker_;
  static constexpr std::uint32_t most_out = 34;  // percent
  outlier_detection<server> detection_{pool_, {.most_ejected = most_out, .success_rate = {.enforced = 0}}};
  failure_window<server> window_{pool_, {.most_ejected = most_out}};
  failure_accrual<server> accrual_{pool_, {.most_open = most_out}};
  random_source draw_;
  std::map<std::string, backend_id> ids_;
  struct work {
    lease<server> held;
    outcome how;
  };
  std::deque<work> held_;
  time_point now_{1h};
  bool is_dead_ = false, flaps_ = false, is_down_ = false, has_guests_ = false;
};

std::vector<combination> combinations() {
  std::vector<combination> all;
  for_each_policy(standard_policies{}, [&](auto const& p) {
    for (auto const how : all_kinds)
      for (auto const* capacity : {"", "max_in_flight{limit=100}", "bounded_load{factor=3}"})
        for (auto const* session : {"", "sticky"})
          for (auto const* level : {"", "failover", "priority_levels", "panic{action=all}", "zone_aware{zone=west}",
                                    "subset{labels=\"level=first\", fallback=none}"})
            all.push_back({describe(p), how, capacity, session, level});
  });
  return all;
}

// How many combinations of a policy and a kind of health hold, and of how many.
using results = std::map<std::string, std::map<int, std::pair<int, int>>>;

std::string table_text(results const& table) {
  std::string text = "| policy |";
  for (auto const* h : health_names) text += " " + std::string{h} + " |";
  text += "\n|---|---|---|---|---|---|---|\n";
  for (auto const& [policy, row] : table) {
    text += "| `" + policy + "` |";
    for (auto const& [how, count] : row)
      text += " " + std::to_string(count.first) + " of " + std::to_string(count.second) + " |";
    text += "\n";
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  std::string const argument = argc > 1 ? argv[1] : "";
  char const* const page = argument == "--page" && argc > 2 ? argv[2] : nullptr;
  std::size_t passed = 0, asked = 0;
  results table;
  for (auto const& c : combinations()) {
    if (page == nullptr && c.name().find(argument) == std::string::npos) continue;
    ++asked;
    run first{c, 7}, again{c, 7};
    first.go();
    again.go();
    if (first.digest != again.digest) first.faults.push_back("the same seed gives other picks");
    bool const is_good = first.faults.empty();
    passed += is_good;
    auto& [good, all] = table[c.policy][static_cast<int>(c.how)];
    good += is_good, ++all;
    for (auto const& fault : first.faults) std::fprintf(stderr, "%s: %s\n", c.name().c_str(), fault.c_str());
  }
  bool is_as_published = true;
  if (page != nullptr) {
    std::string const text = table_text(table);
    std::ifstream file{page};
    std::string const published{std::istreambuf_iterator<char>{file}, {}};
    is_as_published = published.find(text) != std::string::npos;
    if (!is_as_published) std::printf("%s does not have this table:\n%s", page, text.c_str());
  }
  std::fprintf(stderr, "%zu of %zu combinations hold\n", passed, asked);
  return passed == asked && asked != 0 && is_as_published ? 0 : 1;
}

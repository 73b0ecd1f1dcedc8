// SPDX-License-Identifier: MIT
// Replays what agents, checks and ordinary answers did to HAProxy's servers: the same replies and answers, and each
// server has to be in the same state with the same weight, and every server that was picked has to be one that may have
// work. The order of the picks is that of another policy, and is not compared.
#include "conform.hpp"

#include <equipoise/health/agent_report.hpp>
#include <equipoise/health/error_limit.hpp>

#include <memory>

namespace conform {
namespace {

using namespace equipoise;

// HAProxy has one state for each server where a pool has flags. What follows from that is here: maintenance pauses the
// check, and whatever ends it starts the server anew.
struct haproxy_server {
  agent_target target;
  bool has_check = false, has_agent = false, is_observed = false;
  std::uint32_t rise = 2, fall = 3, health = 2;
  std::uint32_t shown_weight = 1;

  std::uint32_t top() const { return rise + fall - 1; }
  std::string state(health_flag flags) const {
    auto const has = [&](health_flag f) { return (flags & f) != health_flag::none; };
    if (has(health_flag::maintenance)) return "MAINT";
    if (has(health_flag::down | target.down)) {
      if (has_agent && !target.is_up) return "DOWN (agent)";
      return has_check && health != 0 ? "DOWN " + std::to_string(health) + "/" + std::to_string(rise) : "DOWN";
    }
    if (has(health_flag::draining)) return has_agent ? "DRAIN (agent)" : "DRAIN";
    if (!has_check) return "no check";
    return health == top() ? "UP" : "UP " + std::to_string(health - rise + 1) + "/" + std::to_string(fall);
  }
};

class backend_section {
 public:
  explicit backend_section(json const& list) {
    for (std::size_t i = 0; i != list.size(); ++i) {
      auto const& b = as_object(list[i], {"backends", i});
      auto const number = [&](char const* name, std::int64_t preset) {
        return static_cast<std::uint32_t>(b.contains(name) ? as_integer(b[name], {"backends", i, name}, 0, 256)
                                                           : preset);
      };
      for (auto const* word : {"slowstart", "backup", "disabled", "disable-on-404"})
        if (b.contains(word)) throw skipped(place{"backends", i, word}.text() + " is not supported yet");
      haproxy_server s;
      std::uint32_t const weight = number("weight", 1);
      s.has_agent = b.contains("agent-check");
      s.has_check = b.contains("check");
      s.is_observed = b.contains("observe");
      s.rise = s.health = number("rise", 2);
      s.fall = number("fall", 3);
      s.shown_weight = weight;
      s.target = {pool_.add({std::to_string(i), weight}), weight};
      if (s.has_check) s.target.down = health_flag::user_1;  // up only if the check and the agent say so
      if (s.is_observed) limit_answers(b, i, number("error-limit", 10));
      servers_.push_back(s);
    }
  }

  std::size_t size() const { return servers_.size(); }
  bool may_have_work(std::size_t i) const { return pool_.health(servers_[i].target.id) == health_flag::none; }
  std::string shown(std::size_t i) const {
    return servers_[i].state(pool_.health(servers_[i].target.id)) + " " + std::to_string(servers_[i].shown_weight);
  }
  // A new weight shows when maintenance ends.
  void show_weights() {
    pool_.for_each([&](backend_id, server const& s, attributes const& a, health_flag flags) {
      if ((flags & health_flag::maintenance) == health_flag::none) servers_[std::stoul(s.name)].shown_weight = a.weight;
    });
  }

  void hear_agent(std::size_t i, std::string const& reply) {
    auto const report = agent_report::parse(reply);
    if (!report) return;
    bool const was_in_maintenance = is_in_maintenance(i);
    report->apply(pool_, servers_[i].target);
    after_operation(i, report->operation, was_in_maintenance);
  }
  void operate(std::size_t i, agent_report::order operation) {
    bool const was_in_maintenance = is_in_maintenance(i);
    agent_report{.operation = operation}.apply(pool_, servers_[i].target);
    after_operation(i, operation, was_in_maintenance);
  }
  void weigh(std::size_t i, json const& weight, place const& at) {
    auto const w = weight.is_string() ? agent_report::parse(weight.get<std::string>() + "\n") : std::nullopt;
    if (w && w->percent)
      w->apply(pool_, servers_[i].target);
    else
      pool_.update(servers_[i].target.id, {.weight = as_integer(weight, at, 0, 256)});
  }
  void operate_health(std::size_t i, std::string const& what) {
    auto& s = servers_[i];
    if (what != "up" && what != "down") throw skipped("health " + what + " is not supported yet");
    if (s.has_check) s.health = what == "up" ? s.top() : 0;
    if (is_in_maintenance(i)) return;
    what == "up" ? pool_.clear(s.target.id, health_flag::down | s.target.down)
                 : pool_.set(s.target.id, health_flag::down);
  }
  void check(std::size_t i, std::int64_t status) {
    auto& s = servers_[i];
    if (is_in_maintenance(i)) return;
    if (status < 200 || status >= 400) return count(s, on_error::fail_check);
    if (s.health < s.top()) s.health = s.health + 1 < s.rise ? s.health + 1 : s.top();
    if (s.is_observed) errors_[i]->passed(s.target.id);
    if (s.health < s.rise) return;
    pool_.clear(s.target.id, health_flag::down);
    if (s.has_agent && !s.target.is_up) pool_.set(s.target.id, s.target.down);
  }
  void answer(std::size_t i, int status) {
    auto& s = servers_[i];
    if (s.is_observed && s.has_check) count(s, errors_[i]->report(s.target.id, observed_outcome(status)));
  }

 private:
  bool is_in_maintenance(std::size_t i) const {
    return (pool_.health(servers_[i].target.id) & health_flag::maintenance) != health_flag::none;
  }
  void after_operation(std::size_t i, agent_report::order operation, bool was_in_maintenance) {
    auto& s = servers_[i];
    if (operation == agent_report::order::none || was_in_maintenance == is_in_maintenance(i)) return;
    s.health = was_in_maintenance ? s.rise : 0;
    if (!was_in_maintenance) return;
    pool_.clear(s.target.id, health_flag::down | s.target.down);
    if (!s.target.is_up) pool_.set(s.target.id, s.target.down);
  }
  void count(haproxy_server& s, on_error action) {
    if (action == on_error::nothing) return;
    s.health = health_after(action, s.health, s.rise);
    if (s.health == 0) pool_.set(s.target.id, health_flag::down);
  }
  void limit_answers(json const& b, std::size_t i, std::uint32_t errors) {
    auto const layer = as_text(b["observe"], {"backends", i, "observe"});
    auto const action = b.contains("on-error") ? as_text(b["on-error"], {"backends", i, "on-error"}) : "fail-check";
    std::map<std::string, on_error> const actions{{"fastinter", on_error::check_soon},
                                                  {"fail-check", on_error::fail_check},
                                                  {"sudden-death", on_error::sudden_death},
                                                  {"mark-down", on_error::mark_down}};
    if (layer != "layer7") throw skipped("observe " + line_of(layer, 60) + " is not supported yet");
    if (!actions.contains(action)) throw skipped("on-error " + line_of(action, 60) + " is not supported yet");
    errors_[i] = std::make_unique<error_limit<server>>(pool_, error_limit_options{errors, actions.at(action)});
  }

  equipoise::pool<server> pool_;
  std::vector<haproxy_server> servers_;
  std::map<std::size_t, std::unique_ptr<error_limit<server>>> errors_;
};

// The server and the argument of a step: [0, "up"].
std::pair<std::size_t, json const&> arguments(json const& step, char const* name, place const& at,
                                              std::size_t servers) {
  auto const& both = as_list(step[name], {at.name, at.index, name});
  if (both.size() != 2) is_not(both, {at.name, at.index, name}, "a list of 2");
  return {static_cast<std::size_t>(as_integer(both[0], at, 0, static_cast<std::int64_t>(servers) - 1)), both[1]};
}

// False for a step that is not known.
bool act(backend_section& section, json const& step, place const& at) {
  std::map<std::string, agent_report::order> const operations{{"ready", agent_report::order::ready},
                                                              {"drain", agent_report::order::drain},
                                                              {"maint", agent_report::order::maintenance}};
  auto const has = [&](char const* name) { return step.contains(name); };
  auto const of = [&](char const* name) { return arguments(step, name, at, section.size()); };
  if (has("agent")) {
    auto const [i, reply] = of("agent");
    if (!reply.is_null()) section.hear_agent(i, reply.get<std::string>());
  } else if (has("state")) {
    auto const [i, operation] = of("state");
    auto const found = operations.find(as_text(operation, at));
    if (found == operations.end()) is_not(operation, at, "ready, drain or maint");
    section.operate(i, found->second);
  } else if (has("health")) {
    auto const [i, what] = of("health");
    section.operate_health(i, as_text(what, at));
  } else if (has("weight")) {
    auto const [i, weight] = of("weight");
    section.weigh(i, weight, at);
  } else if (has("check")) {
    auto const [i, status] = of("check");
    section.check(i, status.is_null() ? 0 : as_integer(status, at, 0, 999));
  } else {
    return has("pick") || has("wait_until");
  }
  return true;
}

void replay(result& r, json const& s) {
  auto const name = as_text(field_of(as_object(s, {"scenario"}), {"scenario", {}, "name"}), {"name"});
  backend_section section{as_list(field_of(s, {"scenario", {}, "backends"}), {"backends"})};
  std::size_t number = 0;
  for (auto const& step : as_list(field_of(s, {"scenario", {}, "steps"}), {"steps"})) {
    place const at{"steps", number};
    std::string const what = name + ", step " + std::to_string(number++);
    if (!act(section, as_object(step, at), at)) throw skipped(at.text() + " is not supported yet");
    section.show_weights();
    if (step.contains("pick"))
      for (auto const& server : field_of(step, {at.name, at.index, "answered"})) {
        auto const i = as_integer(server, at, -999, static_cast<std::int64_t>(section.size()) - 1);
        bool may_any = false;
        for (std::size_t k = 0; k != section.size(); ++k) may_any = may_any || section.may_have_work(k);
        bool const may = i < 0 ? !may_any : section.may_have_work(static_cast<std::size_t>(i));
        r.compare(what, std::to_string(i), may ? std::to_string(i) : "another health");
        if (i >= 0 && step.contains("status"))
          section.answer(static_cast<std::size_t>(i), static_cast<int>(as_integer(step["status"], at, 100, 999)));
      }
    if (!step.contains("shows")) continue;
    auto const& shows = as_list(step["shows"], {at.name, at.index, "shows"});
    if (shows.size() != section.size()) throw skipped(at.text() + ".shows has another number of servers");
    for (std::size_t i = 0; i != shows.size(); ++i) {
      std::string const theirs = shows[i].at(0).get<std::string>() + " " + shows[i].at(1).dump();
      r.compare(what + ", server " + std::to_string(i), theirs, section.shown(i));
    }
  }
}

}  // namespace

bool is_server_states(json const& file) {
  if (file.value("system", json{}) != "haproxy" || !file.contains("scenarios") || !file["scenarios"].is_array())
    return false;
  for (auto const& s : file["scenarios"]) {
    if (!s.is_object() || !s.contains("backends") || !s["backends"].is_array()) return false;
    bool has = false;
    for (auto const& b : s["backends"]) has = has || b.contains("agent-check") || b.contains("observe");
    if (!has) return false;
  }
  return !file["scenarios"].empty();
}

result replay_server_states(json const& file) {
  result r;
  for (auto const& s : file["scenarios"]) replay(r, s);
  r.note = "states and weights, and that each server picked may have work; the order of the picks is not compared";
  return r;
}

}  // namespace conform

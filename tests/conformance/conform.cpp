// SPDX-License-Identifier: MIT
// Replays recorded placements of real programs, with the same backends and the same requests, and compares every pick.
//
//   conform FILE…
//
// It prints one line per file, `N of M NAME` or `skipped NAME: reason`, and the first five differences of each file.
// The last line is `N of M picks equal`. It exits with 0 only if every pick of every file is equal.
//
// A file is skipped if it has a mistake, or if it cannot be replayed yet. Its picks, or at least one, then count as not
// equal. To support another program, add a line to `equivalents` that names the policy for it.
#include "conform.hpp"

#include <equipoise/equipoise.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using namespace conform;

enum class keys { none, clients };

struct equivalent {
  std::string_view system, policy;
  keys request_keys;
  std::int64_t no_backend;  // what is recorded when no backend could be chosen: −(HTTP status)
  equipoise::any_policy ours;
};

std::vector<equivalent> const& equivalents() {
  static std::vector<equivalent> const all{
      {"nginx", "round_robin", keys::none, -502, equipoise::smooth_weighted_round_robin{}},
      {"nginx", "ip_hash", keys::clients, -502, equipoise::ip_hash{}},
  };
  return all;
}

std::vector<server> servers_in(json const& list) {
  std::vector<server> servers;
  std::map<std::string, std::size_t> names, addresses;
  auto const once = [](std::map<std::string, std::size_t>& known, std::string const& text, place const& at) {
    auto const [before, is_new] = known.emplace(text, *at.index);
    if (is_new) return;
    std::string const other = "backends[" + std::to_string(before->second) + "]";
    throw skipped(at.text() + " " + shown(text) + " is also that of " + other + ", so answers are ambiguous");
  };
  for (std::size_t i = 0; i != list.size(); ++i) {
    auto const& b = as_object(list[i], {"backends", i});
    place const name{"backends", i, "name"}, address{"backends", i, "address"}, weight{"backends", i, "weight"};
    server s{as_text(field_of(b, name), name), 1};
    once(names, s.name, name);
    if (b.contains("address")) once(addresses, as_text(b["address"], address), address);
    if (b.contains("weight")) s.weight = static_cast<std::uint32_t>(as_integer(b["weight"], weight, 0, 0xFFFF'FFFF));
    servers.push_back(std::move(s));
  }
  return servers;
}

// Replaying a file.

// The number of requests. A policy without a key ignores the keys that the requests had.
std::size_t requests_in(json const& inputs, keys request_keys) {
  if (request_keys == keys::none) {
    if (inputs.contains("count"))
      return static_cast<std::size_t>(as_integer(inputs["count"], {"inputs", {}, "count"}, 1, unbounded));
    for (auto const* kind : {"client", "key"})
      if (inputs.contains(kind)) return as_list(inputs[kind], {"inputs", {}, kind}).size();
  }
  place const at{"inputs", {}, request_keys == keys::none ? "count" : "client"};
  return as_list(field_of(inputs, at), at).size();
}

result replay(json const& file) {
  if (!file.is_object()) throw skipped("is " + shown(file) + ", not an object");
  if (!file.contains("system") && file.contains("source"))
    throw skipped("source is not supported yet, only files that name a system");
  auto const system = as_text(field_of(file, {{}, {}, "system"}), {"system"});
  if (is_active_checks(file)) return replay_active_checks(file);
  if (is_outlier_detection(file)) return replay_outlier_detection(file);
  if (is_slow_start(file)) return replay_slow_start(file);
  if (is_load_reports(file)) return replay_load_reports(file);
  if (is_server_states(file)) return replay_server_states(file);
  if (is_nginx_upstream(file)) return replay_nginx_upstream(file);
  if (is_priority_levels(file)) return replay_priority_levels(file);
  if (is_zone_aware(file)) return replay_zone_aware(file);
  if (!file.contains("policy")) {
    if (file.contains("scenarios")) throw skipped(system + " scenarios are not supported yet");
    throw skipped("policy is missing");
  }
  auto const policy = as_text(field_of(file, {{}, {}, "policy"}), {"policy"});

  equivalent const* found = nullptr;
  for (auto const& s : equivalents())
    if (s.system == system && s.policy == policy) found = &s;
  if (found == nullptr) throw skipped(line_of(system, 60) + " " + line_of(policy, 60) + " is not supported yet");
  auto const& inputs = as_object(field_of(file, {{}, {}, "inputs"}), {"inputs"});
  if (inputs.contains("steps")) throw skipped("events (inputs.steps) are not supported yet");
  if (auto const params = file.find("params"); params != file.end() && !as_object(*params, {"params"}).empty())
    throw skipped("params." + params->begin().key() + " is not supported yet");

  auto const servers = servers_in(as_list(field_of(file, {{}, {}, "backends"}), {"backends"}));
  auto const& picks = as_list(field_of(file, {{}, {}, "picks"}), {"picks"});
  std::size_t const requests = requests_in(inputs, found->request_keys);
  if (requests != picks.size())
    throw skipped("picks has " + std::to_string(picks.size()) + " entries, but inputs asks for " +
                  std::to_string(requests));

  equipoise::pool<server> pool{{.capacity = static_cast<std::uint32_t>(servers.size())}};
  pool.assign(servers);
  std::map<std::string_view, std::int64_t> index;
  for (std::size_t i = 0; i != servers.size(); ++i) index.emplace(servers[i].name, static_cast<std::int64_t>(i));
  equipoise::balancer lb{pool, found->ours, 0};
  auto picker = lb.make_picker();

  result r;
  for (std::size_t i = 0; i != requests; ++i) {
    std::string asked = "request " + std::to_string(i);
    equipoise::any_key key;
    if (found->request_keys == keys::clients) {
      auto const& client = inputs["client"][i];
      auto const address =
          client.is_string() ? equipoise::address::parse(client.get_ref<std::string const&>()) : std::nullopt;
      if (!address) is_not(client, {"inputs.client", i}, "an address");
      key = *address;
      asked += ", client " + client.get<std::string>();
    }
    std::int64_t const theirs = as_integer(picks[i], {"picks", i}, -999, static_cast<std::int64_t>(servers.size()) - 1);
    auto const ours = picker.select(key);
    std::int64_t const got = ours ? index.at(ours->name) : found->no_backend;
    ++r.asked;
    if (got == theirs)
      ++r.equal;
    else if (r.differences.size() < 5)
      r.differences.push_back(asked + ": " + system + " chose " + std::to_string(theirs) + ", we chose " +
                              std::to_string(got));
  }
  return r;
}

// The number of picks in a skipped file, because they count as not equal. A step of a scenario has in `got` the answers
// to its `picks`. There is no recursion, because a file may be nested deeper than the stack allows.
std::size_t picks_in(json const& file) {
  std::size_t sum = 0;
  std::vector<json const*> open{&file};
  while (!open.empty()) {
    json const& node = *open.back();
    open.pop_back();
    if (node.is_array()) {
      for (json const& value : node)
        if (value.is_structured()) open.push_back(&value);
    } else if (node.is_object()) {
      bool const answered = node.contains("got");
      for (auto const& [name, value] : node.items())
        if (name == "got")
          sum += value.is_array() ? value.size() : 1;
        else if (name == "picks" && value.is_array())
          sum += answered ? 0 : value.size();
        else if (value.is_structured())
          open.push_back(&value);
    }
  }
  return std::max<std::size_t>(1, sum);
}

json read(char const* path) {
  if (std::filesystem::is_directory(path)) throw skipped("is a directory");
  std::ifstream in{path};
  if (!in) throw skipped("cannot be read");
  if (in.peek() == std::ifstream::traits_type::eof()) throw skipped("is empty");
  try {
    return json::parse(in);
  } catch (json::parse_error const& e) {
    std::string const what = e.what();  // "[json.exception.parse_error.101] parse error at line 1, …"
    throw skipped("is not JSON: " + what.substr(what.find("] ") == what.npos ? 0 : what.find("] ") + 2));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "conform: no files. Usage: conform FILE…\n");
    return 2;
  }
  std::size_t equal = 0, asked = 0;
  for (int i = 1; i != argc; ++i) {
    std::string const name = line_of(std::filesystem::path{argv[i]}.filename().string(), 255);
    json file;
    try {
      file = read(argv[i]);
      auto const r = replay(file);
      std::cout << r.equal << " of " << r.asked << " " << name << "\n";
      if (!r.note.empty()) std::cout << "  note: " << r.note << "\n";
      for (auto const& d : r.differences) std::cout << "  " << d << "\n";
      equal += r.equal, asked += r.asked;
    } catch (std::exception const& e) {
      std::cout << "skipped " << name << ": " << line_of(e.what(), 300) << "\n";
      asked += picks_in(file);
    }
  }
  std::cout << equal << " of " << asked << " picks equal" << std::endl;
  return std::cout && equal == asked ? 0 : 1;
}

// Replays recorded placements of real programs: the same backends, the same requests, every pick compared.
//
//   conform FILE…      a line a file (`N of M NAME`, or `skipped NAME: reason`), the first five differences of each, and
//                      last `N of M picks equal`. Exit 0 only if every pick of every file is equal.
//
// To add a program: one line in `stand_ins`, naming the policy that stands in for it.
#include <equipoise/equipoise.hpp>

#include <nlohmann/json.hpp>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using nlohmann::json;

struct server {
  std::string name;
  std::uint32_t weight;
};
std::string_view key_of(server const& s) { return s.name; }
std::uint32_t weight_of(server const& s) { return s.weight; }

enum class keys { none, clients };

struct stand_in {
  std::string_view system, policy;
  keys asked_with;
  equipoise::any_policy ours;
};

std::vector<stand_in> const& stand_ins() {
  static std::vector<stand_in> const all{
      {"nginx", "round_robin", keys::none, equipoise::smooth_weighted_round_robin{}},
      {"nginx", "ip_hash", keys::clients, equipoise::ip_hash{}},
  };
  return all;
}

// What this program cannot replay yet, as opposed to what is wrong with a file.
struct unsupported : std::runtime_error {
  using runtime_error::runtime_error;
};

struct result {
  std::size_t equal = 0, asked = 0;
  std::vector<std::string> differences;
};

result replay(json const& file) {
  auto const system = file.at("system").get<std::string>();
  if (!file.contains("policy")) throw unsupported(system + " scenarios are not supported yet");
  auto const policy = file.at("policy").get<std::string>();
  auto const& inputs = file.at("inputs");
  auto const& picks = file.at("picks");

  stand_in const* found = nullptr;
  for (auto const& s : stand_ins())
    if (s.system == system && s.policy == policy) found = &s;
  if (found == nullptr) throw unsupported(system + " " + policy + " is not supported yet");
  if (inputs.contains("steps")) throw unsupported("events (inputs.steps) are not supported yet");
  if (file.contains("params") && !file.at("params").empty()) throw unsupported("params " + file.at("params").dump() + " are not supported yet");

  equipoise::pool<server> pool;
  std::vector<server> servers;
  std::map<std::string, long> index;
  for (auto const& b : file.at("backends")) {
    index.emplace(b.at("name").get<std::string>(), static_cast<long>(servers.size()));
    servers.push_back({b.at("name").get<std::string>(), b.value("weight", std::uint32_t{1})});
  }
  pool.assign(servers);
  equipoise::balancer lb{pool, found->ours, 0};
  auto picker = lb.make_picker();

  bool const by_client = found->asked_with == keys::clients;
  std::size_t const requests = by_client ? inputs.at("client").size() : inputs.at("count").get<std::size_t>();
  if (requests != picks.size()) throw std::runtime_error("there are " + std::to_string(requests) + " inputs, but " + std::to_string(picks.size()) + " picks");
  result r;
  for (std::size_t i = 0; i != requests; ++i) {
    std::string asked = "request " + std::to_string(i);
    equipoise::any_key key;
    if (by_client) {
      auto const text = inputs.at("client")[i].get<std::string>();
      auto const client = equipoise::address::parse(text);
      if (!client) throw std::runtime_error("inputs.client[" + std::to_string(i) + "] '" + text + "' is not an address");
      key = *client;
      asked += ", client " + text;
    }
    auto const ours = picker.select(key);
    long const got = ours ? index.at(ours->name) : -1;
    long const theirs = picks[i].get<long>();
    ++r.asked;
    if (got == theirs)
      ++r.equal;
    else if (r.differences.size() < 5)
      r.differences.push_back(asked + ": " + system + " chose " + std::to_string(theirs) + ", we chose " + std::to_string(got));
  }
  return r;
}

// How many picks a file we skip would have been: they count as not equal.
std::size_t picks_in(json const& node) {
  if (!node.is_structured()) return 0;
  std::size_t sum = 0;
  for (auto const& [name, value] : node.items()) sum += (name == "picks" || name == "got") && value.is_array() ? value.size() : picks_in(value);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "conform: no files. Usage: conform FILE…\n");
    return 2;
  }
  std::size_t equal = 0, asked = 0;
  bool all_read = true;
  for (int i = 1; i != argc; ++i) {
    std::string const name = std::filesystem::path{argv[i]}.filename().string();
    json file;
    try {
      std::ifstream in{argv[i]};
      if (!in) throw std::runtime_error("cannot be read");
      file = json::parse(in);
      auto const r = replay(file);
      std::cout << r.equal << " of " << r.asked << " " << name << "\n";
      for (auto const& d : r.differences) std::cout << "  " << d << "\n";
      equal += r.equal, asked += r.asked;
    } catch (unsupported const& e) {
      std::cout << "skipped " << name << ": " << e.what() << "\n";
      asked += std::max<std::size_t>(1, picks_in(file));
    } catch (std::exception const& e) {
      std::cout << "refused " << name << ": " << e.what() << "\n";
      all_read = false;
    }
  }
  std::cout << equal << " of " << asked << " picks equal" << std::endl;
  return all_read && equal == asked ? 0 : 1;
}

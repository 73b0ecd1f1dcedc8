// SPDX-License-Identifier: MIT
// What the tests of a proxy with backends from etcd share.
#pragma once

#include "etcd_cluster.hpp"
#include "fixture.hpp"

namespace discovery_test {
using nlohmann::json;

// A removal counts at once.
inline std::string discovery_section(std::string const& endpoints) {
  return "[discovery]\netcd = [" + endpoints + "]\nhold = \"1ns\"\n";
}

// The value of a member.
inline std::string member(fixture::scripted_backend const& b, std::string const& more = "") {
  return R"({"address": "127.0.0.1:)" + std::to_string(b.port()) + '"' + more + '}';
}

// The answer to a range: keys under the prefix, and their values.
inline std::string range_answer(std::vector<std::pair<std::string, std::string>> const& pairs) {
  auto const base64 = equipoise::detail::base64;
  json kvs = json::array();
  for (auto const& [key, value] : pairs)
    kvs.push_back({{"key", base64("/equipoise/" + key)}, {"value", base64(value)}, {"mod_revision", "7"}});
  return fixture::answer(json{{"header", {{"revision", "7"}, {"cluster_id", "1"}}}, {"kvs", kvs}}.dump());
}

inline bool logs(fixture::proxy_process const& p, std::string const& text) {
  return fixture::eventually([&] { return p.log().find(text) != std::string::npos; });
}
inline bool serves(fixture::proxy_process const& p, std::string const& name) {
  return fixture::eventually([&] { return p.get("/").find("X-Backend: " + name) != std::string::npos; });
}
inline json stats_of(fixture::proxy_process const& p) { return json::parse(p.body_of("/-/stats")); }
// The backend as the proxy knows it. Its state is "none" if it is not known.
inline json backend_of(fixture::proxy_process const& p, std::string const& name) {
  auto const stats = stats_of(p);
  for (auto const& b : stats["backends"])
    if (b["name"] == name) return b;
  return {{"state", "none"}};
}
inline bool is(fixture::proxy_process const& p, std::string const& name, std::string const& state) {
  return fixture::eventually([&] { return backend_of(p, name)["state"] == state; });
}

}  // namespace discovery_test

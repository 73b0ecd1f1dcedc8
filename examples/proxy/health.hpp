// SPDX-License-Identifier: MIT
// Decides which backends are healthy. Active checks ask each backend at an interval, passive checks count the failures
// of requests. Both set and clear health flags in the pool, which the next pick of every worker sees.
#pragma once

#include "proxy.hpp"

#include <map>

namespace proxy {

class health {
 public:
  // All functions except failed() run on the control thread.
  health(asio::io_context& control, shared& all) : control_{control}, all_{all} {}

  void start();

  // May be called from any thread when a backend did not answer a request. Enough failures in a row eject the backend.
  // At most half of all backends are ejected, and never the last one that is up. If so many fail at once, the cause is
  // probably in the proxy or its network.
  void failed(equipoise::backend_id id, std::string const& problem);

 private:
  struct record {
    unsigned good = 0, bad = 0;  // in a row
    bool running = false;        // the next check does not start before a slow one has ended
  };

  task<> check_all();
  task<> check(equipoise::backend_id id, std::string name, tcp::endpoint address);
  task<> readmit_later(equipoise::backend_id id, std::uint64_t ejection);
  bool too_many_ejected_with(equipoise::backend_id id) const;
  void record_check(equipoise::backend_id id, std::string const& name, bool good, std::string const& result);

  asio::io_context& control_;
  shared& all_;
  std::map<equipoise::backend_id, record> records_;
  // The number of the latest ejection of each backend. The end of an older ejection is ignored.
  std::map<equipoise::backend_id, std::uint64_t> ejections_;
  std::uint64_t ejected_ = 0;
};

}  // namespace proxy

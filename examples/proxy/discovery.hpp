// SPDX-License-Identifier: MIT
// Takes the backends from etcd: which there are, with weights, priorities and zones, and what an operator says of them.
// A problem with etcd or with one of its values never changes what is known. It is logged once, and again when it ends.
#pragma once

#include "health.hpp"
#include "proxy.hpp"

#include <equipoise/discovery/pool_feed.hpp>
#include <equipoise/with/etcd_client.hpp>

#include <functional>
#include <set>

namespace proxy {

// Everything runs on the control thread.
class discovery {
 public:
  // The function is called with the addresses of all backends when some have joined or left.
  using members_changed = std::function<void(std::set<tcp::endpoint> const&)>;

  discovery(asio::io_context& control, shared& all, health& h, members_changed changed);
  void start();

 private:
  using list = std::vector<equipoise::discovered>;

  task<bool> follow();
  task<bool> give_when_due();
  void told() noexcept;  // etcd said something, or failed
  void give();           // passes on to the pool what is due
  void offer();          // to the feed, what etcd has
  list usable_members();
  bool some_stay(list const& next) const;
  void log_problem();
  void log_words(list const& members);
  void count();

  asio::io_context& control_;
  shared& all_;
  health& health_;
  members_changed changed_;
  equipoise::etcd_source source_;
  equipoise::pool_feed<server> feed_;
  asio::steady_timer timer_;
  std::uint64_t news_ = 0;              // how many answers to ranges and changes there were
  bool is_told_ = false;                // and not offered yet
  equipoise::time_point next_offer_{};  // a list is made once in an interval, however often etcd says something
  std::string problem_, mistake_, words_, without_effect_;  // what was logged last
};

}  // namespace proxy

// Who is well: active checks by the clock, passive failures by what requests meet. Both only set and clear reasons in
// the pool; every worker's next pick sees them.
#pragma once

#include "proxy.hpp"

#include <map>

namespace proxy {

class health {
 public:
  // Everything but failed() runs on the control thread's context.
  health(asio::io_context& control, shared& all) : control_{control}, all_{all} {}

  void start();

  // From any thread: a request could not be answered by this backend. Enough of them in a row eject it, but never more
  // than half of all, nor the last one that is up: where so many fail at once, the fault is more likely on our side of
  // the wire.
  void failed(equipoise::backend_id who, std::string const& why);

 private:
  struct record {
    unsigned good = 0, bad = 0;  // in a row
    bool running = false;        // a check that is slow is not started again
  };

  task<> check_all();
  task<> check(equipoise::backend_id who, std::string name, tcp::endpoint address);
  task<> readmit_later(equipoise::backend_id who, std::uint64_t ejection);
  bool too_many_ejected_with(equipoise::backend_id who) const;
  void learned(equipoise::backend_id who, std::string const& name, bool good, std::string const& why);

  asio::io_context& control_;
  shared& all_;
  std::map<equipoise::backend_id, record> records_;
  std::map<equipoise::backend_id, std::uint64_t>
      ejections_;  // the latest one's number: an older one's end means nothing
  std::uint64_t ejected_ = 0;
};

}  // namespace proxy

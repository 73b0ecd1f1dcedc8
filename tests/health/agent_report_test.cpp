// SPDX-License-Identifier: MIT
// What the replies of agents mean. That HAProxy reads them so is shown by tests/conformance.
#include "support.hpp"

#include <equipoise/health/agent_report.hpp>
#include <equipoise/policy/round_robin.hpp>

namespace agent_report_test {
using namespace equipoise;
using order = agent_report::order;

namespace {
agent_report read(std::string_view reply) {
  auto const r = agent_report::parse(reply);
  REQUIRE(r);
  return *r;
}
// A pool of one server of weight 8, and its agent.
struct polled {
  equipoise::pool<server> pool;
  agent_target target;

  polled() : target{pool.add(server{"A", 8}), 8} {}
  bool hears(std::string_view reply) { return read(reply).apply(pool, target); }
  std::string state() {
    std::string text = to_string(pool.health(target.id));
    pool.visit(target.id,
               [&](auto const&, attributes const& a, health_flag) { text += " " + std::to_string(a.weight); });
    return text;
  }
};
}  // namespace

TEST_CASE("agent_report: each word is read, in any case, between any separators") {
  CHECK(read("up\n") == agent_report{.is_up = true});
  for (auto const* word : {"down\n", "STOPPED\r\n", "Fail\n"}) CHECK(read(word) == agent_report{.is_up = false});
  CHECK(read("ready\n") == agent_report{.operation = order::ready});
  CHECK(read("\t,drain , \r") == agent_report{.operation = order::drain});
  CHECK(read("maint\n") == agent_report{.operation = order::maintenance});
  CHECK(read("up 75%,maxconn:30\tready\r\n") == agent_report{order::ready, 75, 30, true});
  CHECK(read("MaxConn:7\n").limit == 7u);
  CHECK(read("\n") == agent_report{});
  static_assert(agent_report::parse("50%\n")->percent == 50u);
}

TEST_CASE("agent_report: of each kind of word the last one counts, also if it has a mistake") {
  CHECK(read("down up maint ready 10% 20% maxconn:1 maxconn:2\n") == agent_report{order::ready, 20, 2, true});
  CHECK(read("up down\n").is_up == false);
  for (auto const* reply : {"50% 12.5%\n", "50% 33%x\n", "50% 1%%\n"}) CHECK(!read(reply).percent);
  CHECK(!read("maxconn:5 maxconn:\n").limit);
  CHECK(!read("maxconn:5 maxconn:-1\n").limit);
  CHECK(!read("maxconn:5 maxconn:6x\n").limit);
  CHECK(read("50% maxconn:75%\n").percent == 50u);
  CHECK(read("50% -5% % x50%\n").percent == 50u);  // none of them begins with a digit
}

TEST_CASE("agent_report: a comment ends the words, and other words say nothing") {
  CHECK(read("up # not down\n") == agent_report{.is_up = true});
  CHECK(read("#up\n") == agent_report{});
  CHECK(read("up#why down#\n") == agent_report{});
  CHECK(read("nonsense up! 75 upp maxconn=3 weight:5\n") == agent_report{});
}

TEST_CASE("agent_report: a line without an end is no report") {
  for (std::string_view reply : {"", "up", "up ", "# up"}) CHECK(!agent_report::parse(reply));
  CHECK(!agent_report::parse(std::string_view{"up\0\n", 4}));
  CHECK(read("up\ndown\n").is_up == true);  // the first line only
}

TEST_CASE("agent_report: numbers that are too large end at a limit") {
  CHECK(read("25601%\n").percent == 25'600u);
  CHECK(read("99999999999999999999999999%\n").percent == 25'600u);
  CHECK(read("0%\n").percent == 0u);
  CHECK(read("007%\n").percent == 7u);
  CHECK(read("maxconn:99999999999999999999\n").limit == 0x7FFF'FFFFu);
  CHECK(read("maxconn:+3\n").limit == 3u);
}

TEST_CASE("agent_report: the weight is a share of the configured one") {
  polled p;
  CHECK(p.hears("75%\n"));
  CHECK(p.state() == "up 6");
  CHECK(p.hears("50%\n"));
  CHECK(p.state() == "up 4");
  CHECK(p.hears("33%\n"));
  CHECK(p.state() == "up 2");  // rounded down
  CHECK(p.hears("0%\n"));
  CHECK(p.state() == "zero_weight 0");
  CHECK(p.hears("300%\n"));
  CHECK(p.state() == "up 24");
  p.target.configured_weight = 0xFFFF'FFFF;
  CHECK(p.hears("200%\n"));
  CHECK(p.state() == "up 4294967295");
}

TEST_CASE("agent_report: up ends neither draining nor maintenance") {
  polled p;
  CHECK(p.hears("drain\n"));
  CHECK(p.hears("up\n"));
  CHECK(p.state() == "draining 8");
  CHECK(p.hears("maint down\n"));
  CHECK(p.state() == "maintenance+down 8");
  CHECK(p.hears("up\n"));
  CHECK(p.state() == "maintenance 8");
  CHECK(p.hears("drain\n"));
  CHECK(p.state() == "draining 8");
  CHECK(p.hears("ready\n"));
  CHECK(p.state() == "up 8");
}

TEST_CASE("agent_report: a flag of its own lets a checker and an agent disagree") {
  polled p;
  p.target.down = health_flag::user_1;
  p.pool.set(p.target.id, health_flag::down);
  CHECK(p.hears("up\n"));
  CHECK(p.state() == "down 8");
  CHECK(p.hears("fail\n"));
  CHECK(!p.target.is_up);
  p.pool.clear(p.target.id, health_flag::down);
  CHECK(p.state() == "user_1 8");
  CHECK(p.hears("50%\n"));
  CHECK(p.state() == "user_1 4");  // a percentage alone revives nothing
  CHECK(p.hears("up\n"));
  CHECK(p.state() == "up 4");
}

TEST_CASE("agent_report: the same reply again publishes nothing") {
  polled p;
  balancer lb{p.pool, round_robin{}};
  CHECK(p.hears("50% maxconn:30 drain\n"));
  CHECK(p.target.limit == 30);
  auto picker = lb.make_picker();
  (void)picker.select();
  for (int i = 0; i != 3; ++i) CHECK(p.hears("50% maxconn:30 drain\n"));
  CHECK(p.pool.waiting().snapshots == 0);  // the picker's is still the current one
  CHECK(p.hears("51%\n"));                 // 4 of 8 again
  CHECK(p.pool.waiting().snapshots == 0);
  CHECK(p.hears("100%\n"));
  CHECK(p.pool.waiting().snapshots == 1);
}

TEST_CASE("agent_report: an operator's weight stands against the agent's") {
  polled p;
  p.pool.override_attributes(p.target.id, {.weight = 3});
  CHECK(p.hears("50%\n"));
  CHECK(p.state() == "up 3");
  p.pool.clear_overrides(p.target.id);
  CHECK(p.hears("50%\n"));
  CHECK(p.state() == "up 4");
}

TEST_CASE("agent_report: a report about a backend that has left changes nothing") {
  polled p;
  auto const before = p.target;
  p.pool.remove(p.target.id);
  CHECK(!p.hears("down maint 50% maxconn:4\n"));
  CHECK(p.target.limit == before.limit);
  CHECK(p.target.is_up);
  p.target.id = {};
  CHECK(!p.hears("up\n"));
}

}  // namespace agent_report_test

// SPDX-License-Identifier: MIT
#include "discovery.hpp"

#include "background.hpp"
#include "endpoint.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <random>

namespace proxy {
namespace {

server server_of(equipoise::discovered const& d) {
  return {.name = d.name, .address = parse_endpoint(d.at.text()).value(), .share = d.at.attrs};
}

std::string printable(std::string const& name) {
  return nlohmann::json(name).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// Logs a text that differs from the last one. An empty text is remembered, and not logged.
void log_once(spdlog::level::level_enum level, std::string& last, std::string text) {
  if (text == last) return;
  last = text;
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 127) c = '?';  // of a key
  if (!last.empty()) spdlog::log(level, "etcd: {}", text);
}

}  // namespace

discovery::discovery(asio::io_context& control, shared& all, health& h, members_changed changed)
    : control_{control}, all_{all}, health_{h}, changed_{std::move(changed)},
      source_{{.endpoints = all.settings.discovery.etcd, .prefix = all.settings.discovery.prefix},
              std::random_device{}()},
      feed_{all.pool, {.hold = all.settings.discovery.hold}, server_of}, timer_{control} {}

void discovery::start() {
  start_task(control_, all_.counts, "discovery", repeat(all_.counts, "discovery", [this] { return follow(); }));
  start_task(control_, all_.counts, "discovery", repeat(all_.counts, "discovery", [this] { return give_when_due(); }));
}

task<bool> discovery::follow() {
  if (source_.is_watching()) source_.failed("an exception ended the watch", now());
  co_await equipoise::follow(source_, [this] { told(); });
  co_return false;
}

task<bool> discovery::give_when_due() {
  timer_.expires_at(is_told_ ? std::min(next_offer_, feed_.due()) : feed_.due());
  error_code ec;  // told() ends the wait early
  co_await timer_.async_wait(into(ec));
  if (!ec) give();
  co_return true;
}

void discovery::told() noexcept try {
  bool const fails = !source_.problem().empty();
  if (fails) feed_.failed(source_.problem(), now());
  auto const news = source_.ranges() + source_.events();
  is_told_ = is_told_ || std::exchange(news_, news) != news || (news != 0 && !fails && !feed_.status().is_current);
  give();
  timer_.cancel();
} catch (std::exception const& e) {
  report_error(all_.counts, "discovery", e);
}

void discovery::give() {
  if (is_told_ && now() >= next_offer_) offer();
  auto const done = feed_.update(now());
  log_problem();
  count();
  if (done.added + done.removed == 0) return;
  spdlog::info("etcd: {} backends, {} joined and {} left", all_.pool.size(), done.added, done.removed);
  std::set<tcp::endpoint> addresses;
  all_.pool.for_each([&](auto const&, server const& s, auto const&...) { addresses.insert(s.address); });
  changed_(addresses);
}

void discovery::offer() {
  auto members = usable_members();
  auto const& checks = all_.settings.checks;
  feed_.on_join = {};
  if (checks.enabled && checks.await_first && some_stay(members))
    feed_.on_join = [this](equipoise::backend_id id) { health_.await_first_check(id); };
  log_words(members);
  is_told_ = false;
  static_cast<void>(feed_.offer(std::move(members), now()));
  if (!source_.problem().empty()) feed_.failed(source_.problem(), now());  // what came before it counts
  next_offer_ = now() + feed_.options().interval;
}

// This proxy looks up no names. A backend whose address is one keeps its last address, or stays out if it has none. A
// name with a control character stays out, because it would garble the log.
discovery::list discovery::usable_members() {
  auto members = source_.members();
  auto mistake = source_.mistake();
  std::erase_if(members, [&](equipoise::discovered& d) {
    if (std::any_of(d.name.begin(), d.name.end(), [](unsigned char c) { return c < ' ' || c == 127; })) {
      if (mistake.empty()) mistake = fmt::format("the name {} has a control character", printable(d.name));
      return true;
    }
    if (parse_endpoint(d.at.text())) return false;
    if (mistake.empty())
      mistake = fmt::format("{}members/{}.address \"{}\" is not numeric, and this proxy looks up no names",
                            all_.settings.discovery.prefix, d.name, d.at.text());
    bool const is_known = all_.pool.visit(all_.pool.find(d.name), [&](server const& s, auto const&...) {
      d.at.host = s.address.address().to_string();
      d.at.port = s.address.port();
    });
    return !is_known;
  });
  if (!mistake.empty()) mistake += "; the last good value counts";
  log_once(spdlog::level::warn, mistake_, std::move(mistake));
  return members;
}

// Whether a backend that may have work stays. If none does, those that join get work before their first check. What the
// feed knows stays for a while, even if it is not listed any more.
bool discovery::some_stay(list const& next) const {
  std::map<std::string_view, tcp::endpoint> listed;
  for (auto const& d : next) listed.emplace(d.name, server_of(d).address);
  bool any = false;
  all_.pool.for_each([&](auto const&, server const& s, equipoise::attributes const& a, auto const&...) {
    auto const at = listed.find(s.name);
    any = any || (a.weight != 0 && (at != listed.end() ? at->second == s.address : feed_.status().lists != 0));
  });
  return any;
}

// While etcd cannot be reached, each endpoint has its own reason. Only the first is logged.
void discovery::log_problem() {
  auto const& status = feed_.status();
  bool const is_source = !source_.problem().empty();
  auto const kind = is_source ? "etcd" : status.problem;
  if (kind == problem_) return;
  bool const is_over = kind.empty();
  problem_ = kind;
  if (is_over)
    spdlog::info("etcd: the list is good again");
  else
    spdlog::warn("etcd: {}; the last good list stays, with {} backends", status.problem, all_.pool.size());
}

void discovery::log_words(list const& members) {
  constexpr std::size_t longest = 200;
  auto const read = all_.balancer.policy().attributes_read();
  std::string words, vain;
  auto const note_vain = [&](auto const& d, std::string_view name, auto const& value) {
    if (vain.empty())
      vain = fmt::format("{} {} of backend {} has no effect on policy {}", name, value, d.name, all_.settings.policy);
  };
  for (auto const& d : members) {
    if (d.flags != equipoise::health_flag::none && words.size() < longest)
      words += fmt::format("{}{} is {}", words.empty() ? "" : ", ", d.name, to_string(d.flags));
    if (d.at.attrs.weight > 1 && !read.weight) note_vain(d, "weight", d.at.attrs.weight);
    if (d.at.attrs.priority != 0 && !read.priority) note_vain(d, "priority", d.at.attrs.priority);
    if (!d.at.attrs.zone.empty() && !read.zone) note_vain(d, "zone", d.at.attrs.zone);
  }
  if (words != words_) spdlog::info("etcd: {}", words.empty() ? "no operator's word is left" : words);
  words_ = std::move(words);
  log_once(spdlog::level::warn, without_effect_, std::move(vain));
}

void discovery::count() {
  auto& c = all_.discovered;
  auto const& status = feed_.status();
  c.is_current = status.is_current;
  c.lists = status.lists;
  c.refused = status.refused;
  c.failures = status.failures;
  c.revision = source_.revision();
  c.ranges = source_.ranges();
  c.watches = source_.watches();
  c.events = source_.events();
  c.bytes = source_.bytes();
}

}  // namespace proxy

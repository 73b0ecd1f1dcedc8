#include "scenario.hpp"

#include "../duration.hpp"
#include "load_generator.hpp"
#include "process.hpp"

#include <fmt/format.h>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>

#include <deque>
#include <fstream>
#include <stdexcept>

namespace demo {
namespace {

namespace http = beast::http;

// One request on a connection of its own; empty where there is no good answer.
task<std::string> fetch(tcp::endpoint from, std::string target, http::verb method = http::verb::get) {
  error_code ec;
  beast::tcp_stream stream{co_await asio::this_coro::executor};
  beast::flat_buffer buffer;
  http::request<http::empty_body> request{method, target, 11};
  request.set(http::field::host, "demo");
  request.keep_alive(false);
  http::response<http::string_body> answer;
  stream.expires_after(2s);
  co_await stream.async_connect(from, into(ec));
  if (!ec) co_await http::async_write(stream, request, into(ec));
  if (!ec) co_await http::async_read(stream, buffer, answer, into(ec));
  co_return !ec && answer.result_int() == 200 ? answer.body() : std::string{};
}

struct backend_state {
  std::int64_t last_pick_ns = 0;
  std::string state;
};

class performance {
 public:
  performance(asio::io_context& io, settings const& how, policy_setup const& policy, clock::time_point deadline,
              progress& screen)
      : io_{io}, how_{how}, deadline_{deadline}, screen_{screen} {
    out_.policy = policy;
  }

  task<> play() {
    set_the_stage();
    load_plan plan;
    plan.target = at(proxy_port_);
    plan.rate = how_.rate;
    plan.clients = how_.clients;
    load_generator load{io_, plan, [this](sample const& s) { note(s); }};
    co_await until_all_up();
    co_await load.connect();

    auto const left = std::chrono::duration<double>(deadline_ - clock::now()).count() - 0.35;
    if (left < 1.5) throw std::runtime_error{"too few seconds for this policy: give more --seconds"};
    first_due_ = clock::now();
    asio::co_spawn(io_, load.run(), asio::detached);
    constexpr double parts[phases] = {0.28, 0.20, 0.20, 0.16, 0.16};
    for (std::size_t p = steady; p != phases; ++p) {
      out_.starts[p] = seconds_since(first_due_);
      co_await change_the_scene(static_cast<phase>(p));
      end_of_phase_ += parts[p] * left;
      co_await watch(static_cast<phase>(p));
      co_await look_back(static_cast<phase>(p));
    }
    out_.starts[phases] = seconds_since(first_due_);
    load.stop();
    while (load.outstanding() != 0) co_await sleep_for(1ms);
    co_await sleep_for(3ms);  // the generator's own last look
    load.disconnect();
    proxy_.signal(SIGTERM);
    auto const patience = clock::now() + 3s;
    while (proxy_.running() && clock::now() < patience) co_await sleep_for(5ms);
    out_.proxy_exit = proxy_.exit_code().value_or(-1);
    read_log();
  }

  recording take() { return std::move(out_); }

 private:
  static tcp::endpoint at(unsigned short port) { return {asio::ip::make_address("127.0.0.1"), port}; }
  static double seconds_since(clock::time_point t) { return std::chrono::duration<double>(clock::now() - t).count(); }

  void start_backend(std::size_t who) {
    backends_[who] =
        process{{how_.backend, "--name", std::string{cast[who].name}, "--listen",
                 fmt::format("127.0.0.1:{}", ports_[who]), "--service", proxy::format_duration(cast[who].service)},
                folder_.path("backends.log")};
  }

  void set_the_stage() {
    for (std::size_t i = 0; i != everybody; ++i) {
      ports_[i] = free_port();
      start_backend(i);
    }
    for (std::size_t i = 0; i != everybody; ++i)
      if (backends_[i].first_line(5s).empty())
        throw std::runtime_error{fmt::format("backend {} did not start", cast[i].name)};
    write_configuration(at_first);
    proxy_ = process{{how_.proxy, folder_.path("proxy.toml")}, folder_.path("proxy.log")};
    auto const line = proxy_.first_line(5s);
    auto const colon = line.rfind(':');
    if (colon == line.npos) {
      read_log();
      throw std::runtime_error{"the proxy did not start:\n" + out_.proxy_log};
    }
    proxy_port_ = static_cast<unsigned short>(std::stoul(line.substr(colon + 1)));
  }

  void write_configuration(std::size_t members) {
    std::ofstream file{folder_.path("proxy.toml")};
    file << fmt::format(
        "listen = \"127.0.0.1:0\"\nworkers = {}\npolicy = \"{}\"\nseed = 1\n"
        "[checks]\ninterval = \"{}\"\ntimeout = \"2s\"\nrise = 1\nfall = 2\n"
        "[passive]\nfailures = 1\neject = \"2s\"\n[timeouts]\nlinger = \"100ms\"\n",
        how_.workers, out_.policy.name, proxy::format_duration(how_.check_interval));
    for (std::size_t i = 0; i != members; ++i)
      file << fmt::format("[[backend]]\nname = \"{}\"\naddress = \"127.0.0.1:{}\"\nweight = {}\n", cast[i].name,
                          ports_[i], cast[i].weight);
  }

  task<backend_state> ask_about(std::size_t who) {
    auto const text = co_await fetch(at(proxy_port_), "/-/stats");
    auto const stats = nlohmann::json::parse(text, nullptr, false);
    backend_state found;
    if (!stats.is_discarded())
      for (auto const& b : stats["backends"])
        if (b["name"] == cast[who].name) found = {b["last_pick_ns"], b["state"]};
    co_return found;
  }

  task<> until_all_up() {
    auto const patience = clock::now() + 5s;
    for (std::size_t i = 0; i != at_first;) {
      backend_state const b = co_await ask_about(i);
      if (b.state == "up") {
        ++i;
      } else {
        if (clock::now() > patience)
          throw std::runtime_error{fmt::format("backend {} is not up: {}", cast[i].name, b.state)};
        co_await sleep_for(10ms);
      }
    }
  }

  task<> change_the_scene(phase now) {
    switch (now) {
      case killed:
        killed_at_ = clock::now();  // before the kill: no later pick is taken for an earlier one
        backends_[victim].kill();
        break;
      case back:
        start_backend(victim);
        break;
      case slow:
        co_await set_speed(sluggard, cast[sluggard].service * 10);
        break;
      case added:
        co_await set_speed(sluggard, cast[sluggard].service);
        write_configuration(everybody);
        proxy_.signal(SIGHUP);
        break;
      default:
        break;
    }
  }

  task<> set_speed(std::size_t who, std::chrono::microseconds service) {
    co_await fetch(at(ports_[who]), "/control/service?time=" + proxy::format_duration(service), http::verb::put);
  }

  task<> watch(phase now) {
    for (double next = seconds_since(first_due_) + 0.2; next < end_of_phase_; next += 0.2) {
      co_await sleep_for(std::chrono::nanoseconds{static_cast<std::int64_t>((next - seconds_since(first_due_)) * 1e9)});
      screen_.show(out_, now, seconds_since(first_due_), false);
    }
    co_await sleep_for(
        std::chrono::nanoseconds{static_cast<std::int64_t>((end_of_phase_ - seconds_since(first_due_)) * 1e9)});
    screen_.show(out_, now, seconds_since(first_due_), true);
  }

  task<> look_back(phase then) {
    if (then != killed) co_return;
    backend_state const dead = co_await ask_about(victim);
    if (dead.last_pick_ns == 0) throw std::runtime_error{"the proxy did not say when it last picked the dead one"};
    auto const killed_ns = std::chrono::nanoseconds{killed_at_.time_since_epoch()}.count();
    out_.dead_picked_for = std::max(0.0, static_cast<double>(dead.last_pick_ns - killed_ns) / 1e6);
    std::string const asked = "/-/explain?client=" + client_address(0).to_string();
    auto const told = nlohmann::json::parse(co_await fetch(at(proxy_port_), asked), nullptr, false);
    if (!told.is_discarded() && told.contains("text")) out_.explain = told["text"];
  }

  void note(sample const& s) {
    int who = -1;
    for (std::size_t i = 0; i != everybody; ++i)
      if (s.backend == cast[i].name) who = static_cast<int>(i);
    bool const failed = !s.failure.empty() || who < 0;
    if (failed && out_.failures.size() < 5)
      out_.failures.push_back(fmt::format("at {:.3f} s: {}", std::chrono::duration<double>(s.due - first_due_).count(),
                                          s.failure.empty() ? "the answer has no X-Backend" : s.failure));
    out_.requests.push_back({std::chrono::duration<double>(s.due - first_due_).count(),
                             std::chrono::duration<double, std::milli>(s.latency).count(), s.client, who, failed});
  }

  void read_log() {
    std::ifstream file{folder_.path("proxy.log")};
    std::deque<std::string> last;
    for (std::string line; std::getline(file, line); last.push_back(line))
      if (last.size() == 20) last.pop_front();
    for (auto const& line : last) out_.proxy_log += "  " + line + '\n';
  }

  asio::io_context& io_;
  settings const& how_;
  clock::time_point deadline_;
  progress& screen_;
  recording out_;
  work_folder folder_;
  std::array<unsigned short, everybody> ports_{};
  std::array<process, everybody> backends_;
  process proxy_;
  unsigned short proxy_port_ = 0;
  clock::time_point first_due_, killed_at_;
  double end_of_phase_ = 0;
};

}  // namespace

recording play(asio::io_context& io, settings const& how, policy_setup const& policy, clock::time_point deadline,
               progress& screen) {
  performance show{io, how, policy, deadline, screen};
  std::exception_ptr failed;
  io.restart();
  asio::co_spawn(io, show.play(), [&](std::exception_ptr e) {
    failed = e;
    io.stop();
  });
  io.run();
  if (failed) std::rethrow_exception(failed);
  return show.take();
}

}  // namespace demo

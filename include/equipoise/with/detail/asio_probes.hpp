// SPDX-License-Identifier: MIT
// The checks that a check_runner can make: each is a function of a target and an id that gives an awaitable
// check_result. See with/asio.hpp.
#pragma once

#include <equipoise/health/agent_report.hpp>
#include <equipoise/with/detail/asio_http.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// Good if a connection opens. It is closed at once.
struct tcp_probe {
  boost::asio::awaitable<check_result> operator()(check_target const& to, backend_id) const {
    boost::asio::ip::tcp::socket socket{co_await boost::asio::this_coro::executor};
    co_await detail::open_connection(socket, to);
    co_return check_result{check_answer::good, "connected"};
  }
};

/// GET, judged by an http_check. Each check has a connection of its own. Interim answers (1xx) are passed over.
class http_probe {
 public:
  /// Fails if an option would break the request, naming it.
  explicit http_probe(http_probe_options o = {}) : question_{std::move(o)} {}

  boost::asio::awaitable<check_result> operator()(check_target const& to, backend_id) const {
    boost::asio::ip::tcp::socket socket{co_await boost::asio::this_coro::executor};
    co_await detail::open_connection(socket, to);
    co_return co_await question_.ask(socket, to, 80);
  }

 private:
  detail::http_question question_;
};

/// How an agent is asked.
struct agent_probe_options {
  std::string send = {};  ///< sent before the reply is read, as HAProxy's agent-send
  /// The flag for an agent that says down. See agent_target::down.
  health_flag down = health_flag::down;
};

/// Asks the agents of backends, as HAProxy's agent-check: connects, reads a line, and does what it says by
/// agent_report::apply(). The answer is `unhealthy` if the agent says down, `failed` if there is no line, and else
/// good.
///
/// An agent that cannot be reached says nothing, as in HAProxy, if the scheduler only reports: give it
/// {.down = health_flag::none, .stopping = health_flag::none}. The weight that is 100 % is the one of the backend
/// object. Copies share what they know.
template <class B>
class agent_probe {
 public:
  /// The pool must outlive it.
  explicit agent_probe(pool<B>& p, agent_probe_options o = {}) : shared_{std::make_shared<shared>(p, std::move(o))} {}

  /// What the agent of a member said last, as its `maxconn`; a default one before the first reply.
  agent_target target(backend_id id) const {
    auto const& known = shared_->known;
    return id && id.slot < known.size() && known[id.slot].id == id ? known[id.slot] : shared_->fresh(id);
  }

  boost::asio::awaitable<check_result> operator()(check_target const& to, backend_id id) const {
    auto const state = shared_;
    boost::asio::ip::tcp::socket socket{co_await boost::asio::this_coro::executor};
    co_await detail::open_connection(socket, to);
    co_await boost::asio::async_write(socket, boost::asio::buffer(state->options.send), boost::asio::use_awaitable);
    std::string line;
    boost::system::error_code ec;
    while (!ec && line.size() < longest_line && line.find_first_of("\r\n") == line.npos) {
      char piece[512];
      auto const size = co_await socket.async_read_some(boost::asio::buffer(piece),
                                                        boost::asio::redirect_error(boost::asio::use_awaitable, ec));
      line.append(piece, size);
    }
    if (detail::says_nothing(ec)) throw boost::system::system_error{ec};
    auto const report = agent_report::parse(line);
    if (!report) co_return check_result{check_answer::failed, "no line from the agent"};
    co_return state->apply(*report, id);
  }

 private:
  static constexpr std::size_t longest_line = 4096;

  struct shared {
    shared(pool<B>& p, agent_probe_options o) : members{p}, options{std::move(o)} {}

    agent_target fresh(backend_id id) const {
      agent_target t{id};
      t.down = options.down;
      return t;
    }
    check_result apply(agent_report const& report, backend_id id) {
      if (known.size() <= id.slot) known.resize(id.slot + std::size_t{1});
      auto& t = known[id.slot];
      if (t.id != id) t = fresh(id);
      members.visit(id, [&](B const& b, attributes const&, health_flag) {
        if constexpr (!std::same_as<decltype(detail::weight_from(b)), detail::not_given>)
          t.configured_weight = static_cast<std::uint32_t>(detail::weight_from(b));
      });
      report.apply(members, t);
      return t.is_up ? check_result{check_answer::good, "the agent answered"}
                     : check_result{check_answer::unhealthy, "the agent says down"};
    }

    pool<B>& members;
    agent_probe_options options;
    std::vector<agent_target> known;  // by slot
  };

  std::shared_ptr<shared> shared_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

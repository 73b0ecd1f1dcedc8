// SPDX-License-Identifier: MIT
#include "database.hpp"

namespace health {
namespace {

[[noreturn]] void refuse(PGconn const* c) {
  std::string text = PQerrorMessage(c);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  throw std::runtime_error{text.empty() ? "the connection is broken" : text};
}

struct result_closer {
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};

}  // namespace

task<> database::check(watch& w) {
  auto old = std::move(kept_);
  if (old) {
    bool is_lost = false;
    try {
      co_await select_1(old.get(), w);
    } catch (given_up const&) {
      throw;
    } catch (std::exception const&) {  // the server may have been restarted, so a new connection decides
      is_lost = true;
    }
    if (!is_lost) {
      kept_ = std::move(old);
      co_return;
    }
  }
  auto fresh = co_await connect(w);
  co_await select_1(fresh.get(), w);
  kept_ = std::move(fresh);
}

task<database::connection> database::connect(watch& w) const {
  connection c{PQconnectStart(target_.c_str())};
  if (!c) throw std::bad_alloc{};
  if (PQstatus(c.get()) == CONNECTION_BAD) refuse(c.get());
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK; next = PQconnectPoll(c.get())) {
    if (next == PGRES_POLLING_FAILED) refuse(c.get());
    co_await w.until(PQsocket(c.get()),
                     next == PGRES_POLLING_READING ? watch::kind::wait_read : watch::kind::wait_write);
  }
  co_return c;
}

task<> database::select_1(PGconn* c, watch& w) {
  if (PQsetnonblocking(c, 1) != 0 || PQsendQuery(c, "SELECT 1") != 1) refuse(c);
  for (int left; (left = PQflush(c)) != 0;) {
    if (left < 0) refuse(c);
    co_await w.until(PQsocket(c), watch::kind::wait_write);
  }
  bool is_right = false;
  for (;;) {
    while (PQisBusy(c) == 1) {
      co_await w.until(PQsocket(c), watch::kind::wait_read);
      if (PQconsumeInput(c) != 1) refuse(c);
    }
    std::unique_ptr<PGresult, result_closer> const result{PQgetResult(c)};
    if (!result) break;
    if (PQresultStatus(result.get()) != PGRES_TUPLES_OK) refuse(c);
    is_right = PQntuples(result.get()) == 1 && std::string_view{PQgetvalue(result.get(), 0, 0)} == "1";
  }
  if (!is_right) throw std::runtime_error{"SELECT 1 did not give 1"};
}

}  // namespace health

// SPDX-License-Identifier: MIT
#include "redis.hpp"

#include <string>

namespace health {
namespace {

struct reply_closer {
  void operator()(redisReply* r) const noexcept { freeReplyObject(r); }
};

}  // namespace

task<> redis::check(watch& w) {
  auto old = std::move(kept_);
  if (old) {
    bool is_lost = false;
    try {
      co_await ping(old.get(), w);
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
  auto fresh = connect();
  co_await ping(fresh.get(), w);
  kept_ = std::move(fresh);
}

redis::connection redis::connect() const {
  connection c{redisConnectNonBlock(target_.address().to_string().c_str(), target_.port())};
  if (!c) throw std::bad_alloc{};
  if (c->err != 0) throw std::runtime_error{c->errstr};
  return c;
}

task<> redis::ping(redisContext* c, watch& w) {
  auto const must = [c](int done) {
    if (done != REDIS_OK) throw std::runtime_error{c->errstr};
  };
  must(redisAppendCommand(c, "PING"));
  for (int is_sent = 0; is_sent == 0;) {
    co_await w.until(c->fd, watch::kind::wait_write);  // a connection that was refused is ready too, and then fails
    must(redisBufferWrite(c, &is_sent));
  }
  void* got = nullptr;
  for (must(redisGetReplyFromReader(c, &got)); got == nullptr; must(redisGetReplyFromReader(c, &got))) {
    co_await w.until(c->fd, watch::kind::wait_read);
    must(redisBufferRead(c));
  }
  std::unique_ptr<redisReply, reply_closer> const reply{static_cast<redisReply*>(got)};
  std::string const text{reply->str != nullptr ? reply->str : ""};
  if (reply->type != REDIS_REPLY_STATUS || text != "PONG") throw std::runtime_error{"PING got: " + text};
}

}  // namespace health

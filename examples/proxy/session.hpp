// One client's connection: read a request, have it answered, and again.
#pragma once

#include "worker.hpp"

namespace proxy {

task<> session(worker& at, tcp::socket socket);

}  // namespace proxy

// SPDX-License-Identifier: MIT
// Serves one client connection: reads a request, gets it answered, and repeats.
#pragma once

#include "worker.hpp"

namespace proxy {

task<> session(worker& at, tcp::socket socket);

}  // namespace proxy

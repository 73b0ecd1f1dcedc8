// SPDX-License-Identifier: MIT
// The section [discovery] of the configuration.
#include "fields.hpp"

#include <equipoise/core/endpoint.hpp>

#include <set>

namespace proxy {

void read_discovery(fields& in, config& out) {
  auto& d = out.discovery;
  d.etcd = in.texts("etcd");
  if (d.etcd.empty()) in.refuse_whole("needs etcd = [\"host:port\", …]");
  std::set<std::string> known;
  for (std::size_t i = 0; i != d.etcd.size(); ++i) {
    if (!equipoise::endpoint::try_parse(d.etcd[i]))
      in.refuse_element("etcd", i, "is not host:port with a port of 1 … 65535; it has no http:// and no path");
    if (!known.insert(d.etcd[i]).second) in.refuse_element("etcd", i, "is listed twice");
  }
  d.prefix = in.text("prefix", d.prefix);
  if (!d.prefix.ends_with('/')) in.refuse("prefix", "must end with /");
  in.duration("hold", d.hold);
}

}  // namespace proxy

// SPDX-License-Identifier: MIT
// The endpoints of a Kubernetes service, from the JSON of its EndpointSlices (discovery.k8s.io/v1). Needs nlohmann's
// library. It opens no connection: the application asks the API server, and gives the answers here.
//
//   equipoise::endpoint_slices slices{{.service = "shop", .port = "http"}};
//   slices.list(body);                           // GET …/endpointslices?labelSelector=kubernetes.io/service-name=shop
//   slices.bytes(piece);                         // …&watch=1&allowWatchBookmarks=true&resourceVersion=<version()>
//   feed.offer(slices.members(), now);           // an equipoise::discovery_feed or a pool_feed
//
// A mistake in an answer is returned as one sentence, and the slices stay as they were. After a lost connection the
// watch goes on from version(). If needs_list() is true, as after "410 Gone", a list comes first; until it is here,
// members() is what it was.
//
// Source: the API reference of EndpointSlice v1; kube-proxy for what it leaves open (1.33, pkg/proxy/topology.go).
#pragma once

#include <equipoise/discovery/discovered.hpp>
#include <equipoise/hash/address.hpp>
#include <equipoise/with/detail/json_reading.hpp>

#include <map>
#include <vector>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// What of the slices becomes a member.
struct endpoint_slice_options {
  std::string service = {};       ///< of the label kubernetes.io/service-name; empty: every slice
  std::string port = {};          ///< the name of the port; empty: the only port of a slice
  std::string address_type = {};  ///< "IPv4", "IPv6" or "FQDN"; empty: all. A pod with two families counts twice then
  std::string zone = {};       ///< where this process runs: hints for other zones are obeyed; empty: hints are ignored
  bool keeps_unready = false;  ///< an endpoint that is not ready is a member with health_flag::down
  /// While no endpoint is ready, those that terminate and still serve get new work, as kube-proxy does.
  bool terminating_as_last_resort = false;
};

/// The EndpointSlices of one service. See the top of the header. One thread at a time.
class endpoint_slices {
 public:
  /// Fails if the address type is unknown.
  explicit endpoint_slices(endpoint_slice_options o = {}) : options_{std::move(o)} {
    if (!options_.address_type.empty() && !is_address_type(options_.address_type))
      fail("equipoise: endpoint_slice_options::address_type '" + options_.address_type + "' is not IPv4, IPv6 or FQDN");
  }

  /// An EndpointSliceList. It replaces all slices once its last page is here: see next_page(). Refused whole if any
  /// field is bad. Allocates; O(endpoints).
  result<> list(std::string_view text) {
    std::string mistake;
    auto const j = detail::json_of(text, "the list of slices", mistake);
    std::map<std::string, slice> page;
    std::string version, next;
    if (mistake.empty()) {
      detail::json_fields fields{j, "list", mistake};
      if (auto const kind = fields.text("kind", "EndpointSliceList"); kind != "EndpointSliceList")
        fields.refuse("kind", "is not EndpointSliceList");
      detail::json_fields metadata{fields_of(fields.object("metadata")), "list.metadata", mistake};
      version = metadata.text("resourceVersion");
      next = metadata.text("continue");
      if (mistake.empty() && version.empty()) metadata.refuse("resourceVersion", "is missing");
      std::size_t i = 0;
      if (auto const* items = fields.array("items"))
        for (auto const& item : *items) read(item, "list.items[" + std::to_string(i++) + "]", page, mistake);
    }
    if (!mistake.empty()) {
      pages_.clear();
      next_page_.clear();
      return result<>::failure(std::move(mistake));
    }
    page.merge(pages_);
    pages_ = std::move(page);
    next_page_ = std::move(next);
    if (!next_page_.empty()) return {};
    slices_ = std::exchange(pages_, {});
    version_ = std::move(version);
    needs_list_ = false;
    return {};
  }
  /// The token of the next page of a list, for the parameter `continue`; empty if the list is complete.
  std::string const& next_page() const noexcept { return next_page_; }

  /// One event of a watch. A bad one changes nothing. "ERROR" is a failure, too: with the code 410 needs_list() is true
  /// from then on. Allocates; O(endpoints of the slice).
  result<> event(std::string_view text) {
    std::string mistake;
    auto const j = detail::json_of(text, "the event", mistake);
    if (mistake.empty()) fold(j, mistake);
    return mistake.empty() ? result<>{} : result<>::failure(std::move(mistake));
  }

  /// The bytes of a watch as they arrive: events, each on a line. After a failure the rest of the bytes is read all the
  /// same, and the first failure is returned.
  result<> bytes(std::string_view piece) {
    result<> first;
    lines_.append(piece);
    for (std::string_view line; lines_.next(line);) {
      if (line.find_first_not_of(" \t\r") == line.npos) continue;
      if (auto done = event(line); !done && first) first = std::move(done);
    }
    if (lines_.is_too_long()) {
      lines_.clear();
      if (first) first = result<>::failure("equipoise: an event of the watch has more than 16 MiB");
    }
    return first;
  }
  /// A connection was lost: half a line that it left is forgotten, and so are the first pages of a list. The members
  /// stay.
  void disconnected() noexcept {
    lines_.clear();
    pages_.clear();
    next_page_.clear();
  }
  /// The API server answered 410 Gone: to a watch, or to the next page of a list.
  void expired() {
    needs_list_ = true;
    version_.clear();
    disconnected();
  }

  /// Where a watch goes on: its parameter resourceVersion. Empty before the first list.
  std::string const& version() const noexcept { return version_; }
  /// Whether a list has to come before the next watch.
  bool needs_list() const noexcept { return needs_list_; }
  /// How many slices have endpoints, but not the port that is asked for.
  std::size_t slices_without_port() const noexcept {
    std::size_t n = 0;
    for (auto const& [name, s] : slices_) n += s.lacks_port && !s.endpoints.empty();
    return n;
  }

  /// The endpoints of all slices. Of two with the same address and port, the one in the slice that changed last counts.
  /// `ready` is up; not ready, but terminating and serving, is draining; anything else is no member, or down by
  /// option. Names are "address:port", incarnations are uids of pods. Allocates; O(n log n).
  std::vector<discovered> members() const {
    std::vector<slice const*> by_age;
    for (auto const& [name, s] : slices_)
      if (!s.lacks_port) by_age.push_back(&s);
    std::sort(by_age.begin(), by_age.end(), [](auto const* a, auto const* b) { return a->change < b->change; });
    std::map<std::string, endpoint_state const*> newest;
    for (auto const* s : by_age)
      for (auto const& e : s->endpoints) newest[e.what.name] = &e;

    bool any_ready = false, all_hinted = true, any_for_zone = false;
    for (auto const& [name, e] : newest)
      if (e->how == condition::ready) {
        any_ready = true;
        all_hinted = all_hinted && !e->for_zones.empty();
        any_for_zone = any_for_zone || is_for(*e);
      }
    bool const obeys_hints = !options_.zone.empty() && all_hinted && any_for_zone;
    std::vector<discovered> list;
    for (auto const& [name, e] : newest) {
      if (obeys_hints && e->how == condition::ready && !is_for(*e)) continue;
      if (e->how == condition::unready && !options_.keeps_unready) continue;
      list.push_back(e->what);
      if (e->how == condition::unready) list.back().flags = health_flag::down;
      if (e->how == condition::draining && (any_ready || !options_.terminating_as_last_resort))
        list.back().flags = health_flag::draining;
    }
    return list;
  }

 private:
  enum class condition : std::uint8_t { ready, draining, unready };
  struct endpoint_state {
    discovered what;
    condition how;
    std::vector<std::string> for_zones;
  };
  struct slice {
    std::vector<endpoint_state> endpoints;
    std::uint64_t change = 0;
    bool lacks_port = false;
  };

  static bool is_address_type(std::string_view t) noexcept { return t == "IPv4" || t == "IPv6" || t == "FQDN"; }
  static nlohmann::json const& fields_of(nlohmann::json const* object) {
    static nlohmann::json const none = nlohmann::json::object();
    return object != nullptr ? *object : none;
  }
  bool is_for(endpoint_state const& e) const {
    return std::find(e.for_zones.begin(), e.for_zones.end(), options_.zone) != e.for_zones.end();
  }

  void fold(nlohmann::json const& j, std::string& mistake) {
    detail::json_fields fields{j, "event", mistake};
    auto const type = fields.text("type");
    auto const& object = fields_of(fields.object("object"));
    if (!mistake.empty()) return;
    if (type == "ERROR") return fold_error(object, mistake);
    if (needs_list_) {
      mistake = "equipoise: an event came before the list";
      return;
    }
    detail::json_fields metadata{fields_of(detail::json_fields{object, "event.object", mistake}.object("metadata")),
                                 "event.object.metadata", mistake};
    auto version = metadata.text("resourceVersion");
    if (mistake.empty() && version.empty()) metadata.refuse("resourceVersion", "is missing");
    if (type == "ADDED" || type == "MODIFIED" || type == "DELETED") {
      std::map<std::string, slice> one;
      std::string name = name_of(object, "event.object", mistake);
      if (type != "DELETED") read(object, "event.object", one, mistake);
      if (!mistake.empty()) return;
      slices_.erase(name);
      slices_.merge(one);
    } else if (type != "BOOKMARK") {
      fields.refuse("type", "is not ADDED, MODIFIED, DELETED, BOOKMARK or ERROR");
    }
    if (mistake.empty()) version_ = std::move(version);
  }
  void fold_error(nlohmann::json const& status, std::string& mistake) {
    std::string bad;
    detail::json_fields fields{status, "event.object", bad};
    auto const code = fields.number("code", 0, 999);
    auto const message = fields.text("message");
    if (code == 410) expired();
    mistake = "equipoise: the watch ended with " + std::to_string(code) + (message.empty() ? "" : ": " + message);
  }

  static std::string name_of(nlohmann::json const& object, std::string const& where, std::string& mistake) {
    detail::json_fields fields{object, where, mistake};
    detail::json_fields metadata{fields_of(fields.object("metadata")), where + ".metadata", mistake};
    auto const name = metadata.text("name");
    if (name.empty()) metadata.refuse("name", "is missing");
    return metadata.text("namespace") + "/" + name;
  }

  // Puts a slice of the service into the map. A slice that is none of the service's is left out.
  void read(nlohmann::json const& object, std::string const& where, std::map<std::string, slice>& into,
            std::string& mistake) {
    detail::json_fields fields{object, where, mistake};
    if (auto const kind = fields.text("kind", "EndpointSlice"); kind != "EndpointSlice")
      fields.refuse("kind", "is not EndpointSlice");
    auto name = name_of(object, where, mistake);
    detail::json_fields metadata{fields_of(fields.object("metadata")), where + ".metadata", mistake};
    detail::json_fields tags{fields_of(metadata.object("labels")), where + ".metadata.labels", mistake};
    bool const is_other = !options_.service.empty() && tags.text("kubernetes.io/service-name") != options_.service;
    auto const type = fields.text("addressType");
    if (!is_address_type(type)) fields.refuse("addressType", "is not IPv4, IPv6 or FQDN");
    slice s;
    auto const port = read_port(fields, mistake);
    s.lacks_port = !port;
    s.change = ++changes_;
    if (auto const* endpoints = fields.array("endpoints")) {
      std::size_t i = 0;
      for (auto const& e : *endpoints)
        read_endpoint(e, where + ".endpoints[" + std::to_string(i++) + "]", type, port.value_or(1), s, mistake);
    }
    if (!mistake.empty() || is_other) return;
    if (!options_.address_type.empty() && type != options_.address_type) return;
    into.insert_or_assign(std::move(name), std::move(s));
  }

  // Nothing if the slice has not the port, or if that port has no number ("all ports").
  std::optional<std::uint16_t> read_port(detail::json_fields& fields, std::string& mistake) const {
    auto const* ports = fields.array("ports");
    if (ports == nullptr) return {};
    std::optional<std::uint16_t> found;
    std::size_t i = 0;
    for (auto const& p : *ports) {
      detail::json_fields port{p, fields.where() + ".ports[" + std::to_string(i++) + "]", mistake};
      auto const name = port.text("name");
      auto const number = port.number("port", 1, 65535);
      if ((options_.port.empty() ? ports->size() == 1 : name == options_.port) && number != 0)
        found = static_cast<std::uint16_t>(number);
    }
    if (options_.port.empty() && ports->size() > 1)
      fields.refuse("ports", "are several: endpoint_slice_options::port must name one");
    return found;
  }

  void read_endpoint(nlohmann::json const& j, std::string const& where, std::string const& type, std::uint16_t port,
                     slice& into, std::string& mistake) const {
    detail::json_fields fields{j, where, mistake};
    auto const* addresses = fields.array("addresses");
    if (addresses == nullptr || addresses->empty()) return fields.refuse("addresses", "must have an address");
    endpoint_state e;
    for (auto const& a : *addresses) {
      auto const* text = a.get_ptr<nlohmann::json::string_t const*>();
      if (text == nullptr || !is_address(*text, type)) return fields.refuse("addresses", "is no list of " + type);
      if (e.what.at.host.empty()) e.what.at.host = *text;  // they are interchangeable, says the API
    }
    e.what.at.port = port;
    e.what.at.attrs.zone = fields.text("zone");
    e.what.name = e.what.at.text();
    detail::json_fields target{fields_of(fields.object("targetRef")), where + ".targetRef", mistake};
    e.what.incarnation = target.text("uid");
    detail::json_fields conditions{fields_of(fields.object("conditions")), where + ".conditions", mistake};
    bool const ready = conditions.flag("ready", true), serving = conditions.flag("serving", ready);
    bool const terminating = conditions.flag("terminating", false);
    e.how = ready ? condition::ready : serving && terminating ? condition::draining : condition::unready;
    detail::json_fields hints{fields_of(fields.object("hints")), where + ".hints", mistake};
    if (auto const* zones = hints.array("forZones")) {
      std::size_t i = 0;
      for (auto const& z : *zones) {
        detail::json_fields zone{z, where + ".hints.forZones[" + std::to_string(i++) + "]", mistake};
        e.for_zones.push_back(zone.text("name"));
      }
    }
    if (mistake.empty()) mistake = e.what.mistake();
    if (mistake.empty()) into.endpoints.push_back(std::move(e));
  }
  static bool is_address(std::string const& text, std::string const& type) {
    if (type == "FQDN") return !text.empty() && text.find(':') == text.npos;
    auto const a = address::parse(text);
    return a && a->is_v6() == (type == "IPv6");
  }

  endpoint_slice_options options_;
  std::map<std::string, slice> slices_, pages_;  // by namespace and name
  std::string version_, next_page_;
  bool needs_list_ = true;
  std::uint64_t changes_ = 0;
  detail::line_splitter lines_{std::size_t{16} << 20};
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

// SPDX-License-Identifier: MIT
// A pool, three balancers, their pickers and leases under any sequence of calls, beside a simple model of what must
// come out: members, attributes, health, work in flight, what waits to be reclaimed, and which backends a pick may
// return.
#include "fuzz.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/least_connections.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/round_robin.hpp>

#include <map>
#include <optional>
#include <set>

using equipoise::admission;
using equipoise::attribute_changes;
using equipoise::attributes;
using equipoise::backend_id;
using equipoise::bad_entry;
using equipoise::health_flag;
using equipoise::outcome;
using equipoise::pick_error;

namespace {

struct injected {};

// A backend that counts its objects, and whose copies can be made to fail.
struct server {
  std::string name;
  std::uint32_t number = 0;
  attributes attrs = {};
  std::int64_t priority = 0;  // may be out of range, unlike that in attrs

  server(std::string n, std::uint32_t i, attributes a, std::int64_t p)
      : name{std::move(n)}, number{i}, attrs{std::move(a)}, priority{p} {
    ++alive;
  }
  server(server const& other) : name{other.name}, number{other.number}, attrs{other.attrs}, priority{other.priority} {
    if (copies_left != 0 && --copies_left == 0) throw injected{};
    ++alive;
  }
  server(server&& other) noexcept
      : name{std::move(other.name)}, number{other.number}, attrs{std::move(other.attrs)}, priority{other.priority} {
    ++alive;
  }
  server& operator=(server const&) = default;
  server& operator=(server&&) = default;
  ~server() { --alive; }

  static inline std::int64_t alive = 0;
  static inline std::uint32_t copies_left = 0;  // 0: all copies succeed
  friend bool operator==(server const& a, server const& b) { return a.name == b.name && a.number == b.number; }
};
std::string_view key_of(server const& s) { return s.name; }
std::uint32_t weight_of(server const& s) { return s.attrs.weight; }
std::int64_t priority_of(server const& s) { return s.priority; }
std::string_view zone_of(server const& s) { return s.attrs.zone; }

constexpr std::uint32_t most_priority = 65'535;
constexpr std::uint32_t levels = 8;

// The model's idea of one member.
struct known {
  backend_id id;
  std::uint32_t number = 0;
  attributes attrs;
  attributes listed;  // what the list or update() says
  attribute_changes overrides;
  health_flag flags = health_flag::none;
  bool healthy_when_published = true;
  std::uint64_t ok = 0, failed = 0, in_a_row = 0;

  bool is_overridden = false;

  static attributes changed(attributes a, attribute_changes const& c) {
    if (c.weight) a.weight = static_cast<std::uint32_t>(*c.weight);
    if (c.priority) a.priority = static_cast<std::uint32_t>(*c.priority);
    if (c.zone) a.zone = *c.zone;
    return a;
  }
  health_flag health() const { return attrs.weight == 0 ? flags | health_flag::zero_weight : flags; }
};

// The members by key, and the keys in the order in which they joined.
struct membership {
  std::map<std::string, known> by_key;
  std::vector<std::string> order;

  std::string const* key_of_id(backend_id id) const {
    if (!id) return nullptr;
    for (auto const& [key, m] : by_key)
      if (m.id == id) return &key;
    return nullptr;
  }
};

class model_and_pool {
 public:
  explicit model_and_pool(fuzz::bytes& in)
      : in_{in}, capacity_{in.below(4) == 0 ? 64 : 1 + in.below(12)}, observes_{in.flip()}, limit_{1 + in.below(3)},
        pool_{{.capacity = capacity_,
               .counter_stripes = 1 + in.below(3),
               .observations = observes_,
               .observer =
                   [](void* self, equipoise::event const& e) noexcept {
                     static_cast<model_and_pool*>(self)->events_.push_back(e);
                   },
               .context = this}} {}

  void run() {
    for (int steps = 200; steps != 0 && !in_.at_end(); --steps) {
      swept_ = false;
      step();
      verify();
    }
    finish();
  }

 private:
  // One change while it is being made, on a copy of the members. A member that joins by assign() has no id before the
  // change is published, because assign() does not tell any.
  struct change {
    membership now;
    std::uint32_t slots_in_use;
    std::vector<backend_id> removed;
    std::size_t size() const { return now.order.size(); }
    bool changed = false;
  };

  template <class P>
  struct side {
    std::optional<equipoise::balancer<server, P>> balancer;
    std::vector<equipoise::picker<server, P>> pickers;
  };
  using limited_levels = equipoise::failover<equipoise::max_in_flight<equipoise::least_connections>>;

  void step() {
    switch (in_.below(20)) {
      case 0:
      case 1:
      case 2:
        return one_change(1);
      case 3:
        return one_change(1 + in_.below(6));
      case 4:
      case 5:
        return mark(true);
      case 6:
        return mark(false);
      case 7:
        pool_.refresh();
        if (health_changes_ != changes_when_published_) return published();
        return sweep();
      case 8:
        return make_or_drop_balancer();
      case 9:
        return make_or_drop_picker();
      case 10:
        return end_lease();
      case 11:
        return move_lease();
      case 12:
        return release_picker();
      default:
        return on_one_side([&](auto& s) { pick(s); });
    }
  }

  // ---- Membership

  std::string some_key() {
    constexpr char const* keys[] = {"a", "b", "c", "d", "e", "f", "g", "h", "a key of more than fifteen bytes", ""};
    auto const byte = in_.next();
    return keys[byte < 250 ? byte % 9 : 9];
  }

  attributes some_attributes() {
    constexpr std::uint32_t weights[] = {1, 1, 1, 2, 3, 10, 0, 0xFFFFFFFF};
    constexpr char const* zones[] = {"", "", "north", "south"};
    auto const byte = in_.next();
    auto const priority = byte < 200   ? byte % 3
                          : byte < 245 ? byte % levels
                          : byte < 252 ? 8
                                       : most_priority + (byte & 1);
    return {weights[in_.below(8)], priority, zones[in_.below(4)]};
  }

  server some_server() {
    auto key = some_key();
    auto const number = in_.below(3);
    auto a = some_attributes();
    std::int64_t const priority = a.priority == most_priority + 1 && in_.flip() ? -1 : std::int64_t{a.priority};
    return {std::move(key), number, std::move(a), priority};
  }

  static bool valid(server const& s) { return s.priority >= 0 && s.priority <= most_priority; }

  // Any id that the pool ever gave, or one that it never gave.
  backend_id some_id() {
    auto const byte = in_.next();
    if (!model_.order.empty() && byte < 192) return model_.by_key.at(model_.order[byte % model_.order.size()]).id;
    if (!ids_.empty() && byte < 248) return ids_[in_.number(2) % ids_.size()];
    return {static_cast<std::uint32_t>(in_.number(4)), static_cast<std::uint32_t>(in_.number(4)) << 12};
  }

  void one_change(std::uint32_t operations) {
    change c{model_, static_cast<std::uint32_t>(model_.order.size()), {}};
    std::vector<backend_id> fresh;
    enum class end { returned, refused, thrown } how = end::returned, expected = end::returned;
    bool const throws = operations > 1 && in_.below(8) == 0;
    bool const keeps_going = in_.flip();  // after a refusal
    try {
      pool_.change([&](auto& t) {
        for (std::uint32_t i = 0; i != operations; ++i) {
          try {
            operation(t, c, fresh);
          } catch (std::invalid_argument const&) {
            if (keeps_going) continue;
            expected = end::refused;
            throw;
          }
          FUZZ_CHECK(t.changed() == c.changed);
          FUZZ_CHECK(t.size() == c.size());
        }
        if (throws) throw injected{};
        if (c.changed && levels_refuse(c.now)) expected = end::refused;
      });
    } catch (std::invalid_argument const& e) {
      FUZZ_CHECK(std::string_view{e.what()}.starts_with("equipoise: "));
      how = end::refused;
    } catch (injected const&) {
      how = end::thrown;
      expected = end::thrown;
    }
    server::copies_left = 0;
    FUZZ_CHECK(how == expected);
    for (auto id : fresh) {  // an id is never given twice, even if its change was undone
      FUZZ_CHECK(id && all_ids_.insert({id.slot, id.tag}).second);
      ids_.push_back(id);
    }
    if (how != end::returned || !c.changed) return;
    model_ = std::move(c.now);
    for (auto id : c.removed) waiting_.insert({id.slot, id.tag});
    published();
  }

  // One call of the change and of the model. A refusal goes on to the caller after the model has agreed to it.
  template <class Transaction>
  void operation(Transaction& t, change& c, std::vector<backend_id>& fresh) {
    bool expected_refusal = false;
    try {
      switch (in_.below(8)) {
        case 0:
        case 1:
        case 2: {
          auto s = some_server();
          auto const own = s.attrs;
          bool const with_own = in_.flip();
          auto const a = with_own ? own : some_attributes();
          expected_refusal = s.name.empty() || c.now.by_key.contains(s.name) || full(c) ||
                             (with_own ? !valid(s) : a.priority > most_priority);
          auto const name = s.name;
          auto const number = s.number;
          auto const id = with_own ? t.add(std::move(s)) : t.add(std::move(s), a);
          FUZZ_CHECK(!expected_refusal);
          fresh.push_back(id);
          joined(c, name, number, a, id);
          break;
        }
        case 3:
        case 4: {
          auto const id = id_in(c);
          auto const* const key = c.now.key_of_id(id);
          bool const is_member = key != nullptr;
          if (is_member) left(c, std::string{*key});
          FUZZ_CHECK(t.remove(id) == is_member);
          break;
        }
        case 5: {
          auto const id = id_in(c);
          auto const a = some_attributes();
          auto const* const key = c.now.key_of_id(id);
          attribute_changes named;
          auto const which = in_.next();
          if ((which & 1) == 0) named.weight = a.weight;
          if ((which & 2) == 0) named.priority = a.priority;
          if ((which & 4) == 0) named.zone = a.zone;
          auto const call = which >> 3 & 3;
          expected_refusal = call != 3 && key != nullptr && named.priority && a.priority > most_priority;
          bool const done = call == 2   ? t.override_attributes(id, named)
                            : call == 3 ? t.clear_overrides(id)
                                        : t.update(id, named);
          FUZZ_CHECK(done == (key != nullptr) && !expected_refusal);
          if (key == nullptr) break;
          if (call == 2)
            overridden(c, *key, named);
          else if (call == 3)
            not_overridden(c, *key);
          else
            updated(c, *key, known::changed(c.now.by_key.at(*key).listed, named));
          break;
        }
        default:
          assign(t, c, expected_refusal);
      }
    } catch (std::invalid_argument const&) {
      FUZZ_CHECK(expected_refusal);
      throw;
    }
  }

  backend_id id_in(change const& c) {
    if (c.now.order.empty() || in_.below(4) == 0) return some_id();
    return c.now.by_key.at(c.now.order[in_.next() % c.now.order.size()]).id;
  }

  bool full(change const& c) const { return c.slots_in_use + waiting_.size() >= capacity_; }

  static void joined(change& c, std::string const& key, std::uint32_t number, attributes const& a, backend_id id) {
    known m;
    m.id = id, m.number = number, m.attrs = m.listed = a;
    c.now.by_key.emplace(key, m);
    c.now.order.push_back(key);
    c.changed = true;
    ++c.slots_in_use;
  }
  static void left(change& c, std::string const& key) {
    c.removed.push_back(c.now.by_key.at(key).id);
    c.now.by_key.erase(key);
    std::erase(c.now.order, key);
    c.changed = true;
  }
  static bool updated(change& c, std::string const& key, attributes const& a) {
    auto& m = c.now.by_key.at(key);
    bool const differs = m.listed != a;
    m.listed = a;
    m.attrs = known::changed(a, m.overrides);
    c.changed |= differs;
    return differs;
  }
  static void overridden(change& c, std::string const& key, attribute_changes const& named) {
    auto& m = c.now.by_key.at(key);
    if (named.weight) m.overrides.weight = named.weight;
    if (named.priority) m.overrides.priority = named.priority;
    if (named.zone) m.overrides.zone = named.zone;
    m.attrs = known::changed(m.listed, m.overrides);
    m.is_overridden = c.changed = true;
  }
  static void not_overridden(change& c, std::string const& key) {
    auto& m = c.now.by_key.at(key);
    c.changed |= std::exchange(m.is_overridden, false);
    m.overrides = {};
    m.attrs = m.listed;
  }

  template <class Transaction>
  void assign(Transaction& t, change& c, bool& expected_refusal) {
    std::vector<server> list;
    bool const one_more_copy_fails = in_.below(12) == 0;
    for (auto n = in_.below(8); n != 0; --n) list.push_back(some_server());
    auto const mode = in_.next();
    bool const by_move = (mode & 1) != 0;
    equipoise::assign_options const options{(mode & 2) != 0, static_cast<bad_entry>((mode >> 3) % 3), (mode & 4) != 0};

    // Which entries stand, and how many slots they need.
    std::vector<server> good;
    std::set<std::string> listed;
    std::uint32_t joining = 0, bad = 0;
    for (auto const& s : list) {
      auto const at = c.now.by_key.find(s.name);
      bool const is_member = at != c.now.by_key.end();
      bool const stands = !s.name.empty() && !listed.contains(s.name) && (is_member || valid(s));
      bad += !stands || !valid(s);
      if (!stands) continue;
      listed.insert(s.name);
      good.push_back(s);
      joining += valid(s) && (!is_member || (options.rejoin_changed && at->second.number != s.number));
    }
    bool const is_good = bad == 0 || options.on_bad_entry == bad_entry::skip;
    bool const is_too_much = c.slots_in_use + waiting_.size() + joining > capacity_;
    bool const keeps_empty = options.keep_last_good && good.empty() && is_good;
    bool const keeps = keeps_empty || (options.on_bad_entry == bad_entry::keep_last_good && (bad != 0 || is_too_much));
    expected_refusal = !keeps && (!is_good || is_too_much);
    equipoise::assign_result did;
    did.refused = keeps, did.skipped = keeps ? 0 : bad;
    if (keeps) did.kept = c.size();
    if (!expected_refusal && !keeps) apply(c, good, listed, options, did);

    server::copies_left = one_more_copy_fails ? 1 + in_.below(4) : 0;
    auto const told = by_move ? t.assign(std::move(list), options) : t.assign(list, options);
    server::copies_left = 0;
    FUZZ_CHECK(!expected_refusal);
    FUZZ_CHECK(told.added == did.added && told.removed == did.removed && told.replaced == did.replaced &&
               told.updated == did.updated && told.kept == did.kept && told.skipped == did.skipped &&
               told.reordered == did.reordered && told.refused == did.refused &&
               told.mistake.empty() == (bad == 0 && !keeps));
  }

  static void apply(change& c, std::vector<server> const& good, std::set<std::string> const& listed,
                    equipoise::assign_options const& options, equipoise::assign_result& did) {
    for (auto const& key : std::vector<std::string>{c.now.order})
      if (!listed.contains(key)) left(c, key), ++did.removed;
    std::vector<std::string> stay;
    for (auto const& s : good)
      if (c.now.by_key.contains(s.name)) stay.push_back(s.name);
    did.reordered = stay != c.now.order;
    for (auto const& s : good) {
      auto const at = c.now.by_key.find(s.name);
      bool const is_member = at != c.now.by_key.end(), is_same = is_member && at->second.number == s.number;
      if (is_member && !valid(s)) {
        ++did.kept;
      } else if (is_same) {
        ++(updated(c, s.name, s.attrs) ? did.updated : did.kept);
      } else if (is_member && !options.rejoin_changed) {
        at->second.number = s.number;
        updated(c, s.name, s.attrs);
        c.changed = true;
        ++did.replaced;
      } else {
        if (is_member) left(c, s.name), ++did.removed;
        joined(c, s.name, s.number, s.attrs, {});
        ++did.added;
      }
    }
    std::vector<std::string> order;
    for (auto const& s : good) order.push_back(s.name);
    if (c.now.order != order) c.now.order = std::move(order), c.changed = true;
  }

  // A failover refuses all members whose priority is beyond its levels, also those of weight 0.
  bool levels_refuse(membership const& m) const {
    if (!limited_.balancer) return false;
    for (auto const& [key, k] : m.by_key)
      if (k.attrs.priority >= levels) return true;
    return false;
  }

  void published() {
    for (auto& [key, m] : model_.by_key) {
      if (m.id) continue;  // else it joined by an assign()
      auto const id = pool_.find(key);
      FUZZ_CHECK(id && all_ids_.insert({id.slot, id.tag}).second);
      m.id = id;
      ids_.push_back(id);
    }
    for (auto& [key, m] : model_.by_key) m.healthy_when_published = m.flags == health_flag::none;
    changes_when_published_ = health_changes_;
    owners_.clear();
    sweep();
  }

  // The slots of removed members are free as soon as no lease holds them.
  void sweep() {
    swept_ = true;
    std::erase_if(waiting_, [&](auto const& id) { return in_flight({id.first, id.second}) == 0; });
  }

  // ---- Health

  void mark(bool on) {
    auto const id = some_id();
    auto const byte = in_.next();
    auto const flags = byte < 192 ? static_cast<health_flag>(1u << byte % 6)
                                  : static_cast<health_flag>(static_cast<std::uint32_t>(in_.number(2)) & 0x1FFF);
    auto const forbidden = health_flag::removed | health_flag::zero_weight | static_cast<health_flag>(~0xFFFu);
    auto const* const key = model_.key_of_id(id);
    bool const allowed = (flags & forbidden) == health_flag::none;
    FUZZ_CHECK((on ? pool_.set(id, flags) : pool_.clear(id, flags)) == (allowed && key != nullptr));
    if (!allowed) return;
    if (key == nullptr) return void(++stale_);
    auto& m = model_.by_key.at(*key);
    auto const before = m.health();
    m.flags = on ? m.flags | flags : without(m.flags, flags);
    if (m.health() == before) return;
    ++health_changes_;
    FUZZ_CHECK(events_.size() == 1 && events_[0].id == id && events_[0].before == before &&
               events_[0].after == m.health());
    events_.clear();
  }

  // ---- Balancers, pickers and leases

  template <class F>
  void on_one_side(F&& f) {
    switch (in_.below(3)) {
      case 0:
        return f(in_turn_);
      case 1:
        return f(hashed_);
      default:
        return f(limited_);
    }
  }

  void make_or_drop_balancer() {
    on_one_side([&]<class P>(side<P>& s) {
      if (s.balancer) {
        if (!s.pickers.empty()) return s.pickers.clear();
        s.balancer.reset();
        return sweep();
      }
      auto const seed = in_.below(3);
      if constexpr (std::same_as<P, limited_levels>) {
        bool refused = false;
        for (auto const& [key, m] : model_.by_key) refused |= m.attrs.priority >= levels;
        try {
          s.balancer.emplace(pool_, P{equipoise::max_in_flight{equipoise::least_connections{}, limit_}}, seed);
          FUZZ_CHECK(!refused);
        } catch (std::invalid_argument const&) {
          FUZZ_CHECK(refused);
        }
      } else if constexpr (std::same_as<P, equipoise::round_robin>) {
        s.balancer.emplace(pool_, P{}, seed);
      } else {
        s.balancer.emplace(pool_, P{127}, seed);
      }
    });
  }

  void make_or_drop_picker() {
    on_one_side([&](auto& s) {
      if (!s.balancer) return;
      auto const at = in_.below(4);
      if (at < s.pickers.size())
        s.pickers.erase(s.pickers.begin() + at);
      else
        s.pickers.push_back(s.balancer->make_picker());
    });
  }

  void release_picker() {
    on_one_side([&](auto& s) {
      if (!s.pickers.empty()) s.pickers[in_.next() % s.pickers.size()].release();
    });
  }

  struct held {
    equipoise::lease<server> lease;
    backend_id id;  // a false id once the lease has ended
    std::uint32_t number = 0;
    std::string name;
  };

  std::uint32_t in_flight(backend_id id) const {
    if (!id) return 0;
    return static_cast<std::uint32_t>(
        std::count_if(leases_.begin(), leases_.end(), [&](held const& h) { return h.id == id; }));
  }

  void end_lease() {
    if (leases_.empty()) return;
    auto const i = in_.next() % leases_.size();
    auto& h = leases_[i];
    if (auto const how = in_.below(8); how < 6) {
      auto const id = h.lease.id();  // it stays
      h.lease.finish(static_cast<outcome>(how), equipoise::time_point{std::chrono::nanoseconds{in_.below(3)}});
      if (auto const* const key = model_.key_of_id(h.id)) report(model_.by_key.at(*key), static_cast<outcome>(how));
      FUZZ_CHECK(!h.lease && h.lease.id() == id && h.lease.error() == pick_error::none);
      h.lease.finish(outcome::error);  // the second one does nothing
      h.id = {};
      if (in_.flip()) return;
    }
    leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  static void report(known& m, outcome how) {
    if (how == outcome::ok)
      ++m.ok, m.in_a_row = 0;
    else if (how != outcome::rejected && how != outcome::cancelled)
      ++m.failed, ++m.in_a_row;
  }

  // One lease moves over another one, which ends; or onto itself, which changes nothing.
  void move_lease() {
    if (leases_.empty()) return;
    auto& from = leases_[in_.next() % leases_.size()];
    auto& to = leases_[in_.next() % leases_.size()];
    to.lease = std::move(from.lease);
    if (&to == &from) return;
    to.id = std::exchange(from.id, {});
    to.number = from.number;
    to.name = from.name;
    FUZZ_CHECK(!from.lease);  // NOLINT(bugprone-use-after-move): that is the claim
  }

  // ---- Picks

  struct prediction {
    std::vector<known const*> may_have;
    pick_error error = pick_error::empty;
  };

  template <class P>
  prediction predict(equipoise::pick_options const& options) const {
    prediction p;
    unsigned met = 0;
    for (auto const& key : model_.order) {
      auto const& m = model_.by_key.at(key);
      if (m.attrs.weight == 0) continue;
      auto const flags = m.flags & static_cast<health_flag>(options.mask);
      auto e = pick_error::none;
      if (flags == health_flag::saturated)
        e = pick_error::all_saturated;
      else if (flags != health_flag::none)
        e = pick_error::all_down;
      else if (std::find(options.excluded.begin(), options.excluded.end(), m.id) != options.excluded.end())
        e = pick_error::all_excluded;
      else if (std::same_as<P, limited_levels> && in_flight(m.id) >= limit_)
        e = pick_error::all_saturated;
      met |= 1u << static_cast<unsigned>(e);
      if (e == pick_error::none) p.may_have.push_back(&m);
    }
    if (met != 0)
      p.error = static_cast<pick_error>(std::countr_zero(met));
    else if (!model_.order.empty())
      p.error = pick_error::all_down;
    narrow<P>(p);
    return p;
  }

  // A failover takes the first level that has a member, and least_connections the member with the least load for its
  // weight, unless others have recovered since the last publish: these get their share by weight.
  template <class P>
  void narrow(prediction& p) const {
    auto& these = p.may_have;
    if constexpr (std::same_as<P, limited_levels>) {
      std::uint32_t level = 0xFFFFFFFF;
      for (auto const* m : these) level = std::min(level, m->attrs.priority);
      std::erase_if(these, [&](auto const* m) { return m->attrs.priority != level; });
    }
    if constexpr (std::same_as<P, limited_levels>) {
      if (these.empty() || some_recovered(p)) return;
      auto const level = these.front()->attrs.priority;
      auto const there = std::count_if(model_.by_key.begin(), model_.by_key.end(),
                                       [&](auto const& m) { return m.second.attrs.priority == level; });
      if (there > equipoise::policy_driver<equipoise::least_connections>::tries) return;  // then a scan may answer
      auto const less = [&](auto const* a, auto const* b) {
        return std::uint64_t{in_flight(a->id)} * b->attrs.weight < std::uint64_t{in_flight(b->id)} * a->attrs.weight;
      };
      auto const* const least = *std::min_element(these.begin(), these.end(), less);
      std::erase_if(these, [&](auto const* m) { return less(least, m); });
    }
  }

  static bool some_recovered(prediction const& p) {
    return std::any_of(p.may_have.begin(), p.may_have.end(), [](auto const* m) { return !m->healthy_when_published; });
  }
  static bool has(prediction const& p, backend_id id) {
    return std::any_of(p.may_have.begin(), p.may_have.end(), [&](auto const* m) { return m->id == id; });
  }
  static void check(prediction const& p, backend_id id, pick_error error) {
    if (p.may_have.empty())
      FUZZ_CHECK(!id && error == p.error);
    else
      FUZZ_CHECK(error == pick_error::none && has(p, id));
  }

  template <class P>
  void pick(side<P>& s) {
    if (!s.balancer) return;
    equipoise::pick_options options;
    std::vector<backend_id> excluded;
    if (in_.below(4) == 0) {
      for (auto n = in_.below(4); n != 0; --n) excluded.push_back(some_id());
      options.excluded = excluded;
      constexpr admission masks[] = {admission::new_work, admission::panic, admission::same_session};
      options.mask = masks[in_.below(3)];
    }
    options.now = equipoise::time_point{std::chrono::nanoseconds{in_.below(3)}};
    auto const key = in_.next();
    auto const give = [&](auto&& call) {
      if constexpr (equipoise::keyed<P>)
        return call(equipoise::hashed_key{key});
      else
        return call();
    };
    auto const expected = predict<P>(options);
    auto const how = in_.below(8);
    if (s.pickers.empty() || how == 0) {
      if (how < 4 && leases_.size() < 24) {
        auto lease = give([&](auto... k) { return s.balancer->acquire(k..., options); });
        parked_ = true;
        return took(std::move(lease), expected, options);
      }
      auto const why = give([&](auto... k) { return s.balancer->explain(k..., options); });
      parked_ = true;
      return check(expected, why.choice, why.error);
    }
    auto& picker = s.pickers[in_.next() % s.pickers.size()];
    switch (how) {
      case 1:
      case 2: {
        auto const why = give([&](auto... k) { return picker.explain(k..., options); });
        auto const c = give([&](auto... k) { return picker.select(k..., options); });
        check(expected, c.id(), c.error());
        FUZZ_CHECK(why.choice == c.id() && why.error == c.error());
        if (c) named(c.id(), *c);
        if constexpr (equipoise::keyed<P>)
          if (excluded.empty() && options.mask == admission::new_work) owner_keeps_its_key(key, c.id());
        break;
      }
      case 3: {
        std::vector<backend_id> found(in_.below(6));
        auto const wanted = found.size();
        found.resize(give([&](auto... k) { return picker.select_n(k..., found, options); }));
        std::sort(found.begin(), found.end());
        FUZZ_CHECK(std::adjacent_find(found.begin(), found.end()) == found.end());
        FUZZ_CHECK(found.empty() == (wanted == 0 || expected.may_have.empty()));
        if (wanted == 1 && !found.empty()) FUZZ_CHECK(has(expected, found[0]));
        break;
      }
      case 4:
        if constexpr (std::same_as<P, equipoise::round_robin>) one_round(picker);
        break;
      default:
        if (leases_.size() == 24) break;
        took(give([&](auto... k) { return picker.acquire(k..., options); }), expected, options);
    }
  }

  void took(equipoise::lease<server> lease, prediction const& expected, equipoise::pick_options const& options) {
    check(expected, lease.id(), lease.error());
    if (!lease) return;
    FUZZ_CHECK(lease.start() == options.now);
    named(lease.id(), *lease);
    auto const id = lease.id();
    auto const number = lease->number;
    auto name = lease->name;
    leases_.push_back({std::move(lease), id, number, std::move(name)});
  }

  void named(backend_id id, server const& s) const {
    auto const* const key = model_.key_of_id(id);
    FUZZ_CHECK(key != nullptr && *key == s.name && model_.by_key.at(*key).number == s.number);
  }

  // While the members and their weights are the same, a key goes to its owner whenever that is healthy.
  void owner_keeps_its_key(std::uint8_t key, backend_id answer) {
    bool const all_healthy = std::all_of(model_.by_key.begin(), model_.by_key.end(),
                                         [](auto const& m) { return m.second.flags == health_flag::none; });
    if (all_healthy && answer) owners_[key] = answer;
    auto const owner = owners_.find(key);
    if (owner == owners_.end()) return;
    auto const* const name = model_.key_of_id(owner->second);
    FUZZ_CHECK(name != nullptr);
    if (model_.by_key.at(*name).flags == health_flag::none) FUZZ_CHECK(answer == owner->second);
  }

  // Each member that was healthy at the last publish and still is has one turn in a round.
  void one_round(equipoise::picker<server, equipoise::round_robin>& picker) const {
    auto const p = predict<equipoise::round_robin>({});
    for (auto const& [key, m] : model_.by_key) {
      if (m.attrs.weight == 0) continue;
      if (m.flags != health_flag::none && m.healthy_when_published) return;  // it is skipped, and others go twice
    }
    if (some_recovered(p)) return;
    std::set<std::pair<std::uint32_t, std::uint32_t>> met;
    for (std::size_t i = 0; i != p.may_have.size(); ++i) {
      auto const id = picker.select().id();
      FUZZ_CHECK(has(p, id) && met.insert({id.slot, id.tag}).second);
    }
  }

  // ---- Everything that can be read

  void verify() {
    FUZZ_CHECK(events_.empty());
    FUZZ_CHECK(pool_.size() == model_.order.size());
    std::size_t i = 0;
    pool_.for_each([&](backend_id id, server const& s, attributes const& a, health_flag health) {
      FUZZ_CHECK(i != model_.order.size() && s.name == model_.order[i]);
      auto const& m = model_.by_key.at(s.name);
      FUZZ_CHECK(id == m.id && s.number == m.number && a == m.attrs && health == m.health());
      ++i;
    });
    FUZZ_CHECK(i == model_.order.size());
    for (auto const& [key, m] : model_.by_key) {
      FUZZ_CHECK(pool_.find(key) == m.id);
      auto const* const seen = pool_.observed(m.id);
      FUZZ_CHECK((seen != nullptr) == observes_);
      if (seen != nullptr)
        FUZZ_CHECK(seen->ok == m.ok && seen->failed == m.failed && seen->consecutive_failures == m.in_a_row);
    }
    for (char const* key : {"", "a", "b", "c", "z"})
      FUZZ_CHECK(static_cast<bool>(pool_.find(key)) == model_.by_key.contains(key));
    for (auto id : ids_) {
      FUZZ_CHECK(pool_.in_flight(id) == in_flight(id));
      if (model_.key_of_id(id) != nullptr) continue;
      FUZZ_CHECK((pool_.health(id) & health_flag::removed) != health_flag::none);
      FUZZ_CHECK(pool_.observed(id) == nullptr);
    }
    for (auto const& h : leases_) {
      FUZZ_CHECK(static_cast<bool>(h.lease) == static_cast<bool>(h.id) && (!h.lease || h.lease.id() == h.id));
      if (h.lease) FUZZ_CHECK(h.lease->name == h.name && h.lease->number == h.number);
    }
    FUZZ_CHECK(pool_.stale_reports() == stale_);
    auto const waiting = pool_.waiting();
    FUZZ_CHECK(waiting.slots == waiting_.size());
    FUZZ_CHECK(waiting.records >= waiting_.size());
    auto const pickers = in_turn_.pickers.size() + hashed_.pickers.size() + limited_.pickers.size();
    if (swept_ && !parked_) FUZZ_CHECK(waiting.snapshots <= pickers);
  }

  // Nothing is left once everything has ended.
  void finish() {
    leases_.clear();
    in_turn_.pickers.clear(), hashed_.pickers.clear(), limited_.pickers.clear();
    in_turn_.balancer.reset(), hashed_.balancer.reset(), limited_.balancer.reset();
    pool_.refresh();
    auto const waiting = pool_.waiting();
    FUZZ_CHECK(waiting.snapshots == 0 && waiting.lists == 0 && waiting.records == 0 && waiting.slots == 0);
    FUZZ_CHECK(server::alive == static_cast<std::int64_t>(model_.order.size()));
  }

  fuzz::bytes& in_;
  std::uint32_t capacity_;
  bool observes_;
  std::uint32_t limit_;
  std::vector<equipoise::event> events_;

  membership model_;
  std::vector<backend_id> ids_;                                // every id that the pool gave
  std::set<std::pair<std::uint32_t, std::uint32_t>> all_ids_;  // the same, to find one that was given twice
  std::set<std::pair<std::uint32_t, std::uint32_t>> waiting_;  // removed members whose slots are not free yet
  std::map<std::uint8_t, backend_id> owners_;                  // of keys, as long as the members stay the same
  std::uint64_t stale_ = 0, health_changes_ = 0, changes_when_published_ = 0;
  bool parked_ = false;  // a balancer has made pickers of its own
  bool swept_ = false;   // in this step

  equipoise::pool<server> pool_;
  side<equipoise::round_robin> in_turn_;
  side<equipoise::maglev<>> hashed_;
  side<limited_levels> limited_;
  std::vector<held> leases_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::bytes in{data, size};
  model_and_pool{in}.run();
  FUZZ_CHECK(server::alive == 0);
  return 0;
}

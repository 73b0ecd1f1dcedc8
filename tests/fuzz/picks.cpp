// SPDX-License-Identifier: MIT
// Every standard policy, and compositions of them, on random weights, health, keys and options: a pick answers with a
// member that it may have, or with the right pick_error. Nothing here throws, so it also runs without exceptions.
#include "fuzz.hpp"

#include <equipoise/core/pick/balancer.hpp>
#include <equipoise/policy/policy_registry.hpp>

#include <optional>

using equipoise::admission;
using equipoise::backend_id;
using equipoise::health_flag;
using equipoise::pick_error;

namespace {

struct server {
  std::string name;
};
std::string_view key_of(server const& s) { return s.name; }

// What decides about the picks of a policy, beside the health of the members.
struct shape {
  std::string_view leaf;
  bool keyed = false;
  bool sticky = false;
  bool failover = false;
  int bounds = 0;                // how many bounded_load are in it
  bool bounds_outside = false;   // one of them is around a failover
  bool session_outside = false;  // no bound is around the first sticky
};

// A key of any kind, and what a policy makes of it.
struct any_kind_of_key {
  enum class kinds { none, text, number, negatable, address };
  kinds kind;
  std::string text;
  std::uint64_t number = 0;
  equipoise::address address;

  explicit any_kind_of_key(fuzz::bytes& in) : kind{static_cast<kinds>(in.below(5))} {
    if (kind == kinds::text) text = in.text(in.below(12));
    if (kind == kinds::number || kind == kinds::negatable) number = in.number(2) * 0x0001'0001'0001'0001;
    if (kind == kinds::address) {
      std::array<std::uint8_t, 16> octets{};
      auto const a = static_cast<std::uint32_t>(in.number(4));
      for (std::size_t i = 0; i != 16; ++i) octets[i] = static_cast<std::uint8_t>(a >> i % 4 * 8);
      address = in.flip() ? equipoise::address::v6(octets)
                          : equipoise::address::v4({octets[0], octets[1], octets[2], octets[3]});
    }
  }

  bool fits(shape const& s) const {
    if (!s.keyed) return true;
    return s.leaf == "ip_hash" ? kind == kinds::address : kind != kinds::none;
  }

  // f(key) with the key that a policy of type P takes, or f() without one.
  template <class P, class F>
  auto give(F&& f) const {
    using key_type = equipoise::key_of_policy<P>;
    if constexpr (std::same_as<key_type, equipoise::address>) {
      return f(address);
    } else if constexpr (equipoise::keyed<P>) {
      switch (kind) {
        case kinds::text:
          return f(key_type{text});
        case kinds::number:
          return f(key_type{number});
        case kinds::negatable:
          return f(key_type{static_cast<std::int64_t>(number)});
        case kinds::address:
          return f(key_type{address});
        default:
          break;
      }
      if constexpr (equipoise::optionally_keyed<P>)
        return f();
      else
        return f(key_type{0});
    } else {
      return f();
    }
  }
};

health_flag some_flags(fuzz::bytes& in) {
  constexpr health_flag flags[] = {health_flag::down,
                                   health_flag::ejected,
                                   health_flag::circuit_open,
                                   health_flag::saturated,
                                   health_flag::draining,
                                   health_flag::maintenance,
                                   health_flag::user_1,
                                   health_flag::user_4,
                                   health_flag::down | health_flag::saturated,
                                   health_flag::draining | health_flag::user_2};
  return flags[in.below(std::size(flags))];
}

admission some_mask(fuzz::bytes& in) {
  switch (in.below(6)) {
    case 0:
      return admission::panic;
    case 1:
      return admission::same_session;
    case 2:
      return admission::panic & admission::same_session;
    case 3:
      return static_cast<admission>(~static_cast<std::uint32_t>(some_flags(in)));
    default:
      return admission::new_work;
  }
}

template <class P>
class fixture {
 public:
  fixture(P policy, shape const& s, fuzz::bytes& in)
      : in_{in}, shape_{s}, pool_{{.capacity = 64, .counter_stripes = 1 + in.below(3)}} {
    auto const first = in_.next();
    auto const n = first < 230 ? first % 9u : 33 + first % 8u;
    pool_.change([&](auto& t) {
      for (std::uint32_t i = 0; i != n; ++i) {
        auto const a = attributes();
        auto const id = t.add({"backend-" + std::to_string(i)}, a);
        members_.push_back({id, a.weight, a.priority});
      }
    });
    for (auto& m : members_)
      if (in_.next() > 160) mark(m, true);
    if (in_.flip()) pool_.refresh();
    balancer_.emplace(pool_, std::move(policy), in_.below(4));
    pickers_.push_back(balancer_->make_picker());
    pickers_.push_back(balancer_->make_picker());
  }

  void run() {
    int updates = 4;
    for (int steps = 64; steps != 0 && !in_.at_end(); --steps) {
      switch (auto const what = in_.below(16); what) {
        case 0:
        case 1:
          if (!members_.empty()) mark(any_member(), what == 0);
          break;
        case 2:
          if (updates-- > 0) pool_.refresh();
          break;
        case 3:
          if (!members_.empty() && updates-- > 0) {
            auto const a = attributes();
            auto& m = any_member();
            FUZZ_CHECK(pool_.update(m.id, {.weight = a.weight, .priority = a.priority, .zone = a.zone}));
            m.weight = a.weight, m.priority = a.priority;
          }
          break;
        case 4:
          if (!leases_.empty()) end_lease(in_.below(static_cast<std::uint32_t>(leases_.size())));
          break;
        case 5:
          pickers_[in_.below(2)].release();
          break;
        default:
          pick(what);
      }
    }
    while (!leases_.empty()) end_lease(0);
  }

 private:
  using picker = equipoise::picker<server, P>;

  struct known {
    backend_id id;
    std::uint32_t weight, priority;
    health_flag flags = health_flag::none;
    std::uint32_t held = 0;
    health_flag all_flags() const { return weight == 0 ? flags | health_flag::zero_weight : flags; }
  };

  // Most weights are small. The great ones make long tables, so the policies that have these get smaller ones.
  equipoise::attributes attributes() {
    constexpr std::uint32_t great[] = {100, 1000, 10'000, 1u << 31, 0xFFFFFFFF};
    auto const byte = in_.next();
    std::uint32_t weight = byte < 128 ? 1 : byte < 230 ? byte % 16 : great[byte % 5];
    if (shape_.leaf == "ring_hash") weight = std::min(weight, 100u);
    return {.weight = weight, .priority = in_.below(8)};
  }

  known& any_member() { return members_[in_.below(static_cast<std::uint32_t>(members_.size()))]; }

  void mark(known& m, bool on) {
    auto const flags = some_flags(in_);
    FUZZ_CHECK(on ? pool_.set(m.id, flags) : pool_.clear(m.id, flags));
    m.flags = on ? m.flags | flags : without(m.flags, flags);
    FUZZ_CHECK(pool_.health(m.id) == m.all_flags());
  }

  void end_lease(std::size_t i) {
    auto& lease = leases_[i];
    for (auto& m : members_)
      if (m.id == lease.id()) --m.held;
    lease.finish(equipoise::outcome::ok);
    leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(i));
  }

  // Why a pick may not have this member; none if it may.
  static pick_error against(known const& m, admission mask, equipoise::pick_options const& options) {
    auto const flags = m.all_flags() & static_cast<health_flag>(mask & options.mask);
    if (flags == health_flag::saturated) return pick_error::all_saturated;
    if (flags != health_flag::none) return pick_error::all_down;
    for (auto id : options.excluded)
      if (id == m.id) return pick_error::all_excluded;
    return pick_error::none;
  }

  // What the library may answer to one pick, worked out from the members alone.
  struct prediction {
    std::vector<backend_id> may_have;      // the answers of a policy without levels
    std::uint32_t level = 0xFFFFFFFF;      // the least priority among them
    std::optional<backend_id> session;     // the answer, because the session lives there
    pick_error error = pick_error::empty;  // the answer if there is no backend
  };
  prediction predict(any_kind_of_key const& key, equipoise::pick_options const& options) const {
    prediction p;
    bool const fits = key.fits(shape_);
    unsigned met = 0;
    for (auto const& m : members_) {
      if (shape_.sticky && options.session == m.id) {
        auto const e = against(m, admission::same_session, options);
        if (e == pick_error::none) p.session = m.id;
        met |= 1u << static_cast<unsigned>(e);
      }
      if (m.weight == 0 || !fits) continue;
      auto const e = against(m, admission::new_work, options);
      met |= 1u << static_cast<unsigned>(e);
      if (e != pick_error::none) continue;
      p.may_have.push_back(m.id);
      p.level = std::min(p.level, m.priority);
    }
    if (met != 0)
      p.error = static_cast<pick_error>(std::countr_zero(met));
    else if (!fits)
      p.error = pick_error::refused;
    else if (!members_.empty())
      p.error = pick_error::all_down;
    return p;
  }

  known const& member_of(backend_id id) const {
    for (auto const& m : members_)
      if (m.id == id) return m;
    fuzz::report("the answer is a member", __FILE__, __LINE__);
  }

  void check(prediction const& p, backend_id id, pick_error error) const {
    bool const limited = shape_.bounds != 0 && !leases_.empty();
    if (p.session && (!limited || shape_.session_outside)) {
      FUZZ_CHECK(error == pick_error::none && id == *p.session);
      return;
    }
    if (!id) {
      // One bound leaves room on some member. Two bounds together may leave none.
      bool const both_full = limited && shape_.bounds > 1 && !p.may_have.empty() && error == pick_error::all_saturated;
      bool const session_full = limited && p.session && p.may_have.empty();
      FUZZ_CHECK(both_full || session_full || (p.may_have.empty() && error == p.error));
      return;
    }
    FUZZ_CHECK(error == pick_error::none);
    if (p.session && id == *p.session) return;
    FUZZ_CHECK(std::find(p.may_have.begin(), p.may_have.end(), id) != p.may_have.end());
    if (shape_.failover && !(limited && (shape_.bounds_outside || shape_.bounds > 1)))
      FUZZ_CHECK(member_of(id).priority == p.level);
  }

  void pick(std::uint32_t what) {
    any_kind_of_key key{in_};
    if (!equipoise::optionally_keyed<P> && !key.fits(shape_))  // such a key does not compile
      key.kind = shape_.leaf == "ip_hash" ? any_kind_of_key::kinds::address : any_kind_of_key::kinds::number;
    equipoise::pick_options options;
    std::vector<backend_id> excluded;
    if (!members_.empty() && in_.next() > 127) {
      for (auto n = in_.below(8); n != 0; --n) excluded.push_back(any_member().id);
      options.excluded = excluded;
      options.mask = some_mask(in_);
      if (in_.flip()) options.session = any_member().id;
    }
    auto const expected = predict(key, options);
    auto& one = pickers_[0];
    auto const select = [&](picker& with) {
      auto const c = key.give<P>([&](auto const&... k) { return with.select(k..., options); });
      FUZZ_CHECK(!c || c->name == "backend-" + std::to_string(&member_of(c.id()) - members_.data()));
      check(expected, c.id(), c.error());
      return c;
    };
    if (what < 10) {
      auto const c = select(one);
      bool const limited = shape_.bounds != 0 && !leases_.empty();
      if (shape_.keyed && !limited) FUZZ_CHECK(select(pickers_[1]).id() == c.id());
    } else if (what < 12) {
      auto lease = key.give<P>([&](auto const&... k) { return pickers_[in_.below(2)].acquire(k..., options); });
      check(expected, lease.id(), lease.error());
      if (!lease) return;
      auto& m = const_cast<known&>(member_of(lease.id()));
      FUZZ_CHECK(pool_.in_flight(m.id) == ++m.held);
      leases_.push_back(std::move(lease));
    } else if (what < 14) {
      several(key, options, expected);
    } else {
      auto const why = key.give<P>([&](auto const&... k) { return one.explain(k..., options); });
      FUZZ_CHECK(!why.text().empty() && why.rows.size() <= members_.size());
      auto const c = select(one);
      FUZZ_CHECK(why.choice == c.id() && why.error == c.error());
    }
  }

  void several(any_kind_of_key const& key, equipoise::pick_options const& options, prediction const& expected) {
    std::vector<backend_id> found(in_.below(12));
    auto const wanted = found.size();
    found.resize(key.give<P>([&](auto const&... k) { return pickers_[0].select_n(k..., found, options); }));
    auto all = expected.may_have;
    if (expected.session && std::find(all.begin(), all.end(), *expected.session) == all.end())
      all.push_back(*expected.session);
    bool const limited = shape_.bounds != 0 && !leases_.empty();
    FUZZ_CHECK(limited ? found.size() <= std::min(wanted, all.size()) : found.size() == std::min(wanted, all.size()));
    for (auto id : found) FUZZ_CHECK(std::find(all.begin(), all.end(), id) != all.end());
    std::sort(found.begin(), found.end());
    FUZZ_CHECK(std::adjacent_find(found.begin(), found.end()) == found.end());
  }

  fuzz::bytes& in_;
  shape shape_;
  equipoise::pool<server> pool_;
  std::vector<known> members_;
  std::optional<equipoise::balancer<server, P>> balancer_;
  std::vector<picker> pickers_;
  std::vector<equipoise::lease<server>> leases_;
};

template <class P>
void run(P policy, fuzz::bytes& in) {
  fixture<P>{std::move(policy), {.leaf = P::name, .keyed = equipoise::keyed<P>}, in}.run();
}

// A policy by name, with up to three compositions around it.
void run_composition(fuzz::bytes& in) {
  static auto const registry = [] {
    auto r = equipoise::policy_registry::standard();
    r.add("small_maglev", equipoise::any_policy{equipoise::maglev{251}});
    return r;
  }();
  static auto const names = registry.names();
  std::vector<std::string> leaves, wrappers;
  for (auto const& name : names) {
    auto const open = name.find('{');
    (open == name.npos ? leaves : wrappers).push_back(name.substr(0, open));
  }
  shape s;
  std::string before, after;
  for (auto n = in.below(4); n != 0; --n) {
    auto const& wrapper = wrappers[in.below(static_cast<std::uint32_t>(wrappers.size()))];
    if (wrapper == "sticky" && !s.sticky) s.sticky = true, s.session_outside = s.bounds == 0;
    if (wrapper == "failover") s.failover = true, s.bounds_outside |= s.bounds != 0;
    if (wrapper == "bounded_load") ++s.bounds;
    before += wrapper + "{";
    after += "}";
  }
  auto const& leaf = leaves[in.below(static_cast<std::uint32_t>(leaves.size()))];
  auto policy = registry.make(before + leaf + after);
  s.leaf = leaf;
  s.keyed = registry.make(leaf).needs_key();
  fixture<equipoise::any_policy>{std::move(policy), s, in}.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  fuzz::bytes in{data, size};
  auto const wanted = in.below(24);
  std::uint32_t number = 0;
  equipoise::for_each_policy(equipoise::standard_policies{}, [&]<class P>(P policy) {
    if (number++ != wanted) return;
    if constexpr (requires { policy.entries; }) {  // a small table is filled in no time
      if (in.next() > 8) return run(P{251}, in);
    }
    run(std::move(policy), in);
  });
  if (wanted >= number) run_composition(in);
  return 0;
}

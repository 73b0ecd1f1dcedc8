// What a policy is: a generator of proposals. It never decides alone; the picker tests the backend's word, skips what
// was tried, takes the lease, counts and explains. So no policy can forget a health test.
//
//   struct first_come {
//     struct table {};
//     struct cursor {};
//     table build(equipoise::members_view) const { return {}; }
//     equipoise::proposal propose(table const&, cursor&, equipoise::pick const& k) const noexcept {
//       return k.members.empty() ? nullptr : &k.members[0];
//     }
//   };
#pragma once

#include <equipoise/core/clock.hpp>
#include <equipoise/core/member.hpp>
#include <equipoise/core/random.hpp>
#include <equipoise/core/registry.hpp>

#include <concepts>
#include <utility>

namespace equipoise::inline EQUIPOISE_ABI {

// What the host says of one pick.
struct pick_options {
  tick now = {};                           // the lease's start; load-aware policies' time
  std::span<backend_id const> tried = {};  // retries: not these again
  backend_id session = {};                 // where this client's session lives
  admission mask = admission::new_work;    // which reasons count
};

// The default, in one place: a constant that is read, not an object that each pick would have to write.
inline constexpr pick_options plain_pick{};

// The limit of a proposal that has none.
inline constexpr std::uint32_t no_limit = 0xFFFFFFFF;

// A member, or nobody; who may be admitted; and the most in flight at which the lease may be taken.
struct proposal {
  member const* who = nullptr;
  admission mask = admission::new_work;
  std::uint32_t limit = no_limit;

  constexpr proposal() = default;
  constexpr proposal(member const* m) noexcept : who{m} {}
  constexpr proposal(std::nullptr_t) noexcept {}

  // Nobody, with the answer the host will read: a shard that has no member is `all_down`, a wrong key is `refused`.
  static constexpr proposal nobody(cause because) noexcept {
    proposal p;
    p.limit = static_cast<std::uint32_t>(because);
    return p;
  }
  constexpr cause because() const noexcept {
    return who == nullptr && limit != no_limit ? static_cast<cause>(limit) : cause::none;
  }
};

static_assert(sizeof(proposal) == 16);

// Who listens while a pick is explained. May allocate; keeps what goes wrong to itself.
struct recorder {
  virtual void compared(member const&, char const* number, double value) noexcept = 0;
  virtual void refused(member const*, char const* why) noexcept = 0;  // no member: nobody is proposed

 protected:
  ~recorder() = default;
};

// What a policy may look at while it proposes; all of it wait-free. Holds pointers only, so that it melts into the pick. (A
// table may outlive the members that it was built from: its destructor must not look at them.)
class pick {
 public:
  std::span<member const> members;  // the view the policy's table was built from

  pick(std::span<member const> these, registry const& r, pick_options const& o, recorder* listener = nullptr) noexcept
      : members{these}, registry_{&r}, options_{&o}, recorder_{listener} {}

  EQUIPOISE_INLINE tick now() const noexcept { return options_->now; }
  EQUIPOISE_INLINE backend_id session() const noexcept { return options_->session; }

  // Work in flight on m, counted from the pick. A load for each count row.
  EQUIPOISE_INLINE std::uint32_t in_flight(member const& m) const noexcept { return registry_->load(m.id.slot); }

  // Whether this pick may have m, as far as the host's mask says. Load-aware policies must ask: a dead backend looks idle. One
  // load, O(tried).
  EQUIPOISE_INLINE bool admits(member const& m) const noexcept {
    if (!registry_->check(m.id, options_->mask)) return false;
    for (backend_id id : options_->tried)
      if (id == m.id) return false;
    return true;
  }

  // No retry and no mask of its own: this pick may have whom any other may have.
  EQUIPOISE_INLINE bool ordinary() const noexcept {
    return options_->tried.empty() && options_->mask == admission::new_work;
  }

  // Tells `explain` a number that was compared; costs nothing in an ordinary pick.
  EQUIPOISE_INLINE void compared(member const& m, char const* number, double value) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->compared(m, number, value);
  }

  // Tells `explain` why the policy itself passes m over; or, without a member, why it proposes nobody.
  EQUIPOISE_INLINE void refused(member const& m, char const* why) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->refused(&m, why);
  }
  EQUIPOISE_INLINE void refused(char const* why) const {
    if (recorder_ != nullptr) [[unlikely]] recorder_->refused(nullptr, why);
  }

  // The picker found nobody among those the tables were built from, and asks those left out. enter: true if it just began.
  EQUIPOISE_INLINE bool last_resort() const noexcept { return last_resort_; }
  bool enter_last_resort() noexcept { return !std::exchange(last_resort_, true); }

  // The same pick over a child's members.
  EQUIPOISE_INLINE pick over(std::span<member const> these) const noexcept {
    pick child{*this};
    child.members = these;
    return child;
  }

 private:
  registry const* registry_;
  pick_options const* options_;
  recorder* recorder_;
  bool last_resort_ = false;
};

// The key of policies that need none.
struct no_key {};

namespace detail {
template <class P>
struct policy_key {
  using type = no_key;
};
template <class P>
  requires requires { typename P::key_type; }
struct policy_key<P> {
  using type = typename P::key_type;
};
}  // namespace detail

// What P is asked with: its key_type, or no_key.
template <class P>
using key_of_policy = typename detail::policy_key<P>::type;

// A policy that demands a key.
template <class P>
concept keyed = !std::same_as<key_of_policy<P>, no_key>;

// A policy whose key may be left out (a name at run time decides whether it is needed).
template <class P>
concept optionally_keyed = keyed<P> && requires { requires P::key_type::optional; };

// A policy that owns another policy, `child`, and takes its walk (or erases it, and says `whole_walk`): its propose() is
// already finite, and asks each member at most a few times.
template <class P>
concept composition = requires(P const& p) { p.child; } || requires { requires P::whole_walk; };

// Whether a table holds the members that are down too, so that keys keep their homes. True of keyed policies.
template <class P>
constexpr bool keeps_homes(P const& policy) noexcept {
  if constexpr (requires { policy.keeps_homes(); })
    return policy.keeps_homes();
  else if constexpr (composition<P>)
    return keeps_homes(policy.child);
  else
    return keyed<P>;
}

// Passes a child's key on to the composition that owns it.
template <class P>
struct with_key_of {};
template <keyed P>
struct with_key_of<P> {
  using key_type = typename P::key_type;
};

}  // namespace equipoise::inline EQUIPOISE_ABI

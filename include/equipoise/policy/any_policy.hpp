// SPDX-License-Identifier: MIT
// A policy chosen at run time: erases the policy and the kind of its key. Costs an indirect call per proposal, about 4
// ns. The progress guarantee is that of the policy inside.
//
//   equipoise::any_policy p = equipoise::least_connections{};
//   equipoise::balancer lb{pool, std::move(p)};
//   picker.select("user-42");    // ignored by a policy without a key; a missing or wrong kind of key is `refused`
#pragma once

#include <equipoise/core/ownership.hpp>
#include <equipoise/core/policy/check_policy.hpp>
#include <equipoise/hash/key.hpp>

#include <cstdio>
#include <new>
#include <string>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// The key of an any_policy: text, a 64-bit number, an address, or none. Text is borrowed until the pick returns.
class any_key {
 public:
  static constexpr bool optional = true;  ///< select() without a key compiles

  any_key() = default;  ///< no key
  /// A text; null is an empty one.
  template <key_text Text>
  any_key(Text const& text) noexcept : kind_{kind::text}, text_{detail::view_of(text)} {}
  /// A number.
  template <key_integer Integer>
  any_key(Integer number) noexcept
      : kind_{std::is_signed_v<Integer> ? kind::negatable : kind::natural},
        number_{static_cast<std::uint64_t>(number)} {}
  /// An address.
  any_key(address const& a) noexcept : kind_{kind::address}, address_{a} {}

  /// Calls `use` with the key as a Key, derived as often as this key was. Returns false, without a call, if there is no
  /// key or if a Key cannot be made of this kind. Wait-free.
  template <class Key, class Use>
  bool as(Use&& use) const noexcept {
    static_assert(std::is_trivially_copyable_v<Key>);
    alignas(Key) unsigned char room[sizeof(Key)];
    Key* const key = made_in<Key>(room);
    if (key == nullptr) return false;
    use(*key);
    return true;
  }

  /// The text or the number as text; empty for an address and for no key. Allocates.
  std::string text() const {
    if (kind_ == kind::natural) return std::to_string(number_);
    if (kind_ == kind::negatable) return std::to_string(static_cast<std::int64_t>(number_));
    return std::string{text_};
  }

  /// A hash of the key, with all bits well mixed; 0 without a key. Wait-free; O(length).
  std::uint64_t mixed() const noexcept {
    std::uint64_t hash = 0;
    as<hashed_key>([&](hashed_key const& k) { hash = k.mixed(); });
    return hash;
  }

  /// An independent key, as basic_key::derived() makes it. Beyond four derivations the last salts are mixed into one.
  any_key derived(std::uint64_t salt) const noexcept {
    any_key k{*this};
    if (salt == 0) return k;
    if (derivations_ != most_salts)
      k.salts_[k.derivations_++] = salt;
    else
      k.salts_[most_salts - 1] = mix(salts_[most_salts - 1] + salt);
    return k;
  }

 private:
  friend class any_policy;
  static constexpr std::uint8_t most_salts = 4;
  enum class kind : std::uint8_t { none, text, natural, negatable, address };

  // Tells explain() that the policy wants another kind.
  EQUIPOISE_OUT_OF_LINE void tell_refusal(pick k, key_kinds wanted) const noexcept {
    static constexpr char const* given[] = {"there is no key", "the key is a text", "the key is a number",
                                            "the key is a number", "the key is an address"};
    static constexpr char const* kinds[] = {"a key of another type",
                                            "a text",
                                            "a number",
                                            "a text or a number",
                                            "an address",
                                            "a text or an address",
                                            "a number or an address",
                                            "a text, a number or an address"};
    char text[96];
    std::snprintf(text, sizeof text, "%s, but the policy wants %s", given[static_cast<std::size_t>(kind_)],
                  kinds[(wanted.text ? 1 : 0) + (wanted.number ? 2 : 0) + (wanted.address ? 4 : 0)]);
    k.refused(text);
  }

  // The Key in that room, or null.
  template <class Key>
  Key* made_in(void* room) const noexcept {
    Key* key = nullptr;
    switch (kind_) {
      case kind::text:
        key = made_of<Key>(room, text_);
        break;
      case kind::natural:
        key = made_of<Key>(room, number_);
        break;
      case kind::negatable:
        key = made_of<Key>(room, static_cast<std::int64_t>(number_));
        break;
      case kind::address:
        key = made_of<Key>(room, address_);
        break;
      case kind::none:
        break;
    }
    if (key != nullptr)
      for (std::uint8_t i = 0; i != derivations_; ++i) {
        Key const next = equipoise::derived(*key, salts_[i]);
        key = ::new (room) Key(next);
      }
    return key;
  }
  template <class Key, class From>
  EQUIPOISE_INLINE static Key* made_of([[maybe_unused]] void* room, [[maybe_unused]] From const& from) noexcept {
    if constexpr (std::constructible_from<Key, From const&>)
      return ::new (room) Key(from);
    else
      return nullptr;
  }

  kind kind_ = kind::none;
  std::uint8_t derivations_ = 0;  // how often
  std::uint64_t number_ = 0;
  std::uint64_t salts_[most_salts]{};  // in order: only the policy inside can make the hash that they apply to
  std::string_view text_;
  address address_;
};

/// Any policy behind one type. Copies share one immutable policy. Its cursor is allocated with the picker, so a pick
/// promises what the policy inside promises: no lock, no allocation.
class any_policy {
  using erased_table = detail::reference_counted;
  // The policy's cursor, and room for its pick state. Made with the picker, so that a pick allocates nothing.
  struct erased_cursor {
    virtual ~erased_cursor() = default;
    virtual detail::owned<erased_cursor> copy() const = 0;
  };

 public:
  using key_type = any_key;
  using table = detail::shared<erased_table const>;
  class cursor {
   public:
    cursor() = default;
    cursor(cursor const& other) : own_{other.own_ != nullptr ? other.own_->copy() : nullptr} {}
    cursor(cursor&&) noexcept = default;
    cursor& operator=(cursor other) noexcept {
      own_ = std::move(other.own_);
      return *this;
    }

   private:
    friend any_policy;
    detail::owned<erased_cursor> own_;
  };
  struct pick_state {
    bool begun = false;
  };

  static constexpr bool is_composition = true;  // the policy inside is driven by its own driver

  template <class P>
    requires(!std::same_as<std::remove_cvref_t<P>, any_policy>)
  any_policy(P policy) : policy_{new holder<P>{std::move(policy)}} {}

  table build(members_view members, table const* before = nullptr) const {
    return policy_->build(members, before != nullptr ? before->operator->() : nullptr);
  }
  cursor make_cursor() const {
    cursor c;
    c.own_ = policy_->make_cursor();
    return c;
  }
  void remember(table const& t, cursor& c) const noexcept { policy_->remember(*t, *c.own_); }
  void start(table const& t, cursor& c, random_source& random) const noexcept { policy_->start(*t, *c.own_, random); }
  proposal propose(table const& t, cursor& c, pick_state& s, pick const& k, any_key const& key) const noexcept {
    return policy_->propose(*t, *c.own_, !std::exchange(s.begun, true), k, key);
  }

  bool includes_unhealthy() const noexcept { return policy_->includes_unhealthy; }
  bool is_load_aware() const noexcept { return policy_->is_load_aware; }

  /// Whether a select() without a key would be `refused`.
  bool needs_key() const noexcept { return policy_->needs_key; }

  /// Which kinds of keys the policy inside takes. Wait-free.
  equipoise::key_kinds key_kinds() const noexcept { return policy_->key_kinds; }

  /// Which attributes of backends the policy inside reads. Wait-free.
  equipoise::attributes_read attributes_read() const noexcept { return policy_->attributes_read; }

  /// What the policy inside makes of the key: the text or the number itself, but the network that ip_hash takes of an
  /// address. Nothing without a key, or if the policy takes none of this kind. Allocates.
  std::string describe_key(any_key const& key) const { return policy_->describe_key(key); }

  /// The policy inside, as policy_registry reads it: "failover{maglev}"; or the name that named() gave it.
  std::string describe() const { return name_.empty() ? policy_->describe() : name_; }

  /// The same policy under another name, which describe() and explain() then show.
  any_policy named(std::string name) && {
    name_ = std::move(name);
    return std::move(*this);
  }

 private:
  struct erased : detail::reference_counted {
    virtual table build(members_view, erased_table const* before) const = 0;
    virtual detail::owned<erased_cursor> make_cursor() const = 0;
    virtual void remember(erased_table const&, erased_cursor&) const noexcept = 0;
    virtual void start(erased_table const&, erased_cursor&, random_source&) const noexcept = 0;
    virtual proposal propose(erased_table const&, erased_cursor&, bool begins, pick const&,
                             any_key const&) const noexcept = 0;
    virtual std::string describe() const = 0;
    virtual std::string describe_key(any_key const&) const = 0;

    bool includes_unhealthy = false;
    bool is_load_aware = false;
    bool needs_key = false;
    equipoise::key_kinds key_kinds{};
    equipoise::attributes_read attributes_read{};
  };

  template <class P>
  static constexpr equipoise::key_kinds key_kinds_of([[maybe_unused]] P const& policy) noexcept {
    using key = key_of_policy<P>;
    if constexpr (!std::same_as<key, any_key>)
      return {std::constructible_from<key, std::string_view const&>, std::constructible_from<key, std::uint64_t const&>,
              std::constructible_from<key, address const&>};
    else if constexpr (requires { policy.key_kinds(); })
      return policy.key_kinds();
    else if constexpr (requires { policy.child; })
      return key_kinds_of(policy.child);
    else
      return {true, true, true};
  }

  template <class P>
  struct holder final : erased {
    static_assert(check_policy<P>());
    using driver = policy_driver<P>;
    struct own_table final : erased_table {
      explicit own_table(typename driver::table t) : table{std::move(t)} {}
      typename driver::table table;
    };
    struct own_cursor final : erased_cursor {
      explicit own_cursor(typename driver::cursor c) : cursor{std::move(c)} {}
      detail::owned<erased_cursor> copy() const override { return detail::owned<erased_cursor>{new own_cursor(*this)}; }
      typename driver::cursor cursor;
      typename driver::pick_state pick_state{};
    };

    explicit holder(P p) : policy{std::move(p)} {
      includes_unhealthy = equipoise::includes_unhealthy(policy);
      is_load_aware = equipoise::is_load_aware(policy);
      needs_key = equipoise::needs_key(policy);
      this->key_kinds = key_kinds_of(policy);
      this->attributes_read = attributes_read_by(policy);
    }

    any_policy::table build(members_view members, erased_table const* before) const override {
      auto const* const own = static_cast<own_table const*>(before);
      return any_policy::table{new own_table{driver::build(policy, members, own != nullptr ? &own->table : nullptr)}};
    }
    detail::owned<erased_cursor> make_cursor() const override {
      return detail::owned<erased_cursor>{new own_cursor(driver::make_cursor(policy))};
    }
    void remember(erased_table const& t, erased_cursor& c) const noexcept override {
      driver::remember(policy, static_cast<own_table const&>(t).table, static_cast<own_cursor&>(c).cursor);
    }
    void start(erased_table const& t, erased_cursor& c, random_source& random) const noexcept override {
      driver::start(policy, static_cast<own_table const&>(t).table, static_cast<own_cursor&>(c).cursor, random);
    }
    EQUIPOISE_FLATTEN proposal propose(erased_table const& t, erased_cursor& c, bool begins, pick const& k,
                                       any_key const& key) const noexcept override {
      auto& mine = static_cast<own_cursor&>(c);
      if (begins) mine.pick_state = {};
      auto const next = [&](key_of_policy<P> const& own_key) {
        return driver::next(policy, static_cast<own_table const&>(t).table, mine.cursor, mine.pick_state, k, own_key);
      };
      if constexpr (!keyed<P>) {
        return next(no_key{});
      } else if constexpr (std::same_as<key_of_policy<P>, any_key>) {
        return next(key);
      } else {
        proposal p;
        if (key.as<key_of_policy<P>>([&](key_of_policy<P> const& own_key) { p = next(own_key); })) [[likely]]
          return p;
        if (k.is_explained()) [[unlikely]]
          key.tell_refusal(k, this->key_kinds);
        return proposal::none(pick_error::refused);
      }
    }
    std::string describe() const override { return equipoise::describe(policy); }
    std::string describe_key(any_key const& key) const override {
      std::string text;
      if constexpr (std::same_as<key_of_policy<P>, any_key>)
        text = equipoise::describe_key(policy, key);
      else if constexpr (keyed<P>)
        key.as<key_of_policy<P>>([&](key_of_policy<P> const& own) {
          text = key.text();
          if (text.empty()) text = equipoise::describe_key(policy, own);
        });
      return text;
    }

    P policy;
  };

  detail::shared<erased const> policy_;
  std::string name_;  // instead of the policy's own, if it is not empty
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

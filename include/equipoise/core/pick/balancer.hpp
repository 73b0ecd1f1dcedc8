// SPDX-License-Identifier: MIT
// A policy at work on a pool. Several balancers may share one pool; each builds its own table from the members.
//
//   equipoise::pool<server> pool;
//   equipoise::balancer lb{pool, equipoise::round_robin{}};
//   auto picker = lb.make_picker();
#pragma once

#include <equipoise/core/pick/picker.hpp>
#include <equipoise/core/pool/pool.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

/// A policy of type P at work on a pool of backends of type B. It must outlive its pickers, and the pool must outlive
/// it. It is neither copied nor moved. P is left unconstrained, so that a mistake in a policy is answered by the one
/// sentence of check_policy.
template <class B, class P>
class balancer final : private detail::publisher {
  static_assert(check_policy<P>());

 public:
  using picker_type = picker<B, P>;
  using key_type = key_of_policy<P>;

  /// Builds the policy's table; throws (or fails with) what the build refuses. The same seed and the same order of
  /// make_picker() calls give the same picks. Without a seed, the operating system gives a random one. Blocking.
  balancer(pool<B>& p, P policy) : balancer(p, std::move(policy), detail::entropy() | 1) {}
  balancer(pool<B>& p, P policy, std::uint64_t seed)
      : pool_{p}, policy_{new held_policy{std::move(policy)}}, seed_{seed} {
    pool_.join(*this);
  }
  ~balancer() override {
    for (auto& p : parked_) delete p.picker.load(std::memory_order_relaxed);
    assert(pickers() == 0 && "equipoise: a balancer must outlive its pickers");
    pool_.leave(*this);
  }

  /// Makes a picker for one worker. Pickers take the counter stripes in turn. Allocates; blocking (a short mutex), from
  /// any thread.
  picker_type make_picker() {
    auto const number = made_.fetch_add(1, std::memory_order_relaxed);
    return picker_of(number, random_source{seed_, number, seed_ == 0 && number == 0});
  }

  /// Puts another policy of the same type in place of the present one: a limit is raised, a shard is split. Pickers
  /// take it with their next pick and begin anew; leases stay. If its build refuses the members, nothing has changed.
  /// Blocking; its build, and an allocation for each picker.
  void replace(P policy) {
    if (auto const done = try_replace(std::move(policy)); !done) fail(done.error());
  }
  /// The same, and a refusal is returned.
  result<> try_replace(P policy) {
    detail::shared<held_policy> next{new held_policy{std::move(policy)}};
    return pool_.rebuild(*this, [&] { std::swap(policy_, next); });
  }

  /// A pick for code that has no place to keep a picker, from any thread or fiber. It uses a picker of the balancer's
  /// own; with more threads inside than pickers, a thread waits. It gives leases only, because the next caller's pick
  /// would invalidate a choice. Blocking.
  lease<B> acquire(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    borrowed_picker const borrowed{*this};
    return borrowed->acquire(options);
  }
  /// The same for a key.
  lease<B> acquire(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    borrowed_picker const borrowed{*this};
    return borrowed->acquire(key, options);
  }

  // Mistakes in the arguments get a sentence.
  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  lease<B> acquire(Arguments const&...) {
    detail::name_mistake<P, Arguments...>();
    return {};
  }

  template <class... Arguments>
    requires detail::mistaken_call<P, Arguments...>
  explanation explain(Arguments const&...) {
    detail::name_mistake<P, Arguments...>();
    return {};
  }

  /// As picker::explain(), from any thread. Blocking.
  explanation explain(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    borrowed_picker const borrowed{*this};
    return borrowed->explain(options);
  }
  /// The same for a key.
  explanation explain(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    borrowed_picker const borrowed{*this};
    return borrowed->explain(key, options);
  }

  /// The policy; until replace() gives the balancer another one. Blocking (a short mutex).
  P const& policy() const noexcept {
    std::lock_guard const lock{policy_mutex_};
    return current_policy_->policy;
  }
  /// The seed. Wait-free.
  std::uint64_t seed() const noexcept { return seed_; }

 private:
  using held_policy = detail::held_policy<P>;
  static constexpr std::size_t places = 8;
  struct alignas(detail::cache_line) place {
    std::atomic<picker_type*> picker{nullptr};
    std::atomic<bool> made{false};
  };

  // Holds the picker of one place while it lives.
  class borrowed_picker {
   public:
    explicit borrowed_picker(balancer& b) {
      // The address of a local variable differs between threads and fibers, so it spreads them over the places.
      auto i = static_cast<std::size_t>(mix(reinterpret_cast<std::uintptr_t>(this) >> 12));
      for (std::size_t turn = 1;; ++i, ++turn) {
        place_ = &b.parked_[i % places];
        if (!place_->made.load(std::memory_order_relaxed) && !place_->made.exchange(true, std::memory_order_relaxed)) {
          struct unmake {
            std::atomic<bool>* made;
            ~unmake() {
              if (made != nullptr) made->store(false, std::memory_order_relaxed);
            }
          } if_it_throws{&place_->made};
          picker_ = new picker_type{b.picker_of(static_cast<std::uint32_t>(i % places),
                                                random_source{b.seed_, ~std::uint64_t{0} - i % places})};
          if_it_throws.made = nullptr;
          return;
        }
        picker_ = place_->picker.exchange(nullptr, std::memory_order_acquire);
        if (picker_ != nullptr) return;
        if (turn % places == 0) detail::yield();
      }
    }
    borrowed_picker(borrowed_picker const&) = delete;
    borrowed_picker& operator=(borrowed_picker const&) = delete;
    ~borrowed_picker() { place_->picker.store(picker_, std::memory_order_release); }
    picker_type* operator->() const noexcept { return picker_; }

   private:
    place* place_;
    picker_type* picker_;
  };

  detail::owned<detail::snapshot_base> prepare(detail::member_list& list, std::string& refusal) const override {
    detail::owned<detail::snapshot<P>> fresh{new detail::snapshot<P>};
    fresh->list = &list;
    fresh->policy = policy_;
    if (depends_on_health() && list.by_health != nullptr) fresh->news.reset(new detail::snapshot_base);
    members_view const these = depends_on_health() ? list.healthy_first() : list.all_weighted();
    fresh->table = policy_driver<P>::build(policy_->policy, these.refusing(refusal), table_before());
    return fresh;
  }
  // The current table, if the policy that is about to build has built it.
  typename policy_driver<P>::table const* table_before() const noexcept {
    detail::snapshot_base const* const now = this->current().load(std::memory_order_relaxed);
    if (now == nullptr) return nullptr;
    auto const* const its = static_cast<detail::snapshot<P> const*>(now->with_table());
    return its->policy == policy_ ? &its->table : nullptr;
  }
  bool depends_on_health() const noexcept override { return !includes_unhealthy(policy_->policy); }

  // Each picker that is made before its policy is replaced is counted, and finds a cursor with the next policy.
  picker_type picker_of(std::uint32_t stripe, random_source random) {
    std::lock_guard const lock{policy_mutex_};
    return picker_type{*this, pool_.states_, current_policy_, stripe, random};
  }
  void exchange(detail::owned<detail::snapshot_base> fresh) override {
    std::lock_guard const lock{policy_mutex_};
    policy_->make_cursors(this->pickers());
    current_policy_ = policy_;
    this->commit(std::move(fresh));
  }

  pool<B>& pool_;
  detail::shared<held_policy> policy_;  // guarded by the pool's mutex
  mutable std::mutex policy_mutex_;     // no picker is made while the policy is exchanged
  detail::shared<held_policy> current_policy_ = policy_;
  std::uint64_t const seed_;
  std::atomic<std::uint32_t> made_{0};
  place parked_[places];
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

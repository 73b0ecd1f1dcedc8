// A policy at work on a pool. Several balancers may share one pool; each builds its own table from the members.
//
//   equipoise::pool<server> pool;
//   equipoise::balancer lb{pool, equipoise::round_robin{}};
//   auto picker = lb.make_picker();
#pragma once

#include <equipoise/core/pick/picker.hpp>
#include <equipoise/core/pool/pool.hpp>

#include <array>
#include <random>
#include <thread>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// P is left unconstrained: a mistake in a policy is then answered by check_policy's one sentence.
template <class B, class P>
class balancer final : private detail::publisher {
  static_assert(check_policy<P>());

 public:
  using picker_type = picker<B, P>;
  using key_type = key_of_policy<P>;

  // Same seed, same order of make_picker, same picks. Without a seed: one draw of std::random_device. Builds the policy's
  // table under the pool's mutex; what the build refuses is thrown (or fails) here.
  balancer(pool<B>& p, P policy) : balancer(p, std::move(policy), std::random_device{}() | 1ull << 32) {}
  balancer(pool<B>& p, P policy, std::uint64_t seed) : pool_{p}, policy_{std::move(policy)}, seed_{seed} {
    pool_.join(*this);
  }
  ~balancer() {
    for (auto& p : parked_) delete p.picker.load(std::memory_order_relaxed);
    assert(pickers() == 0 && "equipoise: a balancer must outlive its pickers");
    pool_.leave(*this);
  }

  // One for each worker. Any thread; a short mutex. Pickers take the count rows in turn.
  picker_type make_picker() {
    auto const number = made_.fetch_add(1, std::memory_order_relaxed);
    return picker_type{*this, pool_.state_table_, policy_, number, random_source{seed_, number, seed_ == 0 && number == 0}};
  }

  // For code with no place to keep a picker: any thread, any fiber; gives leases only, for the next user's pick would
  // pull a bare choice away. Takes a parked picker; not lock-free: with more threads inside than pickers, one waits.
  lease<B> acquire(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    parked const borrowed{*this};
    return borrowed->acquire(options);
  }
  lease<B> acquire(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    parked const borrowed{*this};
    return borrowed->acquire(key, options);
  }

  // As picker.explain; from any thread.
  explanation explain(pick_options const& options = detail::plain_pick)
    requires(!keyed<P> || optionally_keyed<P>)
  {
    parked const borrowed{*this};
    return borrowed->explain(options);
  }
  explanation explain(key_type const& key, pick_options const& options = detail::plain_pick)
    requires keyed<P>
  {
    parked const borrowed{*this};
    return borrowed->explain(key, options);
  }

  P const& policy() const noexcept { return policy_; }
  std::uint64_t seed() const noexcept { return seed_; }

 private:
  static constexpr std::size_t places = 8;
  struct alignas(detail::cache_line) place {
    std::atomic<picker_type*> picker{nullptr};
    std::atomic<bool> made{false};
  };

  // A picker of a place's own while this lives.
  class parked {
   public:
    explicit parked(balancer& b) {
      // The address of a local differs between threads and fibers: they spread without asking who they are.
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
          picker_ = new picker_type{b, b.pool_.state_table_, b.policy_, static_cast<std::uint32_t>(i % places),
                                    random_source{b.seed_, ~std::uint64_t{0} - i % places}};
          if_it_throws.made = nullptr;
          return;
        }
        picker_ = place_->picker.exchange(nullptr, std::memory_order_acquire);
        if (picker_ != nullptr) return;
        if (turn % places == 0) std::this_thread::yield();
      }
    }
    parked(parked const&) = delete;
    parked& operator=(parked const&) = delete;
    ~parked() { place_->picker.store(picker_, std::memory_order_release); }
    picker_type* operator->() const noexcept { return picker_; }

   private:
    place* place_;
    picker_type* picker_;
  };

  std::unique_ptr<detail::snapshot_base> prepare(detail::member_list& list) const override {
    auto fresh = std::make_unique<detail::snapshot<P>>();
    fresh->list = &list;
    fresh->table = policy_driver<P>::build(policy_, includes_unhealthy(policy_) ? members_view{list.weighted(), {}, list.all_members}
                                                                  : members_view{list.healthy(), list.unhealthy, list.all_members});
    return fresh;
  }

  pool<B>& pool_;
  P const policy_;
  std::uint64_t const seed_;
  std::atomic<std::uint32_t> made_{0};
  std::array<place, places> parked_;
};

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

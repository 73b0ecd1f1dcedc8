// The law of keyed policies: for every key, the answer over those that are well is the first of that key's sequence
// that is well. So only the keys of the dead move, they come home on its return, and history does not matter.
#include "support.hpp"

#include <equipoise/policy/bounded_load.hpp>
#include <equipoise/policy/failover.hpp>
#include <equipoise/policy/hash_modulo.hpp>
#include <equipoise/policy/ip_hash.hpp>
#include <equipoise/policy/maglev.hpp>
#include <equipoise/policy/max_in_flight.hpp>
#include <equipoise/policy/ring_hash.hpp>
#include <equipoise/policy/sticky.hpp>

using namespace equipoise;

namespace {
// Checks the law for some keys over random subsets, of which `down` per cent are dead.
template <class P>
void obey(P policy, std::vector<std::uint32_t> const& weights, std::uint32_t levels, std::uint64_t seed) {
  dice d{seed};
  auto members = weighted(weights);
  for (auto& s : members) s.priority = roll(d, levels);
  fleet f{std::move(policy), members, seed};
  constexpr std::size_t keys = 60;
  std::vector<std::vector<backend_id>> sequence;
  for (std::uint64_t k = 0; k != keys; ++k) {
    sequence.push_back(select_n(f.picker, k, members.size()));
    REQUIRE(sequence[k].size() == members.size());
    REQUIRE(select(f.picker, k).id() == sequence[k][0]);
  }
  auto other = f.lb.make_picker();  // all workers agree
  for (std::uint32_t down : {1u, 10u, 50u, 90u, 99u}) {
    std::vector<backend_id> healthy;
    for (auto id : f.ids) {
      f.pool.clear(id, health_flag::down);
      if (roll(d, 100) < down)
        f.pool.set(id, health_flag::down);
      else
        healthy.push_back(id);
    }
    for (int round = 0; round != 2; ++round) {
      for (std::uint64_t k = 0; k != keys; ++k) {
        auto const first = std::find_if(sequence[k].begin(), sequence[k].end(), [&](backend_id id) {
          return std::find(healthy.begin(), healthy.end(), id) != healthy.end();
        });
        auto const expected = first == sequence[k].end() ? backend_id{} : *first;
        if (select(round == 0 ? f.picker : other, k).id() != expected)
          FAIL("key " << k << " with " << down << " % down");
      }
      f.pool.refresh();
    }
  }
}

template <class P>
void obey(P const& policy) {
  obey(policy, std::vector<std::uint32_t>(100, 1), 3, 1);
  dice d{2};
  obey(policy, random_weights(d, 40, 9), 2, 3);
  obey(policy, {1, 1, 1}, 1, 4);
}
}  // namespace

TEMPLATE_TEST_CASE("a keyed policy answers with the first of the key's sequence that is well", "", ip_hash,
                   hash_modulo<>, ring_hash<>, maglev<>) {
  obey(TestType{});
}

TEMPLATE_TEST_CASE("the law holds within each composition", "", ip_hash, maglev<>) {
  obey(max_in_flight{TestType{}});
  obey(bounded_load{TestType{}});
  obey(failover{TestType{}});
  obey(sticky{TestType{}});
}

TEST_CASE("the law holds within compositions of compositions") {
  obey(failover{bounded_load{maglev{}}});
  obey(sticky{failover{ring_hash{}}});
  obey(max_in_flight{failover{maglev{}}});
}

TEMPLATE_TEST_CASE("keys of the dead spread over the rest by weight, at half and at nine tenths down", "",
                   hash_modulo<>, maglev<>) {
  fleet f{TestType{}, servers(40)};
  for (std::size_t dead : {20u, 36u}) {
    for (std::size_t i = 0; i != dead; ++i) f.set(i, health_flag::down);
    auto count = f.shares(100'000);
    count.erase(count.begin(), count.begin() + static_cast<std::ptrdiff_t>(dead));
    CHECK(chi_square(count) < 1.5);
  }
}

TEMPLATE_TEST_CASE("text, numbers and addresses are keys, and each kind of integer is the number it is", "",
                   ring_hash<>, maglev<>, hash_modulo<>) {
  fleet f{TestType{}, servers(50)};
  auto const owner = [&](auto const& key) { return f.picker.select(key).id(); };
  CHECK(owner("user-42") == owner(std::string{"user-42"}));
  CHECK(owner(42) == owner(std::uint64_t{42}));
  CHECK(owner(short{-1}) == owner(std::int64_t{-1}));
  std::size_t other = 0;
  for (int i = 0; i != 100; ++i) other += owner(i) != owner(std::to_string(i));
  CHECK(other > 80);
  CHECK(owner(*address::parse("2001:db8::1")));
}

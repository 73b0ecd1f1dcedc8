// Policies that own policies: what each layer adds to a pick.
#include <bench.hpp>

namespace {

template <class P>
void composition(P const& policy) {
  for (std::size_t n : bench::three_sizes) {
    bench::add_select(policy, {.backends = n}, equipoise::describe(policy));
    bench::add_acquire(policy, {.backends = n}, equipoise::describe(policy));
  }
}

bool const added = [] {
  using namespace equipoise;
  composition(max_in_flight{round_robin{}});
  composition(max_in_flight{maglev{}});
  composition(bounded_load{maglev{}});
  composition(failover{maglev{}});
  composition(failover{bounded_load{maglev{}}});
  composition(sticky{round_robin{}});
  return true;
}();

}  // namespace

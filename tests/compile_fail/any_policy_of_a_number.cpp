// SPDX-License-Identifier: MIT
// expect: equipoise: a policy needs a type `table`
#include <equipoise/policy/any_policy.hpp>

equipoise::any_policy policy{5};

// SPDX-License-Identifier: MIT
// The library as a C++20 module: `import equipoise;`. The module exports every public name of equipoise.hpp, health.hpp
// and discovery.hpp. Macros cannot be exported, so a program that reads EQUIPOISE_VERSION_MAJOR includes
// <equipoise/core/config.hpp> too.
//
// The names belong to the global module. So a program may import the module in one file and include the headers in
// another one, and both see the same types. Qualified names look into the inline namespace EQUIPOISE_ABI by themselves.
//
// Clang 16 does not find operators of the standard library in templates of a module: there, an importing file also
// includes <memory>.
module;

#include <equipoise/discovery.hpp>
#include <equipoise/equipoise.hpp>
#include <equipoise/health.hpp>
#include <equipoise/metrics.hpp>

export module equipoise;

export namespace equipoise {

// For every program.
using equipoise::address;
using equipoise::admission;
using equipoise::assign_options;
using equipoise::assign_result;
using equipoise::attribute_changes;
using equipoise::attributes;
using equipoise::backend;
using equipoise::backend_id;
using equipoise::backend_traits;
using equipoise::bad_entry;
using equipoise::balancer;
using equipoise::choice;
using equipoise::endpoint;
using equipoise::entry;
using equipoise::event;
using equipoise::explained_lease;
using equipoise::explanation;
using equipoise::fail;
using equipoise::failure_handler;
using equipoise::health_flag;
using equipoise::labels;
using equipoise::lease;
using equipoise::observation;
using equipoise::outcome;
using equipoise::pick_error;
using equipoise::pick_options;
using equipoise::picker;
using equipoise::pool;
using equipoise::pool_options;
using equipoise::result;
using equipoise::set_failure_handler;
using equipoise::time_point;

// Service discovery.
using equipoise::back_off;
using equipoise::back_off_options;
using equipoise::discovered;
using equipoise::discovery_feed;
using equipoise::dns_answer;
using equipoise::dns_lookup;
using equipoise::dns_lookup_options;
using equipoise::dns_question;
using equipoise::dns_record;
using equipoise::dns_status;
using equipoise::dns_type;
using equipoise::feed_options;
using equipoise::feed_status;
using equipoise::pool_feed;

// Health.
using equipoise::add_time_left;
using equipoise::agent_report;
using equipoise::agent_target;
using equipoise::backend_metrics;
using equipoise::backend_row;
using equipoise::check_answer;
using equipoise::check_counts;
using equipoise::check_options;
using equipoise::check_probe;
using equipoise::check_report;
using equipoise::check_result;
using equipoise::check_scheduler;
using equipoise::check_standing;
using equipoise::check_state;
using equipoise::connection_age;
using equipoise::consecutive_test;
using equipoise::disk_status;
using equipoise::disk_thresholds;
using equipoise::drained;
using equipoise::drains;
using equipoise::ejection;
using equipoise::envoy_check_options;
using equipoise::envoy_http_check;
using equipoise::envoy_orca_rules;
using equipoise::envoy_outlier_rules;
using equipoise::error_limit;
using equipoise::error_limit_options;
using equipoise::every_status;
using equipoise::expected_header;
using equipoise::failure_accrual;
using equipoise::failure_accrual_options;
using equipoise::failure_test;
using equipoise::failure_window;
using equipoise::failure_window_options;
using equipoise::flap_counts;
using equipoise::flap_damping;
using equipoise::flap_damping_options;
using equipoise::free_space;
using equipoise::grpc_orca_rules;
using equipoise::grpc_outlier_rules;
using equipoise::half_open_counts;
using equipoise::haproxy_check_options;
using equipoise::haproxy_http_check;
using equipoise::health_after;
using equipoise::health_answer;
using equipoise::health_phase;
using equipoise::health_report;
using equipoise::health_run;
using equipoise::health_status;
using equipoise::http_check;
using equipoise::iso_8601;
using equipoise::latency_histogram;
using equipoise::observed_outcome;
using equipoise::on_error;
using equipoise::orca_options;
using equipoise::orca_report;
using equipoise::orca_weights;
using equipoise::outlier_counts;
using equipoise::outlier_detection;
using equipoise::outlier_options;
using equipoise::outlier_test;
using equipoise::self_check;
using equipoise::self_check_answer;
using equipoise::self_check_counts;
using equipoise::status_range;
using equipoise::success_rate_test;
using equipoise::to_string;
using equipoise::wall_time;
using equipoise::without;
using equipoise::operator|;
using equipoise::operator&;
using equipoise::operator<<;

// Policies.
using equipoise::any_key;
using equipoise::any_policy;
using equipoise::aperture_slice;
using equipoise::bounded_load;
using equipoise::deterministic_subset;
using equipoise::failover;
using equipoise::hash_modulo;
using equipoise::ip_hash;
using equipoise::least_connections;
using equipoise::maglev;
using equipoise::max_in_flight;
using equipoise::modulo_shards;
using equipoise::panic;
using equipoise::panic_action;
using equipoise::policy_registry;
using equipoise::policy_text;
using equipoise::power_of_two;
using equipoise::priority_health;
using equipoise::priority_levels;
using equipoise::priority_load;
using equipoise::priority_rules;
using equipoise::random;
using equipoise::range_shards;
using equipoise::rendezvous_subset;
using equipoise::ring_aperture;
using equipoise::ring_hash;
using equipoise::round_robin;
using equipoise::route_by_zone;
using equipoise::shard_map;
using equipoise::shard_router;
using equipoise::should_close;
using equipoise::shuffle_shard;
using equipoise::slow_start;
using equipoise::slow_start_share;
using equipoise::smooth_weighted_round_robin;
using equipoise::spread_over_priorities;
using equipoise::standard_compositions;
using equipoise::standard_compositions_with_arguments;
using equipoise::standard_policies;
using equipoise::standard_policies_with_arguments;
using equipoise::sticky;
using equipoise::subset;
using equipoise::subset_fallback;
using equipoise::weighted_random;
using equipoise::weighted_round_robin;
using equipoise::zone_aware;
using equipoise::zone_balance;
using equipoise::zone_first;
using equipoise::zone_weighted;

// Keys.
using equipoise::basic_key;
using equipoise::default_hash;
using equipoise::derived;
using equipoise::hashed_key;
using equipoise::integer_key;
using equipoise::key_integer;
using equipoise::key_text;
using equipoise::no_key;
using equipoise::xxh64;

// For authors of policies.
using equipoise::array_view;
using equipoise::attributes_read;
using equipoise::attributes_read_by;
using equipoise::check_policy;
using equipoise::composition;
using equipoise::composition_list;
using equipoise::describe;
using equipoise::describe_key;
using equipoise::for_each_composition;
using equipoise::for_each_policy;
using equipoise::golden_gamma;
using equipoise::includes_unhealthy;
using equipoise::is_load_aware;
using equipoise::key_kinds;
using equipoise::key_of_policy;
using equipoise::keyed;
using equipoise::member;
using equipoise::members_view;
using equipoise::mix;
using equipoise::multiply_high;
using equipoise::needs_key;
using equipoise::no_limit;
using equipoise::optionally_keyed;
using equipoise::parameter;
using equipoise::parameter_kind;
using equipoise::parameter_member;
using equipoise::parameter_of;
using equipoise::parameter_value;
using equipoise::pick;
using equipoise::policy;
using equipoise::policy_driver;
using equipoise::policy_list;
using equipoise::proposal;
using equipoise::random_source;
using equipoise::with_key_of;

}  // namespace equipoise

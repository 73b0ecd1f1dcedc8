// SPDX-License-Identifier: MIT
// Every public name of the library, each with one line: a table of contents, and declarations for headers that need no
// more.
#pragma once

#include <equipoise/core/config.hpp>

namespace equipoise {
inline namespace EQUIPOISE_ABI {

// For every program.

template <class B>
class pool;  ///< the members of a fleet, their health and their load: the control plane
template <class B, class P>
class balancer;  ///< a policy at work on a pool
template <class B, class P>
class picker;  ///< one worker's handle on a balancer: select, acquire, select_n, explain
template <class B>
class lease;  ///< what acquire() returns: a backend, and work that counts until the lease ends
template <class B>
class choice;  ///< what select() returns: a backend, or the reason why there is none

struct pool_options;                  ///< how a pool is made
struct assign_options;                ///< how pool::assign() treats its list
enum class bad_entry : std::uint8_t;  ///< what it does with one that is wrong
struct assign_result;                 ///< what it did
template <class B>
struct entry;  ///< an element of its list with attributes of its own
template <class T>
class result;              ///< what the try_ functions return
struct pick_options;       ///< what an application says about one pick
struct attributes;         ///< weight, priority and zone of a backend
struct attribute_changes;  ///< what pool::update() changes of them
struct backend_id;         ///< the identity of one membership
struct observation;        ///< what leases reported about a backend
template <class B>
struct explained_lease;  ///< a lease, and why it is on this backend
struct explanation;      ///< why a pick chose this backend
struct event;            ///< a change of health, as the observer of a pool receives it
struct endpoint;         ///< a ready-made backend: host and port
class address;           ///< an IPv4 or IPv6 address, as a key
template <class B>
struct backend_traits;  ///< specialise it for a type that can have neither members nor functions beside it

enum class health_flag : std::uint32_t;  ///< why a backend gets no new work
enum class admission : std::uint32_t;    ///< which health flags count for a pick
enum class outcome : std::uint8_t;       ///< how a piece of work ended
enum class pick_error : std::uint8_t;    ///< why a pick found no backend

using failure_handler = void (*)(char const*);  ///< reports configuration mistakes in programs without exceptions
failure_handler set_failure_handler(failure_handler) noexcept;  ///< replaces it

// Policies.

struct round_robin;                  ///< each backend in turn
struct weighted_round_robin;         ///< each backend in a run as long as its weight
struct smooth_weighted_round_robin;  ///< shares by weight without bursts, in nginx's order
struct random;                       ///< any backend
struct weighted_random;              ///< any backend, in proportion to its weight
struct least_connections;            ///< the backend with the least work in flight
struct power_of_two;                 ///< the less loaded of two random backends
struct ip_hash;                      ///< a client's network keeps its backend
template <class Hash>
struct hash_modulo;  ///< a key's owner is member number hash % n
template <class Hash>
struct ring_hash;  ///< consistent hashing on a circle of points
template <class Hash>
struct maglev;  ///< consistent hashing by a filled table
template <class Map>
struct shard_router;  ///< a map says which backend owns a number
class modulo_shards;  ///< shards by the number modulo n
class range_shards;   ///< shards by ranges of numbers
class shard_map;      ///< one of the two, chosen at run time

template <class P>
struct max_in_flight;  ///< limits the work in flight on each backend
template <class P>
struct bounded_load;  ///< bounds the work in flight by the backend's share
template <class P>
struct failover;  ///< levels of priority
template <class P>
struct slow_start;  ///< a growing share for backends that have just begun
template <class P>
struct sticky;  ///< sessions that stay on their backend
template <class P>
struct zone_first;  ///< the members of one zone before all others
template <class P>
struct panic;                            ///< what happens when too few members are healthy
enum class panic_action : std::uint8_t;  ///< fail, or take all members, or those last known to be healthy
template <class P>
struct priority_levels;  ///< levels of priority that share the work by their health
struct priority_health;  ///< what is known of the members of one level
struct priority_rules;   ///< how work spreads over levels
struct priority_load;    ///< what one level gets
template <class P>
struct zone_aware;    ///< the caller's zone first, as far as that overloads no backend
struct zone_balance;  ///< callers and backends of one zone
template <class P>
struct zone_weighted;  ///< zones share the work by their weights and their health
template <class P>
struct subset;                              ///< the members with certain labels
enum class subset_fallback : std::uint8_t;  ///< what gets the work if there is none
struct aperture_slice;                      ///< one server of a client's aperture

class any_policy;       ///< a policy chosen at run time
class any_key;          ///< its key: text, a number, an address, or none
class policy_registry;  ///< policies by name
struct policy_text;     ///< the text of a policy as a tree

// Metrics.

template <class B>
class backend_metrics;    ///< outcomes, ejections and latencies of each backend
struct backend_row;       ///< the numbers of one backend
class latency_histogram;  ///< counts of latencies, with quantiles

// Health.

template <class B>
class drains;           ///< backends that finish their work
struct drained;         ///< one whose drain is over
struct connection_age;  ///< how long a connection may live
template <class B, class Rules>
class outlier_detection;     ///< ejects backends by their answers
struct ejection;             ///< what happened, for an observer
struct outlier_options;      ///< what it looks at, and for how long a backend stays out
struct consecutive_test;     ///< failures without a success in between
struct success_rate_test;    ///< a comparison of the rates of all backends
struct failure_test;         ///< the percentage of a backend's own failures
struct outlier_counts;       ///< how often a test found a backend bad
struct envoy_outlier_rules;  ///< how Envoy decides
struct grpc_outlier_rules;   ///< how gRPC decides (A50)

class health_report;                      ///< a server's checks of itself as one answer
struct self_check;                        ///< one of these checks: how often, how long, what it means
struct self_check_counts;                 ///< how often it passed and failed
struct self_check_answer;                 ///< what an answer says about it
struct health_run;                        ///< a run of a check that the application shall carry out
struct health_answer;                     ///< how the server is: ready or not, alive or not
enum class health_status : std::uint8_t;  ///< pass, warn, fail, unknown
enum class health_phase : std::uint8_t;   ///< starting, serving, draining
struct free_space;                        ///< what a file system has left
struct disk_thresholds;                   ///< what a server needs of it
template <class B>
class check_scheduler;                     ///< says which backend to check when, and what the answers mean
struct check_options;                      ///< intervals, time-out, rise and fall
struct check_probe;                        ///< a check to be made
struct check_result;                       ///< how it ended, and why
enum class check_answer : std::uint8_t;    ///< what it says about the backend
struct check_report;                       ///< what the checks of a backend have shown
struct check_state;                        ///< the counts behind it
enum class check_standing : std::uint8_t;  ///< starting, up, stopping or down
struct check_counts;                       ///< what the scheduler did
struct http_check;                         ///< what counts as a good answer to an HTTP check
struct status_range;                       ///< some statuses
struct expected_header;                    ///< a header that an answer must have
// Service discovery.

struct discovered;     ///< a backend as a source knows it
class discovery_feed;  ///< damps a source, and keeps its last good list
struct feed_options;   ///< how it damps
struct feed_status;    ///< what it knows of its source
template <class B>
class pool_feed;                       ///< a pool that follows a source
class back_off;                        ///< waits that double from failure to failure
class dns_lookup;                      ///< which questions to ask of DNS, and what the answers make
struct dns_lookup_options;             ///< of which name, and how often
struct dns_question;                   ///< records of a type under a name
struct dns_record;                     ///< one of an answer
struct dns_answer;                     ///< an answer
enum class dns_type : std::uint16_t;   ///< A, AAAA, SRV
enum class dns_status : std::uint8_t;  ///< how a question was answered
struct back_off_options;               ///< their bounds
template <class B>
class failure_window;           ///< out after failures, back by a trial: nginx's max_fails
struct failure_window_options;  ///< how many failures, and for how long
template <class B>
class failure_accrual;           ///< a breaker by success rate or failures in a row: Finagle's
struct failure_accrual_options;  ///< what is too low, and for how long a backend gets nothing
struct half_open_counts;         ///< what happened in either of the two
template <class B>
class error_limit;                   ///< answers that count for an active check: HAProxy's observe
struct error_limit_options;          ///< how many errors, and what comes of it
enum class on_error : std::uint8_t;  ///< what a checker does then
template <class B>
class flap_damping;           ///< does not believe a backend that goes down too often
struct flap_damping_options;  ///< how often that is, and for how long
struct flap_counts;           ///< changes that were reported, and those that were shown
struct agent_report;          ///< what a backend's agent says of it
struct agent_target;          ///< a member as its agent knows it
struct orca_report;           ///< what a backend says of its load
template <class B, class Rules>
class orca_weights;       ///< weights by such reports
struct orca_options;      ///< how it reads them, and how long it believes them
struct envoy_orca_rules;  ///< how Envoy does
struct grpc_orca_rules;   ///< how gRPC does (A58)

// Keys.

struct default_hash;  ///< XXH64 for bytes, SplitMix64's mixer for numbers
template <class Hash>
struct basic_key;    ///< a key as its 64-bit hash
struct integer_key;  ///< a key that is any 64-bit integer

// For authors of policies.

template <class T>
class array_view;                          ///< a contiguous range of objects that something else owns
struct member;                             ///< a member as policies see it
class members_view;                        ///< the members that a policy builds its table from
class pick;                                ///< one pick, as a policy sees it
struct proposal;                           ///< what a policy answers
class random_source;                       ///< a random number generator with a seed
struct attributes_read;                    ///< which attributes of backends a policy reads
struct key_kinds;                          ///< of which kinds a key may be
struct no_key;                             ///< the key of policies that need none
struct parameter;                          ///< one parameter of a policy
struct parameter_value;                    ///< its value: a number or a text
struct parameter_member;                   ///< how it is read from a policy
enum class parameter_kind : std::uint8_t;  ///< what it holds
template <class P>
struct policy_driver;  ///< how a policy is driven through one pick; compositions use it for their child
template <class P>
struct with_key_of;  ///< a base class that passes the child's key_type on
template <class... P>
struct policy_list;  ///< a list of policies
template <template <class> class... C>
struct composition_list;  ///< a list of compositions

}  // namespace EQUIPOISE_ABI
}  // namespace equipoise

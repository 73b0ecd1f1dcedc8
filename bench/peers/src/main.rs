// SPDX-License-Identifier: MIT
//! What a pick costs in published Rust load balancers, measured as `bench/` measures equipoise.
//!
//!     peers [REGEX] [--json FILE]
//!
//! A number is CPU nanoseconds per pick and thread. Each thread makes the same number of picks in a plain loop and
//! reads its own CPU clock before and after. The threads' times are averaged. The result is the median of the
//! repetitions.

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{self, Future};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use pingora_load_balancing::selection::consistent::KetamaHashing;
use pingora_load_balancing::selection::{BackendIter, BackendSelection, Random, RoundRobin};
use pingora_load_balancing::LoadBalancer;
use regex::Regex;
use serde_json::{json, Value};
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, Load, PeakEwma, PendingRequests};
use tower::{service_fn, BoxError, Service};

const REPETITIONS: usize = 9;
const REPETITION: Duration = Duration::from_millis(50); // the aim, for one thread alone
const KEYS: usize = 4096;
const MAX_ITERATIONS: usize = 256; // bounds Pingora's search for a healthy backend; here the first one is healthy

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut suite = Suite { filter: Regex::new("")?, results: Vec::new() };
    let mut json_file = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => json_file = Some(arguments.next().ok_or("--json needs a file name")?),
            option if option.starts_with('-') => return Err(format!("unknown option {option}").into()),
            regex => suite.filter = Regex::new(regex)?,
        }
    }
    let peers = ["pingora-load-balancing", "tower"].map(|name| format!("{name} {}", version(name)));
    println!("{}: CPU ns per pick and thread, median of {REPETITIONS}", peers.join(", "));

    pingora::<RoundRobin>(&mut suite, "pingora_round_robin");
    pingora::<Random>(&mut suite, "pingora_random");
    pingora::<KetamaHashing>(&mut suite, "pingora_ketama");
    tower_p2c(&mut suite, "tower_p2c_pending_requests", |index| {
        PendingRequests::new(server(index), CompleteOnResponse::default())
    });
    tower_p2c(&mut suite, "tower_p2c_peak_ewma", |index| {
        let (first_guess, decay_ns) = (Duration::from_millis(30), 10e9);
        PeakEwma::new(server(index), first_guess, decay_ns, CompleteOnResponse::default())
    });

    if suite.results.is_empty() {
        eprintln!("peers: no name matches {}", suite.filter);
    }
    if let Some(file) = json_file {
        let report = json!({ "context": { "peers": peers }, "benchmarks": suite.results });
        std::fs::write(&file, format!("{report:#}\n")).map_err(|error| format!("{file}: {error}"))?;
    }
    Ok(())
}

/// Pingora: all threads share one balancer and call `select` on it. Round robin and random ignore the key.
fn pingora<S>(suite: &mut Suite, subject: &str)
where
    S: BackendSelection + Send + Sync + 'static,
    S::Iter: BackendIter,
{
    for (backends, threads) in [3, 100, 1_000, 10_000].into_iter().flat_map(|n| [(n, 1), (n, 2)]) {
        suite.measure(subject, backends, threads, || {
            let first = u32::from(Ipv4Addr::new(10, 0, 0, 1));
            let addresses = (first..).take(backends).map(|ip| SocketAddr::from((Ipv4Addr::from(ip), 8080)));
            let balancer = Arc::new(LoadBalancer::<S>::try_from_iter(addresses).expect("addresses are valid"));
            let keys: Arc<[String]> = (0..KEYS).map(|user| format!("user-{user}")).collect();
            move |thread| {
                let (balancer, keys) = (balancer.clone(), keys.clone());
                let mut next = thread * KEYS / threads;
                move || {
                    next = (next + 1) % KEYS;
                    let backend = balancer.select(black_box(keys[next].as_bytes()), MAX_ITERATIONS);
                    black_box(backend.expect("all backends are up"));
                }
            }
        });
    }
}

/// tower: the less loaded of two random services. `call` counts the request as in flight until its response arrives.
/// A `Balance` belongs to one task, so it runs on one thread only.
fn tower_p2c<S>(suite: &mut Suite, subject: &str, loaded_server: fn(usize) -> S)
where
    S: Service<(), Response = usize> + Load,
    S::Metric: Debug,
    S::Error: Into<BoxError>,
{
    for backends in [3, 100, 1_000] {
        suite.measure(subject, backends, 1, || {
            move |_| {
                let mut balance = Balance::new(ServiceList::new::<()>((0..backends).map(loaded_server)));
                move || {
                    let mut context = Context::from_waker(Waker::noop());
                    let ready = balance.poll_ready(&mut context);
                    assert!(matches!(ready, Poll::Ready(Ok(()))), "every server is ready");
                    let response = pin!(balance.call(()));
                    assert!(black_box(response.poll(&mut context)).is_ready(), "every server answers at once");
                }
            }
        });
    }
}

/// A server that is always ready and answers at once with its own index.
fn server(index: usize) -> impl Service<(), Response = usize, Error = Infallible> {
    service_fn(move |()| future::ready(Ok(index)))
}

struct Suite {
    filter: Regex,
    results: Vec<Value>,
}

impl Suite {
    /// Times one benchmark if the filter matches its name. `setup` builds the state that the threads share and returns
    /// a function that makes each thread's pick. The time of `setup` is not measured.
    fn measure<Maker, Pick>(&mut self, subject: &str, backends: usize, threads: usize, setup: impl FnOnce() -> Maker)
    where
        Maker: Fn(usize) -> Pick + Sync,
        Pick: FnMut(),
    {
        let name = format!("peer/{subject}/{backends}/threads:{threads}");
        if !self.filter.is_match(&name) {
            return;
        }
        let maker = setup();
        let picks = calibrate(&mut maker(0));
        let start = Barrier::new(threads);
        let run = |thread| {
            let mut pick = maker(thread);
            time(&mut pick, picks / 4); // warm up
            let repetition = |_| {
                start.wait();
                time(&mut pick, picks)
            };
            (0..REPETITIONS).map(repetition).collect::<Vec<_>>()
        };
        let of_threads: Vec<Vec<Times>> = thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
            running.into_iter().map(|thread| thread.join().expect("no pick panics")).collect()
        });

        let median = |part: fn(&Times) -> f64| {
            let mean = |i: usize| of_threads.iter().map(|times| part(&times[i])).sum::<f64>() / threads as f64;
            let mut means: Vec<f64> = (0..REPETITIONS).map(mean).collect();
            means.sort_by(f64::total_cmp);
            means[REPETITIONS / 2]
        };
        let (cpu, real) = (median(|times| times.cpu), median(|times| times.real));
        println!("{name:<48} {cpu:8.1} ns");
        self.results.push(json!({
            "name": format!("{name}_median"), "run_name": name, "run_type": "aggregate", "aggregate_name": "median",
            "repetitions": REPETITIONS, "iterations": picks, "threads": threads,
            "real_time": real, "cpu_time": cpu, "time_unit": "ns",
        }));
    }
}

/// Nanoseconds per pick, by this thread's CPU clock and by the wall clock.
struct Times {
    cpu: f64,
    real: f64,
}

fn time(pick: &mut impl FnMut(), picks: u64) -> Times {
    let (cpu, real) = (thread_cpu_time(), Instant::now());
    for _ in 0..picks {
        pick();
    }
    let (cpu, real) = (thread_cpu_time() - cpu, real.elapsed());
    let per_pick = |time: Duration| time.as_nanos() as f64 / picks as f64;
    Times { cpu: per_pick(cpu), real: per_pick(real) }
}

/// The number of picks that fill one repetition.
fn calibrate(pick: &mut impl FnMut()) -> u64 {
    let mut picks = 1_000;
    loop {
        let wanted = REPETITION.as_nanos() as f64 / time(pick, picks).real;
        if wanted < 4.0 * picks as f64 {
            return wanted as u64;
        }
        picks *= 2;
    }
}

fn thread_cpu_time() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("threads have a CPU clock").into()
}

/// The version of a crate in this program, from the lock file.
fn version(name: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let after = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).map(|(_, rest)| rest);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("?")
}

# SPDX-License-Identifier: MIT
"""Runs real programs, records what they do, and lets the library replay it. Called by tools/live_peers.sh.

    live.py CONFORM FOLDER SEED NAME=PROGRAM…

The recordings have the form of tests/conformance/recorded, and CONFORM is the program that replays those. Exits with 1 if
an answer differs.
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import envoy_outlier_peer
import envoy_peer
import envoy_program
import haproxy_peer
import nginx_peer

RECORDED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance", "recorded")


def several(count, one):
    """Runs `one` with the numbers 0 … count - 1 at once, each with a folder of its own."""
    def in_folder(number):
        with tempfile.TemporaryDirectory() as folder:
            return one(number, folder)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(in_folder, range(count)))


def nginx_failures(program, seed, folder):
    scenarios = several(6, lambda i, f: nginx_peer.scenario(program, random.Random(seed + i), f, i))
    return {"kind": "failures", "scenarios": scenarios}


def haproxy_checks(program, seed, folder):
    return {"kind": "health checks over HTTP", "scenarios": haproxy_peer.checks(program, random.Random(seed), folder)}


def haproxy_agents(program, seed, folder):
    scenarios = several(4, lambda i, f: haproxy_peer.agents(program, random.Random(seed + i), f, RECORDED, i))
    return {"kind": "agent-check replies", "scenarios": scenarios}


def haproxy_slow_start(program, seed, folder):
    return haproxy_peer.slow_start(program, folder)


def of_envoy(function, *more):
    return lambda program, seed, folder: function(program, random.Random(seed), folder, *more)


# (program, feature, what is compared, how it is recorded)
FEATURES = [
    ("nginx", "max_fails, fail_timeout", "the backends that each request tried, in order", nginx_failures),
    ("haproxy", "rise, fall", "the state after each check, and the time to the next one", haproxy_checks),
    ("haproxy", "agent-check", "states and weights after each reply, and which server answers", haproxy_agents),
    ("haproxy", "slowstart", "a newcomer's picks in each 200", haproxy_slow_start),
    ("envoy", "outlier detection", "ejected hosts and counters after each answer", of_envoy(envoy_outlier_peer.outliers)),
    ("envoy", "outlier rates", "hosts ejected after an interval, in each cluster", of_envoy(envoy_outlier_peer.rates)),
    ("envoy", "length of ejections", "how long a host stays out, within an interval", of_envoy(envoy_outlier_peer.ejection_times)),
    ("envoy", "priorities, panic", "the level that answers each of 100 keys", of_envoy(envoy_peer.priorities, RECORDED)),
    ("envoy", "zone aware", "requests in each zone, within 5 deviations", of_envoy(envoy_peer.zones)),
    ("envoy", "slow start", "a newcomer's picks in each 250", of_envoy(envoy_peer.slow_start)),
    ("envoy", "active checks", "health after each probe, and the time to the next one", of_envoy(envoy_peer.checks)),
]
VERSIONS = {"nginx": nginx_peer.version, "haproxy": haproxy_peer.version, "envoy": envoy_program.version}


def main(conform, folder, seed, *found):
    programs = dict(f.split("=", 1) for f in found)
    all_equal, rows = True, []
    for name, feature, compared, record in FEATURES:
        if name not in programs:
            continue
        version = VERSIONS[name](programs[name])
        with tempfile.TemporaryDirectory() as own:
            recording = {"system": name, "version": version, **record(programs[name], int(seed), own)}
        path = os.path.join(folder, f"{name}.{re.sub('[^a-z]+', '_', feature)}.json")
        with open(path, "w") as f:
            json.dump(recording, f)
        output = subprocess.run([conform, path], capture_output=True, text=True).stdout
        equal, asked = re.search(r"(\d+) of (\d+) picks equal", output).groups()
        if equal != asked or asked == "0":
            all_equal = False
            print(output, flush=True)
        rows.append(f"| {name} {version} | {feature} | {compared} | {equal} of {asked} |")
        print(f"live: {name}, {feature}: {equal} of {asked}", flush=True)
    print("\n| program | feature | what was compared | equal |\n|---|---|---|---|\n" + "\n".join(rows))
    return 0 if all_equal else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

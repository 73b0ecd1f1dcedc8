# SPDX-License-Identifier: MIT
"""Real Envoy: priorities with panic, zones, slow start and active checks."""
import itertools
import json
import os
import time

from envoy_program import Envoy, cluster, endpoint
from peers import Backends, eventually, free_port


def answer(*_):
    return 200


def priorities(program, random, folder, recorded, count=12):
    with open(os.path.join(recorded, "envoy.priority.json")) as f:
        keys = json.load(f)["keys"]
    port, backends, clusters, scenarios = free_port(), Backends(answer), [], []
    for i in range(count):
        panic, factor = random.choice([0, 30, 50, 75, 100]), random.choice([100, 140, 200])
        described, levels, host = [], [], itertools.count(1)
        sickness = random.choice([[6, 0, 1], [2, 1, 2], [1, 0, 4], [1, 2, 2]])
        for level in range(random.randint(1, 4)):
            group = []
            for _ in range(random.randint(1, 10)):
                health = random.choices(["HEALTHY", "DEGRADED", "UNHEALTHY"], sickness)[0]
                address = f"127.75.{10 * (i + 1) + level}.{next(host)}"
                described.append({"address": f"{address}:{port}", "priority": level, "health": health})
                group.append(endpoint(address, port, health_status=health))
            levels.append({"priority": level, "lb_endpoints": group})
        clusters.append(cluster(f"c{i}", levels, lb_policy="RING_HASH",
                                assignment={"policy": {"overprovisioning_factor": factor}},
                                common_lb_config={"healthy_panic_threshold": {"value": panic}}))
        scenarios.append({"name": f"live_{i}", "backends": described, "configuration": {
            "policy": "ring_hash", "healthy_panic_threshold": panic, "overprovisioning_factor": factor}})
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, clusters) as envoy:
            for i, s in enumerate(scenarios):
                answered = [envoy.client.get(x_cluster=f"c{i}", x_key=key)[1].get("x-backend") for key in keys]
                levels = [None if a is None else int(a.split(".")[2]) - 10 * (i + 1) for a in answered]
                s["expected"] = [[level, len(list(same))] for level, same in itertools.groupby(levels)]
    finally:
        backends.stop()
    return {"kind": "priority levels, panic, degraded", "scenarios": scenarios}


def zones(program, random, folder, count=5, requests=3000):
    port, backends = free_port(), Backends(answer)
    names = "abcd"
    local = {z: random.randint(1, 4) for z in names[:random.randint(2, 3)]}

    def localities(hosts, third):
        return [{"locality": {"zone": z}, "lb_endpoints": [endpoint(f"127.76.{third + names.index(z)}.{h + 1}", port)
                                                           for h in range(n)]} for z, n in hosts.items()]
    clusters, scenarios = [cluster("local", localities(local, 1))], []
    for i in range(count):
        upstream = {z: random.randint(1, 5) for z in sorted(random.sample(names, random.randint(2, 4)))}
        zone_aware = {"routing_enabled": {"value": 100}, "min_cluster_size": 6}
        clusters.append(cluster(f"c{i}", localities(upstream, 10 * (i + 1)),
                                common_lb_config={"zone_aware_lb_config": zone_aware}))
        scenarios.append({"name": f"live_{i}", "local_zone": "a", "local": local, "upstream": upstream, "min_cluster_size": 6,
                          "requests": requests, "counts": dict.fromkeys(upstream, 0)})
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, clusters, "a", "local") as envoy:
            for i, s in enumerate(scenarios):
                for _ in range(requests):
                    _, fields = envoy.client.get(x_cluster=f"c{i}")
                    s["counts"][names[int(fields["x-backend"].split(".")[2]) - 10 * (i + 1)]] += 1
    finally:
        backends.stop()
    return {"kind": "zone aware routing, counts by zone", "scenarios": scenarios}


def slow_start(program, random, folder, window=6.0):
    port, backends = free_port(), Backends(answer)
    file = os.path.join(folder, "endpoints.json")
    aggression, least = random.choice([1.0, 2.0]), random.choice([10, 20])

    def publish(hosts):
        resource = {"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "c",
                    "endpoints": [{"lb_endpoints": [endpoint(f"127.77.1.{h}", port) for h in hosts]}]}
        with open(file + ".new", "w") as f:
            json.dump({"version_info": str(len(hosts)), "resources": [resource]}, f)
        os.rename(file + ".new", file)  # Envoy watches for a move
    publish([1, 2])
    config = {"slow_start_window": f"{window}s", "aggression": {"default_value": aggression, "runtime_key": "none"},
              "min_weight_percent": {"value": least}}
    c = {"name": "c", "type": "EDS", "connect_timeout": "2s", "round_robin_lb_config": {"slow_start_config": config},
         "eds_cluster_config": {"eds_config": {"resource_api_version": "V3", "path_config_source": {
             "path": file, "watched_directory": {"path": folder}}}}}
    buckets = []
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, [c]) as envoy:
            eventually(lambda: len(envoy.hosts("c")) == 2)
            time.sleep(window + 1)  # the first two hosts have a slow start of their own
            publish([1, 2, 3])
            eventually(lambda: len(envoy.hosts("c")) == 3)
            begun = time.monotonic()
            while time.monotonic() < begun + window + 2:
                start, picks = time.monotonic() - begun, 0
                for _ in range(250):
                    picks += envoy.client.get(x_cluster="c")[1]["x-backend"].startswith("127.77.1.3:")
                buckets.append([round(start, 3), round(time.monotonic() - begun, 3), picks, 250])
    finally:
        backends.stop()
    return {"kind": "slow start: share of a host among two warm ones", "scenarios": [
        {"name": "live", "configuration": {"policy": "round_robin", "slow_start_window_s": window, "aggression": aggression,
                                           "min_weight_percent": least}, "buckets": buckets}]}


INTERVALS = {"interval": "0.12s", "no_traffic_interval": "0.12s", "unhealthy_interval": "0.2s",
             "unhealthy_edge_interval": "0.06s", "healthy_edge_interval": "0.28s"}


def checks(program, random, folder, count=5, length=40):
    """One host in each cluster. Its health is read after each probe."""
    port, behind = free_port(), [[] for _ in range(count)]
    mood = [0] * count

    def probed(address, path, fields):
        if path != "/check":
            return 200
        i = int(address[0].split(".")[3]) - 1
        if behind[i] and random.random() < 0.4:
            mood[i] = random.randrange(3)
        behind[i].append((time.monotonic(), [200, 503, 429][mood[i]]))
        return behind[i][-1][1]
    backends, clusters, scenarios = Backends(probed), [], []
    for i in range(count):
        rise, fall = random.randint(1, 3), random.randint(1, 3)
        check = {**INTERVALS, "timeout": "2s", "healthy_threshold": rise, "unhealthy_threshold": fall, "http_health_check": {
            "path": "/check", "retriable_statuses": [{"start": 429, "end": 430}]}}
        clusters.append(cluster(f"c{i}", [{"lb_endpoints": [endpoint(f"127.78.1.{i + 1}", port)]}], health_checks=[check]))
        scenarios.append({"name": f"http_{rise}_{fall}", "healthy_threshold": rise, "unhealthy_threshold": fall,
                          "healthy_after": []})
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, clusters) as envoy:
            # A cluster without any traffic so far is checked at no_traffic_interval alone.
            for i in range(count):
                eventually(lambda: envoy.client.get(x_cluster=f"c{i}")[0] == 200)
            traffic = time.monotonic()
            while any(len(s["healthy_after"]) < length for s in scenarios):
                for i, s in enumerate(scenarios):
                    k = len(s["healthy_after"])
                    if k < len(behind[i]) and time.monotonic() > behind[i][k][0] + 0.015:
                        health = envoy.hosts(f"c{i}")[f"127.78.1.{i + 1}"]
                        known = len(behind[i]) == k + 1  # otherwise the next probe came meanwhile
                        s["healthy_after"].append(not health.get("failed_active_health_check") if known else None)
                time.sleep(0.002)
    finally:
        backends.stop()
    for s, seen in zip(scenarios, behind):
        n = len(s["healthy_after"])
        s["probes"] = [status for _, status in seen[:n]]
        s["gaps_s"] = [b[0] - a[0] if a[0] > traffic else None for a, b in zip(seen[:n], seen[1:n])]
    return {"kind": "active HTTP health checks", "configuration": {**INTERVALS, "retriable_statuses": [429]},
            "scenarios": scenarios}

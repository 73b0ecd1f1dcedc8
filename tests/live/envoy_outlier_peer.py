# SPDX-License-Identifier: MIT
"""Real Envoy: what ejects a host, and for how long."""
import math
import time

from envoy_program import Envoy, cluster, endpoint
from peers import Backends, eventually, free_port

DETECTED = ["ejections_detected_consecutive_5xx", "ejections_detected_consecutive_gateway_failure",
            "ejections_detected_consecutive_local_origin_failure", "ejections_enforced_total", "ejections_overflow"]


def answer(address, path, fields):
    return int(fields.get("x-status", 200))


def outliers(program, random, folder, count=6, length=60):
    port, backends = free_port(), Backends(answer)
    settings, clusters, scenarios = [], [], []
    for i in range(count):
        one = {"consecutive_5xx": random.randint(2, 4)}
        if random.random() < 0.8:
            one["max_ejection_percent"] = random.choice([25, 30, 50, 67, 100])
        if random.random() < 0.5:
            one |= {"consecutive_gateway_failure": random.randint(2, 3), "enforcing_consecutive_gateway_failure": 100}
        hosts = random.randint(3, 8)
        settings.append((one, hosts))
        clusters.append(cluster(f"c{i}", [{"lb_endpoints": [endpoint(f"127.74.{i + 1}.{h + 1}", port) for h in range(hosts)]}],
                                outlier_detection={"interval": "3600s", "base_ejection_time": "3600s", **one},
                                common_lb_config={"healthy_panic_threshold": {"value": 0}}))
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, clusters) as envoy:
            for i, (one, hosts) in enumerate(settings):
                steps, before, out = [], envoy.counters(f"cluster.c{i}.outlier_detection."), []
                for _ in range(length):
                    status = random.choice([200, 200, 404, 500, 500, 502, 503, 504])
                    _, fields = envoy.client.get(x_cluster=f"c{i}", x_status=str(status))
                    if "x-backend" not in fields:
                        break  # all are out
                    step = [int(fields["x-backend"].split(":")[0].split(".")[3]) - 1, status]
                    after = envoy.counters(f"cluster.c{i}.outlier_detection.")
                    new = {n: after[n] - before[n] for n in DETECTED if after.get(n, 0) != before.get(n, 0)}
                    now_out = sorted(int(a.split(".")[3]) - 1 for a, health in envoy.hosts(f"c{i}").items()
                                     if health.get("failed_outlier_check"))
                    if new or now_out != out:
                        step += [new, now_out]
                    before, out = after, now_out
                    steps.append(step)
                scenarios.append({"name": f"live_{i}", "configuration": one, "hosts": hosts, "steps": steps})
    finally:
        backends.stop()
    return {"kind": "outlier detection by consecutive errors", "scenarios": scenarios}


def rates(program, random, folder, count=8, interval=10):
    """Success rates and failure percentages of one interval, in which all of the traffic is."""
    port, clusters, scenarios, counts = free_port(), [], [], {}
    sickness = {}

    def served(address, path, fields):
        bad = random.random() < sickness[address[0]]
        counts[address[0]][0] += 1
        counts[address[0]][1] += bad
        return 500 if bad else 200
    for i in range(count):
        hosts = [f"127.74.{100 + i}.{h + 1}" for h in range(random.randint(4, 9))]
        for host in hosts:
            counts[host], sickness[host] = [0, 0], random.choice([0, 0, 0.1, 0.3, 0.7])
        if i % 2:
            one = {"enforcing_success_rate": 100, "success_rate_minimum_hosts": random.randint(3, 5),
                   "success_rate_request_volume": random.choice([10, 20]),
                   "success_rate_stdev_factor": random.choice([500, 1000, 1900])}
        else:
            one = {"enforcing_failure_percentage": 100, "failure_percentage_minimum_hosts": random.randint(3, 5),
                   "failure_percentage_request_volume": random.choice([10, 20]),
                   "failure_percentage_threshold": random.choice([10, 30, 60]), "enforcing_success_rate": 0}
        clusters.append(cluster(f"c{i}", [{"lb_endpoints": [endpoint(a, port, load_balancing_weight=random.randint(1, 3))
                                                            for a in hosts]}],
                                outlier_detection={"interval": f"{interval}s", "base_ejection_time": "3600s",
                                                   "max_ejection_percent": 100, "enforcing_consecutive_5xx": 0, **one},
                                common_lb_config={"healthy_panic_threshold": {"value": 0}}))
        scenarios.append({"name": f"live_{i}", "configuration": one, "hosts": hosts})
    backends = Backends(served)
    try:
        backends.open("0.0.0.0", port)
        begun = time.monotonic()  # before the first interval
        with Envoy(program, folder, clusters) as envoy:
            accepting = time.monotonic()  # within the first interval
            for i, s in enumerate(scenarios):
                for _ in range(25 * len(s["hosts"])):
                    envoy.client.get(x_cluster=f"c{i}")
            if time.monotonic() > begun + interval - 1:
                raise RuntimeError("this machine is too slow: the traffic took longer than an interval")
            time.sleep(accepting + interval + 0.5 - time.monotonic())
            for i, s in enumerate(scenarios):
                health, hosts = envoy.hosts(f"c{i}"), s.pop("hosts")
                s["traffic"] = [counts[a] for a in hosts]
                s["ejected"] = [h for h, a in enumerate(hosts) if health[a].get("failed_outlier_check")]
    finally:
        backends.stop()
    return {"kind": "outlier detection by success rate and failure percentage, one interval", "scenarios": scenarios}


def ejection_times(program, random, folder, length=8):
    """One host that is ejected again and again: how long it stays out each time."""
    port, backends = free_port(), Backends(answer)
    base, most = random.choice([0.3, 0.4]), random.choice([0.9, 1.2])
    times = {"base_ejection_time": f"{base}s", "max_ejection_time": f"{most}s"}
    c = cluster("c", [{"lb_endpoints": [endpoint("127.74.200.1", port)]}], outlier_detection={
        "consecutive_5xx": 1, "interval": "0.1s", "max_ejection_percent": 100, **times},
        common_lb_config={"healthy_panic_threshold": {"value": 0}})
    ejections, back = [], None
    try:
        backends.open("0.0.0.0", port)
        with Envoy(program, folder, [c]) as envoy:
            def is_out():
                return "failed_outlier_check" in envoy.hosts("c")["127.74.200.1"]
            for _ in range(length):
                if back is not None:
                    # In the middle between two ends of intervals, because each of them may shorten the next ejection.
                    peace = time.monotonic() - back + random.choice([0, 0, 0.2, 0.4])
                    time.sleep(back + math.ceil(10 * peace - 0.5) / 10 + 0.05 - time.monotonic())
                since = None if back is None else round(time.monotonic() - back, 3)
                assert envoy.client.get(x_cluster="c", x_status="500")[0] == 500
                left = time.monotonic()
                eventually(is_out)
                eventually(lambda: not is_out())
                back = time.monotonic()
                ejections.append([since, round(back - left, 3)])
                eventually(lambda: envoy.client.get(x_cluster="c")[0] == 200)  # the worker knows it too
    finally:
        backends.stop()
    return {"kind": "ejection times", "scenarios": [
        {"name": "live", "configuration": {"interval_s": 0.1, **times}, "ejections": ejections}]}

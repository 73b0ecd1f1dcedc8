# SPDX-License-Identifier: MIT
"""Runs each trouble behind each balancer, and draws what happened. Called by tools/figures.sh.

    figures.py PROXY FOLDER [--draw] [TROUBLE…]

The runs are kept in FOLDER as JSON. With --draw nothing is run, and the pictures are drawn from there.
"""
import asyncio
import json
import os
import sys
import tempfile
import threading
import time

from balancers import Balancer
from draw import draw
from load import Load
from measure import Run
from table import write_tables
from troubles import TROUBLES, Backends, act

RATE = 400  # requests a second
BALANCERS = ["proxy", "nginx", "haproxy"]
VARIANTS = {"slow": ["proxy round_robin", "nginx least_conn", "haproxy leastconn"], "errors": ["nginx least_conn", "haproxy leastconn"],
            "flap": ["proxy checked", "proxy damped"]}


def run(trouble, name, proxy):
    seconds, _, actions = TROUBLES[trouble]
    with tempfile.TemporaryDirectory() as folder:
        backends = Backends(folder)
        try:
            balancer = Balancer(name, folder, list(backends.ports.items()), proxy)
            try:
                load = Load(balancer.port, RATE)
                before, happened, begun = balancer.log_lines(), [], time.monotonic()
                actor = threading.Thread(target=act, args=(backends, begun, actions, happened))
                actor.start()
                asyncio.run(load.run(seconds))
                actor.join()
                lines = balancer.log_lines() - before
            finally:
                balancer.stop()
            arrivals = {n: [t - begun for t in backends.requests(n)] for n in backends.ports}
        finally:
            backends.stop()
    records = [(due - begun, latency, status, backend) for due, latency, status, backend in load.records]
    return {"seconds": seconds, "records": records, "arrivals": arrivals, "happened": happened, "log_lines": lines}


def file_of(folder, trouble, name):
    return os.path.join(folder, f"{trouble}.{name.replace(' ', '-')}.json")


def main(proxy, folder, *words):
    chosen = [w for w in words if w != "--draw"] or list(TROUBLES)
    os.makedirs(folder, exist_ok=True)
    for trouble in chosen:
        for name in BALANCERS + VARIANTS.get(trouble, []):
            if "--draw" in words:
                continue
            print(f"figures: {trouble}, {name}", flush=True)
            try:
                result = run(trouble, name, proxy)
            except RuntimeError as error:  # for instance a proxy without this setting
                print(f"figures: left out: {error}")
                continue
            with open(file_of(folder, trouble, name), "w") as f:
                json.dump(result, f)
    runs = {}
    for trouble in TROUBLES:
        for name in BALANCERS + VARIANTS.get(trouble, []):
            path = file_of(folder, trouble, name)
            if os.path.exists(path):
                runs[trouble, name] = Run(**json.load(open(path)))
    draw(runs, TROUBLES, os.path.join("docs", "figures"), folder)
    write_tables(runs, TROUBLES, os.path.join("docs", "figures.md"))


if __name__ == "__main__":
    main(*sys.argv[1:])

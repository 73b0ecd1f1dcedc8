# SPDX-License-Identifier: MIT
"""Real HAProxy: rise and fall of HTTP checks, and the replies of agents."""
import csv
import io
import json
import os
import re
import socket
import socketserver
import threading
import time

from peers import Backends, Client, Program, eventually, free_port

HEAD = """global
  stats socket {folder}/stats mode 600 level admin
  log stderr format raw local0 emerg
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
"""


def version(program):
    return re.search(r"version (\S+?)[-\s]", os.popen(f"{program} -v").read())[1]


def show_stat(folder):
    """(status, weight) of each server, by its backend section and its name."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(folder, "stats"))
        s.sendall(b"show stat\n")
        text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    return {(r["pxname"], r["svname"]): (r["status"], int(r["weight"] or 0)) for r in rows}


def checks(program, random, folder, count=6, length=40):
    """Several sections with one server each. The state is read after each check."""
    port, behind = free_port(), free_port()
    text, scenarios, seen = HEAD.format(folder=folder) + f"frontend f\n  bind 127.0.0.1:{port}\n  default_backend s0\n", [], []
    for i in range(count):
        server = {"check": True, "rise": random.randint(1, 4), "fall": random.randint(1, 4), "inter": "300ms",
                  "fastinter": "120ms", "downinter": "200ms"}
        text += (f"backend s{i}\n  option httpchk GET /check\n  server x 127.72.1.{i + 1}:{behind} check rise {server['rise']} "
                 f"fall {server['fall']} inter 300ms fastinter 120ms downinter 200ms\n")
        scenarios.append({"name": f"live_{'abcdefgh'[i]}0", "params": {"option httpchk": "GET /check"}, "server": server,
                          "checks": [], "shows": [], "gaps_s": []})
        seen.append([])
    good = [True] * count

    def answer(address, path, fields):
        i = int(address[0].split(".")[3]) - 1
        if len(seen[i]) != 0 and random.random() < 0.4:
            good[i] = not good[i]
        status = random.choice([200, 204, 302] if good[i] else [404, 500, 503])
        seen[i].append((time.monotonic(), status))
        return status

    backends = Backends(answer)
    try:
        for i in range(count):
            backends.open(f"127.72.1.{i + 1}", behind)
        with open(os.path.join(folder, "config"), "w") as f:
            f.write(text)
        with Program([program, "-db", "-f", os.path.join(folder, "config")], folder, port):
            while any(len(s["shows"]) < length for s in scenarios):
                for i, s in enumerate(scenarios):
                    k = len(s["shows"])
                    if k < len(seen[i]) and time.monotonic() > seen[i][k][0] + 0.03:
                        now = time.monotonic()
                        state = show_stat(folder)[f"s{i}", "x"][0]
                        # A later check may have come meanwhile, on a busy machine.
                        known = len(seen[i]) == k + 1 and time.monotonic() < now + 0.05
                        s["shows"].append(state if known else None)
                time.sleep(0.002)
    finally:
        backends.stop()
    for s, all_checks in zip(scenarios, seen):
        n = len(s["shows"])
        s["checks"] = [status for _, status in all_checks[:n]]
        s["gaps_s"] = [b[0] - a[0] for a, b in zip(all_checks[:n], all_checks[1:n])]
    return scenarios


class Agent(socketserver.ThreadingTCPServer):
    """Replies to HAProxy's agent checks."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, address):
        self.reply, self.asked = "up\n", 0
        super().__init__(address, None)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def finish_request(self, request, address):
        reply = self.reply
        if reply is not None:
            request.sendall(reply.encode())
        self.asked += 1


def known_replies(recorded):
    """The replies in the recorded file, for another order of them."""
    with open(os.path.join(recorded, "haproxy.agent.json")) as f:
        scenarios = json.load(f)["scenarios"]
    return sorted({step["agent"][1] for s in scenarios for step in s["steps"] if "agent" in step} - {None})


def agents(program, random, folder, recorded, number, length=25):
    port, behind, agent_port = free_port(), free_port(), free_port()
    described = [{"name": f"s{i}", "address": f"127.73.{number + 1}.{i + 1}:{behind}", "weight": random.randint(1, 8)}
                 for i in range(3)]
    described[0] |= {"agent-check": True, "agent-inter": "20ms", "agent-port": agent_port}
    text = HEAD.format(folder=folder) + f"listen app\n  bind 127.0.0.1:{port}\n  balance roundrobin\n"
    for b in described:
        agent = f" agent-check agent-inter 20ms agent-port {agent_port} agent-addr 127.0.0.1" if b is described[0] else ""
        text += f"  server {b['name']} {b['address']} weight {b['weight']}{agent}\n"
    addresses = [b["address"] for b in described]
    backends, agent, steps = Backends(lambda *_: 200), Agent(("127.0.0.1", agent_port)), []
    replies = known_replies(recorded)
    try:
        for a in addresses:
            backends.open(a.split(":")[0], behind)
        with open(os.path.join(folder, "config"), "w") as f:
            f.write(text)
        with Program([program, "-db", "-f", os.path.join(folder, "config")], folder, port):
            client = Client(port)
            for k in range(length):
                agent.reply = random.choice(replies) if k else "up\n"
                asked = agent.asked
                eventually(lambda: agent.asked >= asked + 3)
                shown = show_stat(folder)
                steps.append({"agent": [0, agent.reply], "shows": [list(shown["app", b["name"]]) for b in described]})
                answers = [client.get() for _ in range(4)]
                steps.append({"pick": 4, "answered": [addresses.index(f["x-backend"]) if s == 200 else -s for s, f in answers]})
    finally:
        agent.shutdown()
        agent.server_close()
        backends.stop()
    return {"name": f"live_agent_{number}", "params": {"balance": "roundrobin"}, "backends": described, "steps": steps}


def command(folder, line):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(os.path.join(folder, "stats"))
        s.sendall(line.encode() + b"\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def slow_start(program, folder, window=20):
    """The picks of a server that comes back from maintenance among two others."""
    port, behind = free_port(), free_port()
    text = HEAD.format(folder=folder) + f"listen app\n  bind 127.0.0.1:{port}\n  balance roundrobin\n"
    for i in range(3):
        text += f"  server s{i} 127.79.1.{i + 1}:{behind} weight 64 slowstart {window}s\n"
    backends, buckets = Backends(lambda *_: 200), []
    try:
        backends.open("0.0.0.0", behind)
        with open(os.path.join(folder, "config"), "w") as f:
            f.write(text)
        with Program([program, "-db", "-f", os.path.join(folder, "config")], folder, port):
            client = Client(port)
            command(folder, "set server app/s2 state maint")
            command(folder, "set server app/s2 state ready")
            begun = time.monotonic()
            while time.monotonic() < begun + window + 3:
                start = time.monotonic() - begun
                picks = sum(client.get()[1]["x-backend"].startswith("127.79.1.3:") for _ in range(200))
                buckets.append([round(start, 3), round(time.monotonic() - begun, 3), picks, 200])
                time.sleep(0.05)
    finally:
        backends.stop()
    return {"kind": "slow start of a server among two warm ones", "scenarios": [
        {"name": "live", "buckets": buckets, "resolution_s": window / 16,
         "configuration": {"slow_start_window_s": window, "aggression": 1.0, "min_weight_percent": 6}}]}

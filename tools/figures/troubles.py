# SPDX-License-Identifier: MIT
"""The troubles. Each is a length and a list of (second, action on the backends)."""
import os
import signal
import subprocess
import sys
import time
import urllib.request

from balancers import free_ports, wait_for

NAMES = ("b1", "b2", "b3", "b4")  # b1 is the sick one


class Backends:
    def __init__(self, folder):
        self.folder, self.ports = folder, dict(zip(NAMES, free_ports(len(NAMES))))
        self.running = {}
        for name in NAMES:
            self.start(name)
        for name in NAMES:
            wait_for(self.ports[name])

    def start(self, name):
        program = os.path.join(os.path.dirname(__file__), "backend.py")
        self.running[name] = subprocess.Popen([sys.executable, program, name, str(self.ports[name]), self.log(name)])

    def kill(self, name):
        self.running[name].kill()
        self.running.pop(name).wait()

    def control(self, name, mode):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[name]}/control/{mode}", method="PUT")
        urllib.request.urlopen(request, timeout=5).close()

    def log(self, name):
        return os.path.join(self.folder, name + ".requests")

    def requests(self, name):
        """The times at which requests arrived there."""
        with open(self.log(name)) as f:
            return [float(line) for line in f if line.endswith("\n")]

    def stop(self):
        for process in self.running.values():
            process.send_signal(signal.SIGKILL)
            process.wait()


def every(action):
    return lambda b: [action(b, name) for name in NAMES]


def kill(b, name="b1"):
    b.kill(name)


def start(b, name="b1"):
    b.start(name)


# name: (seconds in all, the second of the trouble, the actions)
TROUBLES = {
    "kill": (25, 5, [(5, kill)]),
    "slow": (20, 5, [(5, lambda b: b.control("b1", "slow"))]),
    "errors": (30, 5, [(5, lambda b: b.control("b1", "errors"))]),
    "flap": (95, 5, [(5 + 3 * i, start if i % 2 else kill) for i in range(30)]),
    "recovery": (50, 15, [(2, kill), (15, start)]),
    "all-down": (40, 5, [(5, every(kill)), (15, every(start))]),
}


def act(backends, begun, actions, happened):
    """Does each action at its time, and appends when it was done. Meant for a thread of its own."""
    for second, action in actions:
        time.sleep(max(0, begun + second - time.monotonic()))
        action(backends)
        happened.append(time.monotonic() - begun)

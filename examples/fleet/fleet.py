# SPDX-License-Identifier: MIT
"""Eight proxies share one etcd. Each part prints a table and asserts what it shows. Started by run.sh."""
import argparse
import atexit
import os
import shutil
import signal
import sys
import tempfile
import time

import growth
from load import Load, Window
from processes import Backend, Etcd, Proxy, end, end_all, eventually

PREFIX = '/equipoise/'
CHECKS = '[checks]\ninterval = "2s"\n'


def table(head, rows):
    texts = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in texts) for i in range(len(head))]
    for row in texts:
        print('  ' + row[0].ljust(widths[0]) + ''.join('  ' + c.rjust(w) for c, w in zip(row[1:], widths[1:])))
    print(flush=True)


def check(held, what):
    if not held:
        raise AssertionError(what)


class Fleet:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.etcd = Etcd(folder)
        self.backends = [Backend(args.backend, folder, f'b{i}') for i in range(1, 5)]
        for b in self.backends:
            self.etcd.put(f'{PREFIX}members/{b.name}', b.entry())
        self.proxies = [Proxy(args.proxy, folder, f'p{i}', self.etcd, PREFIX, CHECKS) for i in range(1, args.processes + 1)]
        for p in self.proxies:
            eventually(f'{p.name} has its backends', lambda p=p: len(p.stats()['backends']) == 4)
        self.load = Load([p.port for p in self.proxies], args.rate)
        eventually('the load runs', lambda: len(self.load.done) > 100)

    def operators(self, name):
        return f'{PREFIX}operators/{name}'

    def wait_for_all(self, what, condition, seconds=60):
        """Waits until the condition holds for each process, and returns how long each took, in milliseconds."""
        began, left, took = time.monotonic(), set(self.proxies), {}

        def look():
            for p in list(left):
                if condition(p):
                    took[p.name] = 1000 * (time.monotonic() - began)
                    left.discard(p)
            return not left
        eventually(what, look, seconds, 0.001)
        return [took[p.name] for p in self.proxies]


def drain(fleet):
    print('An operator drains a backend with one put, and takes it back')
    window, name = Window(fleet.load), fleet.backends[0].name
    answer, state = [0.0] * len(fleet.proxies), [0.0] * len(fleet.proxies)
    for _ in range(fleet.args.rounds):
        began = time.monotonic()
        fleet.etcd.put(fleet.operators(name), {'drain': True, 'by': 'fleet.py'})
        put = 1000 * (time.monotonic() - began)
        says = fleet.wait_for_all('all drain', lambda p: p.state(name) == 'draining')
        time.sleep(max(0.0, began + 2 - time.monotonic()))
        late = [r for r in window.requests() if r.backend == name and r.sent > began + 1]
        check(not late, f'{len(late)} requests that were sent 1 s after the put or later went to {name}')
        for i in range(len(fleet.proxies)):
            mine = [r.answered - began for r in window.requests() if r.proxy == i and r.backend == name and r.answered > began]
            answer[i] = max([answer[i], *(1000 * t for t in mine)])
            state[i] = max(state[i], put + says[i])
        fleet.etcd.erase(fleet.operators(name))
        fleet.wait_for_all('all take it back', lambda p: p.state(name) == 'up')
        at = Window(fleet.load)
        eventually('it gets work again', lambda: at.shares().get(name, 0) > 0.1 if at.requests() else False)
    requests, lost, _ = window.summary()
    table(['process', 'says draining after ms', 'its last answer of it after ms'],
          [[p.name, f'{state[i]:.0f}', f'{answer[i]:.0f}'] for i, p in enumerate(fleet.proxies)])
    print(f'  longest of {fleet.args.rounds} rounds, from the start of the put: {max(state):.0f} ms and {max(answer):.0f} ms; '
          f'{requests} requests, {lost} lost\n')
    check(max(state + answer) <= 1000, 'a process went on for more than 1 s')
    check(lost == 0, f'{lost} requests were lost')


def leader(fleet):
    print('The leader of etcd is killed')
    window, name = Window(fleet.load), fleet.backends[1].name
    watches = [p.discovery()['watches'] for p in fleet.proxies]
    time.sleep(1)
    old = eventually('etcd has a leader', fleet.etcd.leader)
    began = time.monotonic()
    end(fleet.etcd.processes[old], signal.SIGKILL)
    fleet.etcd.put(fleet.operators(name), {'drain': True})
    put = time.monotonic() - began
    says = fleet.wait_for_all('all drain', lambda p: p.state(name) == 'draining')
    moved = sum(p.discovery()['watches'] > w for p, w in zip(fleet.proxies, watches))
    fleet.etcd.start(old)
    fleet.etcd.erase(fleet.operators(name))
    fleet.wait_for_all('all take it back', lambda p: p.state(name) == 'up')
    time.sleep(2)
    requests, lost, longest = window.summary()
    table(['requests', 'lost', 'longest ms', 'etcd takes a put after s', 'all drain ms later', 'watches moved'],
          [[requests, lost, f'{longest:.0f}', f'{put:.2f}', f'{max(says):.0f}', f'{moved} of {len(fleet.proxies)}']])
    check(lost == 0, f'{lost} requests were lost')


def outage(fleet):
    seconds = fleet.args.outage
    print(f'All of etcd is stopped for {seconds} s, and a backend joins')
    before = Window(fleet.load)
    time.sleep(3)
    usual = before.shares()
    for process in fleet.etcd.processes:
        end(process, signal.SIGTERM)
    window, began = Window(fleet.load), time.monotonic()
    joining = Backend(fleet.args.backend, fleet.folder, 'b5')
    key, tries = f'{PREFIX}members/b5', 0
    while time.monotonic() < began + seconds:
        check(not fleet.etcd.try_put(key, joining.entry()), 'a put without etcd')
        tries += 1
        time.sleep(0.5)
    shares = window.shares()
    requests, lost, longest = window.summary()
    fleet.wait_for_all('all know of the outage', lambda p: not p.discovery()['is_current'], 20)
    back = time.monotonic()
    for i in range(len(fleet.etcd.processes)):
        fleet.etcd.start(i)
    fleet.etcd.put(key, joining.entry())
    registered = time.monotonic()
    after = Window(fleet.load)
    for i, p in enumerate(fleet.proxies):
        eventually(f'{p.name} gives work to b5', lambda i=i: any(r.proxy == i and r.backend == 'b5' for r in after.requests()))
    first = [min(r.answered for r in after.requests() if r.proxy == i and r.backend == 'b5') - registered
             for i in range(len(fleet.proxies))]
    table(['backend', 'share before %', 'share in the outage %'],
          [[b, f'{100 * usual.get(b, 0):.1f}', f'{100 * shares.get(b, 0):.1f}'] for b in ('b1', 'b2', 'b3', 'b4', 'b5')])
    table(['requests', 'lost', 'longest ms', 'puts refused', 'etcd takes it after s', 'all give it work after s'],
          [[requests, lost, f'{longest:.0f}', tries, f'{registered - back:.1f}', f'{max(first):.1f}']])
    check(lost == 0 and after.summary()[1] == 0, 'requests were lost')
    check('b5' not in shares, 'b5 got work before it was registered')
    check(all(abs(shares[b] - usual[b]) < 0.03 for b in usual), 'the shares moved in the outage')
    check(max(first) < 10, 'b5 waited for more than 10 s after its registration')


PARTS = {'drain': drain, 'leader': leader, 'outage': outage, 'growth': None}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--proxy', required=True)
    parser.add_argument('--backend', required=True)
    parser.add_argument('--processes', type=int, default=8)
    parser.add_argument('--rate', type=float, default=300, help='requests a second of all processes')
    parser.add_argument('--rounds', type=int, default=5, help='of the drain')
    parser.add_argument('--outage', type=float, default=60, help='seconds')
    parser.add_argument('--quiet', type=float, default=20, help='seconds of each line of the table of growth')
    parser.add_argument('--members', type=int, nargs='+', default=[10, 1000], help='sizes of the fleets that are compared')
    parser.add_argument('--cpu', type=float, default=3, help='percent of a processor that a proxy may need for etcd')
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=list(PARTS))
    args = parser.parse_args()
    for program in (args.proxy, args.backend):
        if not os.access(program, os.X_OK):
            parser.error(f'{program} is no program')
    if args.processes < 1 or args.rate <= 0 or args.rounds < 1 or args.outage < 0 or args.quiet <= 0 or min(args.members) < 1:
        parser.error('numbers must be positive')

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = tempfile.mkdtemp(prefix='equipoise-fleet-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(end_all)
    try:
        fleet = Fleet(args, folder)
        for part in (p for p in args.parts if p != 'growth'):
            PARTS[part](fleet)
        fleet.load.stop()
        lost = [r for r in fleet.load.done if r.failure]
        print(f'{len(fleet.load.done)} requests in all, {len(lost)} lost\n')
        check(not lost, 'requests were lost')
        for server in fleet.proxies + fleet.backends:
            check(server.process.poll() is None, f'{server.name} has ended')
            end(server.process)
        if 'growth' in args.parts:
            growth.measure(args, folder, fleet.etcd, table, check)
    except AssertionError as e:
        print(f'verdict: FAILED, {e}')
        return 1
    print('verdict: everything held')
    return 0


sys.exit(main())

# SPDX-License-Identifier: MIT
"""How the traffic of the watches and the processor time of the proxies grow with the members and with the changes.

They are called flat if
  - without changes, a fleet of any size costs the same traffic and the same processor time;
  - the bytes of a change do not depend on the number of members;
  - ten times the changes cost the largest fleet less than five times the processor time, because a proxy makes a list ten
    times a second at most;
  - no proxy needs more than --cpu percent of a processor for all of this.
"""
import time

from processes import Proxy, cpu_seconds, end, eventually

RATES = 0, 5, 50  # changes a second


def entry(i, weight=1):
    return {'address': f'127.1.{i // 250}.{i % 250 + 1}:8080', 'weight': weight}


def name_of(i):
    return f'n{i:04}'


class Meter:
    """Bytes from etcd and processor time since it was made, of one of the proxies on average."""

    def __init__(self, proxies):
        self.proxies = proxies
        self.bytes = sum(p.discovery()['bytes'] for p in proxies)
        self.cpu, self.began = self.cpu_seconds(), time.monotonic()

    def cpu_seconds(self):
        return sum(cpu_seconds(p.process) for p in self.proxies)

    def read(self):
        """(seconds, bytes, processor seconds). The pages are read outside of the measured time, because they cost some."""
        cpu, seconds = self.cpu_seconds() - self.cpu, time.monotonic() - self.began
        count = len(self.proxies)
        return seconds, (sum(p.discovery()['bytes'] for p in self.proxies) - self.bytes) / count, cpu / count


def at_rate(args, etcd, prefix, proxies, members, rate):
    changes, last = 0, None
    meter = Meter(proxies)
    while time.monotonic() < meter.began + args.quiet:
        if rate == 0:
            time.sleep(args.quiet)
            continue
        last = name_of(changes * 7 % members), 2 + changes % 8
        etcd.put(f'{prefix}members/{last[0]}', entry(changes * 7 % members, last[1]))
        changes += 1
        time.sleep(max(0.0, meter.began + changes / rate - time.monotonic()))
    seconds, traffic, cpu = meter.read()
    for p in proxies if last else []:
        eventually('the last change arrives', lambda p=p: last in [(b['name'], b['weight']) for b in p.stats()['backends']])
    return {'members': members, 'rate': changes / seconds, 'traffic': traffic / seconds, 'cpu': cpu / seconds,
            'bytes': traffic / changes if changes else 0}


def of_size(args, folder, etcd, members):
    prefix = f'/fleet-of-{members}/'
    etcd.put_many([(f'{prefix}members/{name_of(i)}', entry(i)) for i in range(members)])
    settings = 'policy = "weighted_round_robin"\n[checks]\nenabled = false\n'
    proxies = [Proxy(args.proxy, folder, f'{members}-{i}', etcd, prefix, settings) for i in range(args.processes)]
    for p in proxies:
        eventually('all members are known', lambda p=p: len(p.stats()['backends']) == members)
    time.sleep(1)
    results = [at_rate(args, etcd, prefix, proxies, members, rate) for rate in RATES]
    for p in proxies:
        end(p.process)
    return results


def measure(args, folder, etcd, table, check):
    print(f'{args.processes} processes in fleets of {" and ".join(str(n) for n in args.members)} members; '
          f'each line is one process for {args.quiet:g} s')
    results = [of_size(args, folder, etcd, n) for n in args.members]
    table(['members', 'changes/s', 'bytes/s', 'bytes a change', 'CPU %'],
          [[r['members'], f'{r["rate"]:.1f}', f'{r["traffic"]:.0f}', f'{r["bytes"]:.0f}', f'{100 * r["cpu"]:.2f}']
           for size in results for r in size])
    quiet, slow, fast = zip(*results)
    check(max(r['traffic'] for r in quiet) < 20, 'there is traffic without a change')
    cpus = [100 * r['cpu'] for r in quiet]
    check(max(cpus) - min(cpus) < args.cpu / 6, 'a larger fleet costs time without a change')
    for same in (slow, fast):
        check(max(r['bytes'] for r in same) < 1.2 * min(r['bytes'] for r in same), 'a change costs more in a larger fleet')
    check(fast[-1]['cpu'] < 5 * slow[-1]['cpu'], 'the processor time grows with the changes')
    check(max(100 * r['cpu'] for size in results for r in size) < args.cpu, f'a proxy needs more than {args.cpu:g} % of a processor')

# SPDX-License-Identifier: MIT
"""What is computed from the records of one run. Times are seconds since the start of the load."""
import bisect

WINDOW = 1.0  # seconds over which a share is counted


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))] if values else 0.0


def bins(times, width, end):
    """How many of the times fall into each bin of that width."""
    counts = [0] * int(round(end / width))
    for t in times:
        if 0 <= t < width * len(counts):
            counts[int(t / width)] += 1
    return counts


class Run:
    """One trouble behind one balancer. `records` are (due, latency, status, backend), `arrivals` the times at which
    requests reached each backend, `happened` the times of the actions."""

    def __init__(self, seconds, records, arrivals, happened, log_lines):
        self.seconds, self.records, self.log_lines = seconds, sorted(records), log_lines
        self.arrivals, self.happened = {n: sorted(a) for n, a in arrivals.items()}, happened
        self.all_arrivals = sorted(t for a in arrivals.values() for t in a)

    def failed(self, since=0.0):
        return sum(1 for due, _, status, _ in self.records if due >= since and status != 200)

    def latency(self, q, since=0.0, until=float("inf")):
        return quantile([latency for due, latency, status, _ in self.records if since <= due < until and status == 200], q)

    def share(self, name, since, until):
        """Of the requests that reached a backend in that time, the part that reached this one."""
        def count(times):
            return bisect.bisect_left(times, until) - bisect.bisect_left(times, since)
        return count(self.arrivals[name]) / max(1, count(self.all_arrivals))

    def curve(self, name, width=WINDOW / 2):
        """(second, share of the backend in the window of WINDOW that ends there)"""
        steps = int((self.seconds - WINDOW) / width) + 1
        return [(WINDOW + i * width, self.share(name, i * width, WINDOW + i * width)) for i in range(steps)]

    def seconds_until_below(self, name, limit, first_bad):
        """From the first bad answer to the moment after which no window has that share any more; None: it stays."""
        last = None
        t = first_bad
        while t + WINDOW <= self.seconds - 0.5:
            if self.share(name, t, t + WINDOW) >= limit:
                last = t
            t += 0.05
        if last is None:
            return 0.0
        return None if last + 1 > self.seconds - WINDOW - 1 else last + 0.05 - first_bad

    def first_bad_answer(self, name, trouble):
        """When the backend's first request after the trouble was answered badly: with an error, or too late."""
        times = [due + latency for due, latency, status, backend in self.records
                 if backend == name and due + latency > trouble and (status != 200 or latency > 0.5)]
        return min(times, default=trouble)

    def overshoot(self, name, since, window=2.0):
        """The highest share in a window of two seconds, beside the fair share of 1/4."""
        highest, t = 0.0, since
        while t + window <= self.seconds:
            highest = max(highest, self.share(name, t, t + window))
            t += window / 4
        return highest * len(self.arrivals) - 1

    def good_again(self, since):
        """From that time to the last failed request."""
        bad = [due for due, _, status, _ in self.records if due >= since and status != 200]
        return max(bad) - since if bad else 0.0

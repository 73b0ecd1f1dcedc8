# SPDX-License-Identifier: MIT
"""Writes the table of the numbers between two comments of the page."""
import re

HEADINGS = {"proxy": "equipoise", "nginx": "nginx", "haproxy": "HAProxy", "nginx least_conn": "nginx `least_conn`",
            "haproxy leastconn": "HAProxy `leastconn`", "proxy round_robin": "equipoise `round_robin`",
            "proxy checked": "equipoise, checks", "proxy damped": "equipoise, damped"}


def ms(seconds):
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.1 else f"{1000 * seconds:.1f} ms"


def latencies(run, since):
    return f"{ms(run.latency(0.5, since))}, {ms(run.latency(0.99, since))}"


def seconds_below(run, trouble):
    t = run.seconds_until_below("b1", 0.02, run.first_bad_answer("b1", trouble))
    return "never" if t is None else f"{t:.1f} s"


def until_below(run, trouble):
    return f"{seconds_below(run, trouble)}, {100 * run.share('b1', run.seconds - 5, run.seconds):.1f} %"


# (trouble, what is measured, how; `at` is the second of the trouble)
ROWS = [
    ("kill", "failed requests", lambda r, at: str(r.failed(at))),
    ("kill", "p50, p99", latencies),
    ("kill", "log lines", lambda r, at: str(r.log_lines)),
    ("slow", "share below 2 % after, share in the end", until_below),
    ("slow", "p50, p99", latencies),
    ("slow", "log lines", lambda r, at: str(r.log_lines)),
    ("errors", "share below 2 % after, share in the end", until_below),
    ("errors", "failed requests in 25 s", lambda r, at: str(r.failed(at))),
    ("errors", "log lines", lambda r, at: str(r.log_lines)),
    ("flap", "failed requests in 90 s", lambda r, at: str(r.failed(at))),
    ("flap", "share of the flapping backend", lambda r, at: f"{100 * r.share('b1', at, r.seconds):.1f} %"),
    ("flap", "p99", lambda r, at: ms(r.latency(0.99, at))),
    ("flap", "log lines", lambda r, at: str(r.log_lines)),
    ("recovery", "highest share in 2 s, beside the fair one", lambda r, at: f"{100 * r.overshoot('b1', at):+.0f} %"),
    ("recovery", "first request after", lambda r, at: f"{min((t for t in r.arrivals['b1'] if t > at), default=at) - at:.1f} s"),
    ("recovery", "failed requests", lambda r, at: str(r.failed())),
    ("all-down", "failed requests", lambda r, at: str(r.failed(at))),
    ("all-down", "last failed request after the return", lambda r, at: f"{r.good_again(at + 10):.1f} s"),
    ("all-down", "log lines", lambda r, at: str(r.log_lines)),
]


def table(runs, troubles):
    text = ""
    for trouble, (_, at, _) in troubles.items():
        names = [n for t, n in runs if t == trouble]
        if not names:
            continue
        text += f"| {trouble} | " + " | ".join(HEADINGS[n] for n in names) + " |\n" + "|---" * (len(names) + 1) + "|\n"
        for which, what, how in ROWS:
            if which == trouble:
                text += f"| {what} | " + " | ".join(how(runs[trouble, n], at) for n in names) + " |\n"
        text += "\n"
    return text


def write_tables(runs, troubles, page):
    """Replaces the table of each trouble, which stands after the comment with its name."""
    with open(page, encoding="utf-8") as f:
        text = f.read()
    for trouble in troubles:
        new = table({k: r for k, r in runs.items() if k[0] == trouble}, troubles)
        if new:
            text = re.sub(rf"(<!-- {trouble} -->\n)(\|.*\n)*", lambda m: m[1] + new.rstrip("\n") + "\n", text)
    with open(page, "w", encoding="utf-8") as f:
        f.write(text)

# SPDX-License-Identifier: MIT
"""Draws the runs with gnuplot, one picture for each trouble. The data of a picture stand in its script."""
import os
import subprocess

from measure import bins, quantile

NAMES = {"proxy": "equipoise (power_of_two)", "nginx": "nginx", "haproxy": "HAProxy",
         "nginx least_conn": "nginx, least_conn", "haproxy leastconn": "HAProxy, leastconn",
         "proxy round_robin": "equipoise, round_robin", "proxy checked": "equipoise, a check each second", "proxy damped": "equipoise, the same with damping"}
STYLES = {"proxy": "lw 2.5 lc rgb '#0060b0'", "nginx": "lw 2 lc rgb '#109040'", "haproxy": "lw 2 lc rgb '#d06000'",
          "nginx least_conn": "lw 1.5 dt 2 lc rgb '#109040'", "haproxy leastconn": "lw 1.5 dt 2 lc rgb '#d06000'",
          "proxy round_robin": "lw 1.5 dt 2 lc rgb '#0060b0'", "proxy checked": "lw 2.5 lc rgb '#6090c0'", "proxy damped": "lw 2.5 lc rgb '#0060b0'"}

HEAD = """set terminal svg size 840,{height} font 'sans-serif,13' background rgb 'white' noenhanced
set output '{file}'
set border 3 lc rgb '#606060'
set tics nomirror out
set grid ytics lc rgb '#d8d8d8' lw 0.6 dt 1
set key tmargin center horizontal Left reverse samplen 2.5
"""


def block(name, points):
    return f"${name} << E\n" + "".join(f"{x:.3f} {y:.5g}\n" for x, y in points) + "E\n"


def lines_of(runs, trouble, at, values, order=None):
    """The data blocks and the plot command of one panel. `values` makes the points of a run."""
    blocks, plots = "", []
    for i, name in enumerate(order or [n for t, n in runs if t == trouble]):
        if (trouble, name) in runs:
            blocks += block(f"d{i}", [(x - at, y) for x, y in values(runs[trouble, name])])
            plots.append(f"$d{i} using 1:2 with lines {STYLES[name]} title '{NAMES[name]}'")
    return blocks, plots


def percents(run):
    return [(t, 100 * share) for t, share in run.curve("b1", 0.25)]


def p99(run):
    rows = [[] for _ in range(int(run.seconds))]
    for due, latency, status, _ in run.records:
        if status == 200:
            rows[min(int(due), len(rows) - 1)].append(1000 * latency)
    return [(i + 1, quantile(row, 0.99)) for i, row in enumerate(rows)]


def good(run):
    return [((i + 1) / 2, 2 * n) for i, n in enumerate(bins([r[0] for r in run.records if r[2] == 200], 0.5, run.seconds))]


def picture(runs, troubles, trouble, title, x, y, values, more=(), settings=""):
    at = troubles[trouble][1]
    blocks, plots = lines_of(runs, trouble, at, values)
    seconds = troubles[trouble][0]
    return (blocks + f"set title '{title}'\nset xlabel '{x}'\nset ylabel '{y}'\nset xrange [{1 - at}:{seconds - at}]\n"
            + settings + "set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb '#a00000' dt 3\n"
            + "plot " + ", ".join([*more, *plots]) + "\n")


def panels(runs, troubles):
    """Flapping: one panel for each balancer, because curves that go up and down would hide each other."""
    order = [n for n in ("nginx", "haproxy", "proxy", "proxy checked", "proxy damped") if ("flap", n) in runs]
    seconds, at, _ = troubles["flap"]
    text = (f"set multiplot layout {len(order)},1 margins screen 0.09, 0.98, 0.08, 0.9 spacing screen 0.06 "
            "title 'A backend that dies and returns every 3 s: its share of the requests'\n"
            f"unset key\nset xrange [{1 - at}:{seconds - at}]\nset yrange [0:40]\nset ytics 0,20\nset ylabel 'share, %'\n"
            "set format x ''\n")
    for i, name in enumerate(order):
        blocks, plots = lines_of(runs, "flap", at, percents, [name])
        last = i == len(order) - 1
        text += blocks + f"set title '{NAMES[name]}' offset 0,-0.7\n"
        text += "set xlabel 'seconds since the first death'\nset format x\n" if last else ""
        text += "plot " + plots[0] + "\n"
    return text + "unset multiplot\n"


def draw(runs, troubles, folder, scripts):
    os.makedirs(folder, exist_ok=True)
    limit = "2 with lines lc rgb '#808080' dt 4 title '2 %'"
    share = "share of the sick backend, %"
    fair = ("25 with lines lc rgb '#808080' dt 4 title 'fair: 25 %'", "30 with lines lc rgb '#b08080' dt 4 title '20 % above'")
    all_of_them = {
        "kill": (420, picture(runs, troubles, "kill", "One of four backends is killed", "seconds since the death",
                              "latency, 99th percentile, ms", p99, settings="set yrange [0:*]\n")),
        "slow": (420, picture(runs, troubles, "slow", "One of four backends becomes one second slower",
                              "seconds since then", share, percents, (limit,), "set yrange [0:30]\n")),
        "errors": (420, picture(runs, troubles, "errors", "One of four backends answers 500 at once",
                                "seconds since then", share, percents, (limit,), "set yrange [0:*]\n")),
        "recovery": (420, picture(runs, troubles, "recovery", "A backend that was dead for 13 s is back",
                                  "seconds since it listens again", "its share of the requests, %", percents, fair,
                                  "set yrange [0:40]\n")),
        "all-down": (420, picture(runs, troubles, "all-down", "All four backends die, and return 10 s later",
                                  "seconds since the death", "good answers a second", good,
                                  settings="set yrange [0:500]\nset arrow from 10, graph 0 to 10, graph 1 nohead lc rgb '#00a000' dt 3\n")),
        "flap": (760, panels(runs, troubles)),
    }
    for trouble, (height, body) in all_of_them.items():
        if not any(t == trouble for t, _ in runs):
            continue
        script = os.path.join(scripts, trouble + ".gnuplot")
        with open(script, "w") as f:
            f.write(HEAD.format(height=height, file=os.path.join(folder, trouble + ".svg")) + body)
        subprocess.run(["gnuplot", script], check=True)

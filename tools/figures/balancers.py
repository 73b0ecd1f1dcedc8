# SPDX-License-Identifier: MIT
"""The three balancers with their usual settings, as processes in a folder of their own."""
import os
import re
import signal
import socket
import subprocess
import time

PROXY = """listen = "127.0.0.1:{port}"
policy = "{policy}"
[passive]
errors = true
{more}
{backends}"""

CHECKED = """[checks]
interval = "1s"
rise = 1
fall = 1
"""

NGINX = """daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log {folder}/log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream app {{
{policy}{backends}  }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; }} }}
}}
"""

HAPROXY = """global
  log stderr format raw local0 notice
defaults
  mode http
  log global
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option redispatch
  retries 3
frontend clients
  bind 127.0.0.1:{port}
  default_backend app
backend app
  balance {policy}
{backends}"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for(port, seconds=10):
    """Returns as soon as a connection to the port is accepted."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class Balancer:
    """The program behind one name: proxy, nginx or haproxy, and after a space its variant."""

    def __init__(self, name, folder, backends, proxy_program):
        self.folder, (self.port,) = folder, free_ports(1)
        program, _, variant = name.partition(" ")
        config = os.path.join(folder, "config.toml" if program == "proxy" else "config")
        if program == "proxy":
            lines = "".join(f'[[backend]]\nname = "{n}"\naddress = "127.0.0.1:{p}"\n' for n, p in backends)
            more = {"checked": CHECKED, "damped": CHECKED + 'damping = "1m"'}.get(variant, "")
            policy = "round_robin" if variant == "round_robin" else "power_of_two"
            text = PROXY.format(port=self.port, policy=policy, more=more, backends=lines)
            command = [proxy_program, config]
        elif program == "nginx":
            lines = "".join(f"    server 127.0.0.1:{p};\n" for _, p in backends)
            text = NGINX.format(folder=folder, port=self.port, backends=lines, policy=f"    {variant};\n" if variant else "")
            command = ["nginx", "-c", config, "-e", os.path.join(folder, "log")]
        else:
            lines = "".join(f"  server {n} 127.0.0.1:{p} check\n" for n, p in backends)
            text = HAPROXY.format(port=self.port, backends=lines, policy=variant or "roundrobin")
            command = ["haproxy", "-db", "-f", config]
        with open(config, "w") as f:
            f.write(text)
        self.output = open(os.path.join(folder, "output"), "w")
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT)
        try:
            wait_for(self.port)
        except OSError:
            self.stop()
            raise RuntimeError(f"{name} did not start: {open(self.output.name).read()}")

    def log_lines(self):
        """How many lines it has written so far, without those of single requests that worked."""
        text = ""
        for file in ("output", "log"):
            path = os.path.join(self.folder, file)
            if os.path.exists(path):
                text += open(path, errors="replace").read()
        return len(re.findall(r"\n", text))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.output.close()

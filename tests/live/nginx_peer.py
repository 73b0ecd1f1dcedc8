# SPDX-License-Identifier: MIT
"""Real nginx: backends that refuse connections or answer with errors, with max_fails and fail_timeout."""
import os
import re
import time

from peers import Backends, Client, Program, free_port

CONFIG = """daemon off; worker_processes 1; master_process off; pid {folder}/pid; error_log {folder}/log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream app {{ {servers} }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://app;
      proxy_next_upstream error timeout http_500;
      add_header X-Tried $upstream_addr always;
    }}
  }}
}}
"""


def version(program):
    return re.search(r"nginx/(\S+)", os.popen(f"{program} -v 2>&1").read())[1]


def tried(addresses, status, fields):
    """As the recorded files have it: an index, a list of them, or an object after a failure. null: no live upstream."""
    names = [a.strip() for a in fields["x-tried"].split(",")]
    all_of_them = [addresses.index(n) if n in addresses else None for n in names]
    if status != 200:
        return {"tried": all_of_them, "status": status}
    return all_of_them[0] if len(all_of_them) == 1 else all_of_them


def whole_second():
    """nginx counts in whole seconds, so requests are sent in the middle of them."""
    while not 0.15 < time.time() % 1 < 0.6:
        time.sleep(0.01)
    return int(time.time())


def scenario(program, random, folder, number):
    port, behind = free_port(), free_port()
    count = random.randint(2, 5)
    addresses = [f"127.71.{number + 1}.{i + 1}:{behind}" for i in range(count)]
    described = [{"address": a, "weight": random.randint(1, 4), "max_fails": random.randint(1, 3),
                  "fail_timeout": random.randint(1, 2)} for a in addresses]
    servers = " ".join(f"server {b['address']} weight={b['weight']} max_fails={b['max_fails']} "
                       f"fail_timeout={b['fail_timeout']}s;" for b in described)
    statuses, refusing = dict.fromkeys(range(count), 200), set()
    backends = Backends(lambda address, path, fields: statuses[addresses.index(f"{address[0]}:{address[1]}")])
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w") as f:
        f.write(CONFIG.format(folder=folder, port=port, servers=servers))
    steps = []
    try:
        for a in addresses:
            backends.open(a.split(":")[0], behind)
        with Program([program, "-c", config, "-e", os.path.join(folder, "log")], folder, port):
            client, second = Client(port), whole_second()
            for _ in range(24):
                i = random.randrange(count)
                action = random.choice(["down", "up", "status", "status", "picks", "picks", "wait"])
                if action == "down" and i not in refusing:
                    backends.close(addresses[i].split(":")[0], behind)
                    refusing.add(i)
                    steps.append({"down": i})
                elif action == "up" and i in refusing:
                    backends.open(addresses[i].split(":")[0], behind)
                    refusing.remove(i)
                    steps.append({"up": i})
                elif action == "status":
                    statuses[i] = random.choice([200, 500])
                    steps.append({"status": [i, statuses[i]]})
                elif action == "wait":
                    time.sleep(random.randint(1, 2))
                else:
                    now = whole_second()
                    if now != second:
                        steps.append({"wait_s": now - second})
                    second, picks = now, random.randint(1, 6)
                    steps.append({"picks": picks, "got": [tried(addresses, *client.get()) for _ in range(picks)]})
    finally:
        backends.stop()
    return {"name": f"live_{number}", "params": {"balancer": "round_robin", "proxy_next_upstream": "error timeout http_500"},
            "backends": described, "steps": steps}

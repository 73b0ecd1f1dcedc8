# SPDX-License-Identifier: MIT
"""The processes of the fleet: proxies, backends and an etcd of three members. All end with the program that started them."""
import base64
import ctypes
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time

started = []


def start(command, log, **more):
    """Starts a process, whose output goes to a file. On Linux the kernel kills it if this program dies first."""
    def dies_with_parent():
        try:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        except (OSError, AttributeError):
            pass
    with open(log, 'ab') as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=dies_with_parent,
                                   **more)
    started.append(process)
    return process


def end(process, number=signal.SIGKILL):
    """Ends a process, and waits until it is gone."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in started:
        started.remove(process)


def end_all():
    for process in list(started):
        process.kill()
    for process in list(started):
        end(process)


def eventually(what, condition, seconds=60, pause=0.02):
    """Waits until the condition holds, and returns what it gave."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result is not None and result is not False:
            return result
        if time.monotonic() > until:
            raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(pause)


def free_port():
    """A port below those that the system gives to clients."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
                return port
            except OSError:
                pass


def cpu_seconds(process):
    """The processor time of all threads of a process."""
    total = 0
    folder = f'/proc/{process.pid}/task'
    for thread in os.listdir(folder):
        with open(f'{folder}/{thread}/schedstat') as f:
            total += int(f.read().split()[0])
    return total / 1e9


def encoded(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """Three members on the loopback interface, asked through the HTTP/JSON gateway."""

    def __init__(self, folder, size=3):
        self.folder = folder
        self.ports = [free_port() for _ in range(size)]
        self.peers = [free_port() for _ in range(size)]
        self.processes = [None] * size
        for i in range(size):
            self.start(i)
        eventually('etcd starts', lambda: self.try_put('ready', '1'))

    def start(self, i):
        url = 'http://127.0.0.1:{}'.format
        self.processes[i] = start(
            ['etcd', '--name', f'm{i}', '--data-dir', f'{self.folder}/m{i}', '--log-level', 'error',
             '--listen-client-urls', url(self.ports[i]), '--advertise-client-urls', url(self.ports[i]),
             '--listen-peer-urls', url(self.peers[i]), '--initial-advertise-peer-urls', url(self.peers[i]),
             '--initial-cluster', ','.join(f'm{k}={url(port)}' for k, port in enumerate(self.peers))],
            f'{self.folder}/etcd{i}.log')

    def ask(self, path, body, ports=None, patience=2):
        """The answer of the first member that gives one; None if none does."""
        for port in ports or self.ports:
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=patience)
            try:
                connection.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status == 200:
                    return json.loads(text)
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
        return None

    def try_put(self, key, value):
        value = value if isinstance(value, str) else json.dumps(value)
        return self.ask('/v3/kv/put', {'key': encoded(key), 'value': encoded(value)}) is not None

    def put(self, key, value):
        eventually(f'put {key}', lambda: self.try_put(key, value))

    def put_many(self, pairs):
        """In transactions of 100 keys."""
        for begin in range(0, len(pairs), 100):
            puts = [{'request_put': {'key': encoded(k), 'value': encoded(json.dumps(v))}} for k, v in pairs[begin:begin + 100]]
            eventually('a transaction', lambda: self.ask('/v3/kv/txn', {'success': puts}))

    def erase(self, key):
        eventually(f'delete {key}', lambda: self.ask('/v3/kv/deleterange', {'key': encoded(key)}))

    def leader(self):
        """The number of the leader; None while there is none."""
        for i, port in enumerate(self.ports):
            status = self.ask('/v3/maintenance/status', {}, [port])
            if status and status.get('leader') == status['header']['member_id']:
                return i
        return None


class Server:
    """A program that prints "listening on 127.0.0.1:PORT"."""

    def __init__(self, command, log):
        self.log = log
        self.process = start(command, log)
        self.port = eventually(f'{command[0]} starts', self.listens)

    def listens(self):
        with open(self.log) as f:
            for line in f:
                if 'listening on 127.0.0.1:' in line:
                    return int(line.rsplit(':', 1)[1])
        assert self.process.poll() is None, f'{self.log}: it ended with {self.process.returncode}'
        return None


class Backend(Server):
    def __init__(self, program, folder, name):
        self.name = name
        super().__init__([program, '--name', name, '--service', '5ms'], f'{folder}/{name}.log')

    def entry(self):
        return {'address': f'127.0.0.1:{self.port}'}


class Proxy(Server):
    def __init__(self, program, folder, name, etcd, prefix, settings):
        self.name = name
        endpoints = ', '.join(f'"127.0.0.1:{port}"' for port in etcd.ports)
        with open(f'{folder}/{name}.toml', 'w') as f:
            f.write(f'listen = "127.0.0.1:0"\nworkers = 1\n{settings}\n'
                    f'[discovery]\netcd = [{endpoints}]\nprefix = "{prefix}"\n')
        super().__init__([program, f'{folder}/{name}.toml'], f'{folder}/{name}.log')
        self.connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)

    def stats(self):
        for last in (False, True):
            try:
                self.connection.request('GET', '/-/stats')
                return json.loads(self.connection.getresponse().read())
            except (OSError, http.client.HTTPException):  # an idle connection was closed
                self.connection.close()
                if last:
                    raise
        return None

    def discovery(self):
        return self.stats()['discovery']

    def state(self, name):
        return next((b['state'] for b in self.stats()['backends'] if b['name'] == name), 'none')

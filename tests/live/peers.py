# SPDX-License-Identifier: MIT
"""What the live comparisons share: processes, scripted backends, and a client."""
import asyncio
import http.client
import os
import signal
import socket
import subprocess
import threading
import time


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def eventually(condition, seconds=10.0):
    """The first true value of the condition. Fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {condition}")
        time.sleep(0.002)
    return value


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Program:
    """A program that runs until the end of a `with` block. It is ready once it accepts connections at the port."""

    def __init__(self, command, folder, port):
        self.command, self.output, self.port = command, os.path.join(folder, "output"), port

    def __enter__(self):
        with open(self.output, "w") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: accepts(self.port) or self.process.poll() is not None, 20)
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command[0]} ended: {open(self.output).read()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Backends:
    """HTTP servers at many addresses. `answer(address, path, fields)` gives the status of an answer, which has the address
    in X-Backend. Everything runs on one thread."""

    def __init__(self, answer):
        self.answer, self.servers, self.connections = answer, {}, set()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(10)

    def open(self, host, port):
        async def start():
            return await self.loop.create_server(lambda: Connection(self), host, port, backlog=512)
        self.servers[host, port] = self.call(start())

    def close(self, host, port):
        async def stop():
            self.servers.pop((host, port)).close()
            for connection in [c for c in self.connections if c.address == (host, port)]:
                connection.transport.abort()
        self.call(stop())

    def stop(self):
        for host, port in list(self.servers):
            self.close(host, port)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Connection(asyncio.Protocol):
    def __init__(self, owner):
        self.owner, self.read = owner, b""

    def connection_made(self, transport):
        self.transport, self.address = transport, transport.get_extra_info("sockname")
        self.owner.connections.add(self)

    def connection_lost(self, error):
        self.owner.connections.discard(self)

    def data_received(self, data):
        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            line, *rest = self.read[:end].decode("latin-1").split("\r\n")
            self.read = self.read[end + 4:]
            fields = {n.lower(): v.strip() for n, _, v in (f.partition(":") for f in rest)}
            status = self.owner.answer(self.address, line.split(" ")[1], fields)
            self.transport.write((f"HTTP/1.1 {status} scripted\r\nContent-Length: 0\r\n"
                                  f"X-Backend: {self.address[0]}:{self.address[1]}\r\n\r\n").encode())
            if line.endswith("/1.0") or fields.get("connection") == "close":
                self.transport.close()


class Client:
    """One connection to a balancer, opened again after it was closed."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def get(self, path="/", **fields):
        """The status and the fields of the answer, in lower case."""
        for attempt in (1, 2):
            try:
                self.connection.request("GET", path, headers={n.replace("_", "-"): v for n, v in fields.items()})
                answer = self.connection.getresponse()
                self.body = answer.read()
                return answer.status, {n.lower(): v for n, v in answer.getheaders()}
            except (ConnectionError, http.client.HTTPException):
                self.connection.close()
                if attempt == 2:
                    raise

# SPDX-License-Identifier: MIT
"""An open-loop load with one record for each request. A latency counts from the moment the request was due."""
import asyncio
import time

TIMEOUT = 5.0
REQUEST = b"GET / HTTP/1.1\r\nHost: figures\r\n\r\n"


class Connection(asyncio.Protocol):
    """One connection to the balancer. It has at most one request at a time."""

    def __init__(self, load):
        self.load, self.waiter, self.read = load, None, b""

    def connection_made(self, transport):
        self.transport = transport

    def ask(self):
        self.waiter, self.read = asyncio.get_running_loop().create_future(), b""
        self.transport.write(REQUEST)
        return self.waiter

    def data_received(self, data):
        self.read += data
        head, blank, body = self.read.partition(b"\r\n\r\n")
        if not blank or self.waiter is None or self.waiter.done():
            return
        line, *fields = head.decode("latin-1").split("\r\n")
        named = dict((n.lower(), v.strip()) for n, _, v in (f.partition(":") for f in fields))
        if len(body) < int(named.get("content-length", 0)):
            return
        if named.get("connection", "").lower() == "close":
            self.transport.close()
        self.waiter.set_result((int(line.split(" ")[1]), named.get("x-backend", "")))

    def connection_lost(self, error):
        self.load.forget(self)
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(ConnectionError("closed before the answer"))


class Load:
    def __init__(self, port, rate):
        self.port, self.rate, self.idle, self.records, self.open = port, rate, [], [], set()

    def forget(self, connection):
        if connection in self.idle:
            self.idle.remove(connection)

    async def request(self, due):
        """Appends (due, latency, status or 0, backend)."""
        status, backend, connection = 0, "", None
        try:
            async with asyncio.timeout(TIMEOUT):
                if self.idle:
                    connection = self.idle.pop()
                else:
                    loop = asyncio.get_running_loop()
                    _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.port)
                status, backend = await connection.ask()
            if not connection.transport.is_closing():
                self.idle.append(connection)
        except (OSError, TimeoutError):
            if connection is not None:
                connection.transport.abort()
        self.records.append((due, time.monotonic() - due, status, backend))

    async def run(self, seconds):
        due = time.monotonic()
        end = due + seconds
        while due < end:
            while due <= time.monotonic():
                task = asyncio.create_task(self.request(due))
                self.open.add(task)
                task.add_done_callback(self.open.discard)
                due += 1 / self.rate
            await asyncio.sleep(max(0, due - time.monotonic()))
        await asyncio.gather(*self.open)
        for connection in list(self.idle):
            connection.transport.close()

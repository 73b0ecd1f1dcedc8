# SPDX-License-Identifier: MIT
"""An HTTP server that can be told to be sick. It writes the time of each request to a file.

    backend.py NAME PORT LOG

PUT /control/ok, /control/slow (one second more) and /control/errors (status 500 at once) change what it does. /health
stays good meanwhile. Other requests are answered after 5 ms. Times are those of CLOCK_MONOTONIC, so they can be compared
with those of other processes.
"""
import asyncio
import sys
import time

SERVICE, SLOW = 0.005, 1.0
name, port, log = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "a", buffering=1)
mode = "ok"


def answer(status, body):
    return (f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nX-Backend: {name}\r\n"
            f"\r\n{body}").encode()


class Connection(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""

    def data_received(self, data):
        self.read += data
        while (end := self.read.find(b"\r\n\r\n")) >= 0:
            head, self.read = self.read[:end].decode("latin-1"), self.read[end + 4:]
            self.serve(head)

    def serve(self, head):
        global mode
        line, *fields = head.split("\r\n")
        method, path, version = line.split(" ")
        close = version == "HTTP/1.0" or any(f.lower().replace(" ", "") == "connection:close" for f in fields)
        if path.startswith("/control/"):
            mode = path.removeprefix("/control/")
            self.send(answer("200 OK", mode), close)
        elif path == "/health":
            self.send(answer("200 OK", "ok"), close)
        else:
            print(time.monotonic(), file=log)
            if mode == "errors":
                self.send(answer("500 Internal Server Error", "sick\n"), close)
            else:
                delay = SERVICE + (SLOW if mode == "slow" else 0)
                asyncio.get_running_loop().call_later(delay, self.send, answer("200 OK", "hello\n"), close)

    def send(self, data, close):
        if self.transport.is_closing():
            return
        self.transport.write(data)
        if close:
            self.transport.close()


async def main():
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


asyncio.run(main())

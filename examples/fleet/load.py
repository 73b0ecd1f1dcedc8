# SPDX-License-Identifier: MIT
"""A steady load: requests on a schedule to all proxies in turn, half of them GET and half POST, over kept connections."""
import asyncio
import collections
import threading
import time

# Times are those of time.monotonic(). `backend` is the name that answered; `failure` is empty after a status of 200.
Request = collections.namedtuple('Request', 'proxy sent answered backend failure')


class Load:
    def __init__(self, ports, rate):
        self.ports, self.rate = ports, rate
        self.done = []  # appended by the thread of the load, read by others
        self.idle = [[] for _ in ports]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)
        self.thread.start()

    def stop(self):
        """Sends no more, and waits for the answers."""
        self.stopping.set()
        self.thread.join(60)
        assert not self.thread.is_alive(), 'some requests got no answer within a minute'

    async def run(self):
        began, number, tasks = time.monotonic(), 0, set()
        while not self.stopping.is_set():
            while began + number / self.rate <= time.monotonic():
                task = asyncio.create_task(self.request(number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                number += 1
            await asyncio.sleep(max(0.0, began + number / self.rate - time.monotonic()))
        await asyncio.gather(*tasks)
        for connections in self.idle:
            for _, writer in connections:
                writer.close()

    async def request(self, number):
        proxy, is_get = number % len(self.ports), number // len(self.ports) % 2 == 0
        sent, backend, failure = time.monotonic(), '', ''
        try:
            backend, failure = await asyncio.wait_for(self.exchange(proxy, is_get), 30)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError) as e:
            failure = repr(e)
        self.done.append(Request(proxy, sent, time.monotonic(), backend, failure))

    async def exchange(self, proxy, is_get):
        idle = self.idle[proxy]
        reader, writer = idle.pop() if idle else await asyncio.open_connection('127.0.0.1', self.ports[proxy])
        try:
            writer.write(b'GET / HTTP/1.1\r\nHost: fleet\r\n\r\n' if is_get else
                         b'POST / HTTP/1.1\r\nHost: fleet\r\nContent-Length: 4\r\n\r\nwork')
            head = (await reader.readuntil(b'\r\n\r\n')).decode('latin1')
            fields = dict(line.lower().split(': ', 1) for line in head.split('\r\n')[1:] if ': ' in line)
            await reader.readexactly(int(fields['content-length']))
        except BaseException:
            writer.close()
            raise
        if fields.get('connection') == 'close':
            writer.close()
        else:
            idle.append((reader, writer))
        status = head.split(' ', 2)[1]
        return fields.get('x-backend', ''), '' if status == '200' else f'status {status}'


class Window:
    """What was answered since it was made."""

    def __init__(self, load):
        self.load, self.first = load, len(load.done)

    def requests(self):
        return self.load.done[self.first:]

    def summary(self):
        """How many there were, how many of them failed, and the longest one in milliseconds."""
        requests = self.requests()
        failed = [r for r in requests if r.failure]
        for r in failed[:5]:
            print(f'  lost: a request to process {r.proxy}: {r.failure}')
        return len(requests), len(failed), 1000 * max((r.answered - r.sent for r in requests), default=0)

    def shares(self):
        """The share of each backend in the answers."""
        names = [r.backend for r in self.requests()]
        return {name: names.count(name) / len(names) for name in sorted(set(names))}

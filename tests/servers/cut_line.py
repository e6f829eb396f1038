"""A line between a client and a server that the test cuts.

A TCP proxy: it hands on bytes both ways until the server has sent as many as it is
allowed, then it cuts the connection, and every later one until it is mended.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 1 << 14


@dataclass
class CutLine:
    """A proxy; `left` are the bytes the server may still send, None = any number.

    `heals` cuts once only: the bytes of later connections are not counted.
    """

    target: int
    listener: socket.socket
    left: int | None = None
    heals: bool = False
    cuts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """Give the port to connect to."""
        return int(self.listener.getsockname()[1])

    def cut_after(self, count: int, *, heals: bool = False) -> None:
        """Allow so many bytes of the server from now on."""
        with self.lock:
            self.left, self.heals = count, heals

    def mend(self) -> None:
        """Hand on everything again."""
        with self.lock:
            self.left = None

    def allowed(self, count: int) -> int:
        """Say how many of these bytes may pass."""
        with self.lock:
            if self.left is None:
                return count
            passed = min(self.left, count)
            self.left -= passed
            if passed < count:
                self.cuts += 1
                if self.heals:
                    self.left = None
            return passed


@contextmanager
def cut_line(target: int) -> Iterator[CutLine]:
    """Give a line to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = CutLine(target, listener)
        threading.Thread(target=_accept, args=(line,), daemon=True).start()
        yield line


def _accept(line: CutLine) -> None:
    while True:
        try:
            client, _ = line.listener.accept()
        except OSError:
            return
        if line.left == 0:
            client.close()
            continue
        try:
            server = socket.create_connection(("127.0.0.1", line.target))
        except OSError:
            client.close()
            continue
        for pair in ((client, server, None), (server, client, line)):
            threading.Thread(target=_hand_on, args=pair, daemon=True).start()


def _hand_on(
    source: socket.socket, target: socket.socket, line: CutLine | None
) -> None:
    with suppress(OSError):
        while data := source.recv(_CHUNK):
            passed = len(data) if line is None else line.allowed(len(data))
            target.sendall(data[:passed])
            if passed < len(data):
                break
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()

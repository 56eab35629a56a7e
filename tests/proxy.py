"""A line to a server that a test can cut: what a database that restarts looks like, without restarting one."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import make_url

HOST = "127.0.0.1"
PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}


class Proxy:
    """Forwards a port of its own to a server, until it is cut.

    Each connection is served by one thread, which alone closes its two sockets; whoever cuts only wakes it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._doomed_for: float | None = None
        self._listener: socket.socket | None = None
        self.port = 0  # any that is free, and the same one ever after
        self.restore()

    @classmethod
    def of(cls, url: str) -> Self:
        """Return a proxy in front of the server of a SQLAlchemy URL."""
        address = make_url(url)
        return cls(address.host or HOST, address.port or PORTS[address.get_backend_name()])

    def url(self, url: str) -> str:
        """Return `url` by way of this proxy."""
        return make_url(url).set(host=HOST, port=self.port).render_as_string(hide_password=False)

    def cut(self) -> None:
        """Drop all connections and refuse new ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            awake = [*self._sockets, *([listener] if listener else [])]
        for one in awake:
            with suppress(OSError):  # its other end was quicker
                one.shutdown(socket.SHUT_RDWR)
        if listener:
            listener.close()

    def restore(self) -> None:
        """Listen again, on the same port."""
        listener = socket.create_server((HOST, self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._start(threading.Thread(target=self._accept, args=(listener,)))

    def cut_for(self, seconds: float) -> None:
        """Cut, and restore so much later."""
        self.cut()
        self._start(threading.Timer(seconds, self.restore))

    def cut_at_answer(self, seconds: float) -> None:
        """Let the server do what it is asked next, and cut for so long instead of handing its answer on."""
        self._doomed_for = seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut for good, and wait for every thread; a `cut_for` that is not over yet ends first."""
        for timer in [one for one in self._threads if isinstance(one, threading.Timer)]:
            timer.join()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _start(self, thread: threading.Thread) -> None:
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was closed: cut
            while True:
                client, _ = listener.accept()
                self._start(threading.Thread(target=self._serve, args=(client, listener)))

    def _serve(self, client: socket.socket, listener: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._server) as server:
            with self._lock:
                if self._listener is not listener:
                    return  # cut since it was accepted
                self._sockets |= {client, server}
            try:
                self._forward(client, server)
            finally:
                with self._lock:
                    self._sockets -= {client, server}

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        others = {client: server, server: client}
        with selectors.DefaultSelector() as ready:
            for one in others:
                ready.register(one, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select():
                    data = key.fileobj.recv(2**16)
                    if data and key.fileobj is server and self._doomed_for is not None:
                        seconds, self._doomed_for = self._doomed_for, None
                        self.cut_for(seconds)
                        return
                    if not data:
                        return
                    others[key.fileobj].sendall(data)

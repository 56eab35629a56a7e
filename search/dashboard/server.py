"""A small web server: many requests at a time, one address, quiet."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ...spaces.errors import BadInput

LARGEST_PORT = 65535


class Handler(WSGIRequestHandler):
    """Answers a request without a line about it."""

    def log_message(self, *_: Any) -> None:
        """Say nothing: a page asks every few seconds."""


class Server(ThreadingMixIn, WSGIServer):
    """Listens at one address and answers each request in a thread of its own."""

    daemon_threads = True  # a page that is still being read does not keep the command from ending

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.address_family, address = _resolved(host, port)
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Listen, without asking the network for this machine's name as `http.server` does, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.host, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over a page that was closed before its answer came."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The address for a browser; one that listens everywhere is reached by the machine's name."""
        name = socket.gethostname() if _is_any(self.host) else self.host
        return f"http://{f'[{name}]' if ':' in name else name}:{self.server_port}/"


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise BadInput(
            f"{host!r} is no name or address of this machine", hint="leave --host out to listen here alone"
        ) from None
    return found[0][0], found[0][4]


def listening(host: str, port: int | None, *, usual: int) -> Server:
    """Return a server at a port: the asked one, or else the `usual` one, or a free one where that is taken.

    Raises `BadInput` where it cannot listen there.
    """
    if port is not None and not 0 <= port <= LARGEST_PORT:
        raise BadInput(f"--port takes a number from 0 to {LARGEST_PORT}, not {port}")
    try:
        return Server(host, usual if port is None else port)
    except OSError as error:
        if port is None and error.errno == errno.EADDRINUSE:
            return listening(host, 0, usual=usual)
        taken = error.errno == errno.EADDRINUSE
        why = "another program listens there" if taken else (error.strerror or str(error))
        hint = "without --port, a free one is taken" if taken else "leave --host and --port out"
        asked = usual if port is None else port
        raise BadInput(f"cannot listen at port {asked} of {host!r}: {why}", hint=hint) from None


def is_of_this_machine(host: str) -> bool:
    """Return whether only this machine itself is reached by that name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    try:
        return not host or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False

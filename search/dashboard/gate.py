"""What stands before the dashboard: a request that would change something, or comes from elsewhere, goes no further."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from .server import is_of_this_machine
from .storage import NO_CHANGES

LOOKING = ("GET", "HEAD")
#: A page of any other site could read what is served with this: optuna-dashboard gives it to its artifacts.
OPEN_TO_ALL = "access-control-allow-origin"

Start = Callable[..., Any]


class Gate:
    """A WSGI application that lets through what only looks.

    `private` says that only this machine is listened to: then a request must name it. A name of another site that
    leads here (DNS rebinding) would let that site's pages read the studies.
    """

    def __init__(self, inside: Any, *, private: bool) -> None:
        self._inside = inside
        self._private = private

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] not in LOOKING:
            return refuse(start, NO_CHANGES)
        named = urlsplit(f"//{environ.get('HTTP_HOST', '')}").hostname or ""
        if self._private and not is_of_this_machine(named):
            return refuse(start, "this dashboard answers to the name of its own machine only")
        return self._inside(environ, closed(start))


def refuse(start: Start, why: str) -> list[bytes]:
    """Answer a request with a refusal, in the form in which optuna-dashboard tells why."""
    start("403 Forbidden", [("Content-Type", "application/json")])
    return [json.dumps({"reason": why}).encode()]


def closed(start: Start) -> Start:
    """Return `start` without the header that opens an answer to other sites."""

    def answer(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        kept = [(name, value) for name, value in headers if name.lower() != OPEN_TO_ALL]
        return start(status, [*kept, ("X-Content-Type-Options", "nosniff")], *more)

    return answer

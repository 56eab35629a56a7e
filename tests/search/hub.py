"""A hub of the tests' own: as much of its HTTP as `huggingface_hub` asks for when a model is pushed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Hub:
    """What the hub has been told, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.created: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.is_public = False
        self.fail: dict[str, int] = {}  #: part of a path -> the status that it is answered with
        self.remark: str | None = None  #: about a card
        self.address = ""

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        """Return status and JSON for a request."""
        status = next((status for part, status in self.fail.items() if part in path), None)
        if status is not None:
            return status, {"error": "so it is"}
        if path == "/api/whoami-v2":
            return 200, {"name": "me", "type": "user"}
        if path == "/api/repos/create":
            self.created.append(json.loads(body))
            name = self.created[-1]["name"]
            return 200, {"url": f"{self.address}/{self.created[-1].get('organization') or 'me'}/{name}"}
        if path == "/api/validate-yaml":
            assert json.loads(body)["content"].startswith("---\n")
            return 200, {"errors": [], "warnings": [{"message": self.remark}] if self.remark else []}
        if "/preupload/" in path:
            files = [{**one, "uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]]
            return 200, {"files": files}
        if "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            for line in lines:
                if line["key"] == "file":
                    self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return 200, {"commitUrl": f"{self.address}/me/x/commit/abc", "commitOid": "abc", "success": True}
        if not self.created:
            return 404, {"error": "Repository not found"}
        return 200, {"id": "me/x", "private": not self.is_public, "siblings": [], "tags": []}


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve a hub on this machine; its address is `Hub.address`."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            if self.command == "POST":
                hub.tokens.add(self.headers.get("Authorization"))
            status, answer = hub.answer(path, self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

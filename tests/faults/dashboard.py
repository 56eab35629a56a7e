"""`hpsearch dashboard` on a store, read five times a second: what a team does while a search runs."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERTZ = 5


class Dashboard:
    """Runs the dashboard and reads it as its page does: the studies, then the trials of each."""

    def __init__(self, url: str) -> None:
        self.answers: list[int] = []  #: HTTP status of each read
        self.port = free_port()
        words = "from hpsearch.search.cli import entry; entry()"
        argv = [sys.executable, "-c", words, "dashboard", "--store", url, "--port", str(self.port)]
        self.process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read)

    def __enter__(self) -> Dashboard:
        """Wait until it answers, then read it over and over."""
        deadline = time.monotonic() + 60
        while self.get("/api/studies") is None:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        self.answers.clear()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop reading."""
        self.over.set()
        self.thread.join()
        self.process.kill()
        self.process.wait()

    def read(self) -> None:
        """Read the page's own addresses."""
        while not self.over.wait(1 / HERTZ):
            listed = self.get("/api/studies")
            for study in (listed or {}).get("study_summaries", []):
                self.get(f"/api/studies/{study['study_id']}?after=0")

    def get(self, path: str) -> dict | None:
        """Return what is there; the status is noted."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
                self.answers.append(answer.status)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            self.answers.append(error.code)
        except OSError:
            return None
        return None


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

"""The command that shows a store in the browser: `dashboard`."""

from __future__ import annotations

import sys
import webbrowser
from contextlib import closing
from typing import Any

from ...studies.store import StudyStore
from ..talk import tell

#: As optuna-dashboard has it.
USUAL_PORT = 8080
OTHERS_CAN_LOOK = (
    "everybody who reaches this machine at {where!r} can read all studies of the store: there is no password, and no"
    " encryption"
)


def serve_dashboard(store_url: str, *, host: str, port: int | None, open_it: bool) -> None:
    """Serve the store in optuna-dashboard until Ctrl-C; nothing is written to it.

    Raises `BadInput` where it cannot listen, and as `StudyStore.open` does.
    """
    from ..dashboard.server import is_of_this_machine, listening

    private = is_of_this_machine(host)
    with (
        StudyStore.open(store_url, read_only=True) as store,
        listening(host, port, usual=USUAL_PORT) as server,
    ):
        if not private:
            tell(f"warning: {OTHERS_CAN_LOOK.format(where=host)}")
        try:
            with closing(shown_storage(store)) as storage:
                server.set_app(application(storage, private=private))
                sys.stdout.write(f"{server.url}\n")
                sys.stdout.flush()
                tell("Ctrl-C ends it; a search is neither slowed nor changed")
                if open_it:
                    webbrowser.open(server.url)
                server.serve_forever()
        except KeyboardInterrupt:
            return  # as it is meant to end


def shown_storage(store: StudyStore) -> Any:
    """Return the store as Optuna's storage, which cannot be written to. It imports optuna-dashboard's half."""
    from ..dashboard.storage import DashboardStorage

    return DashboardStorage(store)


def application(storage: Any, *, private: bool) -> Any:
    """Return the WSGI application: optuna-dashboard behind the gate."""
    from optuna_dashboard import wsgi

    from ..dashboard.artifacts import MadeArtifacts
    from ..dashboard.gate import Gate

    return Gate(wsgi(storage, artifact_store=MadeArtifacts(storage.facts_of)), private=private)

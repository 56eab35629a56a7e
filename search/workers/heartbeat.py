"""A worker's sign of life: a thread of its own renews the lease of the trial it runs, and watches the others'.

A thread, because an evaluation may take longer than a lease lasts. What a lease is: `studies.leases`.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ...studies.errors import StoreFailed, StudyNotFound
from ...studies.leases import LEASE_S, RENEW_S, LeaseWatch
from ...studies.outbox import Outbox, take_back
from ...studies.patience import Patience
from ...studies.records import Trial
from ...studies.store import StudyStore


class Heartbeat:
    """Beats while a worker searches a study."""

    def __init__(
        self, store_url: str, study_id: int, outbox: Outbox, *, lease_s: float = LEASE_S, renew_s: float = RENEW_S
    ) -> None:
        self.store = StudyStore(store_url, patience=Patience())  # a beat that is late is better left out
        self.study_id, self.outbox, self.lease_s, self.renew_s = study_id, outbox, lease_s, renew_s
        self.watch = LeaseWatch(lease_s)
        self.trial: Trial | None = None
        self.progress = 0.0  #: share of its budget that the trial has done
        self.lost = threading.Event()  #: the trial was given to somebody else
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="hpsearch-heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Begin to beat."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self._over.set()
        self._thread.join()
        self.store.close()

    def begin(self, trial: Trial) -> None:
        """Renew the lease of this trial from now on."""
        self.lost.clear()
        self.progress, self.trial = 0.0, trial

    def end(self) -> None:
        """The trial has ended, or was given back."""
        self.trial = None

    def _beat(self) -> None:
        while not self._over.wait(self.renew_s):
            try:
                self.beat()
            except StoreFailed:
                self.watch.forget()  # nobody could renew while the store was away
            except StudyNotFound:
                self.lost.set()

    def beat(self) -> None:
        """Renew the own lease once, and take the trials back whose workers are gone."""
        trial = self.trial
        if trial is not None and trial.worker is not None:
            held = self.store.renew(trial.trial_id, trial.worker, self.lease_s, self.progress)
            if not held and trial is self.trial:
                self.lost.set()
        take_back(self.store, self.study_id, self.outbox, self.watch.is_lost)

"""A database with our tables, opened: what `store.StudyStore` and `sweep_store.SweepStore` read and write through."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection, Executable, Insert

from . import transactions as step
from .clock import Clock, utc_now
from .engine import make_engine, transaction
from .patience import Patience
from .schema import SchemaState, read_status, require_current, upgrade
from .url import from_anywhere

Result = TypeVar("Result")
#: Long enough for a deadlock to be over; a search waits longer, see `patience.PATIENCE_S`.
BRIEFLY = Patience(seconds=5.0)


class Database:
    """Short transactions on the database at a URL; a context manager that closes its connections."""

    def __init__(
        self, url: str, *, clock: Clock = utc_now, patience: Patience = BRIEFLY, read_only: bool = False
    ) -> None:
        self._engine = make_engine(url, read_only=read_only)
        self.url = from_anywhere(url)
        self.patience = patience
        self._clock = clock

    @classmethod
    def open(
        cls,
        url: str,
        *,
        create: bool = False,
        clock: Clock = utc_now,
        patience: Patience = BRIEFLY,
        read_only: bool = False,
    ) -> Self:
        """Open the store at `url`; `create` makes it where there is none (what `hpsearch run` does).

        Without `create` nothing is written, and where it is `read_only` nothing can be. Raises `StoreUnusable`,
        `StoreNotFound`, `StoreOutdated` or `StoreTooNew`, each with what to do.
        """
        store = cls(url, clock=clock, patience=patience, read_only=read_only)
        try:
            status = read_status(store._engine)
            if create and status.state in (SchemaState.MISSING, SchemaState.EMPTY):
                status = upgrade(url)
            require_current(status)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self, query: Executable) -> list[step.Row]:
        def once() -> list[step.Row]:
            with transaction(self._engine, read_only=True) as connection:
                return step.rows(connection, query)

        return self.patience.keep_trying(once)

    def _write(
        self, work: Callable[[Connection], Result], again: Callable[[Connection], Result] | None = None
    ) -> Result:
        """Run `work` in one transaction; it may be run again as a whole (as `again`), so it keeps nothing elsewhere."""

        def once(work: Callable[[Connection], Result]) -> Result:
            with transaction(self._engine) as connection:
                return work(connection)

        return self.patience.keep_trying(partial(once, work), partial(once, again or work))

    def _added(self, new: Insert, by_id: Callable[[int], Executable]) -> step.Row:
        return self._write(partial(step.add, new=new, by_id=by_id))

    def _changed(self, change: Executable) -> bool:
        return self._write(lambda connection: connection.execute(change).rowcount == 1)

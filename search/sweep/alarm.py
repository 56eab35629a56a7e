"""TEMPORARY stand-in while the real one is being written."""

from __future__ import annotations
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, asdict
import numpy as np, scipy.stats as st

CYCLE = 5


class State(enum.StrEnum):
    NEW = "new"
    STEADY = "steady"
    BETTER = "better"
    WORSE = "worse"
    NOISY = "noisy"


@dataclass(frozen=True, kw_only=True)
class Night:
    scores: Mapping[int, float]


@dataclass(frozen=True, kw_only=True)
class Finding:
    state: State
    since: int | None
    difference: float | None
    interval: tuple | None
    p: float | None
    seeds_needed: int | None
    detectable: float | None

    @property
    def words(self):
        return f"{self.state} {self.difference}"

    def to_dict(self):
        return {**asdict(self), "state": self.state.value}


def examine(nights, *, direction, rows, cells=1):
    if len(nights) < 2:
        return Finding(
            state=State.NEW, since=None, difference=None, interval=None, p=None, seeds_needed=None, detectable=None
        )
    b = [v for n in nights[:-1] for v in n.scores.values()]
    a = list(nights[-1].scores.values())
    d = (np.mean(a) - np.mean(b)) * (1 if direction == "maximize" else -1)
    s = max(np.std(b), 1 / rows)
    z = d / (s * np.sqrt(1 / len(a) + 1 / len(b)))
    state = State.WORSE if z < -6 else State.BETTER if z > 6 else State.STEADY
    return Finding(
        state=state,
        since=None if state == State.STEADY else len(nights) - 1,
        difference=float(d),
        interval=None,
        p=None,
        seeds_needed=None,
        detectable=None,
    )


def seeds_of(seed, count, run):
    return [(seed + (run % CYCLE) * count + i) % 2**32 for i in range(count)]


@dataclass(frozen=True)
class RowsChanged:
    lost: int
    gained: int
    p: float


def rows_changed(b, a):
    b, a = np.array(b), np.array(a)
    l = int((a > b).sum())
    g = int((a < b).sum())
    return RowsChanged(l, g, float(st.binomtest(g, l + g).pvalue) if l + g else 1.0)

"""Patience: what a database that is away costs."""

from __future__ import annotations

import pytest

from hpsearch.studies.errors import StoreAway, StoreFailed, StoreFull
from hpsearch.studies.patience import Patience

LONGEST_S = 5.0


class HandTime:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.pauses = 1000.0, []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Refusing:
    """Work that is refused some times, and then done."""

    def __init__(self, refusals: float, error: Exception | None = None) -> None:
        self.refusals, self.calls, self.error = refusals, 0, error or StoreAway("the store 'x' does not answer")

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.refusals:
            raise self.error
        return "done"


@pytest.fixture
def time() -> HandTime:
    return HandTime()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def patience(time: HandTime, said: list[str]) -> Patience:
    return Patience(seconds=60, say=said.append, sleep=time.sleep, clock=time.clock)


def test_what_is_not_refused_is_done_once(patience, time, said):
    """Patience costs nothing while the database answers."""
    work = Refusing(0)

    assert ("done", 1) == (patience.keep_trying(work), work.calls)
    assert ([], []) == (time.pauses, said)


def test_a_refusal_is_waited_for(patience, time):
    """The same work is tried until it is done, with a pause after each refusal."""
    work = Refusing(7)

    assert ("done", 8, 7) == (patience.keep_trying(work), work.calls, len(time.pauses))


def test_patience_has_an_end(patience, time):
    """A database that stays away is `StoreAway` when the time is over: not before, and one pause after it at most."""
    work = Refusing(float("inf"))

    with pytest.raises(StoreAway, match="does not answer") as caught:
        patience.keep_trying(work)

    assert work.error is caught.value
    assert 60 <= sum(time.pauses) < 60 + LONGEST_S
    assert len(time.pauses) + 1 == work.calls


def test_no_patience_is_one_try(time, said):
    """Without patience the first refusal is the last, and nobody waits."""
    work = Refusing(1)

    with pytest.raises(StoreAway):
        Patience(say=said.append, sleep=time.sleep, clock=time.clock).keep_trying(work)

    assert (1, [], []) == (work.calls, time.pauses, said)


def test_a_second_try_may_be_another(patience):
    """The first refusal may hide a success: `again`, which knows that, takes the place of `work` from then on."""
    work, again = Refusing(1), Refusing(2)

    assert "done" == patience.keep_trying(work, again)
    assert (1, 3) == (work.calls, again.calls)


def test_pauses_grow_to_a_limit(patience, time):
    """A blink of the database costs a tenth of a second, and a long absence a question every five seconds."""
    patience.keep_trying(Refusing(12))

    longest = [min(0.1 * 2**step, LONGEST_S) for step in range(12)]
    assert [] == [
        (pause, most) for pause, most in zip(time.pauses, longest, strict=True) if not most / 2 <= pause <= most
    ]


def test_no_two_workers_pause_alike(patience, time):
    """Workers that lost the same database do not all come back in the same moment."""
    for _ in range(2):
        patience.keep_trying(Refusing(12))

    first, second = time.pauses[:12], time.pauses[12:]
    assert [] == [pause for pause, other in zip(first, second, strict=True) if pause == other]
    assert 6 == len(set(first[6:]))


@pytest.mark.parametrize(("refusals", "lines"), [(4, 0), (5, 1), (12, 1)])
def test_what_is_worth_telling_is_told_once(refusals, lines, patience, said):
    """A moment's absence is nobody's business; a longer one is told once, with its reason."""
    patience.keep_trying(Refusing(refusals))

    assert ["the store 'x' does not answer; waiting for it"] * lines == said


def test_the_next_absence_is_told_again(patience, said):
    """Once means once for each time that the database is away."""
    for _ in range(2):
        patience.keep_trying(Refusing(12))

    assert 2 == len(said)


@pytest.mark.parametrize("error", [StoreFailed("refused"), StoreFull("no room"), KeyError("own"), KeyboardInterrupt()])
def test_other_errors_are_raised_at_once(error, patience, time):
    """What waiting does not mend is not waited for, in the first try or in a later one."""
    for work, again in ((Refusing(1, error), None), (Refusing(1), Refusing(1, error))):
        with pytest.raises(type(error)) as caught:
            patience.keep_trying(work, again)
        assert error is caught.value

    assert 1 == len(time.pauses)

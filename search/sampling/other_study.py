"""The best configurations of another study of the store, as a start: `--from STUDY`.

They are taken once, when a study is made, and kept with it (`priors`), so that what the other study does later changes
nothing. A study that is there already goes on with what it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...spaces.errors import BadInput
from ...spaces.space import Space
from ...studies.errors import StudyNotFound
from ...studies.records import Failure, Study, Trial, TrialState
from ...studies.schema import SchemaState, check_usable
from ...studies.store import StudyStore
from ..talk import as_typed
from .priors import SHARE, Prior, priors_of, room_for

#: Configurations that are taken at most: the best may be best by luck, and a search has better to do than all of them.
MOST = 3


class Taken(NamedTuple):
    """Configurations of another study, for this one's space."""

    priors: list[Prior]
    numbers: list[int]  #: of the trials that had them first
    without: list[str]  #: names that this space does not search

    def words(self) -> str:
        """Return one line that says what was taken from where."""
        count, study = len(self.priors), self.priors[0].study
        what = f"{count} configuration{'s' if count > 1 else ''} of study {study!r}"
        which = f"trial{'s' if count > 1 else ''} {', '.join(map(str, self.numbers))}"
        without = f"; without {', '.join(self.without)}, which this space does not search" if self.without else ""
        return f"{what}: {which}{without}"


def check_from(store_url: str, other: str | None, name: str, *, space: Space, trials: int, fork: str | None) -> None:
    """Raise `BadInput` where a study could not begin with another one; nothing is loaded or written."""
    if other is None:
        return
    if check_usable(store_url).state is not SchemaState.CURRENT:
        raise missing(other)
    with StudyStore.open(store_url) as store:
        target = find(store, fork or name)
        if target is None:
            taken_from(store, other, fork or name, space=space, baseline={}, trials=trials, forks=fork is not None)
        else:
            begun_with(target, other)


def begun_with(target: Study, other: str | None) -> list[Prior]:
    """Return what a study that is there was given. Raises `BadInput` if it is to begin with another one now."""
    given = priors_of(target)
    if other is not None and other not in [one.study for one in given]:
        raise BadInput(
            f"study {target.name!r} is there already, and did not begin with {other!r}",
            hint="leave --from out to go on, or begin another one with --study NAME",
        )
    return given


def taken_from(
    store: StudyStore,
    other: str,
    name: str,
    *,
    space: Space,
    baseline: Mapping[str, Any],
    trials: int,
    forks: bool = False,
) -> Taken:
    """Return the best configurations of the study `other` that are inside of `space`, for a study `name`.

    Names that the other has not are at their priors, else as in the baseline. A study that `forks` another has the best
    of that one, too. Raises `BadInput` where there is nothing to take, or no room for it among the trials.
    """
    if other == name:
        raise BadInput(f"study {name!r} cannot begin with itself", hint="--from names another study of the store")
    source = find(store, other)
    if source is None:
        raise missing(other)
    room = min(MOST, room_for(trials, space) - forks)
    if room < 1:
        least = SHARE * (1 + bool(space.priors) + forks)
        raise BadInput(
            f"--from tries at most a third of the trials, and {trials} leave none for study {other!r}",
            hint=f"--trials {least}, or more",
        )
    best = list(best_of(store, source))
    if not best:
        raise BadInput(f"study {other!r} has no complete trial to begin with")
    return chosen(best, source, space=space, baseline=baseline, room=room)


def chosen(best: list[Trial], source: Study, *, space: Space, baseline: Mapping[str, Any], room: int) -> Taken:
    """Return the first `room` of the best that are inside of the space and differ. Raises `BadInput` if none is."""
    names = {name for one in best for name in one.params or {}}
    if not names & set(space.searched):
        raise BadInput(
            f"study {source.name!r} has no hyperparameter that this space searches: it has {', '.join(sorted(names))}",
            hint=f"this space searches {', '.join(space.searched)}",
        )
    found: dict[int, dict[str, Any]] = {}
    for trial in best:
        params = inside(trial, space, baseline)
        if params is not None and params != baseline and params not in found.values():
            found[trial.number] = params
    if not found:
        raise BadInput(
            f"no configuration of study {source.name!r} is inside this space and another one than the baseline",
            hint=f"`hpsearch trials {as_typed(source.name)}` lists them",
        )
    numbers = list(found)[:room]
    without = sorted({name for one in best if one.number in numbers for name in one.params or {}} - set(space.searched))
    return Taken([Prior(found[number], source.name) for number in numbers], numbers, without)


def inside(trial: Trial, space: Space, baseline: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the configuration of a trial with the names of this space; None where one of its values is outside."""
    shared = {name: value for name, value in (trial.params or {}).items() if name in space.searched}
    found = space.nearest({**baseline, **space.priors, **shared})
    counted = [name for name in shared if name in found]
    if not counted or not all(space.parameters[name].contains(shared[name]) for name in counted):
        return None
    return found


def best_of(store: StudyStore, source: Study) -> Iterator[Trial]:
    """Yield the trials that first had the configurations of a study, the best of these first.

    More data counts more; a configuration is as it was before that changed it. One that predicts the same for every
    row is none of them.
    """
    trials = {one.number: one for one in store.trials(source.study_id)}
    seen: set[int] = set()
    for number in store.ranking(source.study_id, source.direction, len(trials)):
        first = trials.get(trials[number].first_number, trials[number])
        learned = trials[number].failure is not Failure.COLLAPSED
        if first.number not in seen and first.params and first.state is TrialState.COMPLETE and learned:
            seen.add(first.number)
            yield first


def find(store: StudyStore | None, name: str) -> Study | None:
    """Return the study of that name, or None; there may be no store yet."""
    try:
        return None if store is None else store.study(name)
    except StudyNotFound:
        return None


def missing(other: str) -> BadInput:
    """Return what to say of a study that is not in the store."""
    return BadInput(f"no study {other!r} to begin with", hint="`hpsearch studies` lists those of the store")

"""What a function asks an Optuna trial for, found by calling it: every branch that its choices lead to.

The function is a black box. Which values decide what it asks for next is found by trying: all that can be listed where
they are few, and else those that are seen to matter. What becomes of it is in `hp_space.py`.
"""

from __future__ import annotations

import functools
import io
import math
import random
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import BadInput
from .optuna_space import parameter_of
from .parameter import Parameter
from .parameters import Choice, Float
from .stock_trial import NotOnTrial, StockTrial
from .values import shown

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

#: Whole numbers of a range that are each tried as a choice is; of more it is tried what the ends and some others do.
FEW = 16
#: How often a function is called, at most about; an eighth of it is how many branches it may have.
CALLS = 4_000

Fill = Callable[["Suggested"], Any]
Branch = tuple[tuple[str, Any], ...]
"""The values of the names that lead to it, in the order in which they are asked for."""


@dataclass(frozen=True)
class Suggested:
    """What is suggested under one name."""

    name: str
    distribution: BaseDistribution
    parameter: Parameter

    @functools.cached_property
    def options(self) -> Sequence[Any] | None:
        """Every value, as the function is given it; None if they are many."""
        values = self.parameter.values
        if isinstance(self.parameter, Choice):
            return list(self.distribution.choices)
        return None if values is None or isinstance(self.parameter, Float) or len(values) > FEW else values

    def drawn(self, chance: random.Random) -> Any:
        """Return any of the values."""
        listed = self.options or self.parameter.values
        if listed is not None:
            return chance.choice(listed)
        ends: Any = self.parameter.ends
        low, high = ends
        if getattr(self.parameter, "log", False):
            return self.parameter.clip(math.exp(chance.uniform(math.log(low), math.log(high))))
        return self.parameter.clip(chance.uniform(low, high))


class RecordingTrial(StockTrial):
    """Answers as it is told to, and keeps what was asked; `known` is what any of these trials was asked for.

    What it refuses it keeps as `refusal`, for a function may catch any error.
    """

    def __init__(self, called: str, known: dict[str, Suggested], answers: Mapping[str, Any], fill: Fill) -> None:
        self.asked: dict[str, Any] = {}
        self.refusal: BadInput | None = None
        self._called, self._known, self._answers, self._fill = called, known, answers, fill

    def _answer(self, name: str, distribution: BaseDistribution) -> Any:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = Suggested(name, distribution, self._parameter(name, distribution))
        elif not _one_range(known.distribution, distribution):
            self._fail(
                BadInput(
                    f"{self._called} suggests {shown(name)} from {known.parameter} and from "
                    f"{self._parameter(name, distribution)}: a name has one range",
                    hint="give the other range a name of its own",
                )
            )
        if name not in self.asked:
            self.asked[name] = self._answers[name] if name in self._answers else self._fill(known)
        return self.asked[name]

    def _parameter(self, name: str, distribution: BaseDistribution) -> Parameter:
        try:
            return parameter_of(distribution)
        except BadInput as error:
            self._fail(BadInput(f"{name}: {error}", hint=error.hint))

    def _refuse(self, name: str) -> NoReturn:
        self._fail(
            NotOnTrial(
                f"{self._called} uses `trial.{name}`, and what it suggests could depend on that",
                hint="a space is what `trial.suggest_*` says, the same for every trial",
            )
        )

    def _fail(self, error: BadInput) -> NoReturn:
        self.refusal = error
        raise error


@dataclass(frozen=True)
class Run:
    """One call: what was asked and answered, and what the function says of it."""

    asked: Mapping[str, Any]
    says: Mapping[Any, Any]

    def branches(self, forks: Collection[str]) -> Iterator[tuple[Branch, Any]]:
        """Yield each branch on the way, and what comes there: the names that are asked for, up to the next fork.

        At the end of the way come the names that count, too.
        """
        branch: Branch = ()
        names: tuple[str, ...] = ()
        for name, value in self.asked.items():
            names += (name,)
            if name in forks:
                yield branch, names
                branch, names = (*branch, (name, value)), ()
        yield branch, (names, frozenset(self.says))


@dataclass
class Recording:
    """The calls of a function; `says` turns what one asked and returned into the names that count, with values."""

    function: Callable[[Any], Any]
    called: str
    says: Callable[[Mapping[str, Any], Any], Mapping[Any, Any]]
    calls: int = CALLS
    known: dict[str, Suggested] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def explore(self) -> set[str]:
        """Call the function until its branches are known, and return the names whose values lead to them.

        Where all values that can be listed were tried, these are all such names. Raises BadInput for a function that
        fails, that is not the same twice, whose branches depend on a value that cannot be listed, or are too many.
        """
        with _quietly():
            self._check_repeatable(self.run())
            complete = self._branches(self._is_listed)
            forks = set(filter(self._is_listed, self.known)) if complete else set()
            if not complete:
                self._try_each()
            for _ in range(self.calls // (10 if complete else 2)):
                self.run()
            tried = set(forks) if complete else None
            self._settle(forks)
            while tried != forks:
                tried = set(forks)
                if not self._branches(tried.__contains__):
                    raise self._too_many(tried)
                self._settle(forks)
            for run in self.runs[:: max(1, len(self.runs) // 8)]:
                self._check_repeatable(run)
        return forks

    def run(self, answers: Mapping[str, Any] | None = None, fill: Fill | None = None) -> Run:
        """Call the function with a trial that answers so; `fill` gives what is not among the answers."""
        return self._kept(*self._call(answers or {}, fill or self._drawn))

    def _call(self, answers: Mapping[str, Any], fill: Fill) -> tuple[Mapping[str, Any], Any]:
        """Return what the function asks for, with the answers, and what it returns."""
        trial = RecordingTrial(self.called, self.known, answers, fill)
        try:
            returned = self.function(trial)
        except (Exception, SystemExit) as error:
            if trial.refusal is None:
                raise BadInput(f"{self.called} fails{_where(trial.asked)}: {_in_words(error)}") from error
        if trial.refusal is not None:
            raise trial.refusal
        return trial.asked, returned

    def _kept(self, asked: Mapping[str, Any], returned: Any) -> Run:
        found = Run(asked, self.says(asked, returned))
        self.runs.append(found)
        return found

    def _branches(self, is_fork: Callable[[str], bool]) -> bool:
        """Call the function for each branch, with ranges at both ends and between; whether they are few enough."""
        return all(self._every(is_fork, fill) for fill in (self._end(0), self._end(-1), self._drawn))

    def _every(self, is_fork: Callable[[str], bool], fill: Fill) -> bool:
        path: list[tuple[str, int]] = []  # the forks on the way, and which option each takes
        for _ in range(self.calls // 8):
            taken = dict(path)
            answers = {name: self._options(name)[index] for name, index in path}
            run = self.run(answers, lambda one: self._options(one.name)[0] if is_fork(one.name) else fill(one))
            path = [(name, taken.get(name, 0)) for name in run.asked if is_fork(name)]
            while path and path[-1][1] + 1 == len(self._options(path[-1][0])):
                path.pop()
            if not path:
                return True
            path[-1] = (path[-1][0], path[-1][1] + 1)
        return False

    def _try_each(self) -> None:
        """Call the function with each value that can be listed, if not with all of them together."""
        for name in filter(self._is_listed, list(self.known)):
            for option in self._options(name):
                self.run({name: option})

    def _settle(self, forks: set[str]) -> None:
        """Add what else leads to branches; raises BadInput if that is a value that cannot be listed."""
        while conflict := self._conflict(forks):
            forks.add(self._blamed(*conflict, forks))

    def _conflict(self, forks: set[str]) -> tuple[Run, Run, Branch] | None:
        """Return two calls that go different ways from one branch, and that branch."""
        known: dict[Branch, tuple[Any, Run]] = {}
        for run in self.runs:
            for branch, comes in run.branches(forks):
                before, one = known.setdefault(branch, (comes, run))
                if before != comes:
                    return one, run, branch
        return None

    def _blamed(self, one: Run, other: Run, branch: Branch, forks: set[str]) -> str:
        """Return the name whose value makes the difference between two calls, by making one into the other."""
        for run in (one, other):
            self._check_repeatable(run)
        answers, usual = dict(one.asked), dict(one.branches(forks))[branch]
        for name in [name for name in one.asked if name in other.asked]:
            answers[name] = other.asked[name]
            if dict(self.run(answers).branches(forks)).get(branch) == usual:
                continue
            if name in forks:
                break  # of one branch both have the same of these
            if self.known[name].options is None:
                raise BadInput(
                    f"what {self.called} asks for or returns depends on the value of {shown(name)}, one of many: "
                    f"{self.known[name].parameter}",
                    hint=f"a condition needs `suggest_categorical`, or a whole number of at most {FEW} values",
                )
            return name
        raise self._unstable()

    def _check_repeatable(self, run: Run) -> None:
        try:
            asked, returned = self._call(run.asked, self._drawn)
        except BadInput:
            raise self._unstable() from None
        again = self._kept(asked, returned)
        same = list(again.asked) == list(run.asked) and again.says.keys() == run.says.keys()
        if not same or not all(alike(run.says[key], again.says[key]) for key in run.says):
            raise self._unstable()

    def _too_many(self, forks: set[str]) -> BadInput:
        return BadInput(
            f"{self.called} has more than {self.calls // 8} branches, to which {', '.join(sorted(forks))} lead",
            hint="write the space as a YAML file, with `when:` for conditions",
        )

    def _unstable(self) -> BadInput:
        return BadInput(
            f"{self.called} does not do the same twice with the same values, and cannot be read",
            hint="what is random belongs to `trial.suggest_*`",
        )

    def _is_listed(self, name: str) -> bool:
        return self.known[name].options is not None

    def _options(self, name: str) -> Sequence[Any]:
        return self.known[name].options or ()

    def _end(self, index: int) -> Fill:
        """Return what gives one end of a range, and of anything else any value."""
        return lambda one: self._drawn(one) if one.options is not None else one.parameter.ends[index]

    def _drawn(self, one: Suggested) -> Any:
        return one.drawn(self.chance)


def alike(one: Any, other: Any) -> bool:
    """Tell whether two values are the same, in type, too."""
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except (ValueError, TypeError, RuntimeError):  # an array or a tensor
        return False


def _one_range(one: BaseDistribution, other: BaseDistribution) -> bool:
    """Tell whether two distributions are the same, in the types of choices, too: for Optuna True is 1."""
    if type(one) is not type(other) or vars(one) != vars(other):
        return False
    types, others = (list(map(type, vars(each).get("choices", ()))) for each in (one, other))
    return types == others


@contextmanager
def _quietly() -> Iterator[None]:
    """Drop what the block prints, and warn once of what it warns of: a function is called very often."""
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        yield
    for text, category in dict.fromkeys((str(one.message), one.category) for one in caught):
        warnings.warn(text, category, stacklevel=4)


def _where(asked: Mapping[str, Any]) -> str:
    return f" where {', '.join(f'{name}={shown(value)}' for name, value in asked.items())}" if asked else ""


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"

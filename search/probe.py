"""A Trainer tried out before a search spends anything on it: one real step, an evaluation, a checkpoint (pains A2)."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

from transformers import Trainer

from ..spaces.errors import BadInput, did_you_mean
from ..studies.objective import SECONDS, UNITS
from ..studies.records import Failure
from .accelerate_state import accelerate_state_kept
from .data.splits import Splits, row_count, rows_of, splits_at
from .data.streams import first_rows as first_of_stream
from .data.streams import is_stream
from .failures import causes, classify
from .making.generators import undisturbed
from .own.call import in_one_sentence
from .problem import Problem
from .quiet import chatter_away
from .trial.budget import LOOKS
from .trial.configuration import Configuration
from .trial.environment import EnvironmentCallback
from .trial.trainer import made

#: Rows that are evaluated, and the most that are where a metric cannot be computed on so few.
ROWS, MOST_ROWS = 16, 1000
#: Metrics that the Trainer adds about its own speed.
TIMING = re.compile(r"_(runtime|per_second|preparation_time|mem_.*)$")


#: What is said of a step that changed nothing: it may be that nothing will.
UNCHANGED = (
    "a training step changed no weight of the model: does its optimizer have this model's parameters, and a learning "
    "rate that is large enough for them?"
)


class Tried(NamedTuple):
    """What came out when a Trainer was tried out."""

    in_parts: bool = True  #: it can be evaluated on a part of its evaluation set: some look up the rows of all of it
    learned: bool = True  #: a step of its training changed a weight
    metrics: tuple[str, ...] = ()  #: keys of what its evaluation returns, without timings


def try_out(problem: Problem, *, named: bool = True) -> Tried:
    """Make the Trainer, train it for a step, evaluate it and save it; nothing of it is left.

    Unless the objective was `named`, it need not be there. Raises `BadInput` if an objective, or what is bounded (but
    the seconds), is not among the metrics of the evaluation, with the place in the user's code for whatever would end
    every trial, and for two Trainers that share what they train.
    """
    try:
        return tried_out(problem, named)
    except BadInput as error:
        if any(classify(one) is Failure.OOM for one in causes(error) if one is not error):
            return Tried()  # what memory is too small for is tried in smaller pieces by the trials
        raise


def tried_out(problem: Problem, named: bool) -> Tried:
    """Try a Trainer out; see `try_out`."""
    with ExitStack() as stack:
        for block in (chatter_away(), accelerate_state_kept(), undisturbed(), problem.making.within()):
            stack.enter_context(block)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hpsearch-check-"))
        trainer, learned = first_that_works(
            [partial(trained_a_step, problem, parts, folder) for parts in samples(problem)],
            "the training of the trainer",
        )
        metrics, in_parts = evaluated(trainer, problem)
        beside = [*(one.name for one in problem.weighed), *(one.name for one in problem.plan.constraints)]
        measured = [SECONDS, *(name for name in UNITS if name in learned.found)]
        if named:
            check_metrics(metrics, [problem.objective.name, *beside], measured)
        first_that_works([lambda: trainer._save_checkpoint(trainer.model, None)], "saving a checkpoint")
        check_nothing_shared(trainer, problem, folder)
    return Tried(in_parts, learned.trained is not False, tuple(names_in(metrics)))


def samples(problem: Problem) -> Iterator[Splits]:
    """Yield few rows to try a training with, the longest that are easily found among them; then as many as a trial has.

    What a class derives from its data, such as weights of classes, may need more than a few.
    """
    whole = problem.source.splits({})
    args = problem.trainer.args
    batch = args.train_batch_size * args.gradient_accumulation_steps
    if isinstance(whole.train, dict) or is_stream(whole.train):
        few = whole
    else:
        few = whole._replace(train=longest_rows(whole.train, max(batch, ROWS)))
    yield few._replace(selection=some_rows(whole.selection, ROWS))
    part = splits_at(problem.source, {}, problem.plan.fraction, problem.plan.seed)
    yield part._replace(selection=some_rows(whole.selection, MOST_ROWS))


def trained_a_step(problem: Problem, parts: Splits, folder: str) -> tuple[Any, EnvironmentCallback]:
    """Return a Trainer after one step of the baseline, and who knows whether that changed anything."""
    trainer, learned = made_to_try(problem, parts, folder), EnvironmentCallback()
    trainer.add_callback(learned)
    trainer.train()
    return trainer, learned


def made_to_try(problem: Problem, parts: Splits, folder: str) -> Any:
    """Return a Trainer of the baseline that trains for one step."""
    plan = problem.plan
    configuration = Configuration.resolve(problem.making, problem.baseline(), fraction=1.0, seed=plan.seed)
    fields: dict[str, Any] = {
        "output_dir": folder,
        "eval_strategy": "steps",
        "eval_steps": 1 / LOOKS,
        "eval_delay": 10**9,
        "eval_on_start": False,
        "save_strategy": "no",
        "load_best_model_at_end": False,
        "metric_for_best_model": problem.objective.name,
        "disable_tqdm": True,
        "push_to_hub": False,
        "report_to": [],
    }
    trainer = made(problem.making, configuration, train=parts.train, evaluation=parts.selection, callbacks=[], **fields)
    trainer.args.max_steps, trainer.args.warmup_steps = 1, 0  # whose first step learns nothing
    return trainer


def evaluated(trainer: Any, problem: Problem) -> tuple[dict[str, Any], bool]:
    """Return the metrics of a few rows, of more where they cannot be computed on so few; and if a part was enough."""
    whole = problem.making.eval_dataset
    attempts: list[Callable[[], tuple[dict[str, Any], bool]]] = [lambda: (trainer.evaluate(), True)]
    if whole is not None and not isinstance(whole, dict) and not is_stream(whole):
        selection = problem.source.splits({}).selection
        attempts += [
            lambda: (trainer.evaluate(some_rows(selection, MOST_ROWS)), True),
            lambda: (trainer.evaluate(some_rows(whole, MOST_ROWS)), False),
        ]
    metrics, in_parts = first_that_works(attempts, "the evaluation of the trainer")
    return dict(metrics), in_parts


def first_that_works(attempts: Sequence[Callable[[], Any]], shown: str) -> Any:
    """Return what the first attempt returns that raises nothing; raises `BadInput` with what the last one raises."""
    for attempt in attempts[:-1]:
        try:
            return attempt()
        except Exception:  # noqa: BLE001, S112 - so few rows may be too few for a user's code
            continue
    try:
        return attempts[-1]()
    except Exception as error:
        raise in_one_sentence(error, shown) from error


def check_metrics(metrics: dict[str, Any], wanted: Sequence[str], measured: Sequence[str]) -> None:
    """Raise `BadInput` if a number is not there; `measured` are no metrics, and the first of `wanted` is one."""
    names = names_in(metrics)
    for place, name in enumerate(wanted):
        known = names if place == 0 else [*names, *measured]
        if name not in known:
            raise BadInput(f"the evaluation returns no {name!r}", hint=did_you_mean(name, known))


def names_in(metrics: Mapping[str, Any]) -> list[str]:
    """Return the keys of metrics that say something of a model."""
    return sorted(name for name in metrics if not TIMING.search(name) and name != "epoch")


def check_nothing_shared(first: Any, problem: Problem, folder: str) -> None:
    """Raise `BadInput` if another Trainer would train a tensor that `first` has trained."""
    mine = {id(one) for one in trained_by(first)}
    other = made_to_try(problem, next(samples(problem)), folder)
    if isinstance(other, Trainer):  # as its training begins
        if other.model_init is not None:
            other.model = other.call_model_init()
        other.create_optimizer()
    shared = [one for one in trained_by(other) if id(one) in mine]
    if shared:
        shape = "x".join(map(str, shared[0].shape)) or "one number"
        raise BadInput(
            f"two trials would train the same tensor ({shape}), so that one begins with what the other has learned",
            hint="make what is trained inside the function or the constructor, not at the top of a module",
        )


def trained_by(trainer: Any) -> list[Any]:
    """Return the tensors that a Trainer's optimizer changes."""
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    return [one for group in optimizer.param_groups for one in group["params"]]


def some_rows(dataset: Any, count: int) -> Any:
    """Return the first rows of a data set, or of each of several; those of a stream as a list."""
    if dataset is None:
        return None
    if isinstance(dataset, dict):
        return type(dataset)({name: some_rows(part, count) for name, part in dataset.items()})
    if is_stream(dataset):
        return first_of_stream(dataset, count)
    return rows_of(dataset, range(min(count, len(dataset))))


def longest_rows(dataset: Any, count: int) -> Any:
    """Return some rows: the two that are written longest among the first thousand, and those that come first."""
    looked_at = range(min(MOST_ROWS, row_count(dataset) or 0))
    longest = sorted(looked_at, key=lambda row: len(repr(dataset[row])), reverse=True)[:2]
    others = [row for row in looked_at if row not in longest]
    return rows_of(dataset, [*longest, *others][:count])

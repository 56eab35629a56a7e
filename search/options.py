"""The options of a search, each declared once: flag, environment variable, help, default, and configuration-file key.

A flag beats the environment, which beats a `--config` file, which beats the default. What the options mean is decided
where they are used, see `command.run`.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from ..spaces.errors import BadInput
from .constraints import ConstraintTexts
from .keywords import advice

DEFAULT_STORE = "sqlite:///hpsearch.db"
STORE_ENV = "HPSEARCH_STORE"
STORE_HELP = "SQL database that keeps the studies"


def opt(default: Any, text: str, *, flag: str | None = None, env: str | None = None, metavar: str | None = None) -> Any:
    """Return a field with what the command line needs to know of it."""
    return field(default=default, metadata={"help": text, "flag": flag, "env": env, "metavar": metavar})


class TextOrList:
    """Beside the type of an option: in a file one text may stand for a list of it, and null for none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        """Return what pydantic reads such an option with."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(listed, handler(source))


def listed(value: Any) -> Any:
    """Return a text as a list of one, and None as an empty one; anything else as it is."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Everything `hpsearch run` and `hpsearch check` can be told."""

    trials: int = opt(10, "trials in all; the same command again continues up to this total")
    study: str | None = opt(None, "name of the study [default: TASK-MODEL]", metavar="NAME")
    store: str = opt(DEFAULT_STORE, STORE_HELP, env=STORE_ENV, metavar="URL")
    task: str | None = opt(None, "built-in task, see `hpsearch tasks` [default: demo]", metavar="NAME")
    data_dir: Path | None = opt(None, "folder with the task's files, instead of the hub", metavar="DIR")
    train_file: str | None = opt(
        None,
        "your data: CSV, TSV, JSON lines, Parquet (also .gz and its like), a folder of them, an address, a datasets"
        " folder or hub name",
        metavar="FILE",
    )
    validation_file: str | None = opt(
        None, "held out for the report; cut from the training data if absent", metavar="FILE"
    )
    test_file: Path | None = opt(
        None, "examples for the retrained model to predict; it is scored on them if they have labels", metavar="FILE"
    )
    text_columns: Annotated[list[str], TextOrList()] = opt(
        (), "one or two text columns of your data, as A or A,B; repeatable", metavar="A[,B]"
    )
    label_column: Annotated[list[str], TextOrList()] = opt(
        (), "label column of your data; A,B or repeated: a column of 0 and 1 for each of several labels", metavar="NAME"
    )
    label_kind: str | None = opt(
        None,
        "take the labels as they stand: classes, numbers or several (a|b) [default: what they look like]",
        metavar="KIND",
    )
    positive_label: str | None = opt(
        None, "of two classes the one that F1 is of [default: the rarer one]", metavar="NAME"
    )
    group_column: str | None = opt(
        None, "rows with the same value there, such as a user, stay together in splits and subsets", metavar="NAME"
    )
    trainer: str | None = opt(
        None, "your own function that makes the Trainer, with data and model in it", metavar="FILE.py:FUNCTION"
    )
    script: str | None = opt(
        None, "your own script, run until its Trainer would train; its words come after --", metavar="FILE.py"
    )
    words: list[str] = opt((), "the script's own words, after --", metavar="[-- WORDS...]")
    report_data: str | None = opt(
        None,
        "with --trainer or --script, data to compare winner and baseline on [default: half of the evaluation set]",
        metavar="NAME[:SPLIT]",
    )
    model_init: str | None = opt(None, "your own function that makes the task's model", metavar="FILE.py:FUNCTION")
    compute_metrics: str | None = opt(
        None, "your own function that scores the task's predictions", metavar="FILE.py:FUNCTION"
    )
    model: str = opt("tiny", "hub name, folder, or `tiny` (a small BERT trained from scratch)", metavar="NAME_OR_DIR")
    model_config: list[str] = opt((), "change the model's configuration, repeatable", metavar="NAME=VALUE")
    freeze_encoder: bool = opt(False, "train the head alone")
    space: str = opt("default", "preset, YAML file, or hp_space(trial) as FILE.py:FUNCTION", metavar="NAME_OR_FILE")
    set: list[str] = opt((), "fix a hyperparameter, or set one the space lacks, repeatable", metavar="NAME=VALUE")
    objective: Annotated[list[str], TextOrList()] = opt(
        (),
        "metric to optimise; repeatable: the first alone steers the search (all of them with --sampler nsga2 or motpe),"
        " `best` and `report` weigh the others, or the `seconds`, `parameters` or `memory` of a training, against it"
        " (wer:minimize says which way)"
        " [default: the task's; eval_loss with --trainer]",
        metavar="METRIC",
    )
    constraint: Annotated[list[str], ConstraintTexts()] = opt(
        (),
        "what a winner must keep to, repeatable, on a metric or what a training takes, such as"
        " eval_latency_ms<=30; in a file {eval_latency_ms: {max: 30}}",
        metavar="NAME<=NUMBER",
    )
    direction: str | None = opt(
        None, "of the first objective: maximize or minimize [default: the metric's]", metavar="D"
    )
    score: str = opt("best", "evaluation that gives a trial its score: best or last")
    subset: float = opt(0.1, "share of the training data that trials see")
    select_on: str = opt(
        "train", "trials are scored on rows cut from train, or on the validation part, which then is no report"
    )
    strategy: str | None = opt(
        None,
        "single, or ladder (the best third again on three times the data, and so on) [default: single]",
        metavar="S",
    )
    confirm: str | None = opt(
        None,
        "finals on all the data: none, quick (winner and baseline) or full [default: quick; none with --no-retrain]",
        metavar="C",
    )
    finalists: int = opt(2, "configurations that `--confirm full` compares with the baseline")
    seeds: int = opt(3, "seeds that `--confirm full` compares them over")
    stop_when_flat: bool = opt(False, "propose nothing more once the expected gain is below the noise")
    sampler: str = opt(
        "tpe", "who proposes: tpe, random, grid, gp, qmc; by all objectives instead of the first: nsga2, motpe"
    )
    choose: str | None = opt(
        None,
        "which of the front of nsga2 or motpe is the winner: first (the best in the first objective) or knee (the "
        "nearest to the best of each) [default: none is]",
        metavar="RULE",
    )
    pruner: str = opt("none", "what happens to hopeless trials: none, median, asha, hyperband, pbt")
    precision: str = opt("auto", "auto, fp32, bf16 or fp16; auto is bf16 where the hardware has it")
    seed: int | None = opt(
        None, "seed of the splits, the subsets, the trials and the sampler [default: 42; with --trainer its own]"
    )
    backend: str = opt("optuna", "who runs the trials: optuna (processes) or ray (a Ray cluster)")
    jobs: str | None = opt(
        None,
        "worker processes on this machine: a number, or auto, which is as many as suit the model [default: auto]",
        env="HPSEARCH_JOBS",
        metavar="N|auto",
    )
    processes_per_trial: int = opt(1, "processes that train one trial together (DDP), a GPU each", metavar="N")
    ray_address: str | None = opt(
        None, "Ray cluster to join, or auto [default: one of this machine]", env="RAY_ADDRESS", metavar="HOST:PORT"
    )
    cpus_per_trial: float | None = opt(None, "CPUs of the cluster that a trial takes [default: 1]")
    gpus_per_trial: float | None = opt(None, "GPUs that a trial takes, 0.25 for a share [default: 1 if there are any]")
    max_concurrent: int | None = opt(None, "trials at a time on the cluster [default: as many as have room]")
    report_to: list[str] = opt(
        (), "tell trackers of each trial: tensorboard, mlflow, wandb, trackio; repeatable", metavar="NAME[,NAME]"
    )
    timeout: float | None = opt(None, "seconds after which no further trial starts", metavar="S")
    trial_timeout: float | None = opt(None, "seconds a trial may take; then it has failed", metavar="S")
    keep: int = opt(1, "checkpoints to keep, the best ones")
    max_failures: int | None = opt(None, "failed trials in a row that end the search [default: as many as trials]")
    output_dir: Path | None = opt(None, "where the study's folder goes [default: hpsearch-output]", metavar="DIR")
    no_retrain: bool = opt(False, "stop after the search")
    fork: str | None = opt(None, "make a changed problem a new study of this name", metavar="NAME")
    from_study: str | None = opt(
        None,
        "begin a new study with the best configurations of another one of the store, up to 3 and a third of the trials",
        flag="--from",
        metavar="STUDY",
    )
    config: Path | None = opt(None, "YAML file with any of these options, dashes as underscores", metavar="FILE")
    quiet: bool = opt(False, "show the result alone")
    verbose: bool = opt(False, "show the libraries' log as well")


def flag_of(item: dataclasses.Field[Any]) -> str:
    """Return the flag of an option."""
    return item.metadata["flag"] or "--" + item.name.replace("_", "-")


def file_keys(options: type) -> dict[str, str]:
    """Return the names of the options by what they are in a file: their flags, dashes as underscores."""
    return {flag_of(item)[2:].replace("-", "_"): item.name for item in dataclasses.fields(options)}


@dataclass(frozen=True, kw_only=True)
class OwnCodeOptions:
    """What of the user's own a study was made with, for the commands that go on with it."""

    words: list[str] = opt((), "the script's own words", metavar="[-- WORDS...]")
    trainer: str | None = opt(None, "your function that the study was made with", metavar="FILE.py:FUNCTION")
    script: str | None = opt(None, "likewise, the script, with its own words after --", metavar="FILE.py")
    model_init: str | None = opt(None, "likewise, the one of its model", metavar="FILE.py:FUNCTION")
    compute_metrics: str | None = opt(None, "likewise, the one of its metrics", metavar="FILE.py:FUNCTION")


def as_signature(options: type, *extra: inspect.Parameter) -> inspect.Signature:
    """Return the signature of a typer command that takes `extra` and all of `options`, each None unless given."""
    import typer

    parameters = []
    types = get_type_hints(options)
    for item in dataclasses.fields(options):
        meta, kind = item.metadata, types[item.name]
        text = meta["help"]
        if "[default" not in text and item.default not in (None, False, ()):
            text = f"{text} [default: {item.default}]"
        option = typer.Option(flag_of(item), help=text, envvar=meta["env"], metavar=meta["metavar"], show_default=False)
        if item.name == "words":  # the only ones without a flag
            option = typer.Argument(help=text, metavar=meta["metavar"], show_default=False)
        parameters.append(
            inspect.Parameter(
                item.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind | None if kind is not None else kind, option],
            )
        )
    return inspect.Signature([*extra, *parameters])


def resolve(given: Mapping[str, Any]) -> RunOptions:
    """Return the options: what was `given` (None is not given), then the configuration file, then the defaults.

    Raises `BadInput` for an unknown key or a value of the wrong type in the file.
    """
    flags = {name: value for name, value in given.items() if value is not None and value != []}
    file = _from_file(Path(flags["config"])) if "config" in flags else {}
    return RunOptions(**{**file, **flags})


def _from_file(path: Path) -> dict[str, Any]:
    from pydantic import TypeAdapter, ValidationError

    from ..spaces.yaml_file import read_yaml_file

    values = read_yaml_file(path)
    names = file_keys(RunOptions)
    known = names.keys() - {"config"}
    for key in values:
        if key not in known:
            raise BadInput(f"unknown option {key!r} in {str(path)!r}", hint=advice(str(key), known))
    values = {names[key]: value for key, value in values.items()}
    try:
        checked = TypeAdapter(RunOptions).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"{place} in {str(path)!r} is {first['input']!r}: {first['msg'].lower()}") from None
    return {key: getattr(checked, key) for key in values}


def assignments(texts: list[str] | tuple[str, ...], flag: str) -> dict[str, Any]:
    """Return `NAME=VALUE` texts as a mapping, values read as YAML (numbers such as 3e-5 included)."""
    import yaml

    from ..spaces.yaml_file import read_yaml_value

    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadInput(f"{flag} takes NAME=VALUE, got {text!r}")
        try:
            values[name.strip()] = number_or(read_yaml_value(value))
        except yaml.YAMLError:
            raise BadInput(f"{flag} {text!r}: the value is not YAML") from None
    return values


def number_or(value: Any) -> Any:
    """Return a text such as `3e-5` as a number (YAML 1.1 wants `3.0e-5`), anything else as it is."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value

"""A user's script, run as its author runs it, `python train.py --its own words`, until its Trainer would train.

That Trainer is the template; no line of the script is changed. It is run as `__main__`, and stays it where pickles of
its classes are written (a checkpoint has one of the arguments).
"""

from __future__ import annotations

import ast
import io
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from transformers import Trainer, set_seed

from ...spaces.errors import BadInput
from ..making.making import Making
from ..making.watch import instead_of_training, watching
from ..protocol.protocol_making import making_of
from .blame import is_usage_error
from .call import at, descriptor_on, in_one_sentence, shortest, waiting_for
from .made_by import SEED
from .printed import LOG, Printed
from .script import as_if_run

OWN_WORDS = "its own words come after `--`: hpsearch run --script train.py -- --its own --words"


class WouldTrain(BaseException):
    """The script's Trainer was told to train; not an `Exception`, which a script may catch."""

    def __init__(self, trainer: Any, resumes: Any = None, told: bool = False) -> None:
        super().__init__()
        self.trainer, self.resumes, self.told = trainer, resumes, told


class ReadsInput(Exception):
    """The script waits for somebody who types."""


class NoInput(io.StringIO):
    """A standard input that nobody types into."""

    def readline(self, *given: Any) -> Any:
        """Refuse."""
        raise ReadsInput

    read = readlines = __next__ = readline


@dataclass
class MainScript:
    """A script with the words of its command line."""

    path: Path
    words: Sequence[str]
    module: ModuleType = field(default_factory=lambda: ModuleType("__main__"))  #: of the latest run
    first: bool = True  #: whether it has not been run yet, when there is no study whose log could take what it prints
    printed: list[str] = field(default_factory=list)  #: what it printed in the first run

    def trainer(self) -> Any:
        """Run the script until its Trainer would train, and return that.

        Raises `BadInput` for a script that ends before, reads from stdin, goes on from a checkpoint or trains more than
        one Trainer, and with file and line for one that fails.
        """
        printed = Printed(self.printed.append if self.first else LOG.info)
        self.first, shown = False, shortest(str(self.path))
        try:
            with stdout_to(printed), waiting_for(f"{shown} to begin its training", LOG.info):
                self.run(printed)
        except WouldTrain as found:
            self.check(found)
            return found.trainer
        except SystemExit as ended:
            said = f": {printed.last}" if printed.last else ""
            raise BadInput(
                f"the script {shown} ended with exit code {ended.code!r} before a training{at(ended)}{said}",
                hint=OWN_WORDS if is_usage_error(ended) else None,
            ) from None
        except ReadsInput as error:
            raise BadInput(
                f"the script {shown} reads from stdin{at(error)}, and nobody is there to type",
                hint="let it read its command line",
            ) from None
        except Exception as error:
            raise in_one_sentence(error, f"the script {shown}", alone=True) from error
        raise BadInput(
            f"the script {shown} ended, and no Trainer of it was told to train",
            hint="does it call trainer.train()? A function that returns the Trainer can be named with --trainer",
        )

    def run(self, printed: Printed) -> None:
        """Run the script as `__main__`; raises `WouldTrain` where it would train, and what the script raises."""
        code = compile(self.path.read_bytes(), str(self.path), "exec")
        self.module = ModuleType("__main__")
        self.module.__file__ = str(self.path)
        stdin, sys.stdin = sys.stdin, NoInput()
        try:
            with (
                as_if_run(self.path, self.words),
                self.as_main(),
                stopping_at_train(),
                redirect_stdout(printed),
                redirect_stderr(printed),
            ):
                exec(code, vars(self.module))  # noqa: S102 - the user's own script, which the user has named
        finally:
            sys.stdin = stdin

    @contextmanager
    def as_main(self) -> Iterator[None]:
        """Let the script be `__main__` in the block: classes that it defines are looked up there."""
        before = sys.modules["__main__"]
        sys.modules["__main__"] = self.module
        try:
            yield
        finally:
            sys.modules["__main__"] = before

    def check(self, found: WouldTrain) -> None:
        """Raise `BadInput` for a training that is not the only one, or not from the beginning."""
        if found.resumes:
            where = "its last checkpoint" if found.resumes is True else f"the checkpoint {str(found.resumes)!r}"
            raise BadInput(
                f"the script goes on from {where}, and each trial begins anew",
                hint="leave resume_from_checkpoint out, or name another output_dir",
            )
        if found.told:
            raise BadInput(
                "the script says how to train in the call of train(), and a trial calls it without a word",
                hint="give the arguments to the constructor of the Trainer",
            )
        frame = frame_in(found, self.path)
        if frame is None:
            return
        source = self.path.read_text(encoding="utf-8", errors="replace")
        again = trains_again(source, frame[0], {**frame[1].f_globals, **frame[1].f_locals})
        if again:
            raise BadInput(
                f"the script {shortest(str(self.path))} trains {again}, and a search is of one training",
                hint="name a function that returns the Trainer to search: --trainer FILE.py:FUNCTION",
            )


@contextmanager
def stopping_at_train() -> Iterator[None]:
    """Raise `WouldTrain` where a Trainer is told to train in the block."""

    def train(self: Any, resume_from_checkpoint: Any = None, *args: Any, **kwargs: Any) -> None:
        raise WouldTrain(self, resume_from_checkpoint)

    def other(self: Any, *args: Any, **kwargs: Any) -> None:
        raise WouldTrain(self, told=any(one is not None for one in (*args, *kwargs.values())))

    stock: Callable[..., Any] = Trainer.train
    Trainer.train = train
    token = instead_of_training.set(other)
    try:
        yield
    finally:
        Trainer.train = stock
        instead_of_training.reset(token)


@contextmanager
def stdout_to(printed: Printed) -> Iterator[None]:
    """Let programs that the script starts print where it prints itself."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        try:
            with descriptor_on(file.fileno()):
                yield
        finally:
            file.seek(0)
            printed.write(file.read())


def frame_in(found: WouldTrain, path: Path) -> tuple[int, FrameType] | None:
    """Return line and frame of the script where it was told to train; None where a library of its own was."""
    frames = [(line, frame) for frame, line in traceback.walk_tb(found.__traceback__)]
    return next((one for one in reversed(frames) if one[1].f_code.co_filename == str(path)), None)


def trains_again(source: str, line: int, names: Mapping[str, Any]) -> str | None:
    """Return where else a script trains than at `line`, in words; None where it does not, as far as can be seen.

    `names` are the variables there, by which a Trainer is told from a model, which has a method of that name, too.
    """
    tree = ast.parse(source)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    if any(node.lineno < line <= (node.end_lineno or 0) for node in loops):
        return f"in a loop, at line {line}"
    made = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if name_of(node.value.func).endswith("Trainer")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    later = [
        node.lineno
        for node in called
        if isinstance(node, ast.Attribute) and node.attr == "train" and node.lineno > line
        if isinstance(names.get(name_of(node.value)), Trainer) or name_of(node.value) in made
    ]
    return f"at line {line} and again at line {later[0]}" if later else None


def name_of(node: ast.AST) -> str:
    """Return the last part of a name in source, such as `Trainer` of `transformers.Trainer`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def making_of_script(path: Path, words: Sequence[str], seed: int | None = None) -> Making:
    """Return how a script makes its Trainer, with one that it has made. Raises as `MainScript.trainer`."""
    path = path.expanduser().absolute()
    if not path.is_file():
        raise BadInput(f"there is no script {str(path)!r}", hint="paths are seen from the current folder")
    script = MainScript(path, list(words))
    seed = SEED if seed is None else seed
    set_seed(seed)
    with watching() as round_:
        trainer = script.trainer()
    number = round_.number_of(trainer)
    again = None if number is None else script.trainer
    return making_of(trainer, again=again, number=number or 0, seed=seed, within=script.as_main, printed=script.printed)

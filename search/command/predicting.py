"""The command `predict`, and the `--test-file` of a search: predictions, and their score where the file has labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spaces.errors import BadInput
from ...studies.front import RULES
from ...studies.records import Model, Trial
from ...studies.store import StudyStore
from ..options import RunOptions
from ..quiet import chatter_away
from ..sampling.steering import steers_by_all
from ..stored_problem import task_of
from ..talk import as_typed, tell
from .printing import add_row, emit, new_table, show, show_line

if TYPE_CHECKING:
    from ..winner.file_scores import FileScores
    from ..winner.predict import Predicted


def check_test_file(options: RunOptions) -> None:
    """Raise `BadInput` for a `--test-file` that could not be predicted in the end."""
    if options.test_file is None:
        return
    from ..winner.submission import read_examples

    read_examples(task_of(options), options.test_file)
    if options.no_retrain:
        raise BadInput(
            "--test-file is predicted by the retrained model, and --no-retrain makes none", hint="leave one of them out"
        )
    if steers_by_all(options.sampler) and options.choose is None:
        raise BadInput(
            f"--test-file is predicted by the retrained winner, and the front of --sampler {options.sampler} has none",
            hint=f"name a rule that chooses it: --choose {' or '.join(RULES)}",
        )


def test_file_remarks(options: RunOptions, problem: Any) -> Sequence[str]:
    """Return whether `--test-file` will be scored; raise `BadInput` for labels in it that the task does not know."""
    if options.test_file is None:
        return []
    from ..data.understanding import known_texts
    from ..tasks import Task
    from ..winner.submission import read_examples

    task = Task.from_dict(problem.notes["task"])
    found = read_examples(task, options.test_file)
    rows = f"{options.test_file}: {len(found.ids)} rows"
    known = known_texts(problem.source.raw, found.texts)
    shared = f"{known} of {len(found.ids)} rows of {options.test_file} have a text of the training part"
    trained_on = [shared] if known else []
    if found.labels is None:
        return [f"{rows} without labels (column {task.label_column!r}) to predict", *trained_on]
    return [f"{rows} with labels, which the model is scored on in the end", *trained_on]


def predict_test_file(options: RunOptions, run: Any, best: Trial | None, model: Model | None) -> Predicted | None:
    """Predict `--test-file` with the retrained model, beside which the predictions go; None if it was not asked for.

    Where the file has labels, the model's record and card say how it scores.
    """
    if options.test_file is None or best is None or model is None:
        return None
    from ..winner.predict import predict, predictions_file
    from ..winner.tested import keep_scores

    folder = Path(model.folder)
    with chatter_away():
        predicted = predict(folder, options.test_file, predictions_file(folder, options.test_file))
        if predicted.scores is not None:
            keep_scores(folder, run, best, predicted.scores)
    return predicted


def predict_file(store_url: str, model: str, file: Path, output: Path, *, as_json: bool) -> None:
    """Predict with a model folder, or with the newest model of a study, and print how it scores on a file's labels."""
    from ..winner.predict import predict

    with chatter_away():
        done = predict(model_folder(store_url, model), file, output)
    if as_json:
        emit({"rows": done.rows, "predictions": str(done.path), "test": done.scores and done.scores.to_json()})
        return
    tell(f"{done.rows} predictions in {done.path}")
    if done.scores is not None:
        show_scores(done.scores)


def show_scores(scores: FileScores) -> None:
    """Print how a model scores on a labelled file."""
    from ..winner.file_scores import METHOD

    table = new_table(f"{scores.file}: {scores.rows} labelled rows", "metric", "score", "95% interval")
    for name, one in scores.metrics.items():
        found = one.interval
        add_row(table, name, f"{one.value:.4f}", "-" if found is None else f"{found.low:.4f} to {found.high:.4f}")
    show(table)
    show_line(METHOD)
    if scores.remark is not None:
        show_line(scores.remark)


def model_folder(store_url: str, model: str) -> Path:
    """Return the folder that `model` names: itself, or that of a study's newest model."""
    folder = Path(model).expanduser()
    if folder.exists() or model.startswith((".", "/", "~")):
        return folder
    store = StudyStore.open(store_url)
    models = [one for one in store.models(store.study(model).study_id) if one.folder]  # an imported one is elsewhere
    if not models:
        hint = f"`hpsearch retrain {as_typed(model)}` makes one"
        raise BadInput(f"study {model!r} has no retrained model", hint=hint)
    return Path(models[-1].folder)

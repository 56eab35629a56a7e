"""What people and scripts see of trials that failed, were run again, run now, or ran on another machine.

The rows are made by hand: nothing is trained here. What a search shows while it runs is `test_view.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from hpsearch.search.command.output import outcome_json, outcome_table
from hpsearch.search.paths import KEPT
from hpsearch.studies.records import Failure, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.worker import worker_name

from .command import CONTROL, done

ONE, OTHER = "gpu-1#0a1b2c3d:4711:1700000000.00", "gpu-2#4e5f6a7b:4712:1700000000.00"
COMPLETE, PRUNED, FAILED = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED
BATCH = "per_device_train_batch_size"
NO_ROOM = "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
HOSTILE = "\x1b[31m\x1b]0;title\x07\x9b2J[bold]\N{RIGHT-TO-LEFT OVERRIDE}"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyStore]:
    """The store of a current folder."""
    monkeypatch.chdir(tmp_path)
    with StudyStore.open("sqlite:///hpsearch.db", create=True) as opened:
        yield opened


@pytest.fixture
def study(store: StudyStore, tmp_path: Path) -> Study:
    """A study named `mine`, of three trials, without one."""
    return made(store, folder=str(tmp_path / "output" / "mine"))


def made(store: StudyStore, **changes: Any) -> Study:
    values: dict[str, Any] = {
        "name": "mine",
        "spec": {"identity": {"space": {}}, "notes": {"rows": {"train": 64}}},
        "task": "data",
        "model": "tiny",
        "backend": "optuna",
        "objective": "eval_accuracy",
        "direction": "maximize",
        "trials": 3,
    }
    return store.create_study(**{**values, **changes})


def claimed(store: StudyStore, study: Study, worker: str = ONE, **values: Any) -> Trial:
    """Let `worker` begin a trial."""
    trial = store.claim(study.study_id, worker=worker, lease_s=60.0)
    assert trial is not None
    store.record(trial.trial_id, **{"params": {"learning_rate": 1e-3}, "fraction": 1.0, "seed": 42, **values})
    return trial


def ended(store: StudyStore, study: Study, state: TrialState = COMPLETE, *, worker: str = ONE, **how: Any) -> Trial:
    """Let `worker` run a trial to that end."""
    begun = claimed(store, study, worker, **how.pop("values", {}))
    given = {"seconds": {"train": 61.0}, "score": 0.5 if state is COMPLETE else None}
    return store.finish(begun.trial_id, state, worker=worker, **{**given, **how})


def failed(store: StudyStore, study: Study, failure: Failure, message: str = NO_ROOM, **how: Any) -> Trial:
    """Let a trial fail."""
    return ended(store, study, FAILED, failure=failure, failure_message=message, **how)


def rows(command: str, *names: str) -> list[list[str]]:
    """Return the words of each line that `command` prints about `mine`."""
    return [line.split() for line in done(command, "mine", *names).out.splitlines()]


def closing(store: StudyStore, study: Study, capsys: Any, best: Trial) -> list[str]:
    """Return the lines that a search ends with."""
    capsys.readouterr()
    outcome_table(study, store.trials(study.study_id), best, None, None)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


# `hpsearch trials`


def test_a_failed_trial_says_how_it_failed_and_with_which_values(store, study):
    """Class, message and values; the message in one line, however it was written."""
    failed(store, study, Failure.OOM, f"{NO_ROOM}\n  at step 3")

    (line, values) = done("trials", "mine").out.splitlines()[2:]

    assert ["0", "failed:", "oom", "-", "1m01s", *NO_ROOM.split(), "at", "step", "3"] == line.split()
    assert "learning_rate=0.001 (baseline)" == values.strip()


def test_a_long_message_is_cut_in_the_table_alone(store, study):
    """Two hundred characters are enough for people; scripts get what is stored."""
    failed(store, study, Failure.CODE, "ValueError: " + "x" * 3000)

    shown = "".join(line.strip() for line in done("trials", "mine").out.splitlines()[2:])
    assert 200 == shown.count("x") + len("ValueError: ...")
    assert "ValueError: " + "x" * 3000 == done("trials", "mine", "--json").json()[0]["failure_message"]


def test_a_trial_run_again_says_so(store, study):
    """The attempt is shown from the second on."""
    claimed(store, study)
    store.recover(study.study_id, lambda row, now: True)
    ended(store, study)
    ended(store, study)

    first, second = done("trials", "mine").out.splitlines()[2:]

    assert first.endswith("learning_rate=0.001 (baseline) (attempt 2)")
    assert "attempt" not in second
    assert [2, 1] == [trial["attempt"] for trial in done("trials", "mine", "--json").json()]


def test_a_running_trial_says_how_far_it_is_and_where(store, study):
    """Percent and host; neither the mark of the boot nor what a trial that ended last said."""
    ended(store, study)
    running = claimed(store, study, OTHER)
    silent = claimed(store, study, ONE)
    assert store.renew(running.trial_id, OTHER, 60.0, 0.456)

    first, second, third = done("trials", "mine").out.splitlines()[2:]

    assert [False, True, True] == ["(on " in line for line in (first, second, third)]
    assert ["1", "running", "46%", "-", "0s", "learning_rate=0.001", "(on", "gpu-2)"] == second.split()
    assert [str(silent.number), "running", "-"] == third.split()[:3]
    assert third.rstrip().endswith("(on gpu-1)")


def test_a_batch_that_ran_in_pieces_says_in_which(store, study):
    """What was searched, and how it fitted into memory; a batch that fits as it is says nothing."""
    pieces = {"config": {"args": {BATCH: 16, "gradient_accumulation_steps": 8}}}
    ended(store, study, values={"params": {BATCH: 64, "gradient_accumulation_steps": 2}, **pieces})
    ended(store, study, values={"params": {BATCH: 16}, **pieces})
    ended(store, study, values={"params": {BATCH: 8}, "config": {"args": "none of ours"}})

    lines = [" ".join(line).partition("1m01s ")[2] for line in rows("trials")[2:]]

    assert [f"{BATCH}=64 (16 x 4), gradient_accumulation_steps=2 (baseline)", f"{BATCH}=16", f"{BATCH}=8"] == lines
    assert [BATCH, "64", "(16", "x", "4)"] in rows("best")
    assert 64 == done("best", "mine", "--json").json()["params"][BATCH]


def test_the_table_fits_a_terminal_of_80_columns(store, study, monkeypatch):
    """Only the values are folded: trial, state, score and time are whole, and no line is longer."""
    many = {f"parameter_number_{number}": 0.123456 for number in range(8)}
    failed(store, study, Failure.TIMEOUT, "TrialTimedOut: the trial took longer than it may", values={})
    ended(store, study, values={"params": many})
    claimed(store, study, "h" * 100 + "#0:1:0.0")
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)

    lines = Text.from_ansi(done("trials", "mine").out).plain.splitlines()

    assert [] == [line for line in lines if len(line) > 80]
    assert ["trial", "state", "score", "curve", "time", "values"] == lines[1].split()
    starts = [line.split()[:5] for line in lines if line[:1].isdigit()]
    assert ["0", "failed:", "timeout", "-", "1m01s"] == starts[0]
    assert ["1", "*", "complete", "0.5000", "1m01s"] == starts[1]
    assert ["2", "running", "-", "0s"] == starts[2][:4]


def test_scripts_read_all_of_it(store, study):
    """Progress, device, worker, attempt and failure are keys of every trial."""
    failed(store, study, Failure.NAN, values={"device": "NVIDIA H200", "progress": 0.25})
    claimed(store, study, OTHER)

    first, second = done("trials", "mine", "--json").json()

    names = ("progress", "device", "worker", "attempt", "failure")
    assert [0.25, "NVIDIA H200", ONE, 1, "nan"] == [first[name] for name in names]
    assert [None, None, OTHER, 1, None] == [second[name] for name in names]


# `hpsearch show`


def test_show_counts_failures_by_class(store, study):
    """The most frequent first; nothing of it where none failed."""
    assert {} == done("show", "mine", "--json").json()["failures"]
    assert "failures" not in [line[0] for line in rows("show") if line]

    for failure in (Failure.NAN, Failure.OOM, Failure.OOM):
        failed(store, study, failure)

    assert {"oom": 2, "nan": 1} == done("show", "mine", "--json").json()["failures"]
    assert ["failures", "2", "oom,", "1", "nan"] in rows("show")


def test_show_has_the_limits(store):
    """Those of the study, and the defaults where it has none."""
    made(store, limits={"max_failures": 4, "trial_timeout": 1.5, "keep": 2})
    made(store, name="old")

    assert ["max failures 4 in a row", "trial timeout 1.5 s", "keep 2 checkpoints"] == [
        " ".join(line) for line in rows("show") if line and line[0] in ("max", "trial", "keep")
    ]
    mine, old = (done("show", name, "--json").json()["limits"] for name in ("mine", "old"))
    assert {"max_failures": 4, "trial_timeout": 1.5, "keep": 2, "stop_when_flat": False} == mine
    assert {"max_failures": None, "trial_timeout": None, "keep": 1, "stop_when_flat": False} == old
    assert "3 in a row" in done("show", "old").out


def test_show_says_how_large_the_checkpoints_are(store, study):
    """Bytes for scripts, a size for people, of all files below the trials."""
    for number, count in ((0, 1_000_000), (2, 500_000)):
        kept = Path(study.folder) / "trials" / str(number) / KEPT / "checkpoint-4"
        kept.mkdir(parents=True)
        (kept / "model.safetensors").write_bytes(b"0" * count)
    (Path(study.folder) / "log.txt").write_text("none of it")

    assert 1_500_000 == done("show", "mine", "--json").json()["checkpoint_bytes"]
    assert ["checkpoints", "1.5", "MB"] in rows("show")


@pytest.mark.parametrize("folder", ["", "/nowhere/mine", "hpsearch.db"], ids=["none", "elsewhere", "a file"])
def test_a_folder_that_is_not_here_has_no_checkpoint(folder, store):
    """It is on another machine, or was never made: what lies in the current folder is none of the study's."""
    trial = ended(store, made(store, folder=folder))
    kept = Path("trials") / str(trial.number) / KEPT / "checkpoint-4"
    kept.mkdir(parents=True)
    (kept / "model.safetensors").write_bytes(b"0")

    assert 0 == done("show", "mine", "--json").json()["checkpoint_bytes"]
    assert ["checkpoints", "0", "B"] in rows("show")
    assert done("best", "mine", "--json").json()["checkpoint"] is None


def test_show_names_who_works_on_it(store, study):
    """Host, process and how far, for each running trial; nobody where none runs."""
    ended(store, study)
    assert [] == done("show", "mine", "--json").json()["workers"]
    running = claimed(store, study, OTHER)
    claimed(store, study, "oddly named")
    assert store.renew(running.trial_id, OTHER, 60.0, 0.5)

    assert [
        {"host": "gpu-2", "pid": 4712, "trial": 1, "progress": 0.5},
        {"host": "oddly named", "pid": None, "trial": 2, "progress": None},
    ] == done("show", "mine", "--json").json()["workers"]
    shown = [" ".join(line) for line in rows("show") if line[:1] == ["worker"]]
    assert ["worker on gpu-2, pid 4712 trial 1, 50% done", "worker on oddly named, pid ? trial 2"] == shown


# How a search ends


def test_the_closing_line_counts_what_failed(store, study, capsys):
    """What counts, and in which ways the rest failed; one failed trial is one."""
    best = ended(store, study)
    failed(store, study, Failure.NAN)
    ended(store, study, PRUNED, score=0.4)
    assert "3 trials: 1 complete, 1 pruned; 1 failed: 1 nan" in closing(store, study, capsys, best)

    ended(store, study)
    assert "3 trials: 2 complete, 1 pruned; 1 failed and was replaced: 1 nan" in closing(store, study, capsys, best)

    larger = store.update_study(study.study_id, trials=4)
    for failure in (Failure.OOM, Failure.OOM):
        failed(store, study, failure)
    ended(store, study)
    lines = closing(store, larger, capsys, best)
    assert "4 trials: 3 complete, 1 pruned; 3 failed and were replaced: 2 oom, 1 nan" in lines
    assert {"oom": 2, "nan": 1} == outcome_json(larger, store.trials(study.study_id), best, None, None)["failures"]


def test_the_closing_line_says_nothing_of_failures_where_there_was_none(store, study, capsys):
    """A count of what there is, and no more."""
    best = ended(store, study)
    assert "3 trials: 1 complete" in closing(store, study, capsys, best)
    assert {} == outcome_json(study, store.trials(study.study_id), best, None, None)["failures"]


def test_the_closing_line_counts_workers_from_two_on(store, study, capsys):
    """One worker is nothing to speak of."""
    best = ended(store, study)
    ended(store, study, worker=OTHER)
    claimed(store, study, OTHER)

    assert "3 trials: 2 complete, 1 running; run by 2 workers" in closing(store, study, capsys, best)


def test_a_failed_baseline_says_how_and_that_its_score_does_not_count(store, study, capsys):
    """What it measured before it failed is shown, and said not to count."""
    failed(store, study, Failure.NAN, metrics={"eval_accuracy": 0.6912})
    best = ended(store, study, score=0.75)

    lines = closing(store, study, capsys, best)

    assert ["score", "at", "1", "of", "the", "data", "0.6912", "(does", "not", "count)", "0.7500"] in [
        line.split() for line in lines
    ]
    assert "the baseline failed: nan" == lines[-1]
    said = outcome_json(study, store.trials(study.study_id), best, None, None)
    assert ("nan", None) == (said["baseline"]["failure"], said["baseline"]["score"])


def test_a_baseline_that_failed_before_it_was_scored_has_none(store, study, capsys):
    """Nothing is shown where nothing was measured."""
    failed(store, study, Failure.OOM)
    best = ended(store, study, score=0.75)

    lines = closing(store, study, capsys, best)

    assert ["score", "at", "1", "of", "the", "data", "-", "0.7500"] in [line.split() for line in lines]
    assert "the baseline failed: oom" == lines[-1]


@pytest.mark.parametrize(
    ("direction", "said"),
    [("maximize", "best is 0.2500 better than"), ("minimize", "trial 1 is 0.2500 worse than")],
)
def test_a_trial_that_is_worse_than_the_baseline_is_not_called_better(direction, said, store, capsys):
    """Any trial may be retrained: what is said of it goes by the study's direction."""
    study = made(store, direction=direction)
    ended(store, study, score=0.5)
    chosen = ended(store, study, score=0.75)

    assert f"{said} the baseline on the selection split" == closing(store, study, capsys, chosen)[-1]


# `hpsearch best`


def test_a_checkpoint_on_another_machine_is_named_with_its_host(store, study):
    """People read where it is; for scripts, `checkpoint` is always a folder that can be opened here, or null."""
    ended(store, study, worker=OTHER, checkpoint="/there/trials/0/kept/checkpoint-4")

    assert ["checkpoint", "/there/trials/0/kept/checkpoint-4", "on", "gpu-2"] in rows("best")
    said = done("best", "mine", "--json").json()
    assert [None, "gpu-2", "/there/trials/0/kept/checkpoint-4"] == [
        said[name] for name in ("checkpoint", "checkpoint_host", "checkpoint_path")
    ]


def test_a_checkpoint_here_is_the_one_that_is_named(store, study, tmp_path):
    """In the study's folder, or where a worker of this machine kept it."""
    own = tmp_path / "own" / "checkpoint-4"
    own.mkdir(parents=True)
    trial = ended(store, study, worker=OTHER, checkpoint=str(own))
    assert str(own) == done("best", "mine", "--json").json()["checkpoint"]

    kept = Path(study.folder) / "trials" / str(trial.number) / KEPT / "checkpoint-4"
    kept.mkdir(parents=True)
    said = done("best", "mine", "--json").json()
    assert (str(kept), False) == (said["checkpoint"], "checkpoint_host" in said)


def test_a_checkpoint_that_is_gone_is_not_named(store, study, tmp_path):
    """This machine had it, and has it no longer: nobody is sent to look for it."""
    ended(store, study, worker=worker_name(), checkpoint=str(tmp_path / "gone"))

    assert ["checkpoint", "-"] in rows("best")
    said = done("best", "mine", "--json").json()
    assert (None, False) == (said["checkpoint"], "checkpoint_host" in said)


# All of them


@pytest.mark.parametrize("command", ["trials", "show", "best"])
def test_nothing_in_a_row_steers_the_terminal(command, store):
    """Messages, hosts, paths and values are shown as text: no escape, no markup, no change of direction."""
    study = made(store, folder=HOSTILE, limits={"keep": HOSTILE}, task=HOSTILE, objective=HOSTILE)
    failed(store, study, Failure.CODE, HOSTILE)
    ended(store, study, worker=f"{HOSTILE}#0:1:0.0", values={"params": {HOSTILE: HOSTILE}}, checkpoint=HOSTILE)
    claimed(store, study, f"{HOSTILE}#0:1:0.0", params={"learning_rate": HOSTILE})

    out = done(command, "mine").out

    assert "[bold]" in out
    assert not CONTROL & set(out)
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in out


def test_the_closing_table_is_text_alone(store, capsys):
    """The same for the end of a search."""
    study = made(store, task=HOSTILE, objective=HOSTILE)
    ended(store, study, values={"params": {HOSTILE: HOSTILE}})
    best = ended(store, study, score=0.6, values={"params": {HOSTILE: HOSTILE}})

    out = "\n".join(closing(store, study, capsys, best))

    assert "[bold]" in out
    assert not CONTROL & set(out)


def test_a_collapsed_trial_counts_and_says_what_it_is(store, study, capsys):
    """Its score is true, so it is complete and not replaced; every place says that the model learned nothing."""
    trial = claimed(store, study)
    store.finish(
        trial.trial_id, TrialState.COMPLETE, score=0.69, failure=Failure.COLLAPSED, failure_message="all the same"
    )
    (best,) = store.trials(study.study_id)

    lines = closing(store, study, capsys, best)

    assert "1 complete (1 collapsed: the same prediction for every row)" in "\n".join(lines)
    assert "no trial learned anything: the best one predicts the same for every row" == lines[-1]
    assert {} == outcome_json(study, [best], best, None, None)["failures"]
    assert 1 == outcome_json(study, [best], best, None, None)["collapsed"]
    assert "collapsed" in done("trials", "mine").out

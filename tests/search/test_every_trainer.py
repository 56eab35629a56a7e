"""Any Trainer is made anew for each trial: the first trial is the script's own training, and no trial knows another.

Each script in `trainers` is of a kind that people write; it is trained alone once, and searched once, for all tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hpsearch
from hpsearch.studies.records import TrialState

from .trainer_scripts import FOLDER, SCRIPTS, Ended, Script, alone, tensors

#: What the libraries here say of each other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing:FutureWarning"),  # peft and trl ask for it so
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),  # SetFit's arguments know no other
]
SIX_DIGITS = 5e-7


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the tests' own, which is the current one and has the tiny models; scripts import each other."""
    folder = tmp_path_factory.mktemp("every")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        patch.setenv("TOY_MODELS", str(folder / "models"))
        patch.syspath_prepend(FOLDER)
        yield folder


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.name)
def script(request: pytest.FixtureRequest) -> Script:
    """One of the scripts, whose libraries are here."""
    for library in request.param.needs:
        pytest.importorskip(library)
    return request.param


@pytest.fixture(scope="module")
def ended(script: Script, place: Path) -> Ended:
    """The script's training, alone."""
    return alone(script, place / "alone" / script.name)


def search(script: Script, place: Path, study: str, *, backwards: bool = False) -> Any:
    """Search a script: the baseline and two values of a grid, each trained on all rows and judged by its last look."""
    return hpsearch.search(
        script.build_trainer,
        space=script.space(backwards=backwards),
        sampler="grid",
        trials=3,
        subset=1.0,
        strategy="single",
        confirm="none",
        score="last",
        keep=3,
        objective=script.objective,
        direction=script.direction,
        study=study,
        store=f"sqlite:///{place}/store.db",
        output_dir=place / "out" / study,
        quiet=True,
    )


@pytest.fixture(scope="module")
def searched(script: Script, place: Path) -> Any:
    """The study of a script: three trials."""
    return search(script, place, script.name)


def by_value(study: Any, script: Script) -> dict[Any, float]:
    """Return the score of each trial by the value it tried."""
    (name,) = script.values
    return {trial.params[name]: trial.score for trial in study.trials}


def kept_weights(place: Path, study: str, number: int) -> dict[str, str]:
    """Return a hash of each tensor in the checkpoint that a trial kept."""
    (folder,) = (place / "out" / study).glob(f"*/trials/{number}/kept/checkpoint-*")
    return tensors(folder)


def test_a_script_trains_alone(script: Script, ended: Ended) -> None:
    """Without hpsearch, the script trains its model and measures the objective: what follows compares with that."""
    assert ended.trained
    assert ended.weights
    assert isinstance(float(ended.metrics[script.objective]), float)


def test_the_baseline_is_the_scripts_own_training(script: Script, ended: Ended, searched: Any, place: Path) -> None:
    """Trial 0 has the values of the script, inside the space or not, and ends as the script alone does: with the same
    metric to six digits, and with the same weights to the last bit, however often it was looked at on its way.
    """
    baseline = searched.trials[0]

    assert pytest.approx(float(ended.metrics[script.objective]), abs=SIX_DIGITS) == baseline.score
    assert ended.weights == kept_weights(place, script.name, 0)


def test_what_is_searched_is_what_differs(script: Script, searched: Any, place: Path) -> None:
    """Every trial is complete, and each value leads elsewhere: what was searched reached the training."""
    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in searched.trials]
    assert set(by_value(searched, script)) > set(next(iter(script.values.values())))
    ends = [kept_weights(place, script.name, number) for number in range(3)]
    assert 3 == len({tuple(sorted(end.items())) for end in ends})
    assert 1 < len({trial.score for trial in searched.trials})


def test_a_trial_is_the_same_when_it_is_run_again(searched: Any) -> None:
    """Each trial, whatever ran before it, is run again from its row, and is the same to the last bit."""
    for trial in searched.trials:
        found = searched.replay(trial.number)

        assert (True, []) == (found.identical, found.differences)


def test_a_trial_is_the_same_in_another_order(script: Script, searched: Any, place: Path) -> None:
    """The same trials the other way round have the same scores to the last bit: none leaves anything to the next."""
    other = search(script, place, f"{script.name}-backwards", backwards=True)

    assert [trial.params for trial in searched.trials] != [trial.params for trial in other.trials]
    assert by_value(searched, script) == by_value(other, script)

"""Most of the trials fail, in each way that a configuration can be to blame for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hpsearch.studies.records import Failure, TrialState

from .searching import Search, ended

TRIALS = 8
#: Three of eight configurations are good: there are learning rates that explode or do nothing, a layer that no memory
#: holds, and a number of heads that the model refuses.
SPACE = """
learning_rate: {choices: [2.0e-3, 1.5e-3, 1.2e-3, 1.0e-3, 9.0e-4, 8.0e-4, 1.0e+9, 1.0e-9]}
model.intermediate_size: {choices: [64, 96, 128, 1000000000000]}
model.num_attention_heads: {choices: [2, 4, 3]}
num_train_epochs: {choices: [3, 4]}
per_device_train_batch_size: 16
"""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_search_outlives_its_failures(url: str, tmp_path: Path) -> None:
    """A11, B9: with 60 % of the configurations failing in four ways, the study gets its total, each failure has its
    class, and the exit code is 0.
    """
    (tmp_path / "space.yaml").write_text(SPACE)
    options = (
        "--space",
        "space.yaml",
        "--sampler",
        "random",
        "--seed",
        "5",
        "--max-failures",
        "40",
        "--subset",
        "0.1",
        "--no-retrain",
    )
    with Search(url, tmp_path, TRIALS, options) as search:
        said = ended(search.start("--jobs", "2"))
        trials = search.found()

    assert TRIALS == sum(one.state is TrialState.COMPLETE for one in trials)
    failures = Counter(one.failure for one in trials if one.failure)
    assert {Failure.OOM, Failure.NAN, Failure.COLLAPSED, Failure.CODE} == set(failures)
    assert all((one.state is TrialState.COMPLETE) == (one.failure in (None, Failure.COLLAPSED)) for one in trials)
    for one in trials:
        params = one.params or {}
        if params["model.num_attention_heads"] == 3:
            assert Failure.CODE is one.failure, one
        elif params["model.intermediate_size"] > 128:
            assert Failure.OOM is one.failure, one
        elif params["learning_rate"] > 1:
            assert Failure.NAN is one.failure, one
        elif params["learning_rate"] < 1e-8:
            assert Failure.COLLAPSED is one.failure, one
    assert f"{TRIALS} complete" in said
    assert f"{sum(one.state is TrialState.FAILED for one in trials)} failed" in said


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_slow_trial_fails_and_the_next_one_starts(url: str, tmp_path: Path) -> None:
    """C7: a trial that takes longer than it may is FAILED `timeout`, is replaced, and the search ends well."""
    options = (
        *("--objective", "loss", "--set", "num_train_epochs=1", "--subset", "1", "--no-retrain"),
        *("--set", "per_device_train_batch_size=1", "--trial-timeout", "2", "--max-failures", "2"),
    )
    with Search(url, tmp_path, 3, options) as search:
        process = search.start()
        said, _ = process.communicate(timeout=120)
        trials = search.found()

    assert 1 == process.returncode
    assert [Failure.TIMEOUT] * 2 == [one.failure for one in trials]
    assert all("longer than the 2 s" in str(one.failure_message) for one in trials)
    assert "2 trials in a row failed, the last one (timeout)" in said

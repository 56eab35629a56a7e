"""Studies whose trials are claimed, chosen and scored as in a search, and not trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optuna

from hpsearch import Space
from hpsearch.search.sampling.chooser import Chooser
from hpsearch.spaces.optuna_space import suggest
from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Trial, TrialState
from hpsearch.studies.store import StudyStore


def noise(params: Mapping[str, Any]) -> float:
    """Return a score that says nothing of the values."""
    return float(sum(map(ord, repr(sorted(params.items())))) % 97)


class Drawing:
    """A study whose trials are claimed, chosen and scored as in a search, and not trained."""

    def __init__(
        self,
        url: str,
        space: Space,
        sampler: str = "tpe",
        *,
        seed: int = 7,
        score: Callable[[Mapping[str, Any]], float] = noise,
        **changes: Any,
    ) -> None:
        self.url, self.space, self.score = url, space, score
        self.store = StudyStore.open(url, create=True)
        self.storage = optuna_storage(url)
        open_optuna_study(self.storage, "drawn", direction="minimize", metric_name="eval_loss")
        about = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_loss", "direction": "minimize"}
        self.study = self.store.create_study(name="drawn", spec={"identity": {}}, trials=100, **about)
        self.chooser = Chooser(
            space=space,
            sampler=sampler,
            seed=seed,
            store=self.store,
            study_id=self.study.study_id,
            **{"baseline": space.baseline({}), **changes},
        )

    def claim(self, worker: str = "me") -> Trial:
        """Take a slot."""
        trial = self.store.claim(self.study.study_id, worker=worker, lease_s=60)
        assert trial is not None
        return trial

    def propose(self, trial: Trial) -> dict[str, Any]:
        """Let Optuna ask for the configuration of a claimed trial; return it."""
        storage: Any = ClaimedStorage(self.storage, trial.optuna_trial_id, Patience())
        study = optuna.load_study(study_name="drawn", storage=storage, sampler=self.chooser.proposals(trial))
        return suggest(self.space, study.ask())

    def draw(self) -> dict[str, Any]:
        """Propose the next trial's configuration and let it end well; return the configuration."""
        trial = self.claim()
        params = self.propose(trial)
        self.end(trial, params)
        return params

    def end(self, trial: Trial, params: Mapping[str, Any]) -> None:
        """Score a trial by its configuration."""
        score = self.score(params)
        self.store.record(trial.trial_id, params=dict(params))
        self.store.finish(trial.trial_id, TrialState.COMPLETE, score=score)
        self.storage.set_trial_state_values(trial.optuna_trial_id, optuna.trial.TrialState.COMPLETE, [score])

    def all_but(self, last: Mapping[str, Any]) -> None:
        """Try every configuration but one, as an older release did: without a reservation."""
        for params in self.space.configurations():
            if params != last:
                self.end(self.claim(), params)

    def close(self) -> None:
        """Close both sides."""
        self.store.close()
        self.storage.remove_session()
        self.storage.engine.dispose()

"""Several objectives that steer: what is proposed, which of the front is the winner, and what is refused."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from hpsearch import BadInput, Choice, Float, HpsearchError, Int, Space
from hpsearch.search.ladder import Ladder
from hpsearch.search.sampling.chooser import Chooser
from hpsearch.search.sampling.proposals import DRAWS
from hpsearch.search.sampling.samplers import POPULATION, make_sampler
from hpsearch.search.sampling.steering import SEVERAL
from hpsearch.search.strategy import strategy_of
from hpsearch.spaces.optuna_space import distributions, suggest
from hpsearch.studies.claimed_storage import ClaimedStorage
from hpsearch.studies.front import FIRST, KNEE, by_rule, choice_of, chosen, front_of, wanted
from hpsearch.studies.objective import SECONDS, TRAIN, Objective
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_study import open_optuna_study
from hpsearch.studies.patience import Patience
from hpsearch.studies.records import Phase, Study, Trial, TrialState
from hpsearch.studies.store import StudyStore

from .command import COLUMNS, TINY, csv_text, done, hpsearch, refused, rows
from .told_studies import URL, climbed, ended, told_study

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

LOSS, F1 = Objective("eval_loss", "minimize"), Objective("eval_f1", "maximize")
ACCURACY, TIME = Objective("eval_accuracy", "maximize"), Objective(SECONDS, "minimize")
SPACE = Space(
    {
        "learning_rate": Float(1e-6, 1e-2, log=True),
        "num_train_epochs": Int(1, 6),
        "optim": Choice(["adamw_torch", "sgd"]),
        "adam_beta2": {"low": 0.9, "high": 0.999, "when": {"optim": "adamw_torch"}},
    }
)
SEED = 7


def values_of(params: Mapping[str, Any]) -> tuple[float, float]:
    """Return a loss and an F1 that want different things of a configuration."""
    rate, epochs = math.log10(params["learning_rate"]), params["num_train_epochs"]
    return abs(rate + 4) + epochs / 10, 1 - abs(rate + 3) / 10 - abs(epochs - 5) / 20


# What is proposed


class Worker:
    """One worker of a study whose trials are claimed, chosen and scored as in a search, and not trained."""

    def __init__(self, url: str, sampler: str) -> None:
        self.store = StudyStore.open(url, create=True)
        self.storage = optuna_storage(url)
        open_optuna_study(self.storage, "drawn", direction="minimize", metric_name="eval_loss")
        about = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_loss", "direction": "minimize"}
        there = [one.study for one in self.store.studies()]
        made = there or [self.store.create_study(name="drawn", spec={"identity": {}}, trials=100, **about)]
        self.study = made[0]
        self.chooser = Chooser(
            space=SPACE,
            sampler=sampler,
            seed=SEED,
            baseline=SPACE.baseline({}),
            objectives=(LOSS, F1),
            store=self.store,
            study_id=self.study.study_id,
        )

    def propose(self) -> tuple[Trial, dict[str, Any]]:
        """Claim the next trial and return it with its configuration."""
        trial = self.store.claim(self.study.study_id, worker="me", lease_s=60)
        assert trial is not None
        storage: Any = ClaimedStorage(self.storage, trial.optuna_trial_id, Patience())
        study = optuna.load_study(study_name="drawn", storage=storage, sampler=self.chooser.proposals(trial))
        return trial, suggest(SPACE, study.ask())

    def draw(self, *, fails: bool = False) -> dict[str, Any]:
        """Let the next trial end, well or not; return its configuration."""
        trial, params = self.propose()
        loss, f1 = values_of(params)
        metrics = {} if fails else {"eval_loss": loss, "eval_f1": f1}
        self.store.record(trial.trial_id, params=params)
        self.store.finish(trial.trial_id, TrialState.COMPLETE, score=loss, metrics=metrics)
        self.storage.set_trial_state_values(trial.optuna_trial_id, optuna.trial.TrialState.COMPLETE, [loss])
        return params

    def close(self) -> None:
        """Close both sides."""
        self.store.close()
        self.storage.remove_session()
        self.storage.engine.dispose()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Any]:
    """Make workers, those of one store by its name."""
    made: list[Worker] = []

    def make(sampler: str, name: str = "one") -> Worker:
        made.append(Worker(f"sqlite:///{tmp_path}/{name}.db", sampler))
        return made[-1]

    yield make
    for one in made:
        one.close()


def drawn_by_optuna(sampler: str, count: int) -> list[dict[str, Any]]:
    """Return what Optuna's own sampler proposes in a plain study of two directions, after the baseline."""
    study = optuna.create_study(directions=["minimize", "maximize"])
    found = [SPACE.baseline({})]
    kinds = {name: kind for name, kind in distributions(SPACE).items() if name in found[0]}
    first = {"NSGAIISampler:generation": 0}
    study.add_trial(create_trial(params=found[0], distributions=kinds, values=values_of(found[0]), system_attrs=first))
    while len(found) < count:
        for draw in range(DRAWS):  # a child may be the image of a parent: that is not tried twice
            study.sampler = make_sampler(sampler, study_seed=SEED, number=len(found), draw=draw)
            trial = study.ask()
            params = suggest(SPACE, trial)
            if params not in found:
                break
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        found.append(params)
        study.tell(trial, list(values_of(params)))
    return found


@pytest.mark.parametrize("sampler", SEVERAL)
def test_they_propose_what_optunas_own_propose_in_a_plain_study(sampler, worker):
    """Of the same seeds and the same values, over three generations and with conditions: the same configurations."""
    count = 3 * POPULATION
    one = worker(sampler)

    assert drawn_by_optuna(sampler, count) == [one.draw() for _ in range(count)]


@pytest.mark.parametrize("sampler", SEVERAL)
def test_a_search_that_is_killed_or_shared_proposes_the_same(sampler, worker):
    """Two workers in turns, and one that starts anew for each trial, propose what an undisturbed one does."""
    count = 2 * POPULATION + 2
    whole = worker(sampler, "whole")
    expected = [whole.draw() for _ in range(count)]
    first, second = worker(sampler, "shared"), worker(sampler, "shared")

    assert expected == [(second if number % 2 else first).draw() for number in range(count)]
    assert expected == [worker(sampler, "killed").draw() for number in range(count)]


def test_all_objectives_steer(worker):
    """With the second one the other way round, what follows the first generation is something else."""
    one, other = worker("nsga2", "one"), worker("nsga2", "other")
    other.chooser = dataclasses.replace(other.chooser, objectives=(LOSS, Objective("eval_f1", "minimize")))
    pairs = [(one.draw(), other.draw()) for _ in range(3 * POPULATION)]

    assert [] == [pair for pair in pairs[:POPULATION] if pair[0] != pair[1]]
    assert any(mine != theirs for mine, theirs in pairs[POPULATION:])


@pytest.mark.parametrize("sampler", SEVERAL)
def test_a_trial_that_lacks_a_number_is_no_parent(sampler, worker):
    """Its training ended, and its evaluation did not return all of the objectives: the search goes on without it."""
    one = worker(sampler)
    found = [one.draw(fails=number % 3 == 1) for number in range(2 * POPULATION)]

    assert len(found) == len({tuple(sorted(params.items())) for params in found})
    assert all(SPACE.contains(params) for params in found)


def test_optunas_study_stays_one_of_one_direction(worker):
    """Plain Optuna loads it and names the best of the first objective; generations and parents lie in the database."""
    one = worker("nsga2")
    losses = [values_of(one.draw())[0] for _ in range(POPULATION + 2)]
    plain = optuna.load_study(study_name="drawn", storage=one.storage)
    attributes = one.storage.get_study_system_attrs(plain._study_id)

    assert [optuna.study.StudyDirection.MINIMIZE] == plain.directions
    assert min(losses) == plain.best_value
    assert any(name.startswith("NSGAIISampler:parent:1") for name in attributes)
    assert [0, 1, 1] == [trial.system_attrs["NSGAIISampler:generation"] for trial in plain.trials[POPULATION - 1 :]]


# Which of a front is the winner


def trial(number: int, score: float | None, seconds: float, **changes: Any) -> Trial:
    """Return a complete trial of the search with that accuracy."""
    about: dict[str, Any] = {"trial_id": number, "study_id": 1, "objective": "eval_accuracy", "seed": 1}
    values = {"fraction": 0.1, "state": TrialState.COMPLETE, "params": {"learning_rate": 1e-4 * (number + 1)}}
    return Trial(number=number, score=score, seconds={TRAIN: seconds}, **{**about, **values, **changes})


def steered(rule: str = "nobody") -> Study:
    """Return a study that accuracy and seconds steer."""
    about: dict[str, Any] = {"study_id": 1, "uid": "0" * 8, "name": "s", "created_at": "", "identity": "", "folder": ""}
    limits = {"weighed": [TIME.to_json()], "choice": rule}
    words = {"task": "t", "model": "m", "backend": "optuna", "objective": "eval_accuracy", "direction": "maximize"}
    return Study(spec={}, trials=9, limits=limits, **words, **about)


#: Accuracy from 0.5 to 0.9, seconds from 10 to 50: the middle one gives up a tenth of both ranges.
BENT = [trial(0, 0.9, 50.0), trial(1, 0.86, 14.0), trial(2, 0.5, 10.0), trial(3, 0.6, 60.0)]
KNEES = {
    "a bend": (BENT, [1, 0, 2]),
    "a line: the middle": ([trial(0, 0.9, 50.0), trial(1, 0.7, 30.0), trial(2, 0.5, 10.0)], [1, 0, 2]),
    "two ends are equally far: the better in the first objective": ([trial(0, 0.5, 1.0), trial(1, 0.9, 2.0)], [1, 0]),
    "equals: the earlier": ([trial(0, 0.9, 5.0), trial(1, 0.9, 5.0)], [0, 1]),
    "one alone": ([trial(4, 0.1, 9.0)], [4]),
    "none": ([], []),
}


@pytest.mark.parametrize("case", KNEES)
def test_the_knee_is_the_nearest_to_the_best_of_each(case):
    """After each objective is scaled to the front's range; what the front does not reach plays no part."""
    trials, expected = KNEES[case]
    front = front_of(steered(), trials)

    assert front is not None
    assert expected == [one.number for one in by_rule(front, KNEE)]
    assert [one.number for one in front.trials] == [one.number for one in by_rule(front, FIRST)]


def test_units_do_not_move_the_knee():
    """Seconds or milliseconds, a share or percent: the same trial is chosen."""
    scaled = [
        dataclasses.replace(one, score=100 * (one.score or 0), seconds={TRAIN: 1e3 * one.seconds[TRAIN]})
        for one in BENT
    ]

    found = [chosen(steered(KNEE), trials) for trials in (BENT, scaled)]
    assert [1, 1] == [one and one.number for one in found]


def test_a_rule_chooses_and_without_one_nothing_does():
    """`first` the most accurate, `knee` the bend; a final of the chosen one is the winner, whatever another scored."""
    final = {"phase": Phase.FINAL, "rung": 1, "fraction": 1.0}
    finals = [trial(4, 0.8, 140.0, origin=1, **final), trial(5, 0.95, 500.0, origin=0, baseline=True, **final)]
    numbers = {rule: chosen(steered(rule), BENT) for rule in (FIRST, KNEE, "nobody", "of another release")}

    assert {FIRST: 0, KNEE: 1} == {rule: one.number for rule, one in numbers.items() if one is not None}
    assert 4 == getattr(chosen(steered(KNEE), [*BENT, *finals]), "number", None)
    assert None is choice_of(dataclasses.replace(steered(KNEE), limits={}))


def test_a_chosen_one_that_fails_on_all_the_data_gives_its_place_to_the_next():
    """As everywhere: the next in the order of the rule is followed, and is the winner."""
    study, failed = steered(KNEE), {"phase": Phase.FINAL, "rung": 1, "fraction": 1.0, "state": TrialState.FAILED}
    baseline = dataclasses.replace(BENT[3], baseline=True)
    trials = [*BENT[:3], baseline, trial(4, None, 1.0, origin=1, **failed)]
    ladder = Ladder(
        strategy=strategy_of(pruner="none", sampler="nsga2", choose=KNEE),
        fraction=0.1,
        seed=1,
        objective=ACCURACY,
        wanted=partial(wanted, study),
    )

    assert [1, 3] == [one.origin for one in ladder.promotions(trials[:4])]
    assert [0, 3] == [one.origin for one in ladder.promotions(trials)]
    assert 0 == getattr(chosen(study, trials), "number", None)


# In a store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StudyStore]:
    """A store in the current folder."""
    monkeypatch.chdir(tmp_path)
    with StudyStore.open(URL, create=True) as opened:
        yield opened


def told(store: StudyStore, rule: str) -> Study:
    """Return a study in the store with the front of `BENT` and finals of its bend and its baseline."""
    study = told_study(store, limits=steered(rule).limits, trials=len(BENT))
    for one in BENT:
        ended(store, study, one.score, seconds=one.seconds)
    if rule == KNEE:
        climbed(store, study, 1, 0.8, seconds={TRAIN: 140.0})
        climbed(store, study, 0, 0.95, seconds={TRAIN: 500.0})
    return study


def test_every_road_asks_the_store_for_the_winner(store):
    """The best is the chosen one's final and heads the ranking by which checkpoints stay; unchosen, there is none."""
    study = told(store, KNEE)
    best = store.best(study.study_id)

    assert best is not None
    assert (4, 1) == (best.number, best.first_number)
    assert [4, 5, 1, 0, 2] == store.ranking(study.study_id, "maximize", 9)


def test_looking_at_a_front_that_nobody_chose_from(store):
    """`best`, `show` and `report` show the front and what to type; `trials` marks nothing; retraining asks which."""
    told(store, "nobody")
    best = done("best", "told").out
    page = done("report", "told", "--format", "md").out

    assert "Pareto front in accuracy and seconds: 3 of 4 trials on 0.1 of the data, beaten by no other" in best
    assert "`hpsearch retrain told --trial N`" in " ".join(best.split())
    assert "--choose first or --choose knee" in " ".join(best.split())
    assert "*" not in done("trials", "told").out
    assert [0, 1, 2] == [one["trial"] for one in done("best", "told", "--json").json()["front"]["trials"]]
    assert "no winner is chosen from it" in page
    shown = " ".join(done("show", "told").out.split())
    assert "steered by, too seconds (minimize)" in shown
    assert "winner chosen from the front by nobody" in shown
    assert "nobody" == done("show", "told", "--json").json()["choice"]


# On the command line


FILES = ("--train-file", "data.csv", *COLUMNS, *TINY, "--quiet", "--precision", "fp32", "--jobs", "1")
SEARCH = ("run", *FILES, "--trials", "4", "--study", "mine")
BOTH = ("--objective", "accuracy", "--objective", "seconds")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with a study `mine` that two objectives have steered."""
    folder = tmp_path_factory.mktemp("several")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        Path("data.csv").write_text(csv_text(rows()))
        said = done(*SEARCH, *BOTH, "--sampler", "nsga2")
        Path("said.txt").write_text(said.out)
        yield folder


def test_a_search_without_a_rule_ends_with_its_front(searched):
    """Exit code 0, no finals and no model; what to type next is said; the objectives are part of the study."""
    said = " ".join(Path("said.txt").read_text().split())
    shown = done("show", "mine", "--json").json()

    assert "Pareto front in accuracy and seconds" in said
    assert "no winner is chosen from it: `hpsearch retrain mine --trial N`" in said
    assert (4, 0, [], None) == (shown["complete"], shown["later"], shown["models"], shown["verdict"])
    assert [TIME.to_json()] == shown["spec"]["identity"]["beside"]
    missing = hpsearch("retrain", "mine")
    assert 1 == missing.code
    assert "no winner is chosen from the front of 'mine'" in missing.err


def test_the_same_search_goes_on_with_a_rule(searched):
    """The trials stay; the chosen one and the baseline are compared on all the data, and it is the winner."""
    before = done("trials", "mine", "--json").json()
    said = done(*SEARCH, *BOTH, "--sampler", "nsga2", "--choose", "knee", "--json").json()
    study = done("best", "mine", "--json").json()
    out = " ".join(done("show", "mine").out.split())

    assert before == done("trials", "mine", "--json").json()[: len(before)]
    assert said["best"]["number"] == study["number"] == said["verdict"]["trial"]
    assert said["verdict"]["winner"] in [one["trial"] for one in study["front"]["trials"]]
    assert said["model"]["trial_number"] == study["number"]
    assert f"chosen from the front by the rule 'knee': the configuration of trial {said['verdict']['winner']}" in out
    with StudyStore.open(URL) as store:
        found = chosen(store.study("mine"), store.trials(store.study("mine").study_id))
    assert study["number"] == getattr(found, "number", None)


def test_another_second_objective_is_another_problem(searched):
    """It steers, so other trials would have been proposed: the study is refused with the difference."""
    refused(
        hpsearch(*SEARCH, "--objective", "accuracy", "--objective", "loss", "--sampler", "nsga2"),
        "beside: ",
        "seconds",
        "eval_loss",
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("--objective accuracy --sampler nsga2", ("nsga2", "several objectives, and there is one")),
        ("--sampler motpe", ("motpe", "there is one")),
        ("{both} --sampler nsga2 --pruner median", ("--pruner median", "nsga2")),
        ("{both} --sampler motpe --pruner pbt", ("--pruner pbt", "motpe")),
        ("{both} --sampler nsga2 --strategy ladder", ("--strategy ladder", "nsga2")),
        ("{both} --sampler nsga2 --stop-when-flat", ("--stop-when-flat", "nsga2")),
        ("{both} --sampler nsga2 --confirm quick", ("--confirm quick", "--choose first or knee")),
        ("{both} --sampler nsga2 --choose knee --confirm full", ("--confirm full", "--finalists 1")),
        ("{both} --sampler nsga2 --choose kne", ("'kne'", "did you mean 'knee'?")),
        ("{both} --choose knee", ("--choose knee", "--sampler tpe", "nsga2 or motpe")),
        ("{both} --sampler nsga2 --test-file data.csv", ("--test-file", "--choose")),
        ("--objective seconds --objective accuracy --sampler nsga2", ("'seconds' cannot be the first objective",)),
        ("{both} --sampler nsga3", ("'nsga3'", "nsga2")),
    ],
)
def test_what_makes_no_sense_with_several_is_refused(searched, more, words):
    """One sentence and exit code 2, before anything is read."""
    flags = more.format(both=" ".join(BOTH)).split()

    refused(hpsearch("check", *FILES, *flags), *words)


def test_check_says_what_steers(searched):
    """And how a winner is chosen."""
    said = done("check", *FILES, *BOTH, "--sampler", "motpe", "--choose", "first", "--json").json()["summary"]

    assert "seconds (minimize)" == said["steered by, too"]
    assert "chosen from the front by first" == said["winner"]


# In Python


def test_a_trainer_is_steered_by_several(toy):
    """Without a rule there is a front and no winner; with one the same trials have a winner, which is retrained."""
    how = {"objective": ["loss", "seconds"], "sampler": "motpe", "trials": 3, "confirm": None}
    study = toy.search(toy.trainer(), **how)
    with pytest.raises(HpsearchError, match="no winner is chosen"):
        _ = study.best

    assert 3 == len(study.trials)
    assert study.front
    again = toy.search(toy.trainer(), choose="first", **how)
    assert again.trials[:3] == study.trials
    assert again.best.first_number == study.front[0].number
    assert again.verdict is not None
    assert again.verdict["gain"] is None or "eval_loss" == again.verdict["gain"]["metric"]


def test_python_refuses_what_the_command_line_refuses(toy):
    """In the same sentence."""
    with pytest.raises(BadInput, match="several objectives, and there is one"):
        toy.search(toy.trainer(), sampler="nsga2")
    with pytest.raises(BadInput, match="--choose first is for a front"):
        toy.search(toy.trainer(), choose="first")

"""A stock `hp_space(trial)`, read into a space; drawn ones are in `test_hp_space_drawn.py`."""

import enum

import numpy as np
import optuna
import pytest
from ray import tune

from hpsearch.spaces import Choice, Constant, Float, Int, Space
from hpsearch.spaces.errors import BadInput
from hpsearch.spaces.hp_space import returned_by, space_of, suggested_in
from hpsearch.spaces.stock_trial import ReplayedTrial


def documented(trial):
    """The one of transformers' documentation, more or less, with what people add to it."""
    return {
        "learning_rate": trial.suggest_float("lr", 1e-6, 1e-4, log=True),
        "per_device_train_batch_size": trial.suggest_categorical("per_device_train_batch_size", [16, 32, 64, 128]),
        "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 5),
        "warmup_steps": trial.suggest_float("warmup", 0.0, 0.2, step=0.05),
        "gradient_accumulation_steps": 2 ** trial.suggest_int("exponent", 0, 3),
        "optim": "adamw_torch",
    }


def test_a_documented_hp_space_is_read():
    """By the names that it returns, with ranges, constants, and what is made of few whole numbers."""
    expected = Space(
        {
            "learning_rate": Float(1e-6, 1e-4, log=True),
            "per_device_train_batch_size": Choice([16, 32, 64, 128]),
            "num_train_epochs": Int(1, 5),
            "warmup_steps": Float(0.0, 0.2, step=0.05),
            "gradient_accumulation_steps": Choice([1, 2, 4, 8]),
            "optim": Constant("adamw_torch"),
        }
    )

    assert expected == space_of(documented)
    assert "documented" == space_of(documented).name


def conditional(trial):
    """Conditions on a choice, on another below it, and on a whole number."""
    said = {"optim": trial.suggest_categorical("optim", ["adamw_torch", "sgd", "adafactor"])}
    said["num_train_epochs"] = trial.suggest_int("epochs", 1, 4)
    if said["optim"] == "sgd":
        said["optim_args"] = trial.suggest_categorical("optim_args", [None, "momentum=0.9"])
        if said["optim_args"]:
            said["max_grad_norm"] = trial.suggest_float("norm", 0.5, 2)
    elif said["optim"] != "adafactor":
        said["adam_beta2"] = trial.suggest_float("adam_beta2", 0.9, 0.999)
    if said["num_train_epochs"] > 2:
        said["lr_scheduler_type"] = "cosine"
    return said


def test_conditions_become_when():
    """Each name waits for the nearest names that decide about it, whatever else they follow from."""
    assert {
        "optim": Choice(["adamw_torch", "sgd", "adafactor"]),
        "num_train_epochs": Int(1, 4),
        "optim_args": Choice([None, "momentum=0.9"], when={"optim": "sgd"}),
        "max_grad_norm": Float(0.5, 2, when={"optim_args": "momentum=0.9"}),
        "adam_beta2": Float(0.9, 0.999, when={"optim": "adamw_torch"}),
        "lr_scheduler_type": Constant("cosine", when={"num_train_epochs": [3, 4]}),
    } == returned_by(conditional)


def test_branches_are_found_among_more_combinations_than_can_be_tried():
    """Eight names of six options are 1.7 million combinations; only two of them lead to anything."""

    def wide(trial):
        said = {name: trial.suggest_categorical(name, [1, 2, 3, 4, 5, 6]) for name in "abcdefgh"}
        if said["c"] == 4 and said["f"] in (1, 6):
            said["x"] = trial.suggest_float("x", 0, 1)
        return said

    assert {"c": (4,), "f": (1, 6)} == returned_by(wide)["x"].when


def test_more_branches_than_can_be_tried_are_refused_with_their_number():
    """Four names of eight options that each lead to something are 4,096 branches."""

    def tree(trial):
        said = {name: trial.suggest_categorical(name, [1, 2, 3, 4, 5, 6, 7, 8]) for name in "abcd"}
        return said | {f"{name}_": 1 for name, value in said.items() if value == 1}

    with pytest.raises(BadInput, match="more than 500 branches, to which a, b, c, d lead"):
        returned_by(tree)


class Kind(enum.StrEnum):
    """A choice that is text, as transformers' enumerations are."""

    LINEAR = "linear"
    COSINE = "cosine"


def test_members_of_enumerations_and_numbers_of_numpy_are_their_values():
    """As everywhere in a space; the function gets them as it wrote them."""

    def hp_space(trial):
        kind = trial.suggest_categorical("kind", list(Kind))
        return {"a": kind, "b": Kind.LINEAR, "c": kind.name, "d": trial.suggest_int("d", np.int64(1), np.int64(9))}

    with pytest.raises(BadInput, match="calculates 'c'"):
        returned_by(hp_space)
    found = returned_by(lambda trial: {key: one for key, one in hp_space(trial).items() if key != "c"})
    assert {"a": Choice(["linear", "cosine"]), "b": Constant("linear"), "d": Int(1, 9)} == found
    assert Kind.COSINE is hp_space(ReplayedTrial({"kind": "cosine", "d": 3}))["a"]


@pytest.mark.parametrize(
    ("suggest", "parameter"),
    [
        (lambda trial: trial.suggest_uniform("x", 0, 1), Float(0, 1)),
        (lambda trial: trial.suggest_loguniform("x", 1e-5, 1), Float(1e-5, 1, log=True)),
        (lambda trial: trial.suggest_discrete_uniform("x", 0, 1, 0.25), Float(0, 1, step=0.25)),
        (lambda trial: trial.suggest_float("x", 3, 3), Constant(3.0)),
        (lambda trial: trial.suggest_int("x", 3, 3), Constant(3)),
        (lambda trial: trial.suggest_categorical("x", ["one"]), Constant("one")),
        (lambda trial: str(trial.suggest_categorical("x", [True, False])), Choice(["True", "False"])),
        (lambda trial: float(trial.suggest_int("x", 1, 3)), Choice([1.0, 2.0, 3.0])),
    ],
)
def test_other_ways_to_suggest(suggest, parameter):
    """Deprecated methods, ranges and choices of one value, and what is made of few values."""
    assert {"x": parameter} == returned_by(lambda trial: {"x": suggest(trial)})


def test_a_step_that_does_not_lead_to_the_end_ends_before_it_as_optunas():
    """With Optuna's own warning, once."""

    def hp_space(trial):
        return {"a": trial.suggest_float("a", 0, 1, step=0.3), "b": trial.suggest_int("b", 1, 8, step=2)}

    with pytest.warns(UserWarning, match="not divisible by `step`") as warned:
        found = returned_by(hp_space)
    assert {"a": Float(0, 0.9, step=0.3), "b": Int(1, 7, step=2)} == found
    assert 2 == len(warned)


def test_what_a_function_prints_is_not_printed_a_thousand_times(capsys):
    """It is called very often."""

    def hp_space(trial):
        print("hello")  # noqa: T201
        return {"a": trial.suggest_float("a", 0, 1)}

    returned_by(hp_space)
    assert "" == capsys.readouterr().out


def test_an_empty_dictionary_is_no_space_and_says_nothing():
    """All may be suggested in `model_init`, and `hp_space` return nothing."""
    assert {} == returned_by(lambda trial: {})
    with pytest.raises(BadInput, match="returns no hyperparameter"):
        space_of(lambda trial: {})


def test_a_dictionary_that_is_kept_between_calls_is_found_out():
    """What one trial sets would be there in the next one's."""
    kept = {}

    def hp_space(trial):
        kept["x"] = trial.suggest_float("x", 0, 1)
        kept["y"] = trial.suggest_categorical("y", [1, 2])
        if kept["y"] == 2:
            kept["z"] = 1
        return kept

    with pytest.raises(BadInput, match="returns the same dictionary each time"):
        returned_by(hp_space)


def test_a_function_that_remembers_its_calls_is_found_out():
    """What it says must follow from what is suggested."""
    calls = []

    def hp_space(trial):
        calls.append(1)
        said = {"x": trial.suggest_float("x", 0, 1)}
        return said | ({"y": 1} if len(calls) % 7 == 0 else {})

    with pytest.raises(BadInput, match="does not do the same twice"):
        returned_by(hp_space)


@pytest.mark.parametrize(
    ("hp_space", "said", "hint"),
    [
        (lambda trial: {"lr": 10 ** trial.suggest_float("x", -5, -3)}, "calculates 'lr'", "log=True"),
        (lambda trial: {"k": {"a": trial.suggest_float("x", 0, 1)}}, "calculates 'k'", "'k.a'"),
        (lambda trial: {"seed": trial.suggest_int("seed", 1, 40)}, "seed cannot be in a space", "--seed"),
        (lambda trial: {"a b": 1}, "'a b' is no name", None),
        (lambda trial: {"x": trial.suggest_float("x", 2, 1)}, "fails: ValueError: `low <= high` must hold", None),
        (lambda: 3, "fails: TypeError", None),
        (lambda trial: {"x": [1, 2]}, "returns x: a constant must be", None),
        (lambda trial: {"x": trial.study}, "uses `trial.study`", None),
        (lambda trial: trial.set_user_attr("x", 1), "uses `trial.set_user_attr`", None),
    ],
)
def test_what_is_no_space_is_refused_in_one_sentence(hp_space, said, hint):
    """With the reason, and what to do where that is known."""
    with pytest.raises(BadInput) as refusal:
        space_of(hp_space)

    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert hint is None or hint in refusal.value.hint


def test_rays_domains_are_read():
    """Ray's backend of the stock search wants a function, too, which returns these."""

    def hp_space(trial):
        return {
            "learning_rate": tune.loguniform(1e-6, 1e-4),
            "num_train_epochs": tune.choice(list(range(1, 6))),
            "weight_decay": tune.quniform(0, 0.3, 0.1),
            "warmup_steps": tune.randint(0, 5),
            "a": tune.qrandint(1, 9, 2),
            "b": tune.uniform(1, 40),
            "c": tune.lograndint(1, 9),
            "d": 3,
        }

    assert {
        "learning_rate": Float(1e-6, 1e-4, log=True),
        "num_train_epochs": Choice([1, 2, 3, 4, 5]),
        "weight_decay": Float(0, 0.3, step=0.1),
        "warmup_steps": Int(0, 4),
        "a": Int(2, 8, step=2),
        "b": Float(1, 40),
        "c": Int(1, 8, log=True),
        "d": Constant(3),
    } == returned_by(hp_space)


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (tune.randn(0, 1), "Ray's Normal Float"),
        (tune.qloguniform(1e-2, 1, 1e-2), "Ray's LogUniform Float with a step of 0.01"),
        (tune.sample_from(lambda spec: 3), "Function"),
    ],
)
def test_rays_domains_without_a_counterpart_are_refused(domain, said):
    """Named by what Ray calls them."""
    with pytest.raises(BadInput, match=said):
        returned_by(lambda trial: {"x": domain})


@pytest.mark.parametrize("seed", range(3))
def test_every_value_that_ray_draws_is_in_what_was_read(seed):
    """Both ends as Ray has them, with steps and without."""
    domains = {
        "a": tune.quniform(0.1, 0.9, 0.1),
        "b": tune.randint(2, 5),
        "c": tune.qrandint(1, 10, 3),
        "d": tune.qrandint(1, 4, 1),
    }
    found = returned_by(lambda trial: domains)
    drawn = {name: {domain.sample(random_state=seed * 100 + n) for n in range(60)} for name, domain in domains.items()}

    for name, values in drawn.items():
        assert all(found[name].contains(value) for value in values)
        assert {found[name].exact(value) for value in values} == set(found[name].values)


def build_model(trial):
    """A `model_init` as stock's documentation has it: without a trial at first."""
    layers = 2 if trial is None else trial.suggest_int("layers", 1, 3)
    dropout = trial.suggest_float("dropout", 0, 0.5) if trial is not None and layers > 1 else 0.0
    return [layers, dropout]


def test_what_a_model_init_suggests_is_read_and_replayed():
    """By the suggested names, with conditions; what it returns counts for nothing."""
    assert {"layers": Int(1, 3), "dropout": Float(0, 0.5, when={"layers": [2, 3]})} == suggested_in(build_model)
    assert [3, 0.25] == build_model(ReplayedTrial({"layers": 3, "dropout": 0.25}))


def test_a_costly_function_is_called_as_often_as_it_may_be():
    """A `model_init` makes a model each time."""
    calls = []
    suggested_in(lambda trial: calls.append(trial.suggest_categorical("x", [1, 2, 3])), calls=40)

    assert {1, 2, 3} == set(calls)
    assert 40 >= len(calls)


def test_a_replayed_trial_is_a_trial_and_answers_with_what_it_has():
    """transformers asks whether a trial is Optuna's, and for its `params` and `number`."""
    trial = ReplayedTrial({"x": 0.25, "y": "a"}, number=7)

    assert isinstance(trial, optuna.trial.BaseTrial)
    assert ({"x": 0.25, "y": "a"}, 7) == (trial.params, trial.number)
    assert 0.25 == trial.suggest_float("x", 0, 1)
    assert "a" == trial.suggest_categorical("y", ["b", "a"])
    assert not hasattr(trial, "study")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda trial: trial.suggest_float("z", 0, 1), "trial 7 has no value for 'z'"),
        (lambda trial: trial.suggest_float("x", 0.5, 1), "trial 7 has x=0.25, which is not in 0.5 .. 1.0"),
        (lambda trial: trial.suggest_categorical("x", [True, 2]), "trial 7 has x=0.25"),
        (lambda trial: trial.report(0.5, 1), "no `report`"),
    ],
)
def test_a_replayed_trial_refuses_what_it_has_no_value_for(ask, said):
    """Never another value than the one that was tried."""
    with pytest.raises(BadInput) as refusal:
        ask(ReplayedTrial({"x": 0.25}, number=7))

    assert said in str(refusal.value)

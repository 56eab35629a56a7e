"""Names inside of fields that other libraries have, and those of several consumers at once, searched for real."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hpsearch
from hpsearch import Choice, Int
from hpsearch.studies.records import TrialState

from .conftest import ONE_RUNG, Toy
from .test_inside import problem_of, trial_of
from .trainer_scripts import FOLDER, module_of

pytestmark = pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing:FutureWarning")  # trl asks for it so


@pytest.fixture
def script(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of a script in `trainers`, by its name."""
    monkeypatch.setenv("TOY_MODELS", str(toy.folder / "models"))
    monkeypatch.syspath_prepend(FOLDER)
    return module_of


def searched(toy: Toy, build_trainer: Any, space: Any, *, trials: int = 3, **options: Any) -> list[Any]:
    """The trials of a search of that many, all of which ended well."""
    study = hpsearch.search(
        build_trainer,
        space=space,
        trials=trials,
        sampler="grid",
        subset=1.0,
        store=toy.store,
        output_dir=toy.folder / "out",
        quiet=True,
        **{"objective": "eval_loss", **ONE_RUNG, **options},
    )
    assert {TrialState.COMPLETE} == {one.state for one in study.trials}, [one.failure_message for one in study.trials]
    assert [] == study.replay(study.trials[-1].number).differences
    return list(study.trials)


def test_several_fields_are_searched_at_once(toy: Toy) -> None:
    """Optimizer, schedule and checkpointing each have the trial's values; what changes numbers changes the score."""
    space = {
        "optim": "sgd",
        "optim_args.momentum": Choice([0.5, 0.95]),
        "lr_scheduler_type": Choice(["cosine_with_restarts", "polynomial"]),
        "lr_scheduler_kwargs.num_cycles": Choice([2, 3], when={"lr_scheduler_type": "cosine_with_restarts"}),
        "lr_scheduler_kwargs.power": Choice([0.5, 4.0], when={"lr_scheduler_type": "polynomial"}),
        "activation_checkpointing": True,
        "activation_checkpointing_kwargs.preserve_rng_state": True,
    }
    trials = searched(toy, toy.trainer(args={"learning_rate": 0.1}), space, trials=5)

    assert 5 == len({one.score for one in trials})
    for one in trials:
        args = one.config["args"]
        assert f"momentum={one.params['optim_args.momentum']}" == args["optim_args"]
        schedule = {name.rpartition(".")[2]: value for name, value in one.params.items() if "scheduler_kwargs" in name}
        assert (schedule or None) == args["lr_scheduler_kwargs"]
        assert {"preserve_rng_state": True, "use_reentrant": False} == args["activation_checkpointing_kwargs"]


def test_rates_of_parts_of_a_sentence_transformer_are_searched(toy: Toy, script: Any) -> None:
    """`learning_rate_mapping.PATTERN` reaches the optimizer's group; the baseline has the rate of all the others."""
    pytest.importorskip("sentence_transformers")
    name = "learning_rate_mapping.word_embeddings.weight"
    space = {name: Choice([1e-4, 2e-2])}
    build_trainer = script("st_triplets").build_trainer
    tried = trial_of(problem_of(toy, space, trainer=build_trainer()), {name: 1e-4})
    tried.create_optimizer()
    slow = [len(group["params"]) for group in tried.optimizer.param_groups if group["lr"] == 1e-4]
    trials = searched(toy, build_trainer, space, study="rates")

    assert [1] == slow
    assert [5e-3, {1e-4, 2e-2}] == [trials[0].params[name], {one.params[name] for one in trials[1:]}]
    assert 3 == len({one.score for one in trials})


def test_what_a_model_is_loaded_with_is_searched(toy: Toy, script: Any) -> None:
    """trl's `model_init_kwargs` reach the model that its Trainer loads by name; the baseline is what the model has."""
    pytest.importorskip("trl")
    from trl import SFTConfig, SFTTrainer

    module = script("trl_sft_full")
    given = {"num_train_epochs": 1, "bf16": False, "gradient_checkpointing": False, **module.toys.HERE}
    name = "model_init_kwargs.attention_dropout"
    space = {name: Choice([0.25, 0.5])}

    def build_trainer() -> SFTTrainer:
        args = SFTConfig("named", learning_rate=5e-3, model_init_kwargs={"dtype": "float32"}, **given)
        rows = {"train_dataset": module.rows(32, 0), "eval_dataset": module.rows(8, 1)}
        return SFTTrainer(model=module.toys.llama(), args=args, **rows)

    tried = trial_of(problem_of(toy, space, trainer=build_trainer()), {name: 0.25})
    trials = searched(toy, build_trainer(), space, study="loaded")

    assert 0.25 == tried.model.config.attention_dropout == tried.model.model.layers[0].self_attn.attention_dropout
    assert {"dtype": "float32", "attention_dropout": 0.25} == tried.args.model_init_kwargs
    assert [0.0, {0.25, 0.5}] == [trials[0].params[name], {one.params[name] for one in trials[1:]}]
    assert 3 == len({one.score for one in trials})
    with pytest.raises(hpsearch.BadInput, match="made with a model that is loaded already"):
        problem_of(toy, space, trainer=module.build_trainer())


def test_how_a_translator_generates_is_searched(toy: Toy, script: Any) -> None:
    """`generation_config.num_beams` is the trial's in its evaluations, with what the model generates with beside it."""
    space = {"generation_config.num_beams": Int(1, 2), "generation_config.length_penalty": 1.0}
    trials = searched(
        toy, script("seq2seq").build_trainer, space, objective="eval_overlap", direction="maximize", study="beams"
    )

    for one in trials:
        had = one.config["args"]["generation_config"]
        assert one.params["generation_config.num_beams"] == had["num_beams"]
        assert 0 == had["decoder_start_token_id"]
    assert Path(toy.folder, "out").is_dir()

"""Names inside of fields: what is searched there reaches whoever takes it, and what cannot is refused."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
)

from hpsearch import BadInput, Choice, Float, Int, Space
from hpsearch.search.making.inner import WITHOUT
from hpsearch.search.making.making import Making
from hpsearch.search.options import assignments
from hpsearch.search.plan import Plan
from hpsearch.search.problem import Problem
from hpsearch.search.reproduce import space_of, typed
from hpsearch.search.trainer_problem import trainer_problem
from hpsearch.search.trial.configuration import Configuration
from hpsearch.search.trial.trainer import made
from hpsearch.spaces import PRESETS
from hpsearch.studies.objective import Objective
from hpsearch.studies.records import TrialState

from .command import COLUMNS, ONE_RUNG, TINY, done, write_word_data

RATE = {"learning_rate": Float(1e-4, 1e-2, log=True)}
MIN_LR = ["cosine_with_min_lr", "cosine_warmup_with_min_lr"]


def problem_of(toy: Any, space: Mapping[str, Any], *, fraction: float = 1.0, **args: Any) -> Problem:
    """The problem of the toy trainer with these arguments; raises what `check` refuses."""
    trainer = args.pop("trainer", None) or toy.trainer(args=args)
    plan = Plan(space=Space(space), fraction=fraction, seed=7)
    return trainer_problem(Making.of(trainer), plan, Objective.named("loss"))


def refusal_of(toy: Any, space: Mapping[str, Any], **args: Any) -> BadInput:
    """What is said of a space that cannot be searched."""
    with pytest.raises(BadInput) as refusal:
        problem_of(toy, space, **args)
    return refusal.value


def trial_of(problem: Problem, params: Mapping[str, Any]) -> Any:
    """The Trainer of a trial with these values, from its row alone."""
    resolved = Configuration.resolve(problem.making, params, fraction=1.0, seed=7)
    row = Configuration.from_dict(json.loads(json.dumps(resolved.to_dict())))
    parts = problem.source.splits({})
    return made(problem.making, row, train=parts.train, evaluation=parts.selection, callbacks=[])


# What can be searched, and where it arrives


def test_a_schedules_name_is_merged_into_what_the_user_has(toy: Any) -> None:
    """The trial's value reaches the schedule, beside the user's other ones; the baseline is the user's own value."""
    space = {"lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5)}
    given = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"num_cycles": 1.5, "min_lr_rate": 0.7}}
    problem = problem_of(toy, space, **given)
    trainer = trial_of(problem, {"lr_scheduler_kwargs.min_lr_rate": 0.25})
    trainer.create_optimizer_and_scheduler(100)

    assert {"lr_scheduler_kwargs.min_lr_rate": 0.7} == problem.baseline()
    assert () == problem.remarks
    had = trainer.lr_scheduler.lr_lambdas[0].keywords
    assert {"min_lr_rate": 0.25, "num_cycles": 1.5} == {name: had[name] for name in ("min_lr_rate", "num_cycles")}


def schedule_of(trainer: Any) -> Mapping[str, Any]:
    """What the learning rate schedule of a Trainer was made from."""
    trainer.create_optimizer_and_scheduler(100)
    factor = getattr(trainer.lr_scheduler, "lr_lambdas", [None])[0]
    return vars(trainer.lr_scheduler) if factor is None else factor.keywords


def optimizer_of(trainer: Any) -> Mapping[str, Any]:
    """What the optimizer of a Trainer takes for all groups of parameters."""
    trainer.create_optimizer()
    found: Mapping[str, Any] = trainer.optimizer.defaults
    return found


@pytest.mark.parametrize(
    ("kind", "key", "value", "usual"),
    [
        ("cosine_with_restarts", "num_cycles", 3, 1),
        ("polynomial", "power", 2.5, 1.0),
        ("cosine", "num_cycles", 0.75, 0.5),
        ("reduce_lr_on_plateau", "factor", 0.4, 0.1),
        ("warmup_stable_decay", "min_lr_ratio", 0.2, 0),
        ("inverse_sqrt", "timescale", 500, None),
    ],
)
def test_each_schedule_has_its_own_names(kind: str, key: str, value: Any, usual: Any, toy: Any) -> None:
    """The value is the schedule's, and the baseline is what transformers takes by itself, where it says."""
    name = f"lr_scheduler_kwargs.{key}"
    more = {"lr_scheduler_kwargs": {"num_decay_steps": 10}} if kind == "warmup_stable_decay" else {}
    evaluated = {"eval_strategy": "epoch"} if kind == "reduce_lr_on_plateau" else {}
    problem = problem_of(toy, {name: Choice([value, value * 2])}, lr_scheduler_type=kind, **more, **evaluated)

    assert value == schedule_of(trial_of(problem, {name: value}))[key]
    assert {name: value if usual is None else usual} == problem.baseline()
    assert (usual is None) == any(name in remark for remark in problem.remarks)


@pytest.mark.parametrize(
    ("optim", "given", "key", "value", "usual"),
    [
        ("sgd", None, "momentum", 0.9, 0),
        ("sgd", "momentum = 0.8, nesterov=true", "momentum", 0.9, 0.8),
        ("sgd", "momentum=0.8", "nesterov", True, False),
        ("rmsprop", None, "alpha", 0.9, 0.99),
        ("adagrad", "eps=1e-7", "lr_decay", 0.1, 0),
    ],
)
def test_optimizers_arguments_are_written_as_transformers_reads_them(
    optim: str, given: str | None, key: str, value: Any, usual: Any, toy: Any
) -> None:
    """A name inside of `optim_args` reaches the optimizer; what the user wrote beside it stays."""
    name = f"optim_args.{key}"
    problem = problem_of(toy, {name: Choice([value])}, optim=optim, optim_args=given)
    trainer = trial_of(problem, {name: value})
    had = optimizer_of(trainer)

    assert value == had[key]
    assert {name: usual} == problem.baseline()
    for other in (given or "").replace(" ", "").split(","):
        if other and not other.startswith(key):
            assert other in trainer.args.optim_args.split(",")


@pytest.mark.parametrize("field", ["activation_checkpointing_kwargs", "gradient_checkpointing_kwargs"])
def test_checkpointing_keeps_what_transformers_takes_beside_it(field: str, toy: Any) -> None:
    """The values reach torch, with transformers' own `use_reentrant`, which a mapping replaces in stock."""
    switch = field.removesuffix("_kwargs")
    space = {f"{field}.preserve_rng_state": Choice([True, False]), switch: True}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # transformers deprecates one of both
        problem = problem_of(toy, space)
        trainer = trial_of(problem, {f"{field}.preserve_rng_state": False, switch: True})
        assert problem.baseline()[f"{field}.preserve_rng_state"] is True

    assert {"preserve_rng_state": False, "use_reentrant": False} == trainer.args.activation_checkpointing_kwargs


def test_what_transformers_takes_without_kwargs_is_what_we_say() -> None:
    """Contract with transformers: checkpointing without any keyword arguments is not reentrant."""
    model = BertForSequenceClassification(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    model.activation_checkpointing_enable()
    layer = model.bert.encoder.layer[0]

    assert WITHOUT["activation_checkpointing_kwargs"] == layer._gradient_checkpointing_func.keywords


def test_a_generation_config_is_searched_inside(toy: Any) -> None:
    """`generation_config.NAME` changes one value of what the model generates with, and the others stay."""
    space = {"generation_config.num_beams": Int(1, 4), "generation_config.length_penalty": 0.5}
    trainer = seq2seq_trainer(toy)
    trainer.model.generation_config.max_new_tokens = 7
    problem = problem_of(toy, space, trainer=trainer)
    tried = trial_of(problem, {"generation_config.num_beams": 3, "generation_config.length_penalty": 0.5})

    had = tried.call_model_init().generation_config
    assert (3, 0.5, 7, 0) == (had.num_beams, had.length_penalty, had.max_new_tokens, had.decoder_start_token_id)


def seq2seq_trainer(toy: Any, **args: Any) -> Any:
    """A translator of one layer, whose evaluations generate."""
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    config = T5Config(vocab_size=40, decoder_start_token_id=0, **sizes)
    rows = toy.rows(16).remove_columns("labels").map(lambda row: {"labels": row["input_ids"]})
    given = {"output_dir": "o", "use_cpu": True, "report_to": [], "predict_with_generate": True, "num_train_epochs": 1}
    return Seq2SeqTrainer(
        model_init=lambda: T5ForConditionalGeneration(config),
        args=Seq2SeqTrainingArguments(**{**given, **args}),
        train_dataset=rows,
        eval_dataset=rows,
    )


# What must be refused


@pytest.mark.parametrize(
    ("space", "args", "message", "hint"),
    [
        (
            {"lr_scheduler_kwargs.min_lr_rate": 0.1},
            {},
            "lr_scheduler_kwargs.min_lr_rate would reach nobody: lr_scheduler_type=linear does not take it",
            "it is taken by lr_scheduler_type cosine_with_min_lr, cosine_warmup_with_min_lr",
        ),
        (
            {"lr_scheduler_type": Choice(["linear", *MIN_LR]), "lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5)},
            {},
            "lr_scheduler_type=linear does not take it",
            "let it count only for what takes it: `when: {lr_scheduler_type: [cosine_with_min_lr, cosine_warmup_",
        ),
        (
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs.min_lr_rat": 0.1},
            {},
            "lr_scheduler_kwargs.min_lr_rat would reach nobody",
            "did you mean 'min_lr_rate'?",
        ),
        (
            {"lr_scheduler_type": "constant", "lr_scheduler_kwargs": {"power": 2}},
            {},
            "constant does not take it",
            "poly",
        ),
        ({"lr_scheduler_type": "cosine_with_min_lr"}, {}, "One of min_lr or min_lr_rate should be set", "min_lr_rate"),
        ({"lr_scheduler_type": "warmup_stable_decay"}, {}, "missing 1 required positional", "kwargs.num_decay_steps"),
        (
            {"lr_scheduler_kwargs.min_lr": Float(0.0, 1e-5)},
            {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
            "Only one of min_lr or min_lr_rate should be set",
            None,
        ),
        (
            {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs.lr_end": Float(1e-6, 1e-2), **RATE},
            {},
            "must be smaller than initial lr",
            None,
        ),
        (
            {"lr_scheduler_type": Choice(MIN_LR), "lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5)},
            {},
            "the baseline, which is trained first, cannot be had: lr_scheduler_kwargs.min_lr_rate would reach nobody",
            "when: {lr_scheduler_type: [cosine_with_min_lr",
        ),
        (
            {"lr_scheduler_type": "cosine_with_restarts", "lr_scheduler_kwargs.num_cycles": Choice(["a", 2])},
            {},
            "no schedule can be made with lr_scheduler_type=cosine_with_restarts, lr_scheduler_kwargs.num_cycles=a",
            None,
        ),
        ({"optim_args.beta3": 0.9}, {}, "optim_args.beta3 would reach nobody: optim=adamw_torch", "no optim that can"),
        ({"optim_args.momentum": 0.9}, {}, "does not take it", "it is taken by optim sgd, rmsprop"),
        (
            {"optim": Choice(["adamw_torch", "sgd"]), "optim_args.momentum": Float(0.0, 0.9)},
            {},
            "optim=adamw_torch does not take it",
            "`when: {optim: [sgd]}`",
        ),
        ({"optim_args": "betas=0.9"}, {}, "optim_args.betas would reach nobody", None),
        ({"optim": "sgd", "optim_args": "momentum"}, {}, "names and values such as momentum=0.9", None),
        ({"optim": "sgd", "optim_args.nesterov": True}, {}, "Nesterov momentum requires a momentum", None),
        ({"optim": "sgd", "optim_args.momentum": None}, {}, "takes true or false or a number", None),
        ({"optim": "sgd", "optim_args.momentum": "a,b"}, {}, "without commas", None),
        ({"activation_checkpointing_kwargs.use_reentrant": False}, {}, "activation_checkpointing is off", "true"),
        (
            {"activation_checkpointing": True, "activation_checkpointing_kwargs.reentrant": False},
            {},
            "kwargs.reentrant would reach nobody",
            "did you mean 'use_reentrant'?",
        ),
        (
            {"gradient_checkpointing_kwargs.use_reentrant": True, "gradient_checkpointing": True},
            {"activation_checkpointing": True, "activation_checkpointing_kwargs": {"use_reentrant": False}},
            "gradient_checkpointing_kwargs.use_reentrant would change nothing",
            None,
        ),
        (
            {"learning_rate.x": 1},
            {},
            "learning_rate takes a number, and nothing is inside of that",
            "lr_scheduler_kwargs",
        ),
        ({"accelerator_config.even_batches": True}, {}, "cannot be in a space: how devices are used", "leave it out"),
        ({"liger_kernel_config.rope": 0.5}, {}, "takes true or false, not 0.5", None),
        ({"liger_kernel_config.rope": True}, {}, "use_liger_kernel is off", None),
        ({"lr_schedular_kwargs.power": 2}, {}, "no consumer", "did you mean 'lr_scheduler_kwargs'?"),
        (
            {"lr_scheduler_kwargs": {"power": 2}, "lr_scheduler_kwargs.power": Float(1.0, 2.0)},
            {},
            "lr_scheduler_kwargs.power is set twice",
            None,
        ),
        (
            {"lr_scheduler_kwargs": Choice([None, '{"power": 2}']), "lr_scheduler_kwargs.power": 2},
            {},
            "is searched as a whole",
            None,
        ),
    ],
)
def test_what_must_fail_is_refused(space: Any, args: Any, message: str, hint: str | None, toy: Any) -> None:
    """`check` says in one sentence which value would end a trial, or reach nobody, and what to do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        refusal = refusal_of(toy, space, **args)

    assert message in str(refusal)
    assert hint is None or hint in str(refusal.hint)


def test_steps_of_a_schedule_are_refused_on_a_part_of_the_data(toy: Any) -> None:
    """D3: a number of steps that suits a part of the data does not suit all of it; on all of it, it may be searched."""
    space = {"lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs.num_decay_steps": Int(2, 8)}

    assert "counts steps" in str(refusal_of(toy, space, fraction=0.5))
    problem_of(toy, space)


def test_a_condition_lets_each_schedule_have_its_own(toy: Any) -> None:
    """With `when`, names of different schedules stand in one space, and each trial has those of its own."""
    space = {
        "lr_scheduler_type": Choice(["linear", "cosine_with_min_lr", "polynomial"]),
        "lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5, when={"lr_scheduler_type": "cosine_with_min_lr"}),
        "lr_scheduler_kwargs.power": Float(1.0, 3.0, when={"lr_scheduler_type": "polynomial"}),
    }
    problem = problem_of(toy, space)
    tried = trial_of(problem, {"lr_scheduler_type": "polynomial", "lr_scheduler_kwargs.power": 2.0})

    assert {"lr_scheduler_type": "linear"} == problem.baseline()
    assert {"power": 2.0} == tried.args.lr_scheduler_kwargs


def test_a_baseline_outside_the_space_has_none_of_its_conditional_names(toy: Any) -> None:
    """The user's linear schedule is the baseline of a search of others, without what only these take."""
    space = {
        "lr_scheduler_type": Choice(MIN_LR),
        "lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5, when={"lr_scheduler_type": MIN_LR}),
    }
    study = toy.search(toy.trainer(), space=space, trials=2, subset=1.0)

    assert [{"lr_scheduler_type": "linear"}, {"lr_scheduler_type", "lr_scheduler_kwargs.min_lr_rate"}] == [
        study.trials[0].params,
        set(study.trials[1].params),
    ]
    assert {TrialState.COMPLETE} == {one.state for one in study.trials}


def test_other_values_of_a_configuration_stay_where_they_are(toy: Any) -> None:
    """A value that changes on all the data changes inside of the fields that a trial had, and nothing beside it."""
    space = {"optim": "sgd", "optim_args.momentum": Float(0.1, 0.9), "optim_args.nesterov": True}
    given = {"lr_scheduler_type": "cosine", "lr_scheduler_kwargs": {"num_cycles": 2}, "optim_args": "momentum=0.5"}
    problem = problem_of(toy, space, **given)
    params = {"optim": "sgd", "optim_args.momentum": 0.4, "optim_args.nesterov": True}
    before = Configuration.resolve(problem.making, params, fraction=0.5, seed=7)
    after = before.with_values({"optim_args.momentum": 0.8, "lr_scheduler_kwargs.num_cycles": 1})

    assert "momentum=0.8,nesterov=true" == after.args["optim_args"] == after.values["optim_args"]
    assert {"num_cycles": 1} == after.args["lr_scheduler_kwargs"]
    assert "momentum=0.4,nesterov=true" == before.args["optim_args"]


def test_a_baseline_that_nobody_knows_is_said(toy: Any) -> None:
    """Where neither the user nor transformers says what a value is, the baseline's is told."""
    space = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs.min_lr_rate": Float(0.0, 0.5)}
    problem = problem_of(toy, space)

    assert 0.25 == problem.baseline()["lr_scheduler_kwargs.min_lr_rate"]
    assert [
        "nobody says what lr_scheduler_kwargs.min_lr_rate is without a search: the baseline takes 0.25, a value of the "
        "space"
    ] == [remark for remark in problem.remarks if "min_lr_rate" in remark]


# Mappings as they are


def test_a_mapping_in_a_space_is_a_constant(toy: Any) -> None:
    """`lr_scheduler_kwargs: {min_lr_rate: 0.1}` is taken as it is, beside a name inside of it."""
    space = {
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr_rate": 0.1},
        "lr_scheduler_kwargs.num_cycles": Float(0.5, 2.0),
    }
    problem = problem_of(toy, space)
    tried = trial_of(problem, {**problem.baseline(), "lr_scheduler_kwargs.num_cycles": 1.5})

    assert {"min_lr_rate": 0.1, "num_cycles": 1.5} == tried.args.lr_scheduler_kwargs
    assert 0.5 == problem.baseline()["lr_scheduler_kwargs.num_cycles"]
    assert Space(space) == Space.from_dict(json.loads(json.dumps(Space(space).to_dict())))


# All the way


def test_a_search_inside_a_field_is_kept_replayed_and_retrained(toy: Any) -> None:
    """Trials differ by the value, rows have it, a replay gives the same bits, and the retraining has the winner's."""
    trainer = toy.trainer(args={"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.5}})
    space = {"lr_scheduler_kwargs.min_lr_rate": Choice([0.0, 1.0]), "lr_scheduler_kwargs.num_cycles": 0.25}
    study = toy.search(trainer, space=space, trials=3, subset=1.0, study="inside")

    name = "lr_scheduler_kwargs.min_lr_rate"
    assert [0.5, {0.0, 1.0}] == [study.trials[0].params[name], {one.params[name] for one in study.trials[1:]}]
    assert 3 == len({one.score for one in study.trials})
    for one in study.trials:
        want = {"min_lr_rate": one.params[name], "num_cycles": 0.25}
        assert want == one.config["args"]["lr_scheduler_kwargs"]
        assert [] == study.replay(one.number).differences
    record = json.loads(Path(study.retrain().folder, "hpsearch.json").read_text())
    assert study.best.params[name] == record["configuration"]["args"]["lr_scheduler_kwargs"]["min_lr_rate"]


def test_the_command_line_takes_names_inside_and_mappings(toy: Any) -> None:
    """`--set` fixes a name inside, a file has a whole field and what is searched in it, and an export knows all."""
    write_word_data(toy.folder)
    rows = "train.csv"
    Path("space.yaml").write_text(
        "lr_scheduler_type: cosine_with_min_lr\n"
        "lr_scheduler_kwargs: {min_lr: 1e-6}\n"
        "lr_scheduler_kwargs.num_cycles: {choices: [0.25, 0.5]}\n"
    )
    words = ("--train-file", rows, *COLUMNS, *TINY, *ONE_RUNG, "--trials", 2, "--study", "inside", "--no-retrain")
    said = done("run", *words, "--space", "space.yaml", "--set", "optim=sgd", "--set", "optim_args.momentum=0.9")
    trials = done("trials", "inside", "--json").json()

    assert "nobody says" not in said.err
    params = [one["params"] for one in trials]
    assert [0.5, 0.25] == [one["lr_scheduler_kwargs.num_cycles"] for one in params]
    assert [{"min_lr": 1e-6}] * 2 == [one["lr_scheduler_kwargs"] for one in params]
    assert {"min_lr": 1e-6, "num_cycles": 0.25} == trials[1]["config"]["args"]["lr_scheduler_kwargs"]
    assert "momentum=0.9" == trials[1]["config"]["args"]["optim_args"]
    assert "same" in done("replay", "inside", "--trial", 1).out
    for form in ("json", "parquet", "csv"):
        done("export", "inside", "--output", f"inside.{form}")
    done("import", "inside.parquet", "--store", "sqlite:///other.db")
    there = done("trials", "inside", "--json", "--store", "sqlite:///other.db").json()
    assert trials[1]["params"] == there[1]["params"]


def test_the_command_of_a_report_sets_mappings_again() -> None:
    """What a report says to type gives the same space: mappings, truth values and numbers in them included."""
    mapping = {"min_lr": 1e-6, "type": "x", "deep": {"on": True, "off": None}}
    space = Space({**PRESETS["small"].parameters, "lr_scheduler_kwargs": {"value": mapping}, "optim_args.eps": 1e-7})
    preset, constants, _ = space_of(space.to_dict()["parameters"])
    words = [f"{name}={typed(value)}" for name, value in constants.items()]

    assert "small" == preset
    assert space == Space({**PRESETS["small"].parameters, **assignments(words, "--set")})

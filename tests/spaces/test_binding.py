"""Every name has one consumer, and every value can be had there as it is."""

import dataclasses
import fnmatch
from dataclasses import dataclass, field

import pytest
from transformers import Seq2SeqTrainingArguments, TrainingArguments

from hpsearch.spaces import PRESETS, Choice, Constant, Float, Int, Space
from hpsearch.spaces.arguments import RESERVED, SUCCESSORS, why_reserved
from hpsearch.spaces.binding import Sections, check, split
from hpsearch.spaces.errors import BadInput

MODEL = ("freeze_encoder", "hidden_dropout_prob", "num_hidden_layers")
DATA = ("max_length",)

SEARCHABLE = {
    "activation_checkpointing",
    "activation_checkpointing_kwargs",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "average_tokens_across_devices",
    "dataloader_drop_last",
    "dataloader_in_order",
    "dataloader_multiprocessing_context",
    "dataloader_num_workers",
    "dataloader_persistent_workers",
    "dataloader_pin_memory",
    "dataloader_prefetch_factor",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "gradient_checkpointing_kwargs",
    "label_smoothing_factor",
    "learning_rate",
    "liger_kernel_config",
    "lr_scheduler_kwargs",
    "lr_scheduler_type",
    "max_grad_norm",
    "neftune_noise_alpha",
    "num_train_epochs",
    "optim",
    "optim_args",
    "optim_target_modules",
    "per_device_eval_batch_size",
    "per_device_train_batch_size",
    "torch_compile",
    "torch_compile_backend",
    "torch_compile_mode",
    "torch_empty_cache_steps",
    "use_cache",
    "use_liger_kernel",
    "warmup_steps",
    "weight_decay",
}

REMOVED_IN_5 = (
    "adafactor",
    "evaluation_strategy",
    "fp16_backend",
    "fp16_opt_level",
    "fsdp_min_num_params",
    "fsdp_transformer_layer_cls_to_wrap",
    "group_by_length",
    "half_precision_backend",
    "include_inputs_for_metrics",
    "include_tokens_per_second",
    "jit_mode_eval",
    "logging_dir",
    "mp_parameters",
    "no_cuda",
    "overwrite_output_dir",
    "past_index",
    "per_gpu_eval_batch_size",
    "per_gpu_train_batch_size",
    "push_to_hub_model_id",
    "push_to_hub_organization",
    "push_to_hub_token",
    "ray_scope",
    "save_safetensors",
    "torchdynamo",
    "tpu_metrics_debug",
    "tpu_num_cores",
    "use_ipex",
    "use_legacy_prediction_loop",
    "use_mps_device",
    "warmup_ratio",
)


def refusal_of(parameters, model=MODEL, data=DATA, **options):
    """Return the error that checking such a space raises."""
    with pytest.raises(BadInput) as refusal:
        check(Space(parameters), model=model, data=data, **options)
    return refusal.value


def fields_of_training_arguments():
    """The names that transformers knows."""
    return {part.name for part in dataclasses.fields(TrainingArguments) if part.init}


def test_split_gives_each_consumer_its_own_names():
    """A prefix says who consumes a name, and the consumer never sees it."""
    values = {
        "learning_rate": 1e-4,
        "model.hidden_dropout_prob": 0.2,
        "data.max_length": 64,
        "optim": None,
        "peft.r": 8,
    }

    assert Sections(
        args={"learning_rate": 1e-4, "optim": None},
        model={"hidden_dropout_prob": 0.2},
        data={"max_length": 64},
        peft={"r": 8},
    ) == split(values)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("trl.beta", "known: data, model, peft"), ("models.x", "'model'"), ("args.learning_rate", "'learning_rate'")],
)
def test_an_unknown_prefix_has_no_consumer(name, hint):
    """A name that nobody would read is refused."""
    refusal = refusal_of({name: 1})

    assert "no consumer" in str(refusal)
    assert hint in refusal.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("learing_rate", "did you mean 'learning_rate'?"),
        ("weight_decy", "did you mean 'weight_decay'?"),
        ("num_train_epoch", "did you mean 'num_train_epochs'?"),
        ("hidden_dropout_prob", "did you mean 'model.hidden_dropout_prob'?"),
        ("max_length", "did you mean 'data.max_length'?"),
        ("hidden_dropot_prob", "did you mean 'model.hidden_dropout_prob'?"),
        ("model.hiden_dropout_prob", "did you mean 'hidden_dropout_prob'?"),
        ("data.max_lenght", "did you mean 'max_length'?"),
        ("lr", "learning_rate"),
        ("zzz", "model.NAME"),
    ],
)
def test_a7_a_misspelt_name_is_refused_with_the_nearest(name, hint):
    """A7: stock transformers warns, ignores the key and reports it as best; here no trial starts."""
    refusal = refusal_of({"weight_decay": 0.0, name: Float(0.0, 0.5)})

    assert str(refusal).startswith(name)
    assert hint in refusal.hint
    assert 2 == refusal.exit_code


def test_a7_names_of_transformers_4_are_refused_with_what_5_calls_them():
    """A7: a space for transformers 4 does not silently lose its warm-up."""
    refusal = refusal_of({"warmup_ratio": Float(0.0, 0.2)})

    assert "warmup_ratio is no field of TrainingArguments" == str(refusal)
    assert "transformers 5 has warmup_steps; a value below 1 is the share of all steps" == refusal.hint


def test_every_name_that_left_transformers_has_a_successor():
    """Contract with transformers: what 4 had and 5 has not is in the table, which points to what 5 has."""
    known = fields_of_training_arguments()
    heads = {name: text.split()[0].strip(",;:") for name, text in SUCCESSORS.items()}

    assert [] == [name for name in REMOVED_IN_5 if name not in SUCCESSORS]
    assert [] == [name for name in SUCCESSORS if name in known]
    assert [] == [name for name, head in heads.items() if head not in known | {"nothing", "model.NAME"}]


def test_every_field_of_training_arguments_is_either_searchable_or_reserved():
    """Contract with transformers: a release that adds or drops a field makes us look at it."""
    searchable = {name for name in fields_of_training_arguments() if not why_reserved(name)}

    assert SEARCHABLE == searchable
    assert [] == [pattern for pattern in RESERVED if not fnmatch.filter(fields_of_training_arguments(), pattern)]


@pytest.mark.parametrize(
    "name",
    [
        "output_dir",
        "eval_strategy",
        "eval_steps",
        "save_steps",
        "load_best_model_at_end",
        "report_to",
        "logging_steps",
        "train_sampling_strategy",
        "bf16",
        "fp16_full_eval",
        "deepspeed",
        "hub_token",
        "do_train",
        "greater_is_better",
        "use_cpu",
        "max_steps",
    ],
)
def test_what_hpsearch_sets_itself_is_refused_with_the_reason(name):
    """A field that the search needs for itself cannot be searched, and the message says why."""
    refusal = refusal_of({name: 1})

    assert f"{name} cannot be in a space: {why_reserved(name)}" == str(refusal)
    assert "leave it out" == refusal.hint


@pytest.mark.parametrize("parameter", [Constant(500), Choice([0, 100]), Float(0.0, 1.0), Int(0, 500), Float(-0.1, 0.1)])
def test_d3_a_number_of_warm_up_steps_is_refused(parameter):
    """D3: 500 steps may be all of a subset run and 2 % of the full one; only a share transfers."""
    refusal = refusal_of({"warmup_steps": parameter})

    assert "share of all steps" in str(refusal)
    assert "max_steps" in str(refusal_of({"max_steps": 100}))


@pytest.mark.parametrize("parameter", [Constant(0), Constant(0.25), Choice([0.0, 0.06, 0.1]), Float(0.0, 0.3)])
def test_d3_a_share_of_the_steps_is_accepted(parameter):
    """D3: a warm-up below 1 is the share of all steps, whatever their number."""
    check(Space({"warmup_steps": parameter}), model=None, data=())


@pytest.mark.parametrize(
    ("name", "parameter", "message", "hint"),
    [
        ("gradient_accumulation_steps", Float(1, 4), "takes a whole number, not 1.0", "type: int"),
        ("gradient_accumulation_steps", Choice([1, 2.5]), "takes a whole number, not 2.5", "type: int"),
        (
            "per_device_train_batch_size",
            Choice(["8", "16"]),
            "takes a whole number, not '8'",
            "without quotes",
        ),
        ("learning_rate", Choice(["1e-4"]), "takes a number, not '1e-4'", "without quotes"),
        ("learning_rate", Choice([1e-4, True]), "takes a number, not True", None),
        ("learning_rate", Constant(None), "takes a number, not None", None),
        ("torch_compile", Choice(["yes", "no"]), "takes true or false, not 'yes'", "without quotes"),
        ("torch_compile", Int(0, 1), "takes true or false, not 0", None),
        ("neftune_noise_alpha", Choice([None, "5"]), "takes a number or null, not '5'", "without quotes"),
        (
            "lr_scheduler_type",
            Choice(["linear", "cosin"]),
            "a name of SchedulerType, not 'cosin'",
            "'cosine'",
        ),
        ("lr_scheduler_type", Choice([False]), "a name of SchedulerType, not False", None),
        ("optim", Choice(["adamw_torch", "adam"]), "a name of OptimizerNames, not 'adam'", None),
        ("liger_kernel_config", Constant("x"), "takes null or a mapping, not 'x'", None),
    ],
)
def test_a8_no_value_is_ever_cast(name, parameter, message, hint):
    """A8: stock casts to the old value's type (0.25 becomes 0, 'no' becomes True); here it is refused."""
    refusal = refusal_of({name: parameter})

    assert f"{name} takes" in str(refusal)
    assert message in str(refusal)
    assert hint is None or hint in refusal.hint


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("num_train_epochs", Int(2, 5)),
        ("learning_rate", Choice([1, 0.5])),
        ("gradient_accumulation_steps", Int(1, 4)),
        ("neftune_noise_alpha", Choice([None, 5, 5.0001])),
        ("lr_scheduler_type", Choice(["linear", "cosine"])),
        ("optim", Choice(["adamw_torch", "adafactor"])),
        ("torch_compile", Choice([True, False])),
        ("lr_scheduler_kwargs", Choice(['{"num_cycles": 2}', None])),
    ],
)
def test_a8_what_fits_is_accepted_and_arrives_as_it_is(name, parameter, tmp_path):
    """A8: a value that passes the check is the value that TrainingArguments has."""
    space = Space({name: parameter})
    check(space, model=None, data=())

    if name not in ("lr_scheduler_kwargs", "torch_compile"):  # parsed, or started, by TrainingArguments
        for value in parameter.ends:
            assert value == getattr(TrainingArguments(output_dir=str(tmp_path), **{name: value}), name)


@pytest.mark.parametrize(
    ("name", "parameter", "message"),
    [
        ("learning_rate", Float(-1e-3, 1e-3), "at least 0, got -0.001"),
        ("per_device_train_batch_size", Choice([0, 8]), "at least 1, got 0"),
        ("num_train_epochs", Constant(0), "above 0, got 0"),
        ("adam_beta2", Float(0.9, 1.0), "below 1, got 1.0"),
        ("label_smoothing_factor", Constant(1), "below 1, got 1"),
    ],
)
def test_numbers_that_no_training_can_use_are_refused(name, parameter, message):
    """A trial that could only fail is not paid for."""
    assert message in str(refusal_of({name: parameter}))


def test_model_and_data_names_are_checked_against_what_is_known():
    """`model=None` means that any name may be the model's; data names are always known."""
    check(Space({"model.anything": 1, "data.max_length": 64}), model=None, data=DATA)

    assert "model.anything is nothing the model knows" == str(refusal_of({"model.anything": 1}))
    assert "nothing of the data" in refusal_of({"data.max_length": 64}, data=()).hint


def test_a_users_own_class_of_arguments_is_asked_for_its_fields():
    """A subclass brings its own fields, and types that cannot be read are not guessed."""

    @dataclass
    class Mine(Seq2SeqTrainingArguments):
        temperature: float = 1.0
        mystery: "OnlyTheTypeCheckerKnows" = field(default=None)  # noqa: F821
        weight_decay: "OnlyTheTypeCheckerKnows" = field(default=None)  # noqa: F821

    space = Space({"temperature": Float(0.5, 2.0), "mystery": "x", "weight_decay": Choice(["none", 0.1])})
    check(space, model=None, data=(), arguments=Mine)
    assert "takes a number, not 'x'" in str(refusal_of({"learning_rate": "x"}, arguments=Mine))
    check(Space({"generation_num_beams": Int(1, 4)}), model=None, data=(), arguments=Seq2SeqTrainingArguments)

    assert "generation_num_beams is no field" in str(refusal_of({"generation_num_beams": 2}))
    assert "takes a whole number or null, not 1.5" in str(
        refusal_of({"generation_num_beams": 1.5}, arguments=Seq2SeqTrainingArguments)
    )


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_binds_and_its_baseline_arrives(name, tmp_path):
    """What we recommend is accepted by transformers as it is."""
    space = PRESETS[name]
    check(space, model=MODEL, data=())

    arguments = split(space.baseline({})).args
    built = TrainingArguments(output_dir=str(tmp_path), **arguments)
    assert arguments == {key: getattr(built, key) for key in arguments}

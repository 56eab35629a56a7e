"""Trainers as people have them: their own models, data sets, collators, losses and callbacks, on any kind of task.

Each goes through a search on a part of the data, the finals, a retraining, and a replay to the last bit.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any, ClassVar

import datasets
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import nn
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertPreTrainedModel,
    DataCollatorForTokenClassification,
    EarlyStoppingCallback,
    GenerationConfig,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainerCallback,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from hpsearch import BadInput
from hpsearch.search.data.splits import at_fraction, is_continuous, labels_of
from hpsearch.search.making.making import Making
from hpsearch.search.trainer_problem import trainer_identity
from hpsearch.search.trial.collapse import has_collapsed
from hpsearch.search.trial.signal_check import SignalCheck
from hpsearch.search.view import headline
from hpsearch.studies.objective import Objective
from hpsearch.studies.records import Phase, TrialState

TINY = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 16,
}
#: Two trials on a sixth of the rows, and finals on all of them.
CLIMBING = {"strategy": "ladder", "confirm": "quick", "subset": 1 / 6, "trials": 2}


def goes_the_whole_way(study: Any, *, rows: int | None = 48) -> Any:
    """Check what every search owes its user: all trials complete, a final, the model on all rows, the same replay."""
    states = {one.state for one in study.trials}
    assert {TrialState.COMPLETE} == states, [one.failure_message for one in study.trials]
    assert Phase.FINAL in {one.phase for one in study.trials}
    model = study.retrain()
    assert Path(model.folder, "model.safetensors").is_file()
    assert rows == model.spec["rows"].get("train")
    final = next(one for one in study.trials if one.phase is Phase.FINAL)
    assert [] == study.replay(final.number).differences
    return model


# Models and data of one's own


class PairClassifier(BertPreTrainedModel):
    """A classifier of pairs over `[CLS]`, as a tutorial writes it; `form` is what its `forward` returns."""

    form: ClassVar[str] = "output"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(config.hidden_size, 2)
        self.post_init()

    def forward(
        self, input_ids: Any = None, attention_mask: Any = None, token_type_ids: Any = None, labels: Any = None
    ) -> Any:
        hidden = self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state
        logits = self.head(self.dropout(hidden[:, 0]))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        if self.form == "dict":
            return {"loss": loss, "logits": logits}
        if self.form == "tuple":
            return (loss, logits) if loss is not None else (logits,)
        return SequenceClassifierOutput(loss=loss, logits=logits)


def pair_classifier() -> PairClassifier:
    return PairClassifier(BertConfig(**TINY))


class Pairs(torch.utils.data.Dataset):
    """Pairs of pieces as tuples, whose label is whether both begin alike."""

    def __init__(self, count: int, seed: int = 0) -> None:
        draw = random.Random(seed)
        self.rows = []
        for _ in range(count):
            label, first = draw.randrange(2), draw.randrange(5, 20)
            second = first if label else draw.randrange(20, 35)
            self.rows.append(([first, draw.randrange(5, 40)], [second, draw.randrange(5, 40)], label))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> tuple[list[int], list[int], int]:
        return self.rows[row]


def collate_pairs(rows: list[Any]) -> dict[str, torch.Tensor]:
    """Make a batch of `[CLS] a b [SEP] c d` from tuples."""
    ids = torch.tensor([[2, *first, 3, *second] for first, second, _ in rows])
    kinds = torch.tensor([[0, 0, 0, 0, 1, 1]] * len(rows))
    labels = torch.tensor([label for _, _, label in rows])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": kinds, "labels": labels}


class WeightedTrainer(Trainer):
    """A loss with a weight for each class, which the constructor takes besides what a Trainer does."""

    def __init__(self, *args: Any, class_weights: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.class_weights = torch.tensor(class_weights)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        logits = outputs[0] if isinstance(outputs, tuple) else outputs["logits"]
        loss = nn.functional.cross_entropy(logits, labels, weight=self.class_weights)
        return (loss, {"loss": loss, "logits": logits}) if return_outputs else loss


@pytest.fixture
def pairs(toy: Any) -> Any:
    """Make a Trainer of pairs with everything of one's own."""

    def make(kind: Any = Trainer, **ingredients: Any) -> Any:
        given = {
            "model_init": pair_classifier,
            "train_dataset": Pairs(48),
            "eval_dataset": Pairs(24, seed=1),
            "data_collator": collate_pairs,
        }
        return toy.trainer(kind=kind, **{**given, **ingredients})

    return make


@pytest.mark.parametrize("form", ["output", "dict", "tuple"])
def test_a_model_and_a_data_set_of_ones_own(form: str, toy: Any, pairs: Any, monkeypatch: Any) -> None:
    """Whatever `forward` returns, rows being tuples, with a collator for them."""
    monkeypatch.setattr(PairClassifier, "form", form)
    study = toy.search(pairs(), objective="accuracy", **CLIMBING)

    model = goes_the_whole_way(study)
    assert 2 == PairClassifier.from_pretrained(model.folder).head.out_features
    assert "PairClassifier" == study._run.study.model


def test_a_plain_torch_module_is_a_model_too(toy: Any) -> None:
    """Without a configuration of transformers, and with neither `save_pretrained` nor `num_parameters`."""

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = nn.Embedding(40, 8), nn.Linear(8, 2)

        def forward(self, input_ids: Any, labels: Any = None) -> dict[str, Any]:
            logits = self.head(self.embedding(input_ids).mean(1))
            loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
            return {"loss": loss, "logits": logits}

    goes_the_whole_way(toy.search(toy.trainer(model_init=Bag), **CLIMBING))


def test_a_loss_of_ones_own_with_class_weights(toy: Any, pairs: Any) -> None:
    """`compute_loss` of a subclass counts in every trial, with what its constructor was given."""

    def weighted(*weights: float) -> Any:
        return pairs(lambda **given: WeightedTrainer(class_weights=list(weights), **given))

    study = toy.search(weighted(1.0, 9.0), **CLIMBING)
    goes_the_whole_way(study)
    plain = toy.search(weighted(1.0, 1.0), study="plain", trials=1, subset=1 / 6)

    assert study.trials[0].score != plain.trials[0].score
    assert study.trials[0].environment["weights"] == plain.trials[0].environment["weights"]


def test_other_class_weights_are_another_problem(toy: Any, pairs: Any) -> None:
    """B5: what a subclass was made with is part of what a study is; continuing with something else is refused."""

    def weighted(*weights: float) -> Any:
        return pairs(lambda **given: WeightedTrainer(class_weights=list(weights), **given))

    toy.search(weighted(1.0, 2.0), trials=1)
    with pytest.raises(BadInput, match=re.escape("settings.class_weights: [1.0,2.0] -> [1.0,4.0]")):
        toy.search(weighted(1.0, 4.0))
    assert "settings" not in trainer_identity(Making.of(toy.trainer()))


def test_what_is_set_after_the_constructor_stays(toy: Any) -> None:
    """`model_accepts_loss_kwargs` and `label_names` are set on a finished Trainer, as threads advise; that of a trial
    has them, too.
    """
    seen = set()

    class Looks(Trainer):
        def compute_loss(self, *args: Any, **named: Any) -> Any:
            seen.add((self.model_accepts_loss_kwargs, *self.label_names))
            return super().compute_loss(*args, **named)

    trainer = toy.trainer(kind=Looks, compute_metrics=None)
    assert trainer.model_accepts_loss_kwargs
    trainer.model_accepts_loss_kwargs, trainer.label_names = False, ["labels", "attention_mask"]
    toy.search(trainer, trials=1)

    assert {(False, "labels", "attention_mask")} == seen


# Other tasks


class Copier(T5ForConditionalGeneration):
    """A T5 that notes how long a text was asked for."""

    asked: ClassVar[set[int | None]] = set()

    def generate(self, *args: Any, **named: Any) -> Any:
        self.asked.add(named.get("max_length"))
        return super().generate(*args, **named)


class Seq2SeqToy:
    """Copies of short sequences: what a model generates is right or wrong."""

    @staticmethod
    def rows(count: int, seed: int = 0) -> datasets.Dataset:
        draw = random.Random(seed)
        texts = [[draw.randrange(5, 12) for _ in range(3)] + [1] for _ in range(count)]
        return datasets.Dataset.from_dict(
            {"input_ids": texts, "attention_mask": [[1] * 4] * count, "labels": [[*text[:1], 1] for text in texts]}
        )

    @staticmethod
    def model() -> T5ForConditionalGeneration:
        config = T5Config(
            vocab_size=16, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0,
            eos_token_id=1, pad_token_id=0,
        )  # fmt: skip
        return Copier(config)

    widths: ClassVar[list[int]] = []  #: tokens that there was room for in each evaluation

    @classmethod
    def exact_match(cls, prediction: Any) -> dict[str, float]:
        cls.widths.append(prediction.predictions.shape[1])
        first = prediction.predictions[:, 1]
        return {"exact_match": float((first == prediction.label_ids[:, 0]).mean())}


@pytest.fixture
def seq2seq(toy: Any) -> Any:
    """Make a Seq2SeqTrainer that is scored on what its model generates."""

    def make(**args: Any) -> Any:
        given = {
            "output_dir": str(toy.folder / "trainer"), "use_cpu": True, "report_to": [], "disable_tqdm": True,
            "learning_rate": 1e-2, "num_train_epochs": 2, "predict_with_generate": True, "save_strategy": "no",
        }  # fmt: skip
        return Seq2SeqTrainer(
            args=Seq2SeqTrainingArguments(**{**given, **args}),
            model_init=Seq2SeqToy.model,
            train_dataset=Seq2SeqToy.rows(48),
            eval_dataset=Seq2SeqToy.rows(24, seed=1),
            compute_metrics=Seq2SeqToy.exact_match,
        )

    return make


def test_a_seq2seq_model_is_searched_by_what_it_generates(toy: Any, seq2seq: Any) -> None:
    """The objective is from generated text, of the length that the arguments say; labels that are sequences are taken
    for no classes, and no signal is looked for in them.
    """
    Copier.asked.clear()
    study = toy.search(seq2seq(generation_max_length=5), objective="exact_match", **CLIMBING)

    goes_the_whole_way(study)
    assert all(one.score == one.metrics["eval_exact_match"] for one in study.trials)
    assert {5} == Copier.asked
    assert [] == study._run.store.study(study.name).signal.get("checks", [])
    assert 1 / 6 == study.trials[0].fraction


def test_a_generation_config_counts_in_trials(toy: Any, seq2seq: Any) -> None:
    """The stock Trainer forgets it for a model that `model_init` makes; each trial, retraining and replay has it."""
    Seq2SeqToy.widths.clear()
    config = GenerationConfig(max_length=3, decoder_start_token_id=0, eos_token_id=1, pad_token_id=0)
    study = toy.search(seq2seq(generation_config=config), objective="exact_match", **CLIMBING)

    goes_the_whole_way(study)
    assert {3} == set(Seq2SeqToy.widths)  # without it 20


def token_rows(count: int, seed: int = 0) -> datasets.Dataset:
    """Sequences of different lengths with a label for each token, and none for the first."""
    draw = random.Random(seed)
    ids = [[2] + [draw.randrange(5, 40) for _ in range(draw.randrange(3, 7))] for _ in range(count)]
    labels = [[-100] + [int(piece > 22) for piece in row[1:]] for row in ids]
    return datasets.Dataset.from_dict({"input_ids": ids, "labels": labels})


def token_collator() -> DataCollatorForTokenClassification:
    """Pad pieces with 0 and labels with -100."""
    words = {"[PAD]": 0, "[UNK]": 1, **{f"w{place}": place for place in range(2, 40)}}
    backend = Tokenizer(WordLevel(words, unk_token="[UNK]"))
    return DataCollatorForTokenClassification(PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]"))


def token_accuracy(prediction: Any) -> dict[str, float]:
    counted = prediction.label_ids != -100
    right = prediction.predictions.argmax(-1) == prediction.label_ids
    return {"accuracy": float(right[counted].mean())}


def vector_rows(count: int, seed: int = 0, *, kind: str = "multi_label_classification") -> datasets.Dataset:
    """Sequences with three numbers each: whether it has small, middling and large pieces, or how many."""
    draw = random.Random(seed)
    ids = [[draw.randrange(5, 40) for _ in range(6)] for _ in range(count)]
    parts = [[sum(low <= one < low + 12 for one in row) for low in (5, 17, 29)] for row in ids]
    labels = [[float(n > 1) if kind.startswith("multi") else n / 6 for n in row] for row in parts]
    return datasets.Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * 6] * count, "labels": labels})


def all_right(prediction: Any) -> dict[str, float]:
    return {"exact": float(((prediction.predictions > 0) == (prediction.label_ids > 0.5)).all(-1).mean())}


def negative_error(prediction: Any) -> dict[str, float]:
    return {"fit": -float(((prediction.predictions - prediction.label_ids) ** 2).mean())}


def test_tokens_are_classified(toy: Any) -> None:
    """With a label for each token and -100 for those that do not count; a subset is a plain shuffle of the rows."""
    collator = token_collator()
    study = toy.search(
        toy.trainer(
            model_init=lambda: BertForTokenClassification(BertConfig(**TINY, num_labels=2)),
            train_dataset=token_rows(48),
            eval_dataset=token_rows(24, seed=1),
            data_collator=collator,
            processing_class=collator.tokenizer,
            compute_metrics=token_accuracy,
        ),
        objective="accuracy",
        **CLIMBING,
    )

    goes_the_whole_way(study)
    assert [] == study._run.store.study(study.name).signal["checks"]
    assert labels_of(token_rows(8)) is None


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("multi_label_classification", all_right), ("regression", negative_error)],
    ids=["labels", "numbers"],
)
def test_rows_have_several_labels_or_several_numbers(kind: str, metric: Any, toy: Any) -> None:
    """A list of labels a row is neither a class nor a number to stratify by; the signal is looked for in them."""
    config = BertConfig(**TINY, num_labels=3, problem_type=kind)
    study = toy.search(
        toy.trainer(
            model_init=lambda: BertForSequenceClassification(config),
            train_dataset=vector_rows(48, kind=kind),
            eval_dataset=vector_rows(24, seed=1, kind=kind),
            compute_metrics=metric,
        ),
        objective=next(iter(metric(_Predicted()))),
        direction="maximize",
        **CLIMBING,
    )

    goes_the_whole_way(study)
    checks = study._run.store.study(study.name).signal["checks"]
    assert checks
    assert all(np.isfinite([one["chance"], one["deviation"]]).all() for one in checks)
    assert {None} == {one.failure for one in study.trials}


class _Predicted:
    predictions = label_ids = np.zeros((2, 3))


# What the checks make of each kind of label


@pytest.mark.parametrize(
    ("labels", "stratified", "continuous"),
    [
        ([0, 1, 1] * 10, True, False),
        (["no", "yes"] * 15, True, False),
        ([0.25, 1.0, 3.5] * 10, True, True),
        ([1.0, 2.0, 5.0] * 10, True, False),
        ([float(n) for n in range(30)], True, True),
        ([[0, 1]] * 30, False, False),
        ([[0.5, 1.0]] * 30, False, False),
    ],
    ids=["classes", "names", "numbers", "ratings", "counts", "tokens", "vectors"],
)
def test_labels_are_taken_for_what_they_are(labels: Any, stratified: bool, continuous: bool) -> None:
    """Only one label a row is stratified by; whole numbers are classes while there are few of them."""
    rows = datasets.Dataset.from_dict({"labels": labels, "row": range(30)})
    found = labels_of(rows)

    assert stratified is (found is not None)
    assert continuous is is_continuous(found)
    assert 10 == len(at_fraction(rows, 1 / 3, seed=1))


def test_a_subset_of_counts_is_not_of_the_smallest() -> None:
    """Each whole number being a class of its own, the two of each that come first would be all there is: of counts from
    0 to 999 a tenth has large ones and small ones.
    """
    rows = datasets.Dataset.from_dict({"labels": [float(n) for n in range(1000)]})
    part = at_fraction(rows, 0.1, seed=1)["labels"]

    assert 400 < np.mean(part) < 600
    assert 10 == len({int(n) // 100 for n in part})


def test_labels_that_are_tensors_are_stratified_by(toy: Any) -> None:
    """`set_format("torch")` changes how rows are read, not which are chosen."""
    rows = toy.rows(100)
    chosen = at_fraction(rows, 0.3, seed=1)["labels"]

    assert list(chosen) == at_fraction(rows.with_format("torch"), 0.3, seed=1)["labels"][:].tolist()


def test_embeddings_are_not_taken_for_logits() -> None:
    """A model that returns one vector a row before its logits has not collapsed where one of its numbers is always the
    largest.
    """
    embeddings = np.random.default_rng(0).normal(size=(24, 16)) + 9 * (np.arange(16) == 7)
    logits = np.random.default_rng(1).normal(size=(24, 2))
    labels = np.array([0, 1] * 12)

    assert not has_collapsed((embeddings, logits), labels)
    assert has_collapsed((logits * 0, np.zeros((24, 6, 16))), labels)


def test_chance_is_known_of_tuples_and_inputs() -> None:
    """The score by chance is found where a model returns more than logits and the metric looks at the inputs."""
    check = SignalCheck(objective=Objective("eval_accuracy", "maximize"), seed=1, settle=lambda signal: None)
    labels = np.array([0, 1] * 50)
    logits = np.eye(2)[labels]

    class Given:
        predictions, label_ids, inputs, losses = (logits, np.zeros((100, 3, 4))), labels, np.arange(100), None

    def metric(prediction: Any) -> dict[str, float]:
        assert (prediction.inputs % 2 == prediction.predictions[0].argmax(-1)).all()  # a row stays a row
        return {"accuracy": float((prediction.predictions[0].argmax(-1) == prediction.label_ids).mean())}

    mean, deviation = check.by_chance(Given, metric)

    assert pytest.approx(0.5, abs=0.05) == mean
    assert 0.02 < deviation < 0.1
    Given.label_ids = labels.reshape(-1, 2)
    assert check.by_chance(Given, metric) is None  # tokens


# Callbacks that end a training


class ScriptedAccuracy(TrainerCallback):
    """A metric with given values, which is told by its own callback when a training begins."""

    def __init__(self, scores: tuple[float, ...]) -> None:
        self.scores, self.place = scores, 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        METRIC["place"] = 0
        METRIC["scores"] = self.scores

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        METRIC["steps"].append(state.global_step)


METRIC: dict[str, Any] = {"scores": (), "place": 0, "steps": []}


def said(prediction: Any) -> dict[str, float]:
    """Return the next of the scores that the test gave."""
    scores, place = METRIC["scores"] or (0.0,), METRIC["place"]
    METRIC["place"] += 1
    return {"accuracy": scores[min(place, len(scores) - 1)]}


class StopsAt(TrainerCallback):
    """Ends a training at a step, as a callback of one's own does, by whatever event."""

    def __init__(self, event: str, step: int) -> None:
        self.event, self.step = event, step
        setattr(self, event, self.stop)

    def stop(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step >= self.step:
            control.should_training_stop = True

    def __deepcopy__(self, memo: Any) -> StopsAt:
        return StopsAt(self.event, self.step)


@pytest.mark.parametrize("score", ["best", "last"])
def test_early_stopping_begins_anew_in_each_trial(score: str, toy: Any) -> None:
    """A9: a training that gets no better for two evaluations ends, each one for itself; the trial is complete, its
    score is from the evaluations there were, its model is kept, and the final and the retraining end as early.
    """
    METRIC["steps"] = []
    stopper = EarlyStoppingCallback(early_stopping_patience=2)
    arguments = {"load_best_model_at_end": True, "eval_strategy": "epoch", "save_strategy": "epoch"}
    trainer = toy.trainer(
        args={**arguments, "metric_for_best_model": "accuracy", "num_train_epochs": 2},
        callbacks=[ScriptedAccuracy((0.6, 0.5, 0.4, 0.9)), stopper],
        compute_metrics=said,
    )
    study = toy.search(trainer, objective="accuracy", score=score, **{**CLIMBING, "subset": 0.5})

    for trial in study.trials:
        assert (TrialState.COMPLETE, 0.75) == (trial.state, trial.progress), trial.failure_message
        assert [0.25, 0.5, 0.75] == [point["budget"] for point in trial.curve]
        assert [0.6, 0.5, 0.4] == [point["score"] for point in trial.curve]
        assert {"best": 0.6, "last": 0.4}[score] == trial.score
        assert "(ended itself at 75%)" in headline(trial)
    assert 0 == stopper.early_stopping_patience_counter
    assert study.best_checkpoint.is_dir()

    METRIC["steps"] = []
    model = goes_the_whole_way(study)
    assert 9 == METRIC["steps"][: METRIC["steps"].index(1, 1)][-1]  # of 12, in the retraining
    assert 0.75 == json.loads(Path(model.folder, "hpsearch.json").read_text())["budget"]
    assert "ended at 75% of the steps" in Path(model.folder, "README.md").read_text()


@pytest.mark.parametrize(
    ("event", "step", "share"),
    [
        ("on_step_end", 2, 2 / 15),
        ("on_log", 5, 5 / 15),
        ("on_epoch_end", 6, 6 / 15),
        ("on_epoch_end", 12, 0.75),
        ("on_step_begin", 5, 6 / 15),
    ],
)
def test_a_training_that_ends_between_looks_is_evaluated_there(event: str, step: int, share: float, toy: Any) -> None:
    """A callback may end a training by anything, at any step: the last evaluation is of what the training ended with,
    and a trial without a look has a score.
    """
    trainer = toy.trainer(callbacks=[StopsAt(event, step)], args={"num_train_epochs": 5})
    study = toy.search(trainer, trials=2, subset=0.5, pruner="median", score="last")

    for trial in study.trials:
        assert (TrialState.COMPLETE, pytest.approx(share)) == (trial.state, trial.curve[-1]["budget"])
        assert len({point["budget"] for point in trial.curve}) == len(trial.curve)
        assert trial.score == trial.curve[-1]["score"]
    assert study.best_checkpoint.is_dir()
    reported = [set(one.intermediate_values) for one in study.optuna.trials]
    assert all(steps <= {25, 50, 75, 100} for steps in reported)
    assert [] == study.replay(0).differences


def test_it_is_said_what_early_stopping_means_here(toy: Any, capsys: Any) -> None:
    """A patience that can stop no trial is told: a trial has four evaluations."""
    trainer = toy.trainer(
        args={"metric_for_best_model": "loss", "eval_strategy": "epoch"},
        callbacks=[EarlyStoppingCallback(early_stopping_patience=3)],
    )
    toy.search(trainer, trials=1, quiet=False)

    told = " ".join(capsys.readouterr().err.split())
    assert "early stopping counts evaluations of eval_loss without a gain (patience 3), and a trial has 4" in told
    assert "a patience of 3 stops none early" in told


def test_a_population_does_not_stop_early(toy: Any) -> None:
    """Both decide who goes on: together they are refused."""
    trainer = toy.trainer(args={"metric_for_best_model": "loss"}, callbacks=[EarlyStoppingCallback()])

    with pytest.raises(BadInput, match="EarlyStoppingCallback and the pruner 'pbt' do not go together"):
        toy.search(trainer, pruner="pbt", trials=4)

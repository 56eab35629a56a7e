"""Adapters are searched like any other value, trained with the head alone, and merged into a model that opens alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback

from hpsearch import Choice, Float
from hpsearch.search.trial.configuration import Configuration
from hpsearch.spaces.errors import BadInput
from hpsearch.studies.records import TrialState

from .command import COLUMNS, ONE_RUNG, TINY, done, hpsearch, refused, write_word_data
from .test_models import save_model, write_rows

#: peft asks transformers by a name that it will drop; what this package does about it, it does by itself.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
SEARCHED = {"peft.r": Choice([2, 4]), "peft.lora_alpha": Choice([4, 8]), "peft.lora_dropout": Float(0.0, 0.2)}
ALL_LINEAR = {**SEARCHED, "peft.target_modules": "all-linear", "learning_rate": 1e-2}


class FirstAndLast(TrainerCallback):
    """Keeps, for each training, the weights it began and ended with, and which of them could change."""

    seen: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = []  # noqa: RUF012 - shared by all copies

    def __deepcopy__(self, memo: Any) -> FirstAndLast:
        return FirstAndLast()

    def on_train_begin(self, args, state, control, model=None, **kwargs):
        self.first = {name: value.clone() for name, value in model.state_dict().items()}

    def on_train_end(self, args, state, control, model=None, **kwargs):
        last = {name: value.clone() for name, value in model.state_dict().items()}
        self.seen.append((self.first, last, {name for name, one in model.named_parameters() if one.requires_grad}))


@pytest.fixture
def watch(monkeypatch):
    """A callback, and what it saw of each training."""
    monkeypatch.setattr(FirstAndLast, "seen", [])
    return FirstAndLast()


@pytest.fixture
def words(toy):
    """Rows in which one word tells the label, and the options that search them in a second."""
    write_word_data(toy.folder)
    files = ("--train-file", "train.csv", "--validation-file", "valid.csv", *COLUMNS)
    return ("run", *files, *TINY, "--trials", "2", "--study", "mine", "--quiet", "--json")


def logits_of(model: Any, tokenizer: Any, texts: list[str]) -> torch.Tensor:
    """The outputs of a model for texts."""
    with torch.inference_mode():
        return model.eval()(**tokenizer(texts, padding=True, return_tensors="pt")).logits


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two models have the same weights, to the last bit."""
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


def test_rank_alpha_and_dropout_are_searched_and_retrained_equal(toy, watch):
    """A15: the retraining has the values of its trial, and begins with the adapters that the trial began with."""
    study = toy.search(toy.trainer(callbacks=[watch]), space=ALL_LINEAR, trials=3)
    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]
    assert 1 < len({json.dumps(trial.params) for trial in study.trials})
    trials, number = watch.seen[1:], study.best.number  # the first was tried out

    model = study.retrain()

    (first, _, trained), (again, _, also_trained) = trials[number], watch.seen[-1]
    assert same(first, again)
    assert trained == also_trained
    assert study.best.config["peft"] == model.spec["configuration"]["peft"]
    rank = study.best.params["peft.r"]
    assert {rank} == {one.shape[0] for name, one in first.items() if "lora_A" in name}
    assert any("lora_A" in name for name in trained)


def test_nothing_but_adapters_and_the_head_is_trained(toy, watch):
    """Whatever was there before the adapters has the same weights after a trial."""
    toy.search(toy.trainer(callbacks=[watch]), space=ALL_LINEAR, trials=1)
    first, last, trained = watch.seen[1]  # the first was tried out

    changed = {name for name in first if not first[name].equal(last[name])}

    assert changed == {name for name in changed if "lora_" in name or "classifier.modules_to_save" in name}
    assert {"lora_A", "lora_B", "modules_to_save"} == {
        part for name in changed for part in name.split(".") if part.startswith(("lora", "modules"))
    }
    assert changed <= trained


def test_the_row_has_all_that_makes_the_adapters(toy):
    """What the space leaves to peft is written down, too: another release may take another value."""
    study = toy.search(toy.trainer(), space={"peft.r": Choice([2, 4])}, trials=1)

    found = study.best.config["peft"]

    wanted = {"r": 2, "lora_alpha": 8, "lora_dropout": 0.0, "bias": "none", "use_rslora": False}
    assert wanted == {name: found[name] for name in wanted}
    assert {"peft.r": 2} == study.best.params
    assert found == Configuration.from_dict(study.best.config).peft
    assert peft.__version__ == study.best.environment["versions"]["peft"]


def test_a_row_older_than_adapters_is_read(toy):
    """A configuration without a section for adapters has none."""
    study = toy.search(toy.trainer(), trials=1)
    old = {name: value for name, value in study.best.config.items() if name != "peft"}

    assert {} == Configuration.from_dict(old).peft
    assert not any("lora" in name for name in load_file(Path(study.retrain().folder) / "model.safetensors"))


def test_a_trial_with_adapters_is_replayed_to_the_last_bit(toy):
    """First weights, adapters included, learning curve and score are the same again."""
    study = toy.search(toy.trainer(), space=ALL_LINEAR, trials=2)

    replayed = study.replay(1)

    assert replayed.identical, replayed.differences
    assert replayed.before.weights == replayed.after.weights != study.trials[0].environment["weights"]


def test_the_checkpoint_of_the_best_trial_is_an_adapter(toy):
    """It is small, and peft puts it on the model that the trial began with."""
    study = toy.search(toy.trainer(), space=ALL_LINEAR, trials=2)

    transformers.set_seed(study.best.seed)
    model = peft.PeftModel.from_pretrained(toy.model(), study.best_checkpoint)

    rows = toy.rows(24, seed=1)
    with torch.inference_mode():
        loss = model.eval()(**{name: torch.tensor(list(rows[name])) for name in rows.column_names}).loss
    assert study.best.score == pytest.approx(float(loss), abs=1e-5)


def test_a_population_goes_on_from_adapters(toy):
    """`--pruner pbt`: a trial that goes on from a rung has the adapters it had there, and one from another its."""
    space = {**ALL_LINEAR, "learning_rate": Float(1e-5, 1e-1, log=True)}
    study = toy.search(toy.trainer(), space=space, trials=5, pruner="pbt", seed=3)

    assert [TrialState.COMPLETE] * 5 == [trial.state for trial in study.trials]
    went_on = [trial for trial in study.trials if trial.config["schedule"]]
    assert went_on
    parents = {trial.number: trial.config["schedule"][-1]["after"] for trial in went_on}
    for number, parent in parents.items():
        assert study.trials[number].config["peft"]["r"] == study.trials[parent].config["peft"]["r"]
    alone = next(trial for trial in study.trials if not trial.config["schedule"])
    assert study.replay(alone.number).identical  # a training in one piece is the one in four


def test_the_winner_of_a_run_opens_and_answers_as_its_adapters_did(words, toy):
    """The final's checkpoint is taken as the model: merged, it predicts what the final predicted."""
    outcome = done(*words, "--space", "lora", "--set", "learning_rate=0.005").json()
    folder = Path(outcome["model"]["folder"])

    written = json.loads((folder / "hpsearch.json").read_text())
    assert written["final"]
    assert {"adapter_config.json", "adapter_model.safetensors"} == {one.name for one in (folder / "adapter").iterdir()}
    pipe = transformers.pipeline("text-classification", model=str(folder), device="cpu")
    assert {"no", "yes"} >= {answer["label"] for answer in pipe(["a cat sees noa", "yesb dog"])}
    lines = (toy.folder / "valid.csv").read_text().splitlines()[1:]
    predicted = [answer["label"] for answer in pipe([line.rpartition(",")[0] for line in lines])]
    accuracy = sum(label == line.rpartition(",")[2] for label, line in zip(predicted, lines, strict=True)) / len(lines)
    assert written["metrics"]["eval_accuracy"] == pytest.approx(accuracy)
    assert 0.5 != accuracy


def test_a_checkpoint_whose_model_cannot_be_made_again_is_not_taken(words, monkeypatch):
    """Adapters beside other weights than those they were trained beside are worth nothing: the winner is retrained."""
    monkeypatch.setattr("hpsearch.search.winner.adopt.weights_hash", lambda model: "another")

    outcome = done(*words, "--space", "lora", "--set", "num_train_epochs=1").json()

    written = json.loads((Path(outcome["model"]["folder"]) / "hpsearch.json").read_text())
    assert "final" not in written
    assert 0 < written["adapter"]["trained_parameters"]


def test_adapters_on_a_model_that_was_never_pretrained_are_remarked_on(words):
    """`--space lora` with the built-in model is there to try it out, and says so."""
    said = done("check", *(word for word in words[1:] if word not in ("--quiet", "--json")), "--space", "lora")

    assert "was never pretrained" in said.out + said.err


def test_a_merged_model_answers_as_its_adapters_do(toy):
    """A folder for a pretrained model: the adapters on that model, and the folder alone, give the same outputs."""
    start, data = save_model(toy.folder / "start", "Bert"), write_rows(toy.folder / "rows.csv")
    command = ["run", "--train-file", data, *COLUMNS, "--model", start, "--trials", "1", "--subset", "1", *ONE_RUNG]
    outcome = done(*command, "--space", "lora", "--set", "learning_rate=0.005", "--json", "--quiet").json()
    folder = Path(outcome["model"]["folder"])
    texts = ["the big cat sees a man", "the old dog hears a man"]
    tokenizer = AutoTokenizer.from_pretrained(folder)

    base = AutoModelForSequenceClassification.from_pretrained(start, num_labels=2)
    before = logits_of(base, tokenizer, texts)
    adapters = peft.PeftModel.from_pretrained(base, folder, subfolder="adapter")

    merged = AutoModelForSequenceClassification.from_pretrained(folder)
    assert not isinstance(merged, peft.PeftModel)
    assert logits_of(adapters, tokenizer, texts).allclose(logits_of(merged, tokenizer, texts), atol=1e-5)
    assert not before.allclose(logits_of(merged, tokenizer, texts), atol=1e-3)


def test_no_path_is_in_a_published_adapter_and_the_card_says_what_it_is(toy):
    """The folder names its model without a place; the card tells LoRA, its values and how much was trained."""
    start, data = save_model(toy.folder / "start", "Bert"), write_rows(toy.folder / "rows.csv")
    command = ["run", "--train-file", data, *COLUMNS, "--model", start, "--trials", "1", "--subset", "1", *ONE_RUNG]
    outcome = done(*command, "--space", "lora", "--json", "--quiet").json()
    folder = Path(outcome["model"]["folder"])

    texts = [one.read_text() for one in folder.rglob("*") if one.suffix in {".json", ".md"}]

    assert [] == [text for text in texts if str(toy.folder) in text]
    assert "start" == json.loads((folder / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    card = (folder / "README.md").read_text()
    about = json.loads((folder / "hpsearch.json").read_text())["adapter"]
    trained = sum(one.numel() for one in load_file(folder / "adapter" / "adapter_model.safetensors").values())
    assert trained == about["trained_parameters"]
    assert f"LoRA): {trained:,} of {about['parameters']:,} parameters" in card
    assert "| peft.r | 8 | 8 |" in card
    assert "- lora" in card
    assert 'subfolder="adapter"' in card


def test_commands_show_adapters_by_name(words):
    """`trials`, `best` and `export` say `peft.r` as they say `model.*`."""
    done(*words, *ONE_RUNG, "--space", "lora", "--no-retrain")

    assert "peft.r" in done("trials", "mine").out
    assert {"peft.r", "peft.lora_dropout"} <= done("best", "mine", "--json").json()["params"].keys()
    done("export", "mine", "-o", "out.csv")
    assert "peft.r" in Path("out.csv").read_text().splitlines()[0]
    done("report", "mine", "-o", "page.html")
    assert "peft.r" in Path("page.html").read_text()


@pytest.mark.parametrize("reentrant", [False, True])
def test_adapters_are_trained_where_memory_is_saved(reentrant, toy, watch):
    """Activations that are computed twice let gradients through to the adapters."""
    kwargs = {"use_reentrant": reentrant}
    args = {"activation_checkpointing": True, "activation_checkpointing_kwargs": kwargs}
    toy.search(toy.trainer(callbacks=[watch], args=args), space=ALL_LINEAR, trials=1)

    first, last, _ = watch.seen[0]
    assert any(not first[name].equal(last[name]) for name in first if "lora_B" in name)


REFUSED = [
    ({"peft.target_modules": "querry"}, "no module 'querry'", "did you mean 'query'?"),
    ({"peft.target_modules": Choice(["query", "query,ffn"])}, "no module 'ffn'", "dense, key, query, value"),
    ({"peft.modules_to_save": "heads"}, "no module 'heads'", ""),
    ({"peft.r": 0}, "peft.r must be at least 1, got 0", ""),
    ({"peft.r": 4, "peft.layers_to_transform": 1, "peft.target_modules": "all-linear"}, "layers_to_transform", ""),
]


@pytest.mark.parametrize(("space", "words", "hint"), REFUSED)
def test_adapters_that_cannot_be_made_are_refused_before_the_first_trial(space, words, hint, toy):
    """One sentence with the value, and the layers that the model has; nothing is written."""
    with pytest.raises(BadInput) as refusal:
        toy.search(toy.trainer(), space={"learning_rate": Float(1e-4, 1e-2), **space})

    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert hint in (refusal.value.hint or "")
    assert not (toy.folder / "store.db").exists()


def test_the_command_refuses_an_unknown_target(words, toy):
    """Exit code 2, before a study is made."""
    (toy.folder / "mine.yaml").write_text("peft.target_modules: atention\npeft.r: {choices: [2, 4]}\n")

    refused(hpsearch(*words, "--space", "mine.yaml"), "BertForSequenceClassification has no module 'atention'", "query")

    assert not (toy.folder / "hpsearch.db").exists()


def test_a_frozen_encoder_takes_no_adapters(words):
    """`--freeze-encoder` and adapters contradict each other, and so does a space with both."""
    refused(hpsearch(*words, "--space", "lora", "--freeze-encoder"), "frozen", "--freeze-encoder")
    refused(hpsearch(*words, "--space", "lora", "--set", "model.freeze_encoder=true"), "frozen", "model.freeze_encoder")


def test_adapters_may_wait_for_an_encoder_that_is_not_frozen(words, toy):
    """Head alone or adapters, chosen by the search: a configuration has the one or the other."""
    when = "when: {model.freeze_encoder: false}"
    (toy.folder / "either.yaml").write_text(
        "model.freeze_encoder: {choices: [false, true]}\nlearning_rate: 0.001\n"
        f"peft.r: {{choices: [2, 4], {when}}}\npeft.target_modules: {{type: constant, value: all-linear, {when}}}\n"
    )

    done(*words, *ONE_RUNG, "--space", "either.yaml", "--trials", "3", "--sampler", "grid", "--no-retrain")

    found = done("trials", "mine", "--json").json()
    assert ["COMPLETE"] * 3 == [one["state"] for one in found]
    kinds = {(one["params"]["model.freeze_encoder"], bool(one["config"]["peft"])) for one in found}
    assert {(False, True), (True, False)} == kinds


def test_a_model_init_that_makes_adapters_itself_is_told_so(toy):
    """Two sets of adapters, one in the other, are nobody's wish."""

    def model_init():
        return peft.get_peft_model(toy.model(), peft.LoraConfig(target_modules=["query"], task_type="SEQ_CLS"))

    with pytest.raises(BadInput, match="returns a model that has adapters already"):
        toy.search(toy.trainer(model_init=model_init), space=ALL_LINEAR)


def test_a_model_of_ones_own_must_say_what_its_head_is(toy):
    """Where head and encoder cannot be told apart, the head would silently stay as it was drawn."""

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert, self.top = toy.model().bert, torch.nn.Linear(16, 2)

        def forward(self, input_ids, attention_mask, labels=None):
            logits = self.top(self.bert(input_ids, attention_mask).pooler_output)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    space = {"peft.target_modules": "query,value", "peft.r": Choice([2, 4])}
    with pytest.raises(BadInput, match="head of Own cannot be told") as refusal:
        toy.search(toy.trainer(model_init=Own), space=space)
    assert "peft.modules_to_save" in refusal.value.hint

    study = toy.search(toy.trainer(model_init=Own), space={**space, "peft.modules_to_save": "top"})
    weights = load_file(Path(study.retrain().folder) / "model.safetensors")
    assert {"top.weight", "top.bias"} <= weights.keys()
    assert not any("lora" in name for name in weights)

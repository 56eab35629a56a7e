"""What a Trainer's class makes of its data is made once a study, also of rows that were made in memory."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, List, Value, load_from_disk
from transformers import Trainer

import hpsearch
from hpsearch import Choice
from hpsearch.search.data.kept_rows import KeptRows, on_disk
from hpsearch.search.data.splits import GivenSplits
from hpsearch.search.making.making import Making, makers
from hpsearch.search.making.wish import Wish
from hpsearch.studies.records import TrialState

from .trainer_scripts import FOLDER, module_of

pytestmark = pytest.mark.filterwarnings("ignore:.(is_)?gradient_checkpointing:FutureWarning")  # peft and trl ask for it


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the tests' own, which is the current one and has the tiny models; scripts import each other."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        patch.setenv("TOY_MODELS", str(folder / "models"))
        patch.syspath_prepend(FOLDER)
        yield folder


class Mapped:
    """Counts the rows that functions were really called for in `Dataset.map`, and not found again."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.rows: list[tuple[str, int]] = []
        plain = Dataset._map_single

        def counting(shard: Any, function: Any = None, **named: Any) -> Any:
            self.rows.append((getattr(function, "__name__", "?"), len(shard)))
            return plain(shard=shard, function=function, **named)

        counting.__module__, counting.__qualname__ = plain.__module__, plain.__qualname__  # part of what it is found by
        patch.setattr(Dataset, "_map_single", staticmethod(counting))

    def of(self, name: str) -> Counter[int]:
        """How often a function of that name was called for how many rows."""
        return Counter(count for called, count in self.rows if called == name)


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> Mapped:
    """What was mapped from now on."""
    return Mapped(monkeypatch)


def search(build_trainer: Any, study: str, place: Path, **options: Any) -> Any:
    """Search a Trainer: three trials on a quarter of its rows."""
    return hpsearch.search(
        build_trainer,
        **{
            "space": {"learning_rate": Choice([0.002, 0.02])},
            "sampler": "grid",
            "trials": 3,
            "subset": 0.25,
            "strategy": "single",
            "confirm": "none",
            "objective": "eval_loss",
            "study": study,
            "store": f"sqlite:///{place}/store.db",
            "output_dir": place / "out" / study,
            "quiet": True,
            **options,
        },
    )


def data_of(place: Path, study: str) -> Path:
    """Where a study keeps rows, if it does."""
    (folder,) = (place / "out" / study).iterdir()
    return folder / "data"


# What trl tokenises


@pytest.mark.parametrize("name", ["trl_sft_full", "trl_dpo", "trl_reward"])
def test_trl_tokenises_once_a_study(name: str, place: Path, mapped: Mapped) -> None:
    """A subset of rows made in memory is tokenised for the first of three trials, and found by the others; a replay,
    which keeps nothing, tokenises it again, and is the same to the last bit.
    """
    pytest.importorskip("trl")
    study = search(module_of(name).build_trainer, name, place)
    quarter = len(module_of(name).build_trainer().train_dataset) // 4

    assert [TrialState.COMPLETE] * 3 == [trial.state for trial in study.trials]
    assert 1 == mapped.of("tokenize_fn")[quarter]
    shutil.rmtree(data_of(place, name))
    assert study.replay(2).identical
    assert 2 == mapped.of("tokenize_fn")[quarter]
    assert not data_of(place, name).exists()


def test_finals_and_the_retraining_find_it_too(place: Path, mapped: Mapped) -> None:
    """All the rows are tokenised once by the template, which the user's function makes, and once for all that follows:
    winner, baseline and the retraining; what a search that goes on needs is found by its own template alone.
    """
    pytest.importorskip("trl")
    build = module_of("trl_sft_full").build_trainer
    study = search(build, "finals", place, confirm="quick", trials=2)
    study.retrain()

    assert 2 == mapped.of("tokenize_fn")[128]
    mapped.rows.clear()
    search(build, "finals", place, confirm="quick", trials=3)
    assert {128: 1, 32: 0} == {rows: mapped.of("tokenize_fn")[rows] for rows in (128, 32)}


def test_what_changes_the_data_has_its_own(place: Path) -> None:
    """Each value of `max_length` trains on rows cut to it, in whatever order the values come."""
    pytest.importorskip("trl")
    from transformers import TrainerCallback

    seen = []

    class Longest(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any) -> None:
            longest = max(len(row["input_ids"]) for row in train_dataloader.dataset)
            seen.append((args.max_length, longest, len(train_dataloader.dataset)))

    def build_trainer() -> Any:
        trainer = module_of("trl_sft_full").build_trainer()
        trainer.add_callback(Longest())
        return trainer

    space = {"max_length": Choice([10, 8, 9])}
    study = search(build_trainer, "lengths", place, space=space, trials=4, seed=1)

    trials = [(trial.params["max_length"], min(trial.params["max_length"], 12), 32) for trial in study.trials]
    assert {1024, 8, 9, 10} == {length for length, _, _ in trials}
    assert [one for one in seen if one[2] == 32] == trials
    assert 4 == len({trial.score for trial in study.trials})


@pytest.mark.parametrize(
    "values",
    [
        {"max_length": 9},
        {"packing": True, "max_length": 24, "packing_strategy": "wrapped"},
        {"completion_only_loss": False},
        {"eos_token": "[SEP]"},
    ],
)
def test_what_is_found_is_what_would_be_made(values: dict[str, Any], tmp_path: Path, mapped: Mapped) -> None:
    """For each value that changes what is prepared, rows on disk give what those in memory do, made or found."""
    pytest.importorskip("trl")
    making = Making.of(module_of("trl_sft_full").build_trainer())
    given = GivenSplits(making.train_dataset, making.eval_dataset)

    def rows(source: Any, **values: Any) -> tuple[list[Any], list[Any]]:
        splits = source.splits({})
        made = making.made(Wish(values=values, train=splits.train, evaluation=splits.selection))
        assert [] == made.train_dataset.cache_files  # what a training keeps is not found by another
        return list(made.train_dataset), list(made.eval_dataset)

    usual, others = rows(given), rows(given, **values)
    kept = KeptRows(given, tmp_path)
    mapped.rows.clear()
    assert making.prepares
    assert others == rows(kept, **values)
    assert 1 == mapped.of("tokenize_fn")[128]
    assert usual == rows(kept)
    assert others == rows(kept, **values)
    assert others == rows(KeptRows(given, tmp_path), **values)  # as another worker has it
    assert mapped.of("tokenize_fn")[128] == (2 if "eos_token" in values else 1)
    assert usual != others


#: Makes a Trainer on all the rows that it keeps in a folder; prints how many files there were before and after.
MAKE = """
import sys
from pathlib import Path
folder, scripts = sys.argv[1:]
sys.path.insert(0, scripts)
import hpsearch, trl_sft_full
from hpsearch.search.data.kept_rows import KeptRows
from hpsearch.search.data.splits import GivenSplits
from hpsearch.search.making.making import Making, makers
from hpsearch.search.making.wish import Wish
making = Making.of(trl_sft_full.build_trainer())
splits = KeptRows(GivenSplits(making.train_dataset, making.eval_dataset), Path(folder)).splits({})
before = len(list(Path(folder).rglob("*.arrow")))
making.made(Wish(values={}, train=splits.train, evaluation=splits.selection))
print(before, len(list(Path(folder).rglob("*.arrow"))))
"""


def test_another_process_finds_it(
    place: Path, tmp_path: Path, run_python: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker, whose hashes of texts are others, tokenises nothing that this process has tokenised."""
    pytest.importorskip("trl")
    monkeypatch.setattr("sys.argv", ["-c", str(tmp_path), str(FOLDER)])
    exec(MAKE, {})  # noqa: S102 - what the other process does
    here = capsys.readouterr().out.split()[-2:]
    there = run_python(f"import sys\nsys.argv = {['-c', str(tmp_path), str(FOLDER)]!r}\n{MAKE}", cwd=place)

    assert "2" == here[0]
    assert [here[1]] * 2 == there.stdout.split()[-2:]


def test_reference_models_are_asked_anew(place: Path) -> None:
    """What trl's DPO computes before its training, and keeps beside its data, is no other trial's."""
    pytest.importorskip("trl")
    from trl import DPOConfig, DPOTrainer

    def build_trainer() -> Any:
        toys, script = module_of("toys"), module_of("trl_dpo")
        return DPOTrainer(
            model=toys.llama(),
            args=DPOConfig("dpo", precompute_ref_log_probs=True, max_length=48, bf16=False, **toys.HERE),
            train_dataset=script.preferences(96, 0),
            eval_dataset=script.preferences(32, 1),
        )

    space = {"per_device_train_batch_size": Choice([4, 16])}
    study = search(build_trainer, "references", place, space=space, trials=2)

    assert study.replay(1).identical
    files = list(data_of(place, "references").rglob("*.arrow"))
    assert files
    assert not any("ref_chosen_logps" in Dataset.from_file(str(file)).column_names for file in files)


# What is drawn


class Drawing(Trainer):
    """Marks its rows at random, leaves out others at random, and counts what it is left with."""

    def __init__(self, *args: Any, train_dataset: Any, **named: Any) -> None:
        drawn = train_dataset.map(lambda row: {"mark": random.random()})
        drawn = drawn.filter(lambda row: np.random.rand() < 0.5)
        drawn = drawn.map(lambda row: {"double": 2 * row["mark"]})
        self.then = torch.rand(1).item(), random.random(), np.random.rand()
        super().__init__(*args, train_dataset=drawn, **named)


def test_what_is_drawn_is_drawn_for_each(toy: Any, tmp_path: Path) -> None:
    """A class that draws rows at random has those of its own seed, on disk as in memory, and in any order."""
    making = Making.of(Drawing(toy.model(), toy.arguments(), train_dataset=toy.rows(16), eval_dataset=toy.rows(8)))
    given = GivenSplits(making.train_dataset, making.eval_dataset)

    def drawn(source: Any, seed: int) -> Any:
        splits = source.splits({})
        made = making.made(Wish(values={"seed": seed}, train=splits.train, evaluation=splits.selection))
        return list(made.train_dataset["mark"]), list(made.train_dataset["double"]), made.then

    first, second, kept = drawn(given, 1), drawn(given, 2), KeptRows(given, tmp_path / "data")
    assert first != second
    assert [second, first, first, second] == [drawn(kept, seed) for seed in (2, 1, 1, 2)]
    assert [] == list((tmp_path / "data").rglob("cache-*"))


class Unhashable(Trainer):
    """Maps its rows with something that has no hash, by which its result could be found."""

    def __init__(self, *args: Any, train_dataset: Any, **named: Any) -> None:
        opened = (number for number in range(1))
        rows = train_dataset.map(lambda row: {"mark": 0 if opened is None else 1}).map(
            lambda row: {"more": row["mark"]}
        )
        super().__init__(*args, train_dataset=rows, **named)


def test_what_nobody_could_find_is_not_kept(toy: Any, tmp_path: Path) -> None:
    """Where a result has no name to be found by, no trial leaves it on the disk."""
    making = Making.of(Unhashable(toy.model(), toy.arguments(), train_dataset=toy.rows(16), eval_dataset=toy.rows(8)))
    splits = KeptRows(GivenSplits(making.train_dataset, making.eval_dataset), tmp_path / "data").splits({})
    made = making.made(Wish(values={}, train=splits.train, evaluation=splits.selection))

    assert [1] * 16 == list(made.train_dataset["more"])
    assert [] == list((tmp_path / "data").rglob("cache-*"))


def test_other_code_finds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of a file that was changed, or of a library's other release, has rows of its own."""
    (tmp_path / "theirs.py").write_text("from transformers import Trainer\nclass Mine(Trainer):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    kind = __import__("theirs").Mine

    found = [makers(kind), makers(kind), makers(Trainer)]
    (tmp_path / "theirs.py").write_text("from transformers import Trainer\nclass Mine(Trainer):\n    prepares = 2\n")
    found.append(makers(kind))
    monkeypatch.setattr("hpsearch.search.making.making.version", lambda library: "6.0")
    found.append(makers(Trainer))
    assert found[0] == found[1]
    assert 4 == len(set(found))


# What is kept


def test_kept_rows_are_the_same(tmp_path: Path) -> None:
    """Rows, features, split and format are those that were given, whatever was selected of them."""
    features = Features(
        {"text": Value("large_string"), "label": ClassLabel(names=["no", "yes"]), "ids": List(Value("int8"))}
    )
    table = {"text": ["a", None, "ä", ""], "label": [0, 1, 1, None], "ids": [[1], [], None, [3, 4]]}
    whole = Dataset.from_dict(table, features=features, split="train")
    for given in (whole, whole.select([3, 1]), whole.with_format("numpy", columns=["label"])):
        kept = on_disk(given, tmp_path)

        assert kept.cache_files
        assert [*given.with_format(None)] == [*kept.with_format(None)]
        assert (given.features, given.split, given.format) == (kept.features, kept.split, kept.format)
    doubled = whole.with_transform(lambda rows: {"text": [2 * (text or "") for text in rows["text"]]})
    assert [*doubled] == [*on_disk(doubled, tmp_path)]


def test_the_same_rows_are_kept_once(tmp_path: Path) -> None:
    """However they came to be: rows that were selected from others are the same rows."""
    rows = Dataset.from_dict({"number": [1, 2, 3]})
    kept = [on_disk(one, tmp_path) for one in (rows, Dataset.from_dict({"number": [0, 1, 2, 3]}).select([1, 2, 3]))]
    other = on_disk(Dataset.from_dict({"number": [1, 2, 4]}), tmp_path)

    assert kept[0].cache_files == kept[1].cache_files
    assert 2 == len(list(tmp_path.iterdir()))
    assert [1, 2, 4] == other["number"][:]


def test_what_needs_no_keeping_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in files, or that point to files, streams, other data sets, and all where `datasets` finds nothing again."""
    rows = Dataset.from_dict({"number": [1, 2, 3]})
    rows.save_to_disk(str(tmp_path / "there"))
    pictures = Dataset.from_dict({"image": ["a.png"]}).cast_column("image", Image())
    others = [
        rows.select([]),
        load_from_disk(str(tmp_path / "there")),
        pictures,
        rows.to_iterable_dataset(),
        [1, 2],
        None,
    ]

    assert all(on_disk(one, tmp_path / "kept") is one for one in others)
    monkeypatch.setattr("datasets.fingerprint._CACHING_ENABLED", False)
    assert on_disk(rows, tmp_path / "kept") is rows
    assert not (tmp_path / "kept").exists()


def test_several_sets_are_kept_each(tmp_path: Path) -> None:
    """Of several data sets by name each is kept, in the same form, with the same name."""
    rows = DatasetDict({"one": Dataset.from_dict({"number": [1]}), "two": Dataset.from_dict({"number": [2]})})
    kept = on_disk(rows, tmp_path)

    assert (DatasetDict, ["one", "two"]) == (type(kept), list(kept))
    assert all(part.cache_files for part in kept.values())
    assert [1, 2] == [part["number"][0] for part in kept.values()]


def test_rows_stay_in_memory_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no reason not to train; and half of a data set is never taken for all of it."""

    def full(self: Any, folder: str) -> None:
        Path(folder, "data.arrow").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    rows = Dataset.from_dict({"number": [1, 2, 3]})
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "save_to_disk", full)
        assert on_disk(rows, tmp_path) is rows
    assert [] == list(tmp_path.iterdir())
    assert [1, 2, 3] == on_disk(rows, tmp_path)["number"][:]


def test_a_class_that_prepares_nothing_keeps_nothing(toy: Any) -> None:
    """A Trainer that takes its rows as they are has no use for a copy of them."""
    toy.search(toy.trainer())

    (folder,) = (toy.folder / "out").iterdir()
    assert (folder / "trials").exists()
    assert not (folder / "data").exists()

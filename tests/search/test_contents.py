"""Packed files, folders of shards, addresses, and what is no file to read whole."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import datasets
import fsspec
import pandas
import pytest

from hpsearch.search.data import contents
from hpsearch.search.data.contents import stem_of, suffix_of
from hpsearch.search.data.raw import RawData, load_task
from hpsearch.search.tasks import custom_task
from hpsearch.spaces.errors import BadInput

TEXT = "text,label\n" + "".join(f"text {n},{'yes' if n % 3 else 'no'}\n" for n in range(30))
FRAME = pandas.read_csv(io.StringIO(TEXT))


def load(place: str | Path, validation: str | Path | None = None) -> RawData:
    """Load the columns `text` and `label`."""
    return load_task(custom_task(["text"], "label"), train_file=place, validation_file=validation)


def refusal(place: str | Path) -> str:
    """Return why a place is refused, in one line with the hint."""
    with pytest.raises(BadInput) as refused:
        load(place)
    assert "\n" not in str(refused.value)
    return f"{refused.value} | {refused.value.hint}"


def zipped(**members: bytes) -> bytes:
    """Return an archive with these files, dots in their names written as `__`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "."), data)
    return archive.getvalue()


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zip": lambda data: zipped(a__csv=data)}


@pytest.mark.parametrize("packing", PACKERS)
def test_a_packed_file_is_the_same_data(tmp_path, packing):
    """Fingerprint and all."""
    (tmp_path / "train.csv").write_text(TEXT)
    (tmp_path / f"train.csv{packing}").write_bytes(PACKERS[packing](TEXT.encode()))

    assert load(tmp_path / "train.csv").fingerprint == load(tmp_path / f"train.csv{packing}").fingerprint


@pytest.mark.parametrize("form", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
@pytest.mark.parametrize("packing", [".gz", ".zip", ".xz"])
def test_every_form_may_be_packed(tmp_path, form, packing):
    """As pandas packs it."""
    path, how = tmp_path / f"train{form}{packing}", packing[1:]
    if form == ".parquet":
        FRAME.to_parquet(data := io.BytesIO())
        path.write_bytes(zipped(train__parquet=data.getvalue()) if how == "zip" else PACKERS[packing](data.getvalue()))
    elif form in (".csv", ".tsv"):
        FRAME.to_csv(path, sep="\t" if form == ".tsv" else ",", index=False)
    else:
        FRAME.to_json(path, orient="records", lines=form == ".jsonl")

    assert list(FRAME["text"]) == load(path).train["text_a"][:]


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-10], lambda data: b"text,label\n", lambda data: data[:9] + b"!" * 40]
)
def test_a_damaged_archive_is_refused(tmp_path, packing, damage):
    """Cut off, not packed at all, or overwritten."""
    path = tmp_path / f"train.csv{packing}"
    path.write_bytes(damage(PACKERS[packing](TEXT.encode() * 50)))

    assert "cannot be unpacked" in refusal(path)


@pytest.mark.parametrize(
    "members", [{"a__csv": b"a", "b__csv": b"b"}, {}, {"x__tsv": b"", "y__csv": b"", "z__csv": b""}]
)
def test_an_archive_of_several_files_names_them(tmp_path, members):
    """Which is meant is not guessed."""
    (tmp_path / "a.zip").write_bytes(zipped(**members))
    message = refusal(tmp_path / "a.zip")

    assert f"has {len(members)} files in it" in message
    assert all(name.replace("__", ".") in message for name in members)


def test_what_macos_adds_to_an_archive_is_no_file(tmp_path):
    """Folders, and what it keeps for itself."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("data/", "data/train.csv", "data/.DS_Store", "__MACOSX/data/._train.csv"):
            archive.writestr(name, TEXT if name == "data/train.csv" else "")

    assert 30 == len(load(tmp_path / "a.zip").train)


@pytest.mark.parametrize("name", ["train.gz", "train.tar.gz", "train.txt.bz2"])
def test_a_packed_file_of_unknown_form_is_refused(tmp_path, name):
    """The name says how it is packed, not what is in it."""
    (tmp_path / name).write_bytes(PACKERS[Path(name).suffix](TEXT.encode()))

    assert "unknown suffix" in refusal(tmp_path / name)


@pytest.mark.parametrize("packing", PACKERS)
def test_a_packed_file_under_another_name_says_its_own(tmp_path, packing):
    """The hint is the name that would do."""
    (tmp_path / "train.csv").write_bytes(PACKERS[packing](TEXT.encode()))

    assert f"it is packed | unpack it, or name it train.csv{packing}" in refusal(tmp_path / "train.csv")


# --- what is no file to read whole


@pytest.mark.parametrize("place", ["/dev/zero", "/dev/null", "/dev/urandom", "file:///dev/zero"])
def test_a_device_is_refused_at_once(place):
    """It has no end."""
    message = refusal(place)

    assert message.startswith(f"cannot read {place.removeprefix('file://')}: it is a device")
    assert 1 == message.count("cannot read")


@pytest.mark.parametrize("name", ["pipe", "pipe.csv", "pipe.csv.gz"])
def test_a_pipe_is_refused_at_once(tmp_path, monkeypatch, name):
    """Nobody writes to it, and it could be read only once; a name without a suffix is not looked for on the hub."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo(name)

    assert "it is a pipe, which can be read once only" in refusal(name)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    """Like any other thing that is no file."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s.csv")
        assert "it is a socket" in refusal("s.csv")


@pytest.mark.parametrize("name", ["big.csv", "big.csv.gz", "big.xlsx"])
def test_the_rest_of_a_file_is_not_read_to_refuse_it(tmp_path, monkeypatch, name):
    """Its first megabyte says that it is no text, or of no known form; it may be of any size."""
    read = []
    data = (b"x" * 2**21 if name == "big.xlsx" else b"\0" * 2**22) + b"end"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            read.append(size)
            return super().read(size)

    inner = contents.opened

    @contents.contextmanager
    def counted(name: str) -> Any:
        with inner(name) as one:
            yield one._replace(stream=Counting(one.stream.read(2**23)))

    monkeypatch.setattr("hpsearch.search.data.files.opened", counted)
    message = refusal(tmp_path / name)

    assert "binary" in message or "unknown suffix" in message
    assert [2**20] == read


@pytest.mark.parametrize("packing", ["", *PACKERS])
def test_an_empty_file_is_refused(tmp_path, packing):
    """Packed or not."""
    path = tmp_path / f"a.csv{packing}"
    path.write_bytes(PACKERS[packing](b"") if packing else b"")

    assert "is empty" in refusal(path)


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("data/train.csv.gz", "train", ".csv"),
        ("train.CSV", "train", ".csv"),
        ("s3://bucket/a.b.jsonl.xz", "a.b", ".jsonl"),
        ("folder", "folder", ""),
        ("owner/name", "name", ""),
    ],
)
def test_a_name_says_what_is_in_it(name, stem, suffix):
    """A study of `train.csv.gz` is called as one of `train.csv`."""
    assert (stem, suffix) == (stem_of(name), suffix_of(name))


# --- folders


def shards(folder: Path, **parts: str) -> Path:
    """Write files, dots in their names written as `__`."""
    folder.mkdir(exist_ok=True)
    for name, text in parts.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return folder


HEAD, *LINES = TEXT.splitlines(keepends=True)


@pytest.mark.parametrize("end", ["__csv", "__csv__gz"])
def test_a_folder_of_shards_is_one_table(tmp_path, end):
    """The rows in the order of the files' names; markers that programs leave are no data."""
    parts = {f"part-0000{n}{end}": HEAD + "".join(LINES[10 * n : 10 * n + 10]) for n in range(3)}
    folder = shards(tmp_path / "data", **parts, _SUCCESS="", README__md="of the data", part__crc="x")
    (tmp_path / "all.csv").write_text(TEXT)
    raw = load(folder)

    assert load(tmp_path / "all.csv").fingerprint == raw.fingerprint
    assert (
        f"{folder}: read 3 files, part-00000{end.replace('__', '.')} to part-00002{end.replace('__', '.')}" in raw.notes
    )


def test_a_bad_label_in_a_shard_is_placed(tmp_path):
    """In the file that it is in, on its line there."""
    folder = shards(tmp_path / "data", a__csv=TEXT, b__csv=TEXT + "more,NA\n")

    assert f"{folder / 'b.csv'}, line 32 has the label 'NA'" in refusal(folder)


@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("train-0", "dev-0", "eval"), ("my_training", "val", "test")]
)
def test_splits_are_told_by_the_names(tmp_path, names):
    """As `datasets` tells them; a test file is neither learnt from nor held out, which is said."""
    folder = shards(tmp_path / "data", **{f"{name}__csv": HEAD + "".join(LINES[n:]) for n, name in enumerate(names)})
    raw = load(folder)

    assert (30, 29) == (len(raw.train), len(raw.validation))
    assert f"{folder}: left out {names[2]}.csv" in raw.notes


def test_shards_that_datasets_writes_are_read(tmp_path):
    """Parquet, as it lies on the hub."""
    kinds = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["pos", "neg"])})
    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c", "d"], "label": [0, 1, 1, 0]}, features=kinds)
    for part in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        rows.to_parquet(tmp_path / f"{part}.parquet")
    raw = load(tmp_path)

    assert (("pos", "neg"), 8, 4) == (raw.task.labels, len(raw.train), len(raw.validation))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a__csv": TEXT, "b__jsonl": "{}"}, "data files of 2 forms: a.csv, b.jsonl"),
        ({"train__csv": TEXT, "more__csv": TEXT}, "'more.csv', of none"),
        ({"test__csv": TEXT}, "has no split 'train'"),
        ({"a__csv": TEXT, "b__csv": "txet,label\na,no\n"}, "has no column 'text'"),
        ({"a__tsv": 'text\tlabel\n"a"\tno\n', "b__tsv": 'text\tlabel\n5" b\tyes\n'}, "quotes of another kind"),
        ({"notes__txt": "x"}, "no data file"),
    ],
)
def test_a_folder_that_is_no_one_data_set_is_refused(tmp_path, files, words):
    """Which of its files are meant is not guessed."""
    assert words in refusal(shards(tmp_path / "data", **files))


def test_what_is_left_out_of_a_folder_is_said(tmp_path):
    """A file of an unknown form among the data may be data."""
    folder = shards(tmp_path / "data", a__csv=TEXT, more__txt="x")

    assert f"{folder}: left out more.txt" in load(folder).notes


# --- addresses


@pytest.fixture
def memory() -> Any:
    """The file system of fsspec that is in memory, with a data file and a folder of two."""
    system = fsspec.filesystem("memory")
    system.pipe({"/data/train.csv.gz": gzip.compress(TEXT.encode()), "/two/a.csv": TEXT.encode()})
    system.pipe("/two/b.csv", TEXT.encode())
    yield system
    system.rm("/data", recursive=True)
    system.rm("/two", recursive=True)


def test_an_address_is_read_through_fsspec(memory, tmp_path):
    """A file, packed; a folder of shards; and a file of this machine by its address."""
    (tmp_path / "train.csv").write_text(TEXT)

    assert load(f"file://{tmp_path}/train.csv").fingerprint == load("memory://data/train.csv.gz").fingerprint
    assert 60 == len(load("memory://two").train)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://data/nowhere.csv", "no file memory://data/nowhere.csv"),
        ("nowhere://x/train.csv", "Protocol not known: nowhere"),
        ("file:///nowhere/train.csv", "no file /nowhere/train.csv"),
        ("https://me:secret@example.org/train.csv", "an address with a password"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused(address, words):
    """In one sentence, whatever the file system raises; a password would be kept with the study."""
    message = refusal(address)

    assert words in message
    assert "secret" not in message

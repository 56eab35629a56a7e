"""Spaces by name and from YAML files, and every way such a file can be wrong."""

import pytest

from hpsearch.spaces import PRESETS, Choice, Constant, Float, Int, Space, load_space
from hpsearch.spaces.errors import BadInput

GOOD = """\
# the example of the README
learning_rate: {low: 1e-5, high: 1.0e-3, log: true}
num_train_epochs: {type: int, low: 1, high: 4}
per_device_train_batch_size: {choices: [8, 16, 32]}
adam_epsilon: {choices: [1e-8, 1E-6, .5e+1]}
weight_decay: 1e-2
optim: {choices: [adamw_torch, adafactor]}
adam_beta2: {low: 0.9, high: 0.999, when: {optim: adamw_torch}}
"""


def written(folder, content):
    """Write a space file and return its path."""
    path = folder / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_found_by_its_name(name):
    """The built-in spaces are known by name, and know their own."""
    assert load_space(name) is PRESETS[name]
    assert name == load_space(name).name


def test_a_yaml_file_is_the_same_space_as_in_python(tmp_path):
    """The issue's YAML and Python are one space; 1e-5 is a number wherever it stands."""
    path = written(tmp_path, GOOD)

    expected = Space(
        {
            "learning_rate": Float(1e-5, 1e-3, log=True),
            "num_train_epochs": Int(1, 4),
            "per_device_train_batch_size": Choice([8, 16, 32]),
            "adam_epsilon": Choice([1e-8, 1e-6, 5.0]),
            "weight_decay": Constant(0.01),
            "optim": Choice(["adamw_torch", "adafactor"]),
            "adam_beta2": Float(0.9, 0.999, when={"optim": "adamw_torch"}),
        }
    )
    assert expected == load_space(path) == load_space(str(path))
    assert "mine" == load_space(path).name


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path):
    """What Windows editors write is text too."""
    path = written(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())

    assert 7 == len(load_space(path).names)


def test_merge_keys_and_anchors_are_yaml(tmp_path):
    """A name that a merge overrides does not stand twice."""
    path = written(tmp_path, "a: &a {low: 0.0, high: 1.0}\nb: {<<: *a, high: 2.0}\n")

    assert Space({"a": Float(0, 1), "b": Float(0, 2)}) == load_space(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("# nothing\n---\n", "is empty"),
        ("- a\n- b\n", "holds a list"),
        ("just text\n", "holds a str"),
        (b"\x00\x01\x02", "not a text file"),
        (GOOD.encode("utf-16"), "not a text file"),
        ("lr: é".encode("latin-1"), "not UTF-8 text (byte 4)"),
        ("a: 1\nb: {low: 1, high\n", "line 3"),
        ("a: 1\nb: [1\nc: 2\n", "line 3"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' stands twice"),
        ("a: {low: 1, low: 2, high: 3}\n", "line 1: 'low' stands twice"),
        ("a: 1\n---\nb: 2\n", "line 2"),
        ("a: \x07\n", "not YAML"),
        ("a: !!python/object:os.system {}\n", "line 1"),
        ('a: !!int ""\n', "cannot be read"),
        ("a: 2024-13-45\n", "cannot be read"),
        ("a: " + "[" * 5000 + "\n", "cannot be read"),
        ("a: " + "9" * 5000 + "\n", "cannot be read"),
        ("a: 2024-01-02\n", "a: a parameter is a value or a mapping, got datetime.date"),
        ("a: &a [*a]\n", "a: a parameter is a value"),
        ("1: 2\n", "1 is no name"),
        ("lr: {low: 1, high: 0}\n", "lr: a range needs low < high"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(tmp_path, content, message):
    """Empty, binary, wrongly encoded, truncated, not YAML, not a space: the message names file and line."""
    path = written(tmp_path, content)

    with pytest.raises(BadInput) as refusal:
        load_space(path)

    assert message in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_bomb_of_aliases_is_refused_in_a_short_message(tmp_path):
    """A few lines that stand for a billion values cost neither memory nor a screen full of text."""
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    with pytest.raises(BadInput) as refusal:
        load_space(written(tmp_path, "\n".join(lines)))

    assert 500 > len(str(refusal.value))


@pytest.mark.parametrize("name", ["missing.yaml", "folder", "no/such/file", "x" * 5000 + ".yaml", "a\0b.yaml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path, name):
    """Missing, a folder, or no possible name: one sentence."""
    (tmp_path / "folder").mkdir()

    with pytest.raises(BadInput, match="cannot read"):
        load_space(tmp_path / name)


@pytest.mark.parametrize(("name", "near"), [("smal", "'small'"), ("Default", "'default'"), ("", "default, head")])
def test_an_unknown_preset_names_the_nearest(name, near):
    """A misspelt preset is refused with the one that was meant."""
    with pytest.raises(BadInput) as refusal:
        load_space(name)

    assert repr(name) in str(refusal.value)
    assert near in refusal.value.hint


def test_a_name_with_a_suffix_is_meant_as_a_file():
    """A missing file is not called an unknown preset."""
    with pytest.raises(BadInput, match=r"cannot read missing\.yaml: No such file"):
        load_space("missing.yaml")


def test_a_file_without_a_suffix_is_found_and_a_preset_wins(tmp_path, monkeypatch):
    """A file in the folder is found by any name that is not a preset's."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "small"):
        (tmp_path / name).write_text("a: 1\n")

    assert ("a",) == load_space("mine").names
    assert load_space("small") is PRESETS["small"]
    assert ("a",) == load_space("./small").names

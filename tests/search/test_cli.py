"""The command line as a user meets it: help, exit codes, which option wins, what goes where.

Its JSON is `test_cli_json.py`, what commands do to a study `test_cli_study.py`, mistakes `test_bad_input.py`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpsearch.search.cli import main
from hpsearch.search.own.code import OwnCode

from .command import COLUMNS, MAIN, TINY, all_commands, csv_text, done, hpsearch, refused, rows

RUN = ("run", "--train-file", "data.csv", *COLUMNS, *TINY, "--trials", "1", "--no-retrain")
CHECK = ("check", *RUN[1:])


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with a data file and a study named `mine`."""
    folder = tmp_path_factory.mktemp("cli")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HPSEARCH_CACHE", str(folder / "cache"))
        Path("data.csv").write_text(csv_text(rows()))
        done(*RUN, "--study", "mine")
        yield folder


def test_every_command_explains_itself():
    """`--help` goes to stdout, with exit code 0; an option says what it is for and its default."""
    for name in all_commands():
        said = done(*name.split(), "--help")
        assert ("", True) == (said.err, f"hpsearch {name}" in said.out)
    assert "[default: 10]" in done("run", "--help").out


@pytest.mark.parametrize("words", [[], ["db"]])
def test_a_group_alone_lists_its_commands(words):
    """Nothing was asked, so help is the answer, and the exit code that of a usage error."""
    said = hpsearch(*words)

    assert (2, "") == (said.code, said.out)
    assert "Commands:" in said.err
    assert "hpsearch: " not in said.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("runn", ("'runn'", "hint: did you mean 'run'?")),
        ("db upgrad", ("'upgrad'", "hint: did you mean 'upgrade'?")),
        ("show", ("'STUDY'", "hint: `hpsearch show --help`")),
        ("show mine other", ("other",)),
        ("trials mine --limit 3", ("--limit",)),
        ("retrain mine --trial one", ("--trial", "'one'")),
        ("replay mine", ("--trial",)),
        ("export mine", ("--output",)),
        ("predict mine --file data.csv", ("--output",)),
        ("run --trials", ("--trials",)),
    ],
)
def test_a_slip_is_one_sentence(words, said):
    """Unknown commands and options, missing and surplus words: exit code 2 and a hint."""
    answer = hpsearch(*words.split())

    refused(answer, *said)
    assert "\nhint: " in answer.err


@pytest.mark.parametrize(
    "command",
    ["show", "trials", "best", "delete", "retrain", "replay --trial 0", "compare mine", "export -o x.csv"],
)
def test_an_unknown_study_is_exit_code_3(command):
    """The nearest name is in the hint; stdout stays empty for scripts."""
    refused(hpsearch(*command.split(), "mien"), "no study named 'mien'", "did you mean 'mine'?", code=3)


def test_what_is_missing_is_exit_code_3():
    """A trial that is not there, and a study far from any."""
    for number in ("7", "-1", str(2**64)):
        for command in ("retrain", "replay"):
            refused(hpsearch(command, "mine", "--trial", number), f"no trial {number}", code=3)
    refused(hpsearch("show", "unlike"), "'unlike'", "`hpsearch studies` lists them", code=3)
    refused(hpsearch("predict", "unlike", "--file", "data.csv", "--output", "x.tsv"), "'unlike'", code=3)


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(monkeypatch, tmp_path):
    """Each says where the store is; the strongest one is made."""
    stores = {name: tmp_path / f"{name}.db" for name in ("file", "environment", "flag")}
    Path("stores.yaml").write_text(f"store: sqlite:///{stores['file']}\n")
    config, flag = ("--config", "stores.yaml"), ("--store", f"sqlite:///{stores['flag']}")
    made = lambda: [name for name, path in stores.items() if path.exists()]  # noqa: E731

    done(*RUN, *config)
    assert ["file"] == made()
    monkeypatch.setenv("HPSEARCH_STORE", f"sqlite:///{stores['environment']}")
    done(*RUN, *config)
    assert ["file", "environment"] == made()
    done(*RUN, *config, *flag)
    assert ["file", "environment", "flag"] == made()


def test_a_file_may_hold_any_option():
    """Dashes are underscores there; lists are lists, and flags beat them."""
    Path("mine.yaml").write_text(
        "train_file: data.csv\ntext_columns: text\nlabel_column: label\nsampler: random\nseed: 7\nsubset: 1\n"
        "set: [num_train_epochs=1, learning_rate=3e-4]\nmodel_config: [num_hidden_layers=1]\nfreeze_encoder: true\n"
    )
    seen = done("check", "--config", "mine.yaml", "--seed", "8", "--json").json()["identity"]

    assert ("random", 8, 1.0) == (seen["sampler"], seen["seed"], seen["fraction"])
    assert {"num_hidden_layers": 1} == seen["model"]["overrides"]
    assert seen["model"]["freeze_encoder"] is True
    assert 3e-4 == seen["space"]["learning_rate"]["value"]


def test_check_trains_nothing_and_makes_no_store(tmp_path):
    """It reads everything, and says what a search would do."""
    said = done(*CHECK, "--store", f"sqlite:///{tmp_path}/none.db", "--output-dir", tmp_path / "out")

    assert [] == list(tmp_path.iterdir())
    assert "ready to search" in said.out
    assert "64 rows" in said.out
    assert "one is cut from it" in said.err


def test_quiet_says_nothing_but_the_result():
    """No line of progress, no next command."""
    said = done(*RUN, "--study", "quiet", "--quiet")

    assert ("", True) == (said.err, "quiet: eval_accuracy" in said.out)


def test_talk_goes_to_stderr_and_the_libraries_to_a_log():
    """Progress on stderr, the table on stdout, chatter in the study's folder or, with `--verbose`, on stderr too."""
    said = done(*RUN, "--study", "talk")

    assert "trial   0  complete" in said.err
    assert "hpsearch trials talk" in said.err
    assert "baseline" in said.out
    assert "transformers" not in said.err
    log = Path(done("show", "talk", "--json").json()["folder"]) / "log.txt"
    assert "transformers" in log.read_text()
    assert "INFO transformers" in done(*RUN, "--study", "verbose", "--verbose").err


def test_no_retrain_stops_after_the_search():
    """There is no model, and the next command makes one."""
    said = done(*RUN, "--study", "unfinished")

    assert [] == done("show", "unfinished", "--json").json()["models"]
    assert "hpsearch retrain unfinished" in said.err
    refused(hpsearch("predict", "unfinished", "--file", "data.csv", "--output", "x.tsv"), "hpsearch retrain unfinished")


LIGHT = """
import sys
from hpsearch.search.cli import main
main({words!r})
heavy = ("torch", "transformers", "datasets", "optuna", "alembic")
print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("words", ["studies", "show mine", "trials mine", "best mine --json", "compare mine mine"])
def test_looking_at_a_study_imports_nothing_heavy(words, place, run_python):
    """A glance at a store does not cost the import of torch."""
    assert "[]\n" == run_python(LIGHT.format(words=words.split()), cwd=place).stderr


def test_a_reader_may_leave_early(place):
    """`hpsearch trials mine | head` ends without a traceback."""
    words = [sys.executable, "-c", MAIN, "trials", "mine", "--json"]
    with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        said = process.stderr.read()

    assert (0, "") == (process.returncode, said)


def test_ctrl_c_while_the_data_is_prepared_is_one_line(place):
    """Exit code 130, and no traceback from wherever it was."""
    words = [sys.executable, "-c", MAIN, "run", "--study", "stopped", "--trials", "1"]
    with subprocess.Popen(words, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "preparing" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (130, "") == (process.returncode, out), err
    assert "hpsearch: interrupted; run the same command again to go on\n" == err


def test_ctrl_c_that_a_library_swallows_is_not_lost(run_python):
    """Somebody's bare `except:` around an import keeps no search going: the next look raises it again."""
    program = """
import os, signal
from hpsearch.search.interrupts import raise_if_interrupted, remember_interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
remember_interrupts()
raise_if_interrupted()
try:
    os.kill(os.getpid(), signal.SIGINT)
    print("not interrupted")
except:
    pass
try:
    raise_if_interrupted()
except KeyboardInterrupt:
    print("raised again")
"""
    assert "raised again\n" == run_python(program).stdout


@pytest.mark.parametrize(
    ("words", "called"),
    [(["worker"], "join_study"), (["retrain"], "retrain_trial"), (["replay", "--trial", "1"], "replay_trial")],
)
def test_whoever_goes_on_with_a_study_says_where_its_code_is(words, called, monkeypatch):
    """`worker`, `retrain` and `replay` take the same five: functions, or a script with words that look like flags."""
    seen = []
    monkeypatch.setattr(f"hpsearch.search.command.run.{called}", lambda *args, code, **named: seen.append(code) or 0)
    command, *rest = words
    functions = ["--trainer", "a.py:f", "--model-init", "b:g", "--compute-metrics", "c:h"]

    assert 0 == main([command, "mine", *rest])
    assert 0 == main([command, "mine", *rest, *functions])
    assert 0 == main([command, "mine", *rest, "--script", "t.py", "--", "--trial", "2"])
    assert [
        OwnCode(),
        OwnCode(trainer="a.py:f", model_init="b:g", compute_metrics="c:h"),
        OwnCode(script="t.py", words=("--trial", "2")),
    ] == seen

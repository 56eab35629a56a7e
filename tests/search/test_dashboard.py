"""`hpsearch dashboard` without a browser: what it serves, on each database, and that it changes nothing.

The command itself is `test_dashboard_command.py`, what a person sees `test_dashboard_page.py`.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect, text

from hpsearch.search.dashboard.markdown import code
from hpsearch.studies.engine import make_engine
from hpsearch.studies.errors import StoreFailed
from hpsearch.studies.export import export_document, write_export
from hpsearch.studies.importing import import_study
from hpsearch.studies.optuna_storage import optuna_storage
from hpsearch.studies.optuna_tables import refusals_of
from hpsearch.studies.records import TrialState
from hpsearch.studies.store import StudyStore
from hpsearch.studies.tables import trials
from hpsearch.studies.url import parse_url

from ..databases import own_databases
from .command import done
from .shown_studies import (
    Served,
    add_study,
    begin,
    concluded,
    end,
    five_kinds,
    identity,
    notes,
    served,
)

SERVERS = (None, "HPSEARCH_TEST_POSTGRES_URL", "HPSEARCH_TEST_MYSQL_URL")
HOSTILE = "<script>alert(1)</script>'; drop table studies; `--` $x$ [a](b)"
HEBREW = "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER FINAL MEM}"


def dump(url: str) -> dict[str, list[Any]]:
    """Return every row of every table of a database."""
    engine = make_engine(url)
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        quote = engine.dialect.identifier_preparer.quote
        rows = {name: connection.execute(text(f"SELECT * FROM {quote(name)}")).all() for name in names}  # noqa: S608
    engine.dispose()
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


@pytest.fixture(scope="module", params=SERVERS, ids=("sqlite", "postgresql", "mariadb"))
def url(request, tmp_path_factory) -> Iterator[str]:
    """A store with studies of all kinds, one that is Optuna's alone, and one with a hostile name."""
    if request.param is None:
        yield filled(f"sqlite:///{tmp_path_factory.mktemp('shown') / 'hpsearch.db'}")
    else:
        with own_databases(request.param) as new_url:
            yield filled(new_url())


def filled(url: str) -> str:
    """Make the store of this file's tests."""
    with StudyStore.open(url, create=True) as store:
        five_kinds(store)
        concluded(store)
        hostile = {"notes": notes(label=HOSTILE, text=HEBREW, labels=(HOSTILE, "x" * 10_000, "\N{PARTY POPPER}"))}
        end(store, add_study(store, HOSTILE, model=HOSTILE * 200, task=HOSTILE, **hostile), TrialState.COMPLETE, 0.5)
    import optuna

    storage = optuna_storage(url)
    study = optuna.create_study(storage=storage, study_name="Optuna's alone", directions=["minimize", "maximize"])
    study.add_trial(optuna.trial.create_trial(values=[1.0, 2.0]))
    storage.remove_session()
    storage.engine.dispose()
    return url


@pytest.fixture(scope="module")
def dashboard(url: str) -> Iterator[Served]:
    """The dashboard of that store."""
    with served(url) as one:
        yield one


def attributes(trial: Any) -> dict[str, str]:
    """Return the attributes of a trial, or of a study, as the page gets them."""
    return {one["key"]: one["value"] for one in trial["user_attrs"]}


def test_every_study_is_there_under_its_name(dashboard: Served, url: str) -> None:
    """Ours as typed, whatever they are called and whether Optuna has them or not; others as Optuna has them."""
    with StudyStore.open(url) as store:
        ours = {one.study.name for one in store.studies()}

    assert {*ours, "Optuna's alone"} == dashboard.studies().keys()
    assert HOSTILE in ours
    assert ["minimize", "maximize"] == dashboard.study("Optuna's alone")["directions"]
    assert 1 == len(dashboard.study("Optuna's alone")["trials"])


def test_a_trial_says_how_it_ran(dashboard: Served) -> None:
    """State, score, curve in percent of the budget, and with the attributes the whole resolved configuration."""
    shown = dashboard.study("concluded")
    first, winner, failed, pruned = shown["trials"]

    assert ["Complete", "Complete", "Fail", "Pruned"] == [one["state"] for one in shown["trials"]]
    assert (["eval_accuracy"], ["maximize"]) == (shown["objective_names"], shown["directions"])
    assert [25, 50, 75, 100] == [point["step"] for point in winner["intermediate_values"]]
    assert ([0.9], [0.2], False) == (winner["values"], pruned["values"], "values" in failed)
    assert {"learning_rate", "optim"} == {one["name"] for one in winner["params"]}
    told = {"fraction": "0.1", "seed": "42", "seconds": "1.5", "host": "host-a", "device": "cpu"}
    assert {**told, "num_train_epochs": "3", "model.hidden_dropout_prob": "0.1"} == attributes(winner)
    assert "baseline" == attributes(first)["runs"]
    assert ("oom", "out of memory") == (attributes(failed)["failure"], attributes(failed)["failure message"])
    assert "`seed=42`" in shown["note"]["body"]


def test_the_notes_say_what_came_out(dashboard: Served) -> None:
    """The study's: verdict, data, model, the way, what to type; the winner's: why it is it, and where its model is."""
    shown = dashboard.study("concluded")
    best = shown["best_trials"][0]

    for words in ("**better than the defaults: default 0.6000", "270 rows to train on", "1 failed", "`tiny`", "tpe"):
        assert words in shown["note"]["body"]
    assert re.search(r"^hpsearch report .*concluded$", shown["note"]["body"], re.MULTILINE)
    assert (1, [1]) == (best["number"], [one["number"] for one in shown["trials"] if one["note"]["body"]])
    assert "**The winner**" in best["note"]["body"]
    assert "`` /models/a`b ``" in best["note"]["body"]


def test_the_best_is_the_one_that_the_command_names(tmp_path: Path) -> None:
    """A promotion on more data beats a better score on less, as in `hpsearch best`."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with StudyStore.open(url, create=True) as store:
        study = add_study(store, "s")
        end(store, study, TrialState.COMPLETE, 0.9)
        end(store, study, TrialState.COMPLETE, 0.5, fraction=1.0)
    with served(url) as dashboard:
        best = dashboard.study("s")["best_trials"]

    assert [1] == [one["number"] for one in best]
    assert 1 == done("best", "s", "--store", url, "--json").json()["number"]


@pytest.mark.parametrize(
    ("name", "said", "states"),
    [
        ("empty", "no trial has begun yet", []),
        ("empty without Optuna", "no trial has begun yet", []),
        ("running", "1 trial is running", ["Complete", "Running"]),
        ("all failed", "every trial failed", ["Fail", "Fail"]),
        ("all pruned", "every trial was pruned", ["Pruned", "Pruned"]),
        ("one trial", "no verdict yet, and no trial is running", ["Complete"]),
    ],
)
def test_a_study_with_little_to_show_says_so(dashboard: Served, name: str, said: str, states: list[str]) -> None:
    """Empty, running, all failed, all pruned, one trial: every address of the page answers."""
    shown, key = dashboard.study(name), dashboard.studies()[name]

    assert states == [one["state"] for one in shown["trials"]]
    assert said in shown["note"]["body"]
    assert {"outcome": said}.items() <= attributes(shown).items()
    assert "**Best so far**" in "".join(one["note"]["body"] for one in shown["trials"]) or "Complete" not in states
    for path in (f"csv/{key}", f"dashboard/studies/{key}", *(f"artifacts/{key}/{one}" for one in ids(shown))):
        assert 200 == dashboard.ask(path)[0]
    assert dashboard.ask(f"api/studies/{key}/param_importances")[0] in (200, 400)
    assert (["50%"] if name == "running" else []) == [
        attributes(one)["done"] for one in shown["trials"] if one["state"] == "Running"
    ]


def ids(shown: Any) -> list[str]:
    """Return the ids of a study's files."""
    return [one["artifact_id"] for one in shown["artifacts"]]


def test_pictures_are_made_when_they_are_asked_for(dashboard: Served) -> None:
    """Learning curves and the confusion matrix are pictures; what is no file of the study is not found."""
    shown, key = dashboard.study("concluded"), dashboard.studies()["concluded"]
    curves, matrix, _ = (dashboard.ask(f"artifacts/{key}/{one}")[1].decode() for one in ids(shown))

    assert 4 == curves.count("<polyline")
    assert [] == [one for one in ("winner", "baseline", "pruned", "failed") if f">{one}<" not in curves]
    assert [] == [one for one in (25, 5, 3, 27, "no", "yes") if f">{one}<" not in matrix]
    assert [] == ids(dashboard.study("empty"))
    assert 404 == dashboard.ask(f"artifacts/{key}/00000000-0")[0]
    assert f"](/artifacts/{key}/{ids(shown)[0]}?points=" in shown["note"]["body"]


def test_the_report_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    """The page of `hpsearch report`, of a study with trials; no other file is reached through it."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with StudyStore.open(url, create=True) as store:
        concluded(store)
        add_study(store, "empty")
    with served(url) as dashboard:
        added = ids(dashboard.study("concluded"))[-1]

        assert b"hpsearch report" in dashboard.ask(f"artifacts/1/{added}")[1]
        assert [] == ids(dashboard.study("empty"))
        assert 404 == dashboard.ask("artifacts/1/../../a.db")[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "api/studies"),
        ("DELETE", "api/studies/1"),
        ("POST", "api/studies/1/rename"),
        ("PUT", "api/studies/1/note"),
        ("PUT", "api/studies/1/1/note"),
        ("POST", "api/trials/1/tell"),
        ("POST", "api/trials/1/user-attrs"),
        ("POST", "api/artifacts/1"),
        ("DELETE", "api/artifacts/1/00000000-0"),
        ("POST", "incompatible-rdb-schema"),
    ],
)
def test_nothing_can_be_changed(dashboard: Served, url: str, method: str, path: str) -> None:
    """Each way that optuna-dashboard has of changing something is refused with a sentence, on every database."""
    before = dump(url)
    status, body = dashboard.ask(path, method)

    assert (403, "nothing can be changed here") == (status, json.loads(body)["reason"].partition(":")[0])
    assert before == dump(url)


def test_looking_writes_nothing(url: str, dashboard: Served) -> None:
    """No row, and of a SQLite file no byte, differs after everything was looked at; the database itself refuses."""
    before, file = dump(url), parse_url(url).database if url.startswith("sqlite") else None
    content = Path(file).read_bytes() if file else b""
    for name, key in dashboard.studies().items():
        dashboard.study(name)
        dashboard.ask(f"csv/{key}")

    assert before == dump(url)
    assert not file or content == Path(file).read_bytes()
    with StudyStore.open(url, read_only=True) as store, pytest.raises(StoreFailed):
        add_study(store, "new", in_optuna=False)
    storage = optuna_storage(url, read_only=True)
    with pytest.raises(StoreFailed), refusals_of(storage.engine.url):
        open_new_study(storage)
    storage.engine.dispose()


def open_new_study(storage: Any) -> None:
    """Add a study of Optuna's."""
    from optuna.study import StudyDirection

    storage.create_new_study([StudyDirection.MINIMIZE], "new")


def test_what_happens_meanwhile_is_seen(tmp_path: Path) -> None:
    """A trial that begins, goes on and ends while the dashboard is open; one that is finished is not read again."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with StudyStore.open(url, create=True) as store:
        study = add_study(store, "live")
        end(store, study, TrialState.COMPLETE, 0.4)
        with served(url) as dashboard:
            key = dashboard.studies()["live"]
            begun = begin(store, study)
            assert "1 trial is running" in dashboard.study("live")["note"]["body"]
            store.finish(begun.trial_id, TrialState.PRUNED, score=0.3)
            assert "no trial is running" in dashboard.study("live")["note"]["body"]
            store.delete_study(study.study_id)
            assert 404 == dashboard.ask(f"api/studies/{key}")[0]
            assert {} == dashboard.studies()


def test_an_imported_study_is_shown_like_any_other(tmp_path: Path) -> None:
    """With names, values, notes and attributes, as where it came from."""
    with StudyStore.open(f"sqlite:///{tmp_path / 'a.db'}", create=True) as store:
        study = concluded(store)
        write_export(export_document(store, study), tmp_path / "x.json", "json")
    url = f"sqlite:///{tmp_path / 'b.db'}"
    with StudyStore.open(url, create=True) as store:
        import_study(store, tmp_path / "x.json", name="elsewhere")
    with served(url) as dashboard:
        shown = dashboard.study("elsewhere")

    assert ["Complete", "Complete", "Fail", "Pruned"] == [one["state"] for one in shown["trials"]]
    assert "better than the defaults" in shown["note"]["body"]
    assert "host-a" == attributes(shown["trials"][0])["host"]


def test_what_comes_from_data_stays_text_in_notes(dashboard: Served) -> None:
    """Names, labels and columns are in code spans that they cannot end; a name of 10 kB is shortened."""
    body = dashboard.study(HOSTILE)["note"]["body"]
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", body, flags=re.DOTALL)

    assert "<script>" in body
    assert "<script>" not in outside
    assert f"\u2068{HEBREW}\u2069" in body
    assert "(10000 characters)" in body
    assert len(body) < 6000
    assert [] == [one for one in dashboard.study(HOSTILE)["user_attrs"] if len(one["value"]) > 200]
    assert "``` a``b ```" == code("a``b")
    assert "\ufffd" in code("\x1b[31m")


def test_another_sites_page_cannot_read_it(dashboard: Served) -> None:
    """A request under another name than this machine's own is refused, and no header opens an answer to all."""
    port = int(dashboard.url.rstrip("/").rpartition(":")[2])
    status, body = dashboard.ask("api/studies", Host="evil.example")
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", f"/artifacts/{dashboard.studies()['concluded']}/{ids(dashboard.study('concluded'))[0]}")
    headers = {name.lower() for name, _ in connection.getresponse().getheaders()}
    connection.close()

    assert (403, "this dashboard") == (status, json.loads(body)["reason"][:14])
    assert "access-control-allow-origin" not in headers
    assert 200 == dashboard.ask("api/studies", Host=f"localhost:{port}")[0]


def test_ten_thousand_trials_are_served_in_seconds(tmp_path: Path) -> None:
    """All of them once, and after that what is new alone."""
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with StudyStore.open(url, create=True) as store:
        study = add_study(store, "large", trials=10_000, in_optuna=False, identity=identity(args={}))
        end(store, study, TrialState.COMPLETE, 0.5)
        row = store._read(trials.select())[0]
        made = {key: value for key, value in row.items() if key not in ("trial_id", "number", "params_key")}
        more = [{**made, "number": number, "params_key": str(number)} for number in range(1, 10_000)]
        store._write(lambda connection: connection.execute(insert(trials), more))
    with served(url) as dashboard:
        key = dashboard.studies()["large"]

        assert 10_000 == len(dashboard.json(f"api/studies/{key}?after=0")["trials"])  # within the 60 s of `Served.ask`
        assert 0 == len(dashboard.json(f"api/studies/{key}?after=10000")["trials"])

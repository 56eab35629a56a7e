"""Store URLs: understood, refused in one sentence, shown without their passwords."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpsearch.studies.errors import StoreFailed, StoreNotFound, StoreUnusable
from hpsearch.studies.schema import upgrade
from hpsearch.studies.store import StudyStore
from hpsearch.studies.url import safe_url

WORD = "hun:ter{2}%40"

SAFE = {
    "sqlite:///a.db": "sqlite:///a.db",
    f"postgresql+psycopg://me:{WORD}@host:5432/db": "postgresql+psycopg://me:***@host:5432/db",
    f"mysql+pymysql://me:{WORD}@host/db?charset=utf8": "mysql+pymysql://me:***@host/db?charset=utf8",
    f"postgresql://host/db?user=me&password={WORD}": "postgresql://host/db?password=***&user=me",
    f"me:{WORD}@host": "***@host",
    f"http//me:{WORD}\n@host/x": "***@host/x",
}

NEVER_A_STORE = {
    "": "is not the URL of a database",
    "hpsearch.db": "is not the URL of a database",
    f"postgres://me:{WORD}@host/db": "is not the URL of a database",
    f"postgresql+psychopg://me:{WORD}@host/db": "is not the URL of a database",
    f"postgresql://me:{WORD}@host:port/db": "is not the URL of a database",
    f"oracle://me:{WORD}@host/db": "is not a database a study can be kept in",
    f"postgresql+asyncpg://me:{WORD}@host/db": "is not a database a study can be kept in",
    f"mysql+mysqlconnector://me:{WORD}@host/db": "the driver of .* is not installed",
    "sqlite://": "it must name a file",
    "sqlite:///:memory:": "it must name a file",
    "sqlite:///file:a.db?mode=memory&uri=true": "it must name a file",
    "sqlite:////no/such/folder/a.db": "there is no folder '/no/such/folder'",
    "sqlite:///a\x1b[31m.db": "a character that cannot be printed",
}


@pytest.mark.parametrize(("url", "shown"), SAFE.items())
def test_passwords_are_hidden(url, shown):
    """Whatever form it has, a URL is shown without its password."""
    assert shown == safe_url(url)


@pytest.mark.parametrize(("url", "why"), NEVER_A_STORE.items())
def test_what_is_no_store_is_refused(url, why, tmp_path, monkeypatch):
    """One sentence with the URL and a hint, exit code 2, no password, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)

    for use in (StudyStore.open, upgrade):
        with pytest.raises(StoreUnusable, match=why) as caught:
            use(url)

        assert (2, True) == (caught.value.exit_code, bool(caught.value.hint))
        assert WORD not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
        assert str(caught.value).isprintable()
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["text", "folder", "torn"])
def test_a_path_that_is_no_database(name, tmp_path):
    """A text file, a folder and a torn database are refused, and stay as they are."""
    target = tmp_path / name
    if name == "folder":
        target.mkdir()
    else:
        target.write_bytes({"text": b"id,label\n", "torn": b"SQLite format 3\0" + b"x" * 200}[name])
    before = sorted(tmp_path.rglob("*"))

    for create in (True, False):
        with pytest.raises(StoreUnusable, match=name) as caught:
            StudyStore.open(f"sqlite:///{target}", create=create)

        assert str(caught.value).isprintable()
    assert before == sorted(tmp_path.rglob("*"))


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="there is no folder here that even root cannot write")
def test_a_folder_that_may_not_be_written():
    """A store that cannot be made is refused in a sentence, whoever asks."""
    with pytest.raises(StoreUnusable, match=r"proc/hpsearch\.db' cannot be") as caught:
        StudyStore.open("sqlite:////proc/hpsearch.db", create=True)

    assert (2, True) == (caught.value.exit_code, bool(caught.value.hint))


def test_reading_never_makes_a_file(tmp_path):
    """A missing store is not found, exit code 3, and an empty file stays empty."""
    missing, empty = tmp_path / "missing.db", tmp_path / "empty.db"
    empty.touch()

    for path in (missing, empty):
        with pytest.raises(StoreNotFound, match=path.name) as caught:
            StudyStore.open(f"sqlite:///{path}")

        assert 3 == caught.value.exit_code
    assert ([empty], 0) == (list(tmp_path.iterdir()), empty.stat().st_size)


def test_a_server_that_is_not_there():
    """A refused connection is one sentence without the password."""
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")

    with pytest.raises(StoreUnusable, match=r"cannot be opened: .*refused") as caught:
        StudyStore.open("postgresql+psycopg://me:hunter2@127.0.0.1:1/db", create=True)

    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_odd_but_usable_paths(tmp_path, monkeypatch):
    """Spaces, braces, percent signs and other scripts may be in the path, and it may be relative."""
    monkeypatch.chdir(tmp_path)
    for name in ("a b.db", "{x}.db", "50%.db", "学習.db"):
        with StudyStore.open(f"sqlite:///{name}", create=True) as store:
            assert [] == store.studies()

        assert Path(name).stat().st_size > 0


def test_a_store_that_is_open_stays_the_same_from_another_folder(tmp_path, monkeypatch):
    """What a relative URL named when the store was opened is what workers, and this process later, find by it."""
    monkeypatch.chdir(tmp_path)
    with StudyStore.open("sqlite:///a b%?.db".replace("?", "é"), create=True) as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        with StudyStore.open(store.url) as same:
            assert [] == same.studies()

    assert [] == list((tmp_path / "elsewhere").iterdir())


def test_errors_of_a_store_in_use_name_it(sqlite_url):
    """What the database refuses later is one sentence, too, with exit code 1."""
    with StudyStore.open(sqlite_url, create=True) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE hpsearch_models")
    with StudyStore.open(sqlite_url) as store, pytest.raises(StoreFailed, match="no such table") as caught:
        store.models(1)

    assert 1 == caught.value.exit_code
    assert safe_url(sqlite_url) in str(caught.value)

"""Store URLs: what they say, whether they can be used, and how they look without their password.

`engine.py` makes engines from them. Nothing here connects to a database or makes a file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from .errors import StoreUnusable

DATABASES = ("sqlite", "postgresql", "mysql", "mariadb")
EXAMPLES = "write sqlite:///hpsearch.db, postgresql+psycopg://USER@HOST/NAME or mysql+pymysql://USER@HOST/NAME"
#: The extras that install drivers, by the beginning of the URLs that need them.
EXTRAS = {
    "postgresql+psycopg:": "postgres",
    "mysql+pymysql:": "mysql",
    "mariadb+pymysql:": "mysql",
}
HIDDEN = "***"
SECRET_KEY = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)


def safe_url(url: str | URL) -> str:
    """Return `url` for people to read: every password in it, also in its query, is shown as `***`.

    Of text that is no URL, everything before the last `@` is hidden.
    """
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        return re.sub(r".*@", f"{HIDDEN}@", str(url), flags=re.DOTALL)
    secrets = {key: HIDDEN for key in address.query if SECRET_KEY.search(key)}
    text = address.update_query_dict(secrets).render_as_string(hide_password=True)
    return text.replace("%2A%2A%2A", HIDDEN)


def parse_url(url: str) -> URL:
    """Return `url` taken apart, or raise `StoreUnusable` where no store of ours can be there."""
    try:
        address = make_url(url)
        is_async = address.get_dialect().is_async
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise StoreUnusable(f"{safe_url(url)!r} is not the URL of a database", hint=EXAMPLES) from None
    except ImportError as error:
        raise missing_driver(url, error) from None
    if address.get_backend_name() not in DATABASES or is_async:
        raise StoreUnusable(f"{safe_url(url)!r} is not a database a study can be kept in", hint=EXAMPLES)
    if address.get_backend_name() == "sqlite":
        check_sqlite_file(address)
    return address


def missing_driver(url: str, error: ImportError) -> StoreUnusable:
    """Return the error for a database whose Python driver is not installed."""
    extra = next((name for start, name in EXTRAS.items() if url.startswith(start)), None)
    install = "" if extra is None else f"pip install 'hpsearch[{extra}]'; "
    return StoreUnusable(f"the driver of {safe_url(url)!r} is not installed ({error})", hint=install + EXAMPLES)


def sqlite_path(address: URL) -> Path | None:
    """Return the file of a SQLite URL, or None for a server's URL."""
    return Path(address.database or "") if address.get_backend_name() == "sqlite" else None


def from_anywhere(url: str) -> str:
    """Return the URL of a store, which `parse_url` has passed, with the path of a SQLite file made absolute.

    Other processes, and this one later, are elsewhere.
    """
    address = make_url(url)
    path = sqlite_path(address)
    if path is None or path.is_absolute():
        return url
    return address.set(database=str(path.absolute())).render_as_string(hide_password=False)


def is_missing(address: URL) -> bool:
    """Return whether this is a SQLite URL whose file is not there (yet); of a server nothing is asked."""
    path = sqlite_path(address)
    return path is not None and not os.path.exists(path)


def check_sqlite_file(address: URL) -> None:
    """Raise `StoreUnusable` where the file of a SQLite URL is not a database and cannot become one."""
    why = why_no_sqlite_file(address)
    if why is not None:
        raise StoreUnusable(f"the store {safe_url(address)!r} cannot be used: {why}", hint=EXAMPLES)


def why_no_sqlite_file(address: URL) -> str | None:
    """Return why the file of a SQLite URL cannot hold a store, or None where it can.

    The file is looked at and never opened here: closing it would drop the locks that SQLite holds on it for
    other connections of this process, and another process would then write over them
    (https://www.sqlite.org/howtocorrupt.html, "POSIX advisory locks").
    """
    name = address.database or ""
    if name in ("", ":memory:") or name.startswith("file:"):
        return "it must name a file that other processes can open"
    path = Path(name)
    if not name.isprintable():
        return "its path holds a character that cannot be printed"
    if os.path.isdir(path):
        return "it is a folder"
    if not os.path.exists(path):
        return None if os.path.isdir(path.parent) else f"there is no folder {str(path.parent)!r}"
    return None if os.path.isfile(path) else "it is not a plain file"


def why_not_writable(address: URL) -> str | None:
    """Return why the file of a SQLite URL cannot be written, or None where it can (or lies on a server)."""
    path = sqlite_path(address)
    if path is None:
        return None
    if not os.access(path.parent, os.W_OK):  # SQLite puts its write-ahead log beside the file
        return f"the folder {str(path.parent)!r} may not be written"
    return "it may not be written" if os.path.exists(path) and not os.access(path, os.W_OK) else None

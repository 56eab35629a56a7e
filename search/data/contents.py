"""What is in a data file: a path here or an address that fsspec reaches, unpacked; its kind is known before it is read.

`/dev/zero` has no end, a pipe can be read once only, and a gigabyte of something else is not read to say so: `files`
looks at the head first.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple
from urllib.parse import urlsplit

from ...spaces.errors import BadInput, did_you_mean

#: How each kind of packed file is opened.
STREAMS: dict[str, Callable[[Any], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
ZIP = ".zip"
PACKED = (*STREAMS, ZIP)
#: What unpacking raises for a file that is damaged, cut off, locked with a password or packed by other means.
CANNOT_UNPACK = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError)
KINDS = {
    stat.S_ISDIR: "it is a folder",
    stat.S_ISFIFO: "it is a pipe, which can be read once only",
    stat.S_ISCHR: "it is a device, which has no end",
    stat.S_ISBLK: "it is a device",
    stat.S_ISSOCK: "it is a socket",
}


class Opened(NamedTuple):
    """An open data file."""

    stream: IO[bytes]  #: unpacked
    suffix: str  #: of what is in it, in small letters: `.csv` for `train.csv.gz`


def is_address(given: str) -> bool:
    """Return whether a place is an address, such as `s3://bucket/train.csv`, and no path."""
    return "://" in given


def place_of(given: str) -> str:
    """Return a place as it is opened: the address of a file here is its path."""
    return given.removeprefix("file://")


def suffix_of(name: str) -> str:
    """Return what a name says of the form, in small letters, whether it is packed or not."""
    path = PurePosixPath(name)
    return (PurePosixPath(path.stem) if path.suffix.lower() in PACKED else path).suffix.lower()


def stem_of(name: str) -> str:
    """Return the last part of a name without what it says of the form: `train` for `data/train.csv.gz`."""
    path = PurePosixPath(name)
    return PurePosixPath(path.stem).stem if path.suffix.lower() in PACKED else path.stem


@contextmanager
def opened(name: str) -> Iterator[Opened]:
    """Open a data file by path or address, and unpack it. Raises `BadInput` for what is no file to read whole."""
    packing = PurePosixPath(name).suffix.lower()
    with ExitStack() as stack:
        raw = stack.enter_context(_raw(name))
        with unpacking(name):
            if packing == ZIP:
                archive = stack.enter_context(zipfile.ZipFile(raw))
                member = _only_member(name, archive)
                inner = Opened(stack.enter_context(archive.open(member)), suffix_of(member))
            elif packing in STREAMS:
                inner = Opened(stack.enter_context(STREAMS[packing](raw)), suffix_of(name))
            else:
                inner = Opened(raw, suffix_of(name))
        yield inner


@contextmanager
def unpacking(name: str) -> Iterator[None]:
    """Say in one sentence why a packed file cannot be read; of others it is said why they cannot be read."""
    try:
        yield
    except CANNOT_UNPACK as error:
        if PurePosixPath(name).suffix.lower() in PACKED:
            raise BadInput(f"{name} cannot be unpacked: {_reason(error)}", hint="is the file cut off?") from None
        raise BadInput(f"cannot read {name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).strip()
    return (text.splitlines() or [type(error).__name__])[0]


def _only_member(name: str, archive: zipfile.ZipFile) -> str:
    """Return the name of the one file in an archive; what macOS adds is none."""
    members = [one.filename for one in archive.infolist() if not one.is_dir()]
    members = [one for one in members if not one.startswith("__MACOSX/") and not one.rpartition("/")[2].startswith(".")]
    if len(members) != 1:
        shown = ", ".join(members[:5]) + (", ..." if len(members) > 5 else "")
        raise BadInput(
            f"{name} has {len(members)} files in it{': ' if members else ''}{shown}",
            hint="unpack it, and name the one that is meant",
        )
    return members[0]


@contextmanager
def _raw(name: str) -> Iterator[Any]:
    """Open a file as it is, packed or not."""
    if is_address(name):
        with reaching(name):
            system, there = _file_system(name)
            with system.open(there, "rb") as stream:
                yield stream
        return
    path = Path(name)
    try:
        mode = os.stat(path).st_mode
        kind = next((words for is_kind, words in KINDS.items() if is_kind(mode)), None)
        if kind is not None:
            raise BadInput(f"cannot read {name}: {kind}", hint=None if kind == "it is a folder" else "name a file")
        stream = path.open("rb")
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(f"no file {name}", hint=_neighbours(path)) from None
    except (OSError, ValueError) as error:  # a name may have a character that no name has
        raise BadInput(f"cannot read {name}: {_reason(error)}") from None
    with stream:
        yield stream


def _neighbours(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"there is no folder {folder} either"
    names = [child.name for child in folder.iterdir() if child.is_file()]
    return did_you_mean(path.name, names[:20]) if names else f"folder {folder} has no files"


def _file_system(address: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    if urlsplit(address).password:
        raise BadInput(
            "an address with a password would be kept with the study, for all to read",
            hint="put it where fsspec finds it: https://filesystem-spec.readthedocs.io/en/latest/features.html",
        )
    return url_to_fs(address)


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Say in one sentence why an address cannot be read, whatever its file system raises."""
    try:
        yield
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(f"no file {address}") from None
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        raise BadInput(f"cannot read {address}: {_reason(error)}") from None


def is_folder(given: str) -> bool:
    """Return whether a path or an address is that of a folder. Raises `BadInput` for one that cannot be reached."""
    if not is_address(given):
        return Path(given).is_dir()
    with reaching(given):
        system, path = _file_system(given)
        return bool(system.isdir(path))


def files_in(folder: str) -> list[str]:
    """Return the names of the files in a folder itself, by path or address, in their order."""
    if not is_address(folder):
        return sorted(str(one) for one in Path(folder).iterdir() if one.is_file())
    with reaching(folder):
        system, path = _file_system(folder)
        names = [one["name"] for one in system.ls(path, detail=True) if one["type"] == "file"]
        return sorted(system.unstrip_protocol(one) for one in names)

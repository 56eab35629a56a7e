"""The file system a path lies on: SQLite keeps its locks on a local disk, and not over a network.

Its write-ahead log is memory that processes of one machine share, and many network file systems do not keep locks
(https://www.sqlite.org/wal.html, https://www.sqlite.org/howtocorrupt.html section 2.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import psutil

from ..spaces.errors import BadInput
from .errors import StoreUnusable
from .url import parse_url, safe_url, sqlite_path

#: Types of file systems whose files other machines write as well; a file system in user space is `fuse.` and its name.
NETWORK = frozenset(
    (
        *("nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afpfs", "webdav", "sshfs", "9p"),
        *("lustre", "gpfs", "beegfs", "panfs", "pvfs2", "orangefs", "ocfs2", "gfs2", "wekafs"),
        *("ceph", "ceph-fuse", "glusterfs", "mfs", "lizardfs", "seaweedfs", "juicefs", "afs", "coda"),
        *("s3fs", "goofys", "gcsfuse", "blobfuse", "blobfuse2", "rclone", "davfs"),
    )
)


class Mount(NamedTuple):
    """A file system and the folder it appears in."""

    folder: str
    kind: str  #: as `mount` calls it: `ext4`, `nfs4`, `fuse.sshfs`


def mounts() -> list[Mount]:
    """Return the file systems of this machine, in the order they were mounted; none where that cannot be known."""
    try:
        return [Mount(one.mountpoint, one.fstype) for one in psutil.disk_partitions(all=True)]
    except OSError:
        return []


def network_file_system(path: Path, table: Iterable[Mount] | None = None) -> str | None:
    """Return the type of the network file system that `path` lies, or would lie, on; None for any other.

    `table` is this machine's unless given.
    """
    whole = path.expanduser().resolve()  # first: it may be what makes an automounter mount
    found = mounts() if table is None else table
    above = [mount for mount in found if whole.is_relative_to(mount.folder)]
    if not above:
        return None
    innermost = max(len(Path(mount.folder).parts) for mount in above)
    kind = [mount.kind for mount in above if len(Path(mount.folder).parts) == innermost][-1]  # it hides those before
    return kind if kind.lower().removeprefix("fuse.") in NETWORK else None


def check_shared(url: str, table: Iterable[Mount] | None = None) -> None:
    """Raise `StoreUnusable` for a SQLite file that workers would share over a network; a server may be anywhere."""
    kind = network_of(url, table)
    if kind is not None:
        raise StoreUnusable(
            f"the store {safe_url(url)!r} lies on {kind}: SQLite on {kind} cannot be shared by several workers safely",
            hint="name a file on a local disk with --store, or a server: postgresql+psycopg://USER@HOST/NAME or "
            "mysql+pymysql://USER@HOST/NAME",
        )


def can_be_shared(url: str, table: Iterable[Mount] | None = None) -> bool:
    """Return whether several workers may have a store; what is no URL is refused elsewhere."""
    try:
        return network_of(url, table) is None
    except BadInput:
        return True


def network_of(url: str, table: Iterable[Mount] | None = None) -> str | None:
    """Return the type of the network file system that a SQLite file lies on; None for any other store."""
    path = sqlite_path(parse_url(url))
    return None if path is None else network_file_system(path, table)

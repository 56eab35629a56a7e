"""Network file systems are told from local ones, and SQLite is not shared over them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hpsearch.spaces.errors import BadInput
from hpsearch.studies.file_system import Mount, check_shared, mounts, network_file_system

CLUSTER = [
    Mount("/", "ext4"),
    Mount("/cluster/home", "nfs4"),
    Mount("/cluster/home/ann/local disk", "xfs"),
    Mount("/cluster/data", "ext4"),
    Mount("/cluster/data", "lustre"),  # mounted over the one before
    Mount("/cluster/remote", "fuse.sshfs"),
    Mount("/cluster/usb", "fuseblk"),
    Mount("/cluster/office", "CIFS"),
    Mount("/cluster/scratch", "nfs"),
    Mount("/cluster/scratch", "tmpfs"),
]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/cluster/home/ann/hpsearch.db", "nfs4"),
        ("/cluster/home/ann/not/there/yet/hpsearch.db", "nfs4"),
        ("/cluster/home", "nfs4"),
        ("/cluster/data/hpsearch.db", "lustre"),
        ("/cluster/remote/hpsearch.db", "fuse.sshfs"),
        ("/cluster/office/hpsearch.db", "CIFS"),
        ("/cluster/home/ann/local disk/hpsearch.db", None),
        ("/cluster/home/ann/local disk/../hpsearch.db", "nfs4"),
        ("/cluster/homes/hpsearch.db", None),  # a longer name is not a folder below
        ("/cluster/usb/hpsearch.db", None),
        ("/cluster/scratch/hpsearch.db", None),
        ("/cluster/hpsearch.db", None),
    ],
)
def test_the_innermost_mount_tells(path, kind):
    """The file system is that of the deepest mount above the path, of equal ones the last, there or not."""
    assert kind == network_file_system(Path(path), CLUSTER)


@pytest.mark.parametrize(
    "kind",
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "lustre", "gpfs", "beegfs", "ceph", "afs"),
        *("glusterfs", "fuse.glusterfs", "fuse.ceph-fuse", "fuse.juicefs"),
    ],
)
def test_network_file_systems_are_known(kind, tmp_path):
    """Each type that clusters and offices use is refused for a store of several workers, by its name."""
    url, table = f"sqlite:///{tmp_path}/hpsearch.db", [Mount("/", "ext4"), Mount(str(tmp_path), kind)]

    with pytest.raises(BadInput, match=f"SQLite on {kind} cannot be shared by several workers safely") as caught:
        check_shared(url, table)

    assert repr(url) in str(caught.value)
    assert all(word in caught.value.hint for word in ("local disk", "postgresql", "mysql"))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "overlay", "tmpfs", "fuseblk", "NTFS", "nfsd"])
def test_local_file_systems_are_fine(kind, tmp_path):
    """A local disk, a container's file system and memory are none; a table that says nothing refuses nothing."""
    table = [Mount("/", "nfs4"), Mount(str(tmp_path), kind)]

    check_shared(f"sqlite:///{tmp_path}/hpsearch.db", table)
    check_shared(f"sqlite:///{tmp_path}/hpsearch.db", [])

    assert network_file_system(tmp_path, table) is None


def test_a_link_lies_where_it_leads(tmp_path):
    """A link on a local disk to a network file system is no local store; a relative path is taken from here."""
    far = tmp_path / "far"
    far.mkdir()
    (tmp_path / "link").symlink_to(far)
    table = [Mount("/", "ext4"), Mount(str(far), "nfs4")]

    assert "nfs4" == network_file_system(tmp_path / "link" / "hpsearch.db", table)
    assert "nfs4" == network_file_system(Path(os.path.relpath(far)) / "hpsearch.db", table)


@pytest.mark.parametrize("url", ["postgresql+psycopg://ann:secret@db/studies", "mysql+pymysql://ann@db/studies"])
def test_a_server_may_be_anywhere(url):
    """Only SQLite is a file of ours."""
    check_shared(url, [Mount("/", "nfs4")])


def test_this_machine():
    """The real table has the root, and memory and a container's file system are no network file systems."""
    found = mounts()
    local = [mount.folder for mount in found if mount.kind in ("tmpfs", "overlay")]

    assert "/" in {mount.folder for mount in found}
    assert [] == [folder for folder in local if network_file_system(Path(folder)) is not None]

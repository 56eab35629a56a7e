"""What people bring: the cases in `HPSEARCH_CASES`, each with a script that ends with 0 where the product is right."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = os.environ.get("HPSEARCH_CASES")

pytestmark = pytest.mark.skipif(not CASES, reason="HPSEARCH_CASES names no folder of cases")


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A copy of them that can be written to."""
    shutil.copytree(Path(str(CASES)), tmp_path / "cases")
    for path in (tmp_path / "cases").rglob("*"):
        path.chmod(path.stat().st_mode | 0o200)
    return tmp_path / "cases"


def ran(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody at a shell would, in an environment that has hpsearch."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    there = {**os.environ, "PATH": path, **more}
    return subprocess.run(command, cwd=folder, env=there, capture_output=True, text=True, timeout=500, check=False)


#: The cases that are right, as `README.md` beside them describes them.
RIGHT = (
    *("st_hpo", "rich_metrics", "sched_kwargs", "model_init_trial", "relabelled_model", "max_positions", "db_alembic"),
    *("na_labels", "offbyone", "tsv_quoted", "comma_column", "gz", "f1_positive", "leakage", "groups"),
    "multilabel_csv",
)


@pytest.mark.parametrize("name", RIGHT)
def test_a_case_is_right(name: str, cases: Path) -> None:
    """What people brought comes out right, or is refused with the reason."""
    said = ran(["bash", "run.sh"], cases / name)

    assert 0 == said.returncode, said.stdout + said.stderr


def test_a_program_without_a_guard_has_workers(cases: Path) -> None:
    """Workers do not start workers. (The case's own script does not find a module that lies beside it.)"""
    folder = cases / "spawn_no_guard"
    found = os.pathsep.join([str(folder), str(cases / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])
    said = ran([sys.executable, "script.py"], folder, PYTHONPATH=found, HF_HUB_OFFLINE="1")

    assert 0 == said.returncode, said.stderr
    assert "DONE" in said.stdout

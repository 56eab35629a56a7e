"""The walls of the house: layers, listed packages, short files."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("spaces", "studies", "search")  # each may import those to its left


def imported_layers(path: Path) -> Iterator[str]:
    """Yield the layers a file imports, wherever in the file."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            yield (*base, *(node.module or "").split("."))[0]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            yield from (name.split(".")[1] for name in names if name.startswith("hpsearch."))


def test_imports_point_left():
    """spaces knows nothing of studies, studies nothing of search."""
    upward = [
        f"{path.relative_to(ROOT)}: {other}"
        for rank, layer in enumerate(LAYERS)
        for path in (ROOT / layer).rglob("*.py")
        for other in imported_layers(path)
        if other in LAYERS and LAYERS.index(other) > rank
    ]

    assert [] == upward


def test_the_package_is_imported_relatively():
    """A reader and a tool can follow each import as a path: no file of the package imports `hpsearch.`."""
    absolute = [
        str(path.relative_to(ROOT))
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
        if re.search(r"^\s*(from|import) hpsearch\b", path.read_text(), re.MULTILINE)
    ]

    assert [] == absolute


def test_every_package_is_listed():
    """A folder with Python files that pyproject.toml does not list would be missing from a wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(("hpsearch", *path.relative_to(ROOT).parent.parts))
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*.py")
    }

    assert {"hpsearch", *found} == set(listed)


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["studies", "--store", "sqlite:///none.db"], ["tasks"]]
)
def test_looking_imports_nothing_heavy(words, run_python):
    """Help and listings answer without importing torch, transformers, datasets, optuna or ray."""
    program = (
        "import sys\n"
        "from hpsearch.search.cli import main\n"
        f"main({words!r})\n"
        "print([name for name in ('torch', 'transformers', 'datasets', 'optuna', 'ray') if name in sys.modules])"
    )

    assert "[]" == run_python(program).stdout.splitlines()[-1]

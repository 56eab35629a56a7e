"""Lets something be done as soon as a module is imported, by whomever, without importing it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


def when_imported(name: str, act: Callable[[ModuleType], None]) -> None:
    """Call `act` with the module of that name: now if it is there, else right after it is imported."""
    module = sys.modules.get(name)
    if module is None:
        sys.meta_path.insert(0, _Once(name, act))
    else:
        act(module)


class _Once(MetaPathFinder):
    """Finds one module, as others would, once."""

    def __init__(self, name: str, act: Callable[[ModuleType], None]) -> None:
        self.name, self.act = name, act

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find, with a loader that acts when it is done."""
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader, self.act)
        return spec


class _Then(Loader):
    """Loads as another loader, and acts."""

    def __init__(self, inner: Loader, act: Callable[[ModuleType], None]) -> None:
        self.inner, self.act = inner, act

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make the module."""
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run it, leave no trace of this loader, and act."""
        self.inner.exec_module(module)
        module.__loader__ = self.inner
        if module.__spec__ is not None:
            module.__spec__.loader = self.inner
        self.act(module)

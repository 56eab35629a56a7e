"""Flags that several commands take: all options of a search (`run`, `check`), or the user's own code of a study."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..options import OwnCodeOptions, RunOptions, as_signature, resolve

Json = Annotated[bool, typer.Option("--json", help="print JSON")]


def takes_run_options(command: Callable[[RunOptions, bool], None]) -> Callable[..., None]:
    """Return `command` with the flags of `RunOptions` and `--json` for its signature."""

    def with_flags(**given: Any) -> None:
        as_json = bool(given.pop("as_json"))
        command(resolve(given), as_json)

    with_flags.__name__, with_flags.__doc__ = command.__name__, command.__doc__
    json_flag = inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
    signature = as_signature(RunOptions)
    with_flags.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), json_flag]
    )
    return with_flags


def takes_own_code(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return `command` with the flags of `OwnCodeOptions` in the place of its parameter `code`, an `OwnCode`."""

    def with_flags(**given: Any) -> Any:
        from ..own.code import OwnCode

        own = {item.name: given.pop(item.name) for item in dataclasses.fields(OwnCodeOptions)}
        return command(**given, code=OwnCode.of(own))

    with_flags.__name__, with_flags.__doc__ = command.__name__, command.__doc__
    theirs = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "code"]
    with_flags.__signature__ = as_signature(OwnCodeOptions, *theirs)  # type: ignore[attr-defined]
    return with_flags

"""Values that somebody recommends for one parameter: `default`, which the baseline has, and `prior`, see `Parameter`.

Both are among the parameter's own values, and None where nobody recommends any.
"""

from __future__ import annotations

from typing import Any

from .errors import BadInput
from .parameter import Parameter, settle
from .values import shown, text_of

RECOMMENDED = ("default", "prior")


def check_recommended(parameter: Parameter) -> None:
    """Bring what is recommended into its one form; raises BadInput when it lies outside."""
    for key, value in recommended(parameter).items():
        if not parameter.contains(value):
            raise BadInput(f"a {key} must be one of the values, got {key}={shown(value)} for {_ends(parameter)}")
        settle(parameter, **{key: parameter.exact(value)})


def recommended(parameter: Parameter) -> dict[str, Any]:
    """Return what is recommended, as it is written."""
    values = {key: getattr(parameter, key, None) for key in RECOMMENDED}
    return {key: value for key, value in values.items() if value is not None}


def recommended_text(parameter: Parameter) -> str:
    """Return the same as the end of a human line."""
    return "".join(f", {key} {text_of(value)}" for key, value in recommended(parameter).items())


def _ends(parameter: Parameter) -> str:
    return shown(list(parameter.ends))

"""How it is said what the first trial found out about the subset; see `trial.signal_check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def signal_words(signal: Mapping[str, Any], asked: float) -> str | None:
    """Return one line about what was found; None where there was a signal, or nobody looked.

    An earlier release took more data than was `asked` for where it found none.
    """
    checks, fraction = signal.get("checks") or [], signal.get("fraction") or asked
    if not checks or (signal.get("found") and fraction <= asked):
        return None
    last = checks[-1]
    seen = f"{last['score']:.3f}, by chance {last['chance']:.3f}"
    if fraction > asked:
        return f"no signal on {asked:.3g} of the data, so trials see {fraction:.3g} of it: {seen}"
    flat = f"the baseline is no better than chance on {fraction:.3g} of the data ({seen})"
    return f"{flat}: equal scores are ranked by the validation loss"

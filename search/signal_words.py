"""How it is said what the first trial found out about the subset; see `signal_check`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def signal_words(signal: Mapping[str, Any], asked: float) -> str | None:
    """Return one line about what the check did; None where the baseline found a signal at once, or nobody looked."""
    checks = signal.get("checks") or []
    if not checks or (signal.get("found") and len(checks) == 1):
        return None
    seen = ", ".join(
        f"{one['score']:.3f} on {one['fraction']:.3g} with learning rate {one['learning_rate']:.3g} "
        f"(chance {one['chance']:.3f})"
        for one in checks
    )
    fraction = signal["fraction"]
    if not signal.get("found"):
        return f"no signal up to {fraction:.3g} of the data, equal scores are ranked by the validation loss: {seen}"
    if fraction > asked:
        return f"no signal on {asked:.3g} of the data, so trials see {fraction:.3g} of it: {seen}"
    return f"the baseline learns nothing on {asked:.3g} of the data, a larger learning rate does: {seen}"

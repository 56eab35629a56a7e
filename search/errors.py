"""Errors of a running search; bad input is `spaces.errors.BadInput`."""

from __future__ import annotations

from ..spaces.errors import HpsearchError


class NonFiniteScore(HpsearchError, ArithmeticError):
    """The objective is not a finite number."""


class NoObjective(HpsearchError, KeyError):
    """The evaluation did not return the objective."""

    __str__ = Exception.__str__  # KeyError would print the repr


class NothingTrained(HpsearchError):
    """The training changed no weight of the model."""


class NoComparison(HpsearchError, ValueError):
    """Two models cannot be compared on these rows."""


class TrialTimedOut(HpsearchError, TimeoutError):
    """The trial took longer than one trial may."""


class SearchFailed(HpsearchError, RuntimeError):
    """Too many trials in a row failed."""


class DiskFull(HpsearchError, OSError):
    """The disk is full."""


class Interrupted(HpsearchError):
    """interrupted; run the same command again to go on"""

    exit_code = 130


class TrialPaused(BaseException):
    """The trial has reached a rung and waits there; it goes on when the others are as far.

    Not an `Exception`, for it is no failure: the trial has not ended.
    """


class TrialTaken(BaseException):
    """The trial is not this worker's any more: it was taken for dead, or the study was deleted.

    Not an `Exception`, for it is no failure: how the trial ends is written by whoever has it now.
    """

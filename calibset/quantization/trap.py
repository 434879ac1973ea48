"""What it is for something to go wrong between a calibration file and AutoRound."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What a trap does."""

    STOPS = "stops"
    """AutoRound ends with an error."""
    CHANGES = "changes"
    """It goes on with other rows, tokens or settings than were meant."""
    NOTE = "note"
    """It goes on as meant; one should know."""


class Way(StrEnum):
    """How AutoRound is called."""

    COMMAND = "command line"
    PYTHON = "Python"


_BOTH = frozenset(Way)

COMMAND = frozenset({Way.COMMAND})
"""Of traps that the command line alone meets."""

PYTHON = frozenset({Way.PYTHON})
"""Of traps that Python code alone meets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trap:
    """One thing that goes wrong.

    Attributes:
        name: A constant phrase, to count and to look up.
        effect: What it does where nothing is done about it.
        about: What AutoRound does, and when.
        remedy: What the printed command does about it; or, where it is not ``avoided``, what the user
            should do.
        avoided: Whether the printed command avoids it.
        ways: The ways of calling AutoRound that it is met on.
    """

    name: str
    effect: Effect
    about: str
    remedy: str
    avoided: bool
    ways: frozenset[Way] = _BOTH

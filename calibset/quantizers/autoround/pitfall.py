"""A pitfall between a calibration file and AutoRound, as a value, and the wording that several share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from calibset.quantizers.autoround.model_files import MISTRAL_NAMES


class Severity(StrEnum):
    """What happens to a run that meets a pitfall, from the worst to the mildest."""

    STOPS = "stops"
    """AutoRound ends with an error."""
    CHANGES = "changes"
    """AutoRound goes on with other rows, tokens or settings than were meant."""
    NOTE = "note"
    """AutoRound goes on as meant, but the user should know."""


class Interface(StrEnum):
    """How AutoRound is called."""

    COMMAND_LINE = "command line"
    PYTHON = "Python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pitfall:
    """One thing that can go wrong.

    Attributes:
        name: A constant phrase, to count and to look up.
        severity: What happens if nothing is done about it.
        about: What AutoRound does, and when.
        remedy: What the printed command does about it or, if it is not ``avoided``, what the user
            should do.
        avoided: Whether the printed command avoids it.
        only: The interface that it concerns; None if it concerns both.
    """

    name: str
    severity: Severity
    about: str
    remedy: str
    avoided: bool = False
    only: Interface | None = None


MISREAD: Mapping[str, str] = MappingProxyType({
    " ": "a space, which it removes",
    ",": "a comma, which separates datasets",
    ":": "a colon, which begins options",
})  # fmt: skip
"""Characters that a path may not hold, and how AutoRound misreads each."""

FILE_OF_MULTIMODAL = (
    "before 0.16, with a multimodal model, a plain .jsonl path is looked up among image datasets and ends in "
    "a KeyError"
)
READ_AS_TEXT = "with an option after it, such as :num=, it is read as text"

MISTRAL_PATH = (
    f"a path that holds {', '.join(MISTRAL_NAMES[:-1])} or {MISTRAL_NAMES[-1]} makes AutoRound load "
    "mistral-common's tokenizer, which can't be called with texts (TypeError)"
)

SHORT_BATCH = "one row is left over, and AutoRound ends in an IndexError"
"""What versions before 0.16 do if the number of rows leaves 1 when divided by ``batch_size``."""

BATCHES_OF_IDS = (
    "with a multimodal model, 0.16 counts each tensor of ids as batch_size rows, however many it has, and "
    "stops early"
)

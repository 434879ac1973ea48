"""An engine that works in a process of its own, because its patterns may take it for ever.

The patterns of nearly all published tokenizers match or fail after a glance, and are read in this process.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.tokenizers.base import Encoded
from calibset.tokenizers.bounded_process import BoundedProcess, Limits
from calibset.tokenizers.engine_bounds import list_parts

if TYPE_CHECKING:
    import tokenizers

# Reading a row takes a few milliseconds, and the text of the largest documents is read by the row.
_LIMITS = Limits(seconds=5.0, seconds_each=0.05, memory=2**30)

_CLASS = r"\[\^?\]?(?:\\[pP]\{\^?\w+\}|\\[^pP]|[^\[\]\\])*\]"
_ATOM = rf"(?:{_CLASS}|\\[pP]\{{\^?\w+\}}|\\[^1-9kgxpP]|[^\\\[\](){{}}|*+?])"
_CHOICE = r"\(\?i?:[^()*+?{}\\]*\)"
_REPEAT = r"(?:[*+?]|\{\d{1,4}(?:,\d{0,4})?\})"
# Only what stands last may repeat at will, so that nothing behind it can make it go back.
_PLAIN = re.compile(rf"(?:{_ATOM})*(?:{_ATOM}\?)?(?:{_ATOM})*(?:{_ATOM}{_REPEAT}|{_CHOICE})?", re.DOTALL)
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
# Published patterns have up to five hundred letters.
_LONGEST = 2_000
_SHORT = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_KNOWN = frozenset({
    # GPT-2's and its descendants'
    r"\s+(?!\S)", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s*[\r\n]",
    # OpenAI's o200k, Tekken's
    *(
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]{upper}[{_LOWER}]{lower}{short}"
        for upper, lower in ("*+", "+*")
        for short in ("", _SHORT)
    ),
    # DeepSeek's, BLOOM's
    r" ?[\p{P}\p{S}]+[\r\n]*", r" ?[^(\s|[.,!?…。，、।۔،])]+",
})  # fmt: skip
"""Alternatives that repeat in more than one place, and still fail after a glance."""


class EngineProcess:
    """An engine in a process of its own."""

    def __init__(self, engine: tokenizers.Tokenizer, name: str) -> None:
        """Keep the engine.

        Args:
            engine: The engine, which cuts and pads nothing.
            name: The tokenizer's name, for messages.
        """
        self._process = BoundedProcess(
            Path(__file__).with_name("engine_worker.py"),
            engine.to_str().encode("utf-8"),
            _LIMITS,
            subject=f"{name}: reading text with the patterns of its tokenizer.json",
            remedy="use the one that the model was published with",
            faults={},
        )

    def read(self, text: str, *, literal: bool, add_special_tokens: bool) -> Encoded:
        """Return the ids of a text and where each ends in it.

        Raises:
            ValueError: The engine can't read it.
            TokenizerError: It takes too long for it.
        """
        numbers = array("q", self._ask((text, literal, add_special_tokens))).tolist()
        return Encoded(numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :])

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, with control tokens spelled out.

        Raises:
            ValueError: The engine can't spell them.
            TokenizerError: It takes too long for it.
        """
        return self._ask(array("q", ids).tobytes()).decode("utf-8")

    def _ask(self, request: tuple[str, bool, bool] | bytes) -> bytes:
        kind, content = self._process.ask(request)
        if kind == b"fail":
            raise ValueError(content.decode("utf-8", "replace"))
        return content


def open_reader(engine: tokenizers.Tokenizer, name: str) -> Callable[[str], list[int]]:
    """Return what gives the ids of a text with what is put around it, in another process if need be.

    Args:
        engine: The engine, which cuts and pads nothing.
        name: Its name, for messages.
    """
    if not may_take_for_ever(engine):
        return lambda text: engine.encode(text).ids
    process, literal = EngineProcess(engine, name), engine.encode_special_tokens
    return lambda text: process.read(text, literal=literal, add_special_tokens=True).ids


def may_take_for_ever(engine: tokenizers.Tokenizer) -> bool:
    """Return whether an engine has a pattern that may go back over a text again and again."""
    return not all(map(is_plain, _find_patterns(engine)))


def is_plain(pattern: str) -> bool:
    r"""Return whether each alternative of a pattern is known, or repeats at most what stands last in it.

    Examples:
        >>> is_plain(r" ?\p{L}+|\s+(?!\S)|\s+"), is_plain("(a+)+$"), is_plain("a*b")
        (True, False, False)
    """
    if len(pattern) > _LONGEST:
        return False
    spelled = pattern.replace("\r", r"\r").replace("\n", r"\n")
    return all(one in _KNOWN or _PLAIN.fullmatch(one) for one in _split_alternatives(spelled))


def _find_patterns(engine: tokenizers.Tokenizer) -> Iterator[str]:
    for part in (engine.normalizer, engine.pre_tokenizer, engine.decoder):
        for one in list_parts(part):
            pattern = one.get("pattern")
            if isinstance(pattern, dict) and isinstance(pattern.get("Regex"), str):
                yield pattern["Regex"]


_PIECE = re.compile(rf"{_CLASS}|\\.|.", re.DOTALL)


def _split_alternatives(pattern: str) -> list[str]:
    """Split a pattern at the bars that stand in no group and no class."""
    alternatives, depth = [""], 0
    for piece in _PIECE.findall(pattern):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "|" and depth == 0:
            alternatives.append("")
        else:
            alternatives[-1] += piece
    return alternatives

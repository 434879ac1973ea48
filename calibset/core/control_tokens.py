"""Control tokens in text: counted, split off, and kept from arising by accident.

A tokenizer that parses special tokens turns the letters ``</s>`` of a web page into the token
that ends a turn. `ControlTokens.neutralise` breaks such letters apart with a space, so that a reader
still sees them and the tokenizer does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from calibset.core.errors import TokenizerError
from calibset.core.text import join_alternatives, split_matches

# A space first; where that spells another control token, a word joiner or a soft hyphen.
_SEPARATORS = (" ", "\u2060", "\u00ad")
# How many times a text is broken apart at most; a separator that itself spells tokens would never end.
_MAX_PASSES = 8


@dataclass(frozen=True, slots=True)
class ControlTokens:
    """The spellings of a tokenizer's control tokens, compiled into one pattern."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, spellings: Iterable[str]) -> ControlTokens:
        """Compile the spellings; where several begin at the same character, the longest matches."""
        return cls(_compile(tuple(spellings)))

    def count(self, text: str) -> int:
        """Return how many control tokens the text spells."""
        return sum(1 for _ in self.pattern.finditer(text))

    def pieces(self, text: str) -> Iterator[tuple[str, bool]]:
        """Split the text into non-empty pieces, each with a flag: whether it is a control token."""
        return split_matches(self.pattern, text)

    def neutralise(self, text: str) -> str:
        """Break the spelling of every control token in the text apart.

        Raises:
            TokenizerError: A spelling can't be broken (it is a single character).

        Examples:
            >>> tokens = ControlTokens.of(["</s>", "[INST]"])
            >>> tokens.neutralise("a</s>[INST] b")
            'a< /s>[ INST] b'
        """
        for separator in _SEPARATORS:
            broken = self._break(text, separator)
            if not self.pattern.search(broken):
                return broken
        match = self.pattern.search(text)
        spelling = match.group() if match else ""
        raise TokenizerError(
            f"the control token {spelling!r} can't be broken apart in a text that spells it; "
            'set control_tokens = "keep" or leave such documents out'
        )

    def _break(self, text: str, separator: str) -> str:
        # Again while a break lets a shorter spelling inside the first one match.
        for _ in range(_MAX_PASSES):
            text, count = self.pattern.subn(lambda match: match[0][:1] + separator + match[0][1:], text)
            if not count:
                break
        return text


@lru_cache(maxsize=8)  # each source of a build asks for those of its tokenizer
def _compile(spellings: tuple[str, ...]) -> re.Pattern[str]:
    # An empty alternation would match everywhere; this one matches nowhere.
    return re.compile(join_alternatives(spellings) or r"(?!)")

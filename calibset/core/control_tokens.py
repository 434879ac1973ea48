"""Control tokens in text: found, read, and kept from arising by accident.

A tokenizer that parses special tokens turns the letters ``</s>`` of a web page into the token
that ends a turn. `neutralise` breaks such letters apart with a space, so that a reader still
sees them and the tokenizer does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from calibset.core.errors import TokenizerError

# A space first; where that spells another control token, a word joiner or a soft hyphen.
_BREAKS = (" ", "\u2060", "\u00ad")
# Spellings that stand inside each other, at most; a mark that spells tokens itself would never end.
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class ControlTokens:
    """The spellings of a tokenizer's control tokens, ready to be searched for."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, spellings: Iterable[str]) -> ControlTokens:
        """Prepare the spellings; the longest wins where several begin at one place."""
        ordered = sorted((s for s in spellings if s), key=lambda s: (-len(s), s))
        # An empty alternation would match everywhere; this one matches nowhere.
        return cls(re.compile("|".join(map(re.escape, ordered)) or r"(?!)"))

    def count(self, text: str) -> int:
        """Return how many control tokens the text spells."""
        return sum(1 for _ in self.pattern.finditer(text))

    def pieces(self, text: str) -> Iterator[tuple[str, bool]]:
        """Yield the text in pieces, each with whether it is a control token; none is empty."""
        position = 0
        for match in self.pattern.finditer(text):
            if match.start() > position:
                yield text[position : match.start()], False
            yield match.group(), True
            position = match.end()
        if position < len(text):
            yield text[position:], False

    def neutralise(self, text: str) -> str:
        """Return the text with every control token's spelling broken apart.

        Raises:
            TokenizerError: A spelling can't be broken (it is a single character).

        Examples:
            >>> tokens = ControlTokens.of(["</s>", "[INST]"])
            >>> tokens.neutralise("a</s>[INST] b")
            'a< /s>[ INST] b'
        """
        for mark in _BREAKS:
            broken = self._broken(text, mark)
            if not self.pattern.search(broken):
                return broken
        found = self.pattern.search(text)
        spelled = found.group() if found else ""
        raise TokenizerError(
            f"the control token {spelled!r} can't be kept out of a text that holds it; "
            'set control_tokens = "keep" or leave such documents out'
        )

    def _broken(self, text: str, mark: str) -> str:
        # Again while a break lets a shorter spelling inside the first one match.
        for _ in range(_DEEPEST):
            text, found = self.pattern.subn(lambda match: match.group()[:1] + mark + match.group()[1:], text)
            if not found:
                break
        return text

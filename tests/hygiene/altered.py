"""Texts that say nearly the same as another: other case, other punctuation, 5 % of the words swapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

SHARE = 0.05


def replaced(words: Sequence[str], others: Sequence[str], random: Random) -> list[str]:
    """Return the words with 5 % of them replaced by others."""
    changed = list(words)
    for place in random.sample(range(len(changed)), round(SHARE * len(changed))):
        changed[place] = random.choice(others)
    return changed


def exchanged(words: Sequence[str], others: Sequence[str], random: Random) -> list[str]:
    """Return the words with 5 % of them exchanged with the next one."""
    changed = list(words)
    for place in random.sample(range(len(changed) - 1), round(SHARE * len(changed))):
        changed[place], changed[place + 1] = changed[place + 1], changed[place]
    return changed


def redressed(words: Sequence[str], random: Random) -> str:
    """Return a text of these words in other case, spacing and punctuation."""
    cases: list[Callable[[str], str]] = [str.lower, str.upper, str.capitalize, str]
    between = [" "] * 6 + [", ", ". ", " – ", "; ", "\n", " @-@ "]
    return "".join(random.choice(cases)(word) + random.choice(between) for word in words)


KINDS = {"replaced": replaced, "exchanged": exchanged}


def altered(kind: str, words: Sequence[str], others: Sequence[str], random: Random) -> str:
    """Return a text that nearly repeats the words.

    Args:
        kind: One of `KINDS`.
        words: Those of the text that is repeated.
        others: Words to replace some of them by.
        random: What decides.
    """
    return redressed(KINDS[kind](words, others, random), random)

"""Filters for plain documents: each decides by counting whether a text is poor prose.

Rules and thresholds are those of four papers; the code is this project's own.

- *Gopher*: Rae et al. 2021, Scaling Language Models, arXiv:2112.11446, appendix A.1 and table A1.
- *C4*: Raffel et al. 2020, Exploring the Limits of Transfer Learning, JMLR 21(140), section 2.2.
- *FineWeb*: Penedo et al. 2024, arXiv:2406.17557, with ``fineweb_quality_filter.py`` of datatrove;
  *FineWeb2*: Penedo et al. 2025, arXiv:2506.20920, with ``fineweb-2-pipeline.py`` and, for Slovak,
  ``configs/slk_Latn.yml`` of its repository.

They were made for English web pages. Where FineWeb2's threshold for Slovak is laxer, it is used here, so
that one set serves both languages; ``docs/reference/hygiene.md`` says what each filter removes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Literal

from calibset.hygiene.words import split_words

FilterName = Literal[
    "length",
    "words",
    "symbols",
    "bullets",
    "lines",
    "repetition",
    "notices",
    "filler",
    "braces",
    "tokenised",
    "damaged",
]

_FEWEST_WORDS = 50
_BULLETS = ("•", "●", "▪", "■", "◦", "‣", "➢", "❖", "*", "-", "–")
_ELLIPSES = ("...", "…")
_ENDS = tuple(".!?…:;\"'”“’»)]。！？।؟۔")
_SHORT_LINE = 30
# The part of a text that its commonest run of two, three or four words may make up.
_TOP_RUNS = ((2, 0.316), (3, 0.218), (4, 0.171))
_NOTICE_LENGTH = 150
_NOTICES = (
    "javascript", "cookie", "404", "page not found", "terms of use", "terms of service", "privacy policy",
    "all rights reserved",
    "podmienky používania", "osobných údajov", "práva vyhradené", "stránka sa nenašla",
    "podmínky použití", "osobních údajů", "práva vyhrazena", "stránka nebyla nalezena",
)  # fmt: skip
# Scripts without spaces have no words to measure.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# The Penn treebank's and WikiText's marks: they stand in no text that was not taken apart.
_TAKEN_APART = re.compile(r" (?:@[-,.]@|-[LR][RCS]B-|``|''|n't|'(?:s|re|ve|ll|d|m)|[,.])(?!\S)")


def find_quality_fault(text: str, names: Iterable[FilterName]) -> str | None:
    """Return the reason of the first filter that refuses a text, or None if it passes all of them.

    Raises:
        KeyError: There is no filter of one of the names.

    Examples:
        >>> find_quality_fault("404 Page not found", ["length", "notices"])
        'too few words'
        >>> find_quality_fault("404 Page not found", ["notices"])
        'mostly notices'
        >>> find_quality_fault("The insurer shall pay within fifteen days.", ["words", "symbols", "lines"])
    """
    return next((reason for name in names if (reason := FILTERS[name](text))), None)


def _check_length(text: str) -> str | None:
    """Gopher: at least 50 words. Its upper bound of 100,000 is left to packing."""
    start = text[: _FEWEST_WORDS * 20]
    if len(split_words(start)) >= _FEWEST_WORDS:
        return None
    return "too few words" if len(split_words(text)) < _FEWEST_WORDS else None


def _check_words(text: str) -> str | None:
    """Gopher: a mean word length of 3 to 10, and letters in 80 % of the words.

    FineWeb2 has 2 to 11 and 75.2 % for Slovak. A word is the text between two spaces, without the
    punctuation around it; scripts without spaces pass.
    """
    cores = [core for word in text.split() if (core := word.strip("\"'.,;:!?()[]{}„“”‚‘’«»…–—-*"))]
    if not cores:
        return "no words"
    if not _UNSPACED.search(text) and not 2 <= sum(map(len, cores)) / len(cores) <= 11:
        return "words too short or too long"
    lettered = sum(1 for word in cores if word.isalpha() or any(map(str.isalpha, word)))
    return "too few words with letters" if lettered < 0.752 * len(cores) else None


def _check_symbols(text: str) -> str | None:
    """Gopher: at most one hash sign to ten words, and at most one ellipsis."""
    most = max(text.count("#"), text.count("...") + text.count("…"))
    return "too many hash signs or ellipses" if most and most > 0.1 * len(text.split()) else None


def _check_bullets(text: str) -> str | None:
    """Gopher: at most 90 % of the lines begin with a bullet and at most 30 % end in an ellipsis."""
    lines = _split_lines(text)
    if sum(line.startswith(_BULLETS) for line in lines) > 0.9 * len(lines):
        return "mostly bullets"
    if sum(line.endswith(_ELLIPSES) for line in lines) > 0.3 * len(lines):
        return "many lines cut off"
    return None


def _check_lines(text: str) -> str | None:
    """FineWeb: more than 12 % of the lines end in punctuation, under 67 % have up to 30 characters.

    FineWeb2 has neither for Slovak (thresholds 0 and off), but at most 0.214 line ends to a word, where
    FineWeb has 0.3, which is taken here.
    """
    lines = _split_lines(text)
    if sum(line.endswith(_ENDS) for line in lines) <= 0.12 * len(lines):
        return "few lines end in punctuation"
    if sum(len(line) <= _SHORT_LINE for line in lines) >= 0.67 * len(lines):
        return "mostly short lines"
    return "a list" if len(lines) - 1 > 0.3 * len(text.split()) else None


def _check_repetition(text: str) -> str | None:
    """Gopher, table A1: repeated lines, and the share of the text that its commonest runs of words take.

    At most 31.9 % of the lines and 20 % of their characters are repeats; FineWeb2's thresholds for
    Slovak bound the rest, 31.6, 21.8 and 17.1 % for two, three and four words in a row.
    """
    lines = _split_lines(text)
    seen: set[str] = set()
    again = [line for line in lines if line in seen or seen.add(line)]  # type: ignore[func-returns-value]
    if len(again) > 0.319 * len(lines) or sum(map(len, again)) > 0.2 * sum(map(len, lines)):
        return "repeated lines"
    return "repeated words" if _has_dominant_run(text.split()) else None


def _has_dominant_run(parts: list[str]) -> bool:
    letters = sum(map(len, parts))
    least = min(most for _, most in _TOP_RUNS)
    # With all its repeats, three or four words take at most twice what some pair takes, and a pair at most
    # twice what some word takes: most texts are done with their words.
    if 2 * 2 * _count_top_run(parts, 1) <= least * letters:
        return False
    pair = _count_top_run(parts, 2)
    return any(
        2 * pair > most * letters and _count_top_run(parts, size) > most * letters for size, most in _TOP_RUNS
    )


def _count_top_run(parts: list[str], size: int) -> int:
    """Return the letters of the run of ``size`` words that takes most, counting all its repeats."""
    runs = Counter(zip(*(islice(parts, start, None) for start in range(size)), strict=False))
    return max((sum(map(len, run)) * count for run, count in runs.items() if count > 1), default=0)


def _check_notices(text: str) -> str | None:
    """C4 drops lines that mention JavaScript, cookies or terms of use; half of the text is too much.

    A line counts that has up to 150 characters, in English, Slovak or Czech.
    """
    folded = text.casefold()
    if not any(phrase in folded for phrase in _NOTICES):
        return None
    lines = _split_lines(folded)
    noticed = sum(
        len(line)
        for line in lines
        if len(line) <= _NOTICE_LENGTH and any(phrase in line for phrase in _NOTICES)
    )
    return "mostly notices" if 2 * noticed >= sum(map(len, lines)) else None


def _check_filler(text: str) -> str | None:
    """C4: "lorem ipsum" occurs nowhere."""
    return "filler text" if "lorem ipsum" in text.casefold() else None


def _check_braces(text: str) -> str | None:
    """C4: no curly bracket anywhere; of no use where programs or templates are wanted."""
    return "curly brackets" if "{" in text else None


def _check_tokenised(text: str) -> str | None:
    """Taken apart into tokens, as WikiText is: punctuation between spaces, ``@-@``, ``n't`` by itself.

    One mark to thirty words is too much: WikiText has one to eight, no prose one to a hundred.
    """
    count = text.count(" ")
    return "taken apart into tokens" if len(_TAKEN_APART.findall(text)) > max(4, count / 30) else None


def _check_damaged(text: str) -> str | None:
    """At least one character in a thousand is U+FFFD, so text was lost before."""
    return "characters lost" if text.count("\ufffd") > len(text) / 1000 else None


def _split_lines(text: str) -> list[str]:
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


FILTERS: Mapping[FilterName, Callable[[str], str | None]] = MappingProxyType(
    {
        "length": _check_length,
        "words": _check_words,
        "symbols": _check_symbols,
        "bullets": _check_bullets,
        "lines": _check_lines,
        "repetition": _check_repetition,
        "notices": _check_notices,
        "filler": _check_filler,
        "braces": _check_braces,
        "tokenised": _check_tokenised,
        "damaged": _check_damaged,
    }
)
"""Every filter by its name: a function that returns why a text does not pass, or None."""

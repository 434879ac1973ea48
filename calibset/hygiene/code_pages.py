"""Text that was written in one code page of Central Europe and read in another: ``èlánok`` for ``článok``.

A character of the one stands for a byte, and so for a character of the other. A text is only read anew if
that gives letters of a language where there were none, takes next to none of them away, and the result is in
that language: sound text has letters such as č, which the wrong reading would lack.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache
from typing import NamedTuple

from calibset.hygiene.language import has_letters, identify_language

# The letters beside ASCII of each language, and how else the identifier may call a text in it.
_LETTERS = {
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "cs": "áčďéěíňóřšťúůýž",
    "pl": "ąćęłńóśźż",
    "hu": "áéíóöőúüű",
    "sl": "čšž",
    "hr": "čćđšž",
}
_NAMES = {"sk": {"sk", "cs"}, "cs": {"cs", "sk"}, "hr": {"hr", "bs", "sr"}}

_WRITTEN = ("cp1250", "iso8859-2", "cp852")
# Windows-1252 before Latin-1, which has less to tell them by.
_READ = ("cp1252", "latin-1", "cp1250", "iso8859-2")

# The language of a shorter text can't be told.
_LEAST_LETTERS = 50
# A text needs so many characters that turn into letters, and so many different ones.
_LEAST_GAINED = 3
_LEAST_LETTERS_GAINED = 4  # if all of them are letters already
_LEAST_KINDS = 2
# For one letter that would be lost, so many have to be gained.
_GAINED_PER_LOST = 20
# Of four letters that are none of ASCII, three have to be of the language.
_PER_FOREIGN = 4

# What is no letter but may be one misread.
_SYMBOL = r"\x80-\x9f\xa1-\xbf\u02d8-\u02dd"
_LETTER_OR_SYMBOL = rf"(?:[^\W\d_]|[{_SYMBOL}])"
# What is sought stands first, so that the search leaps from one to the next.
_SYMBOL_IN_WORD = re.compile(rf"[{_SYMBOL}](?<={_LETTER_OR_SYMBOL}[{_SYMBOL}])(?={_LETTER_OR_SYMBOL})")
# The controls of Latin-1 that are letters in windows-1250.
_SYMBOL_BESIDE_WORD = re.compile(rf"[{_SYMBOL}](?:(?<=[^\W\d_][{_SYMBOL}])|(?=[^\W\d_]))")
_CONTROL_BEFORE_WORD = re.compile(
    rf"[\x8a\x8c-\x8f\x9a\x9c-\x9f](?<![^\W\d_{_SYMBOL}][{_SYMBOL}])(?=[^\W\d_])"
)
_LETTER_AFTER_SMALL = re.compile("[\xc0-\u024f](?<=[a-z][\xc0-\u024f])")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_VOLUME = re.compile(r"\b[cdk]?m\Z")


class _Misreading(NamedTuple):
    """A code page that was taken for another.

    Attributes:
        written: The right one.
        table: What each character beside ASCII of the wrong one is in the right one.
    """

    written: str
    table: Mapping[str, str]


class _Finding(NamedTuple):
    """How a text was misread, and the language it is in."""

    score: int
    misreading: _Misreading
    language: str


def find_code_page(text: str) -> str | None:
    r"""Return the code page that a text was written in, if it was read in another.

    Examples:
        >>> find_code_page("Poistník platí poistné roène, spoluúèas\x9d zná\x9aa pri ka\x9edej \x9akode.")
        'cp1250'
        >>> find_code_page("Poistník platí poistné ročne, spoluúčasť znáša pri každej škode.")
    """
    finding = _find_misreading(text)
    return finding.misreading.written if finding else None


def decode_code_page(text: str) -> str:
    """Return a text in the code page that it was written in, if it was read in another."""
    finding = _find_misreading(text)
    return _decode(text, finding) if finding else text


def _find_misreading(text: str) -> _Finding | None:
    if text.isascii():
        return None
    odd = Counter(letter for letter in _LETTER_AFTER_SMALL.findall(text) if letter.isupper())
    odd.update(_SYMBOL_IN_WORD.findall(text) + _CONTROL_BEFORE_WORD.findall(text))
    if (not odd and _is_spelled_right(set(text))) or not has_letters(text, _LEAST_LETTERS):
        return None
    letters = Counter({one: count for one, count in Counter(text).items() if _is_letter_beside_ascii(one)})
    letters -= odd
    known = Counter({letter: count for letter, count in letters.items() if letter in _judged_letters()})
    foreign = letters.total() - known.total()
    findings = [
        finding
        for misreading in _list_misreadings()
        for language in _LETTERS
        if (finding := _judge(known, odd, foreign, misreading, language))
    ]
    if not findings:
        return None
    beside = Counter(_SYMBOL_BESIDE_WORD.findall(text))

    def rate(finding: _Finding) -> tuple[int, int]:
        own = _all_letters(finding.language)
        return finding.score, sum(
            beside[symbol] for symbol in beside if finding.misreading.table.get(symbol) in own
        )

    best = max(findings, key=rate)
    language = identify_language(_decode(text, best)).code
    if not odd and identify_language(text).code != language:
        return None  # letters alone are no evidence in a text of another language, such as Italian
    return next(
        (
            finding
            for finding in findings
            if finding.misreading is best.misreading
            and language in _NAMES.get(finding.language, {finding.language})
        ),
        None,
    )


def _is_spelled_right(characters: Collection[str]) -> bool:
    """Return whether some language has all letters of a text."""
    letters = set(filter(_is_letter_beside_ascii, characters))
    return any(letters <= _all_letters(language) for language in _LETTERS)


def _is_letter_beside_ascii(character: str) -> bool:
    return character > "\x7f" and character.isalpha()


def _judge(
    letters: Mapping[str, int],
    odd: Mapping[str, int],
    foreign: int,
    misreading: _Misreading,
    language: str,
) -> _Finding | None:
    """Return a finding if a text is to be read anew.

    Args:
        letters: How often the text has each letter that some language has or some misreading gives.
        odd: How often it has each of them, and each symbol, where no language has them.
        foreign: How many other letters beside ASCII it has.
        misreading: What the text may have suffered.
        language: What it may be in.
    """
    own = _all_letters(language)
    kinds = {right.lower() for character in odd if (right := misreading.table.get(character, "")) in own}
    gained = sum(count for character, count in odd.items() if misreading.table.get(character) in own)
    lost = kept = 0
    for character, count in letters.items():
        right = misreading.table.get(character, "")
        if character in own:
            is_kept = right in own and right.islower() == character.islower()
            kept, lost = (kept + count, lost) if is_kept else (kept, lost + count)
        elif not right and character in _letters_of_all():
            lost += count
        elif right in own:
            gained += count
            kinds.add(right.lower())
        else:
            foreign += count
    if (
        gained < (_LEAST_GAINED if odd else _LEAST_LETTERS_GAINED)
        or len(kinds) < _LEAST_KINDS
        or lost * _GAINED_PER_LOST > gained
    ):
        return None
    if foreign * _PER_FOREIGN > gained + kept + foreign:
        return None
    return _Finding(gained - lost - foreign, misreading, language)


def _decode(text: str, finding: _Finding) -> str:
    table = finding.misreading.table
    names = _NAMES.get(finding.language, {finding.language}) & _LETTERS.keys()
    letters = frozenset().union(*map(_all_letters, names))

    def decode(match: re.Match[str]) -> str:
        character = match[0]
        right = table.get(character, character)
        if "\x80" <= character <= "\x9f":
            return right
        if character.isalpha():
            return right if right in _letters_of_all() else character
        beside = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        if right not in letters or not any(one.isalpha() or table.get(one) in letters for one in beside):
            return character
        is_unit = character in "²³" and _VOLUME.search(text, max(0, match.start() - 3), match.start())
        return character if is_unit else right

    return _NOT_ASCII.sub(decode, text)


@cache
def _all_letters(language: str) -> frozenset[str]:
    return frozenset(_LETTERS[language] + _LETTERS[language].upper())


@cache
def _letters_of_all() -> frozenset[str]:
    return frozenset().union(*map(_all_letters, _LETTERS))


@cache
def _judged_letters() -> frozenset[str]:
    """Return the letters that are judged one by one: a text of every script has 50,000 others."""
    return _letters_of_all().union(*(misreading.table for misreading in _list_misreadings()))


@cache
def _list_misreadings() -> tuple[_Misreading, ...]:
    pairs = ((written, read) for written in _WRITTEN for read in _READ if written != read)
    return tuple(
        _Misreading(
            written,
            {_decode_byte(byte, read): _decode_byte(byte, written) for byte in range(0x80, 0x100)},
        )
        for written, read in pairs
    )


def _decode_byte(byte: int, code_page: str) -> str:
    """Return the character of a byte; where a page has none, browsers take the control character."""
    return bytes([byte]).decode(code_page, "ignore") or chr(byte)

"""Phone numbers: what looks like one, and whether its country's plan has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

MOST_ASKED = 10_000
"""Different numbers of one text that the plans are asked for; beyond them the form alone decides."""

_SPACE = " \u00a0\u2007\u2009\u202f"
_BETWEEN = rf"{_SPACE}\u2010-\u2013/.()-"
_NEXT = rf"[{_BETWEEN}]{{0,3}}\d"
_BEHIND = r"(?![^\W_])"
_PHONE = re.compile(
    rf"(?:(?<![\w+])|(?<=\\[nrt]))"
    rf"(?:\((?=\+?\d{{1,4}}\)))?"
    rf"(?:(?:\+|00[{_SPACE}]?(?=[1-9]))\d(?:{_NEXT}){{8,14}}|(?<!\d[.-])0[1-9](?:{_NEXT}){{8}}){_BEHIND}"
)
_GAP = re.compile(rf"[{_BETWEEN}]+(?=\d)")
_DECIMAL = re.compile(r"\+?\d+\.\d+")
_BOOK = re.compile(r"ISBN[^A-Za-z\n]{0,12}$")
_FEWEST_DIGITS = 9


class PhonePlans:
    """The numbering plans of all countries, asked once for each number of a text.

    A text of a great many different numbers is no letter but a list or an attack: after
    `MOST_ASKED` of them, each of which takes 0.1 ms, all that looks like a number is taken for one.
    """

    def __init__(self) -> None:
        self._asked: dict[str, int | None] = {}

    def found(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """Yield where phone numbers start and end between two places of a text, and their stand-ins."""
        for match in _PHONE.finditer(text, start, end):
            if is_book(text, match.start()):
                continue
            # What follows the number may look like another group of it.
            gaps = [gap.start() for gap in _GAP.finditer(text, *match.span())]
            for until in (match.end(), *reversed(gaps)):
                raw = text[match.start() : until]
                digits = numerals(raw)
                if len(digits) < _FEWEST_DIGITS:
                    break
                code = self._country("+" + digits if "+" in raw else digits)
                if code is not None and not _DECIMAL.fullmatch(raw):
                    yield match.start(), until, _stand_in(raw, code)
                    break

    def _country(self, number: str) -> int | None:
        """Return the country code of a number, 0 if it is not known, None where it is no number."""
        if number not in self._asked:
            if not _has_country(number):
                return None
            if len(self._asked) >= MOST_ASKED:
                return 0
            self._asked[number] = _asked(number)
        return self._asked[number]


def is_book(text: str, start: int) -> bool:
    """Tell whether what starts there is the number of a book."""
    return _BOOK.search(text, max(start - 20, 0), start) is not None


def numerals(text: str) -> str:
    """Return the digits in a text, of any script, as ASCII."""
    digits = re.sub(r"\D+", "", text)
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _has_country(number: str) -> bool:
    if number.startswith("0") and not number.startswith("00"):
        return True
    return _is_country(number[1:4] if number.startswith("+") else number[2:5])


@cache
def _is_country(head: str) -> bool:
    """Tell whether three digits begin with a country code."""
    import phonenumbers

    return any(int(head[:size]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for size in (1, 2, 3))


def _asked(number: str) -> int | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, "SK")
    except phonenumbers.NumberParseException:
        return None
    return parsed.country_code if phonenumbers.is_valid_number(parsed) else None


def _stand_in(raw: str, code: int) -> str:
    head = re.match(rf"\(?\+\D*{code}", raw) if code else None
    kept = head.end() if head else 0
    return raw[:kept] + re.sub(r"\d", "0", raw[kept:])

"""Phone numbers: text that looks like one, and the check against its country's numbering plan.

`phonenumbers.PhoneNumberMatcher` is not used: it takes ISBNs and decimals for phone numbers, and misses a
number that is followed by a space and another number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

MOST_LOOKUPS = 10_000
"""How many different numbers of a text are looked up in the plans; after that the form alone decides."""

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
_ISBN = re.compile(r"ISBN[^A-Za-z\n]{0,12}$")
_FEWEST_DIGITS = 9


class PhonePlans:
    """The numbering plans of all countries; each number of a text is looked up once.

    A text with a great many different numbers is a list or an attack, not ordinary text: after
    `MOST_LOOKUPS` lookups of 0.1 ms each, everything that looks like a phone number counts as one.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int | None] = {}

    def find_phones(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """Yield the start, the end and the stand-in of each phone number in a part of a text."""
        for match in _PHONE.finditer(text, start, end):
            number = extract_digits(match.group())
            if not _has_country("+" + number if "+" in match.group() else number):
                continue
            if is_isbn(text, match.start()):
                continue
            # What follows the number may look like another group of it.
            begin, count, ends = match.start(), 0, []
            for border in (*(gap.start() for gap in _GAP.finditer(text, *match.span())), match.end()):
                count += sum(map(str.isdecimal, text[begin:border]))
                begin = border
                if count >= _FEWEST_DIGITS:
                    ends.append((border, number[:count]))
            for until, digits in reversed(ends):
                raw = text[match.start() : until]
                code = self._country_code("+" + digits if "+" in raw else digits)
                if code is not None and not _DECIMAL.fullmatch(raw):
                    yield match.start(), until, _stand_in(raw, code)
                    break

    def _country_code(self, number: str) -> int | None:
        """Return the country code of a number, 0 if it is unknown; None if it is not a phone number."""
        if number not in self._codes:
            if len(self._codes) >= MOST_LOOKUPS:
                return 0
            self._codes[number] = _look_up(number)
        return self._codes[number]


def is_isbn(text: str, start: int) -> bool:
    """Return whether the number that starts at an index is an ISBN."""
    return _ISBN.search(text, max(start - 20, 0), start) is not None


def extract_digits(text: str) -> str:
    """Return the digits in a text, whatever their script, as ASCII."""
    digits = "".join(filter(str.isdecimal, text))
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _has_country(number: str) -> bool:
    if number.startswith("0") and not number.startswith("00"):
        return True
    return _is_country(number[1:4] if number.startswith("+") else number[2:5])


@cache
def _is_country(head: str) -> bool:
    """Return whether three digits begin with a country code."""
    import phonenumbers

    return any(int(head[:size]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE for size in (1, 2, 3))


def _look_up(number: str) -> int | None:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, "SK")
    except phonenumbers.NumberParseException:
        return None
    return parsed.country_code if phonenumbers.is_valid_number(parsed) else None


def _stand_in(raw: str, code: int) -> str:
    head = re.match(rf"\(?\+\D*{code}", raw) if code else None
    start = head.end() if head else 0
    return raw[:start] + re.sub(r"\d", "0", raw[start:])

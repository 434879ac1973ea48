"""Personal data in texts: where it stands, and the text with stand-ins for it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = ["Found", "Kind", "masked", "personal_data"]

Kind = Literal["e-mail", "phone number", "IBAN", "birth number", "card number"]


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data in a text.

    Attributes:
        kind: What it is.
        start: Its first character.
        end: One past its last.
    """

    kind: Kind
    start: int
    end: int


_SPACE = " \u00a0\u2007\u2009\u202f"
_HYPHEN = "\u2010-\u2013-"
_BETWEEN = f"[{_SPACE}{_HYPHEN}]"
# No letter or digit before, but for those of an escaped line end, nor behind.
_BEFORE = r"(?:(?<![^\W_])|(?<=\\[nrt]))"
_BEHIND = r"(?![^\W_])"
# Nor a part of a number with a fraction.
_NO_FRACTION = r"(?<!\d\.)"
_NO_DECIMALS = r"(?!\.\d)"
_LONGEST_BEHIND = 6

# What may hold a number of nine digits or more, so that the patterns are tried on little of a text. It is one
# class of characters and a digit: nothing to try twice.
_DIGITS = re.compile(rf"\d[\d{_SPACE}{_HYPHEN}/.()]{{7,}}\d")
_IBAN_HEAD = re.compile(rf"{_BEFORE}[A-Z]{{2}}\d\d(?={_BETWEEN}?[A-Z\d])")
_CARD = re.compile(
    rf"{_BEFORE}{_NO_FRACTION}(?<!\d{{4}}{_BETWEEN})(?:\d{{13,19}}"
    rf"|\d{{4}}({_BETWEEN})\d{{4}}\1\d{{4}}\1\d{{4}}(?:\1\d{{3}})?|\d{{4}}({_BETWEEN})\d{{6}}\2\d{{4,5}})"
    rf"{_BEHIND}{_NO_DECIMALS}(?!{_BETWEEN}\d{{4}}(?!\d))"
)
_SLASHED = re.compile(rf"{_BEFORE}(?<![/{_HYPHEN}])\d{{6}}[{_SPACE}]?/[{_SPACE}]?\d{{3,4}}{_BEHIND}(?!/)")
# Ten digits that begin with 1 are the seconds since 1970 far more often than a child.
_UNSLASHED = re.compile(rf"{_BEFORE}{_NO_FRACTION}(?!1)\d{{10}}{_BEHIND}{_NO_DECIMALS}")
_IN_PHONE = rf"[{_SPACE}{_HYPHEN}/.()]{{0,3}}\d"
_PHONE = re.compile(
    rf"(?:(?<![\w+])|(?<=\\[nrt]))"
    rf"(?:\((?=\+?\d{{1,4}}\)))?"
    rf"(?:(?:\+|00[{_SPACE}]?(?=[1-9]))\d(?:{_IN_PHONE}){{7,14}}|(?<!\d[.-])0[1-9](?:{_IN_PHONE}){{8}}){_BEHIND}"
)
_GAP = re.compile(rf"[{_SPACE}{_HYPHEN}/.()]+(?=\d)")
_DECIMAL = re.compile(r"\+?\d+\.\d+")
_BOOK = re.compile(r"ISBN[^A-Za-z\n]{0,12}$")
# Who issues cards, and of how many digits (ISO/IEC 7812): Visa, Mastercard, American Express, Diners Club,
# Discover and UnionPay, JCB, Maestro, Mir.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-59]|[689]\d)\d{11}|(?:6011|64[4-9]\d|65\d\d|62\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}|220[0-4]\d{12,15}"
)
_DOMAIN = re.compile(r"@([A-Za-z\d\u00c0-\u024f][A-Za-z\d\u00c0-\u024f.-]{2,252})")
_ESCAPE = re.compile(r"u[\da-fA-F]{4}|[nrtbf]")
# Names that RFC 2606 keeps for examples.
_EXAMPLE = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|test|example|invalid|localhost)", re.IGNORECASE)
_LONGEST_LOCAL = 64


def personal_data(text: str) -> tuple[Found, ...]:
    """Return the personal data of a text in order; no two of them overlap.

    - E-mail addresses, but for those of example domains (RFC 2606).
    - Phone numbers with a country code, and Slovak ones that begin with 0, of nine digits or more,
      which the country's numbering plan has.
    - IBANs of the country's form with right check digits.
    - Slovak and Czech birth numbers: a date, and divisible by 11. Nine digits (before 1954, without
      a check) count with a slash only, and so do those of ten that begin with 1.
    - Payment card numbers of a known issuer, with the right check digit.

    What has been masked is not found again.

    Examples:
        >>> text = "Ján (0905 123 456) má účet SK31 1200 0000 1987 4263 7541."
        >>> [(found.kind, text[found.start : found.end]) for found in personal_data(text)]
        [('phone number', '0905 123 456'), ('IBAN', 'SK31 1200 0000 1987 4263 7541')]
    """
    starts: list[int] = []
    kept: list[Found] = []
    for found in _candidates(text):
        at = bisect_right(starts, found.start)
        free = (not at or kept[at - 1].end <= found.start) and (at == len(kept) or found.end <= starts[at])
        if free and _stand_in(found.kind, raw := text[found.start : found.end]) != raw:
            starts.insert(at, found.start)
            kept.insert(at, found)
    return tuple(kept)


def masked(text: str) -> tuple[str, Counter[Kind]]:
    """Return a text with stand-ins for its personal data, and how many of each kind there were.

    A stand-in has the form of what it stands for: digits become 0, but for a country code and the
    first digit of a card or birth number (so that a number in JSON stays one); an e-mail address
    becomes name@example.com. Masked text comes back as it is.

    Examples:
        >>> masked("+421 905 123 456, jan@posta.sk")
        ('+421 000 000 000, name@example.com', Counter({'e-mail': 1, 'phone number': 1}))
    """
    counts: Counter[Kind] = Counter()
    # A stand-in may end what kept its neighbour from being one; each round leaves less that is no stand-in.
    while found := personal_data(text):
        counts.update(sorted(one.kind for one in found))
        pieces: list[str] = []
        end = 0
        for one in found:
            pieces += text[end : one.start], _stand_in(one.kind, text[one.start : one.end])
            end = one.end
        text = "".join((*pieces, text[end:]))
    return text, counts


def _candidates(text: str) -> Iterator[Found]:
    """Yield what is found, that first which wins where two overlap."""
    yield from _emails(text)
    yield from _ibans(text)
    places = [(match.start(), match.end()) for match in _DIGITS.finditer(text)]
    for search in (_cards, _slashed_births, _phones, _births):
        for start, end in places:
            yield from search(text, max(start - 2, 0), end + _LONGEST_BEHIND)


def _emails(text: str) -> Iterator[Found]:
    for match in _DOMAIN.finditer(text):
        domain = match.group(1).rstrip(".-")
        if _is_domain(domain):
            before = text[max(match.start() - _LONGEST_LOCAL, 0) : match.start()]
            local = "".join(takewhile(_is_local, reversed(before)))[::-1]
            start = match.start() - len(local)
            if text[start - 1 : start] == "\\" and (escape := _ESCAPE.match(local)):
                start += escape.end()
            local = text[start : match.start()].lstrip(".-")
            start = match.start() - len(local)
            # The address of a Git repository is nobody's.
            if local not in {"", "git"} and local[-1] != ".":
                yield Found("e-mail", start, match.start(1) + len(domain))


def _is_local(character: str) -> bool:
    return character in "._%+-" or (character < "\u0250" and character.isalnum())


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 or not labels[-1].isalpha() or len(labels[-1]) < 2 or _EXAMPLE.fullmatch(domain):
        return False
    # Versions (name@1.0.0-beta.rc) and the sizes of pictures (name@2x.png) look much the same.
    if (labels[0].isdecimal() and labels[1][:1].isdecimal()) or re.fullmatch(r"\dx", labels[0]):
        return False
    return all(0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" for label in labels)


def _ibans(text: str) -> Iterator[Found]:
    for head in _IBAN_HEAD.finditer(text):
        form = _iban_form(head.group()[:2])
        if form and (match := form.match(text, head.start())) and _is_iban(match.group()):
            yield Found("IBAN", *match.span())


@cache
def _iban_form(country: str) -> re.Pattern[str] | None:
    """Return what the IBANs of a country look like, None where it has none."""
    from stdnum import numdb

    form = str(numdb.get("iban").info(country)[0][1].get("bban", ""))
    length = 2 + sum(map(int, re.findall(r"\d+", form)))
    return re.compile(rf"[A-Z]{{2}}(?:{_BETWEEN}?[A-Z\d]){{{length}}}{_BEHIND}") if form else None


def _is_iban(number: str) -> bool:
    from stdnum import iban

    plain = "".join(str(int(c)) if c.isdecimal() else c for c in number if c.isalnum())
    # Check digits of its own that a country has inside change too often to be held against a number.
    return iban.is_valid(plain, check_country=False)


def _cards(text: str, start: int, end: int) -> Iterator[Found]:
    from stdnum import luhn

    for match in _CARD.finditer(text, start, end):
        number = _numerals(match.group())
        if _ISSUED.fullmatch(number) and luhn.is_valid(number):
            yield Found("card number", *match.span())


def _slashed_births(text: str, start: int, end: int) -> Iterator[Found]:
    for match in _SLASHED.finditer(text, start, end):
        if _is_birth_number(_numerals(match.group())):
            yield Found("birth number", *match.span())


def _births(text: str, start: int, end: int) -> Iterator[Found]:
    for match in _UNSLASHED.finditer(text, start, end):
        number = _numerals(match.group())
        if int(number) % 11 == 0 and _is_birth_number(number) and not _is_book(text, match.start()):
            yield Found("birth number", *match.span())


def _is_birth_number(number: str) -> bool:
    from stdnum.cz import rc

    month = int(number[2:4]) % 50
    recent = len(number) == 10 and 4 <= int(number[:2]) < 54
    # Czechia adds 20 to the month where the numbers of a day run out, since 2004.
    return (1 <= month <= 12 or (recent and 21 <= month <= 32)) and rc.is_valid(number)


def _phones(text: str, start: int, end: int) -> Iterator[Found]:
    for match in _PHONE.finditer(text, start, end):
        if not _is_book(text, match.start()):
            # What follows the number may look like another group of it.
            for shorter in (
                match.end(),
                *reversed([gap.start() for gap in _GAP.finditer(text, *match.span())]),
            ):
                raw = text[match.start() : shorter]
                if _phone_number(raw) and not _DECIMAL.fullmatch(raw):
                    yield Found("phone number", match.start(), shorter)
                    break


def _phone_number(raw: str) -> PhoneNumber | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(raw, "SK")
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None


def _is_book(text: str, start: int) -> bool:
    return _BOOK.search(text[max(start - 20, 0) : start]) is not None


def _stand_in(kind: Kind, raw: str) -> str:
    if kind == "e-mail":
        return "name@example.com"
    if kind == "IBAN":
        return raw[:2] + re.sub(r"[^\W\d]", "X", re.sub(r"\d", "0", raw[2:]))
    if kind == "phone number":
        number = _phone_number(raw)
        head = rf"\(?\+\D*{number.country_code}" if number else ""
        kept = match.end() if (match := re.match(head, raw)) else 0
    else:
        kept = 1
    return raw[:kept] + re.sub(r"\d", "0", raw[kept:])


def _numerals(text: str) -> str:
    return "".join(str(int(character)) for character in text if character.isdecimal())

"""Personal data in texts: finding it, and masking it with stand-ins."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import takewhile
from typing import Literal, NamedTuple

from calibset.hygiene.pii_phones import PhonePlans, extract_digits, is_isbn

Kind = Literal["e-mail", "phone number", "IBAN", "birth number", "card number"]


class PersonalData(NamedTuple):
    """A piece of personal data in a text.

    Attributes:
        kind: The kind of data.
        start: Index of its first character.
        end: Index after its last character.
        stand_in: The text that replaces it when it is masked.
    """

    kind: Kind
    start: int
    end: int
    stand_in: str


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
# The digits are sought, since most characters are letters.
_IBAN_DIGITS = re.compile(rf"\d(?<={_BEFORE}[A-Za-z]{{2}}\d)\d(?={_BETWEEN}?[A-Za-z\d])")
_CARD = re.compile(
    rf"{_BEFORE}{_NO_FRACTION}(?<!\d{{4}}{_BETWEEN})(?:\d{{13,19}}"
    rf"|\d{{4}}({_BETWEEN})\d{{4}}\1\d{{4}}\1\d{{4}}(?:\1\d{{3}})?|\d{{4}}({_BETWEEN})\d{{6}}\2\d{{4,5}})"
    rf"{_BEHIND}{_NO_DECIMALS}(?!{_BETWEEN}\d{{4}}(?!\d))"
)
_SLASHED = re.compile(rf"{_BEFORE}(?<![/{_HYPHEN}])\d{{6}}[{_SPACE}]?/[{_SPACE}]?\d{{3,4}}{_BEHIND}(?!/)")
# Ten digits that begin with 1 are the seconds since 1970 far more often than a child.
_UNSLASHED = re.compile(
    rf"{_BEFORE}{_NO_FRACTION}(?!1)"
    rf"(?:\d{{10}}|(?<!\d{_BETWEEN})\d{{6}}[{_SPACE}]\d{{4}}(?!{_BETWEEN}\d)){_BEHIND}{_NO_DECIMALS}"
)
# Who issues cards, and of how many digits (ISO/IEC 7812): Visa, Mastercard, American Express, Diners Club,
# Discover and UnionPay, JCB, Maestro, Mir.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-59]|[689]\d)\d{11}|(?:6011|64[4-9]\d|65\d\d|62\d\d)\d{12,15}|35(?:2[89]|[3-8]\d)\d{12,15}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}|220[0-4]\d{12,15}"
)
# Latin, Greek, Cyrillic and Armenian letters: behind those of scripts without spaces a sentence may go on.
_LETTERS = r"A-Za-z\d\u00c0-\u024f\u0370-\u0481\u048a-\u0556\u0561-\u0587"
_DOMAIN = re.compile(rf"@([{_LETTERS}][{_LETTERS}.-]{{2,252}})")
_ESCAPE = re.compile(r"u[\da-fA-F]{4}|[nrtbf]")
# Names that RFC 2606 keeps for examples.
_EXAMPLE = re.compile(r"(?:.*\.)?(?:example\.(?:com|net|org)|test|example|invalid|localhost)", re.IGNORECASE)
_LONGEST_LOCAL = 64
_ADDRESS = "name@example.com"
_ROUNDS = 4
# Birth numbers of ten digits, cards of nineteen.
_LEAST_NUMBER = 10**9
_PAST_NUMBERS = 10**19
# What a letter or digit of an IBAN, and the double of a digit of a card, count for in the check.
_IBAN_VALUES = {character: str(int(character, 36)) for character in string.digits + string.ascii_letters}
_DOUBLES = dict(zip(string.digits, (0, 2, 4, 6, 8, 1, 3, 5, 7, 9), strict=True))

MOST_PIECES = 10_000
"""The most pieces of personal data in a text; one with more is a directory, or made to take time."""


class TooMuchPersonalData(Exception):  # noqa: N818  (no fault of the program)
    """A text holds more than `MOST_PIECES` pieces of personal data."""


def find_personal_data(text: str) -> list[PersonalData]:
    """Return the pieces of personal data in a text, in order and without overlaps.

    - E-mail addresses in Latin, Greek, Cyrillic or Armenian letters, except those of example
      domains (RFC 2606).
    - Phone numbers with a country code, and Slovak ones that begin with 0, of nine digits or more,
      that are in the country's numbering plan (not checked after 10,000 different ones in a text).
    - IBANs in the country's format with correct check digits.
    - Slovak and Czech birth numbers: a date, and divisible by 11. Numbers of nine digits (before 1954,
      without a check) and numbers of ten that begin with 1 count only with a slash.
    - Payment card numbers of a known issuer with a correct check digit.

    Stand-ins are not found again.

    Raises:
        TooMuchPersonalData: There are more than `MOST_PIECES` of them.

    Examples:
        >>> text = "Ján (0905 123 456) má účet SK31 1200 0000 1987 4263 7541."
        >>> [(data.kind, text[data.start : data.end]) for data in find_personal_data(text)]
        [('phone number', '0905 123 456'), ('IBAN', 'SK31 1200 0000 1987 4263 7541')]
    """
    return _find(text, PhonePlans())


def mask_personal_data(text: str) -> tuple[str, Counter[Kind]]:
    """Return a text with its personal data masked, and the number of pieces of each kind.

    A stand-in has the form of what it replaces: digits become 0, except a country code and the first
    digit of a card or birth number (so that a number in JSON stays a number); an e-mail address becomes
    name@example.com. Masked text is returned as it is. If stand-ins keep making new personal data,
    which no ordinary text does, all digits of the text become 0.

    Raises:
        TooMuchPersonalData: The text holds more than `MOST_PIECES` of them.

    Examples:
        >>> mask_personal_data("+421 905 123 456, jan@posta.sk")
        ('+421 000 000 000, name@example.com', Counter({'e-mail': 1, 'phone number': 1}))
    """
    counts: Counter[Kind] = Counter()
    plans = PhonePlans()
    # A stand-in may end what kept its neighbour from being one.
    for _ in range(_ROUNDS):
        pieces = _find(text, plans)
        if not pieces:
            return text, counts
        counts.update(sorted(piece.kind for piece in pieces))
        text = _replace(text, pieces)
    if pieces := _find(text, plans):
        counts.update(sorted(piece.kind for piece in pieces))
        text = re.sub(r"\d", "0", _replace(text, pieces))
    return text, counts


def mask_number(number: int) -> tuple[int, Counter[Kind]]:
    """Return a number, replaced by one of as many digits if it is a card or birth number, and the counts.

    This is for the integers of JSON. Without their 0 or +, phone numbers look like any other number.

    Examples:
        >>> mask_number(4111111111111111)
        (4000000000000000, Counter({'card number': 1}))
    """
    # No such number is longer, and Python writes none of more than 4,300 digits.
    if not _LEAST_NUMBER <= abs(number) < _PAST_NUMBERS:
        return number, Counter()
    text, counts = mask_personal_data(str(number))
    return int(text), counts


def _find(text: str, plans: PhonePlans) -> list[PersonalData]:
    """Return, in order, the candidates that are not stand-ins and overlap no candidate before them."""
    pieces: list[PersonalData] = []
    taken: bytearray | None = None
    for piece in _find_candidates(text, plans):
        if text[piece.start : piece.end] == piece.stand_in:
            continue
        taken = bytearray(len(text)) if taken is None else taken
        if not any(taken[piece.start : piece.end]):
            taken[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
            pieces.append(piece)
            if len(pieces) > MOST_PIECES:
                raise TooMuchPersonalData
    return sorted(pieces, key=lambda piece: piece.start)


def _replace(text: str, pieces: Sequence[PersonalData]) -> str:
    parts: list[str] = []
    end = 0
    for piece in pieces:
        parts += text[end : piece.start], piece.stand_in
        end = piece.end
    return "".join((*parts, text[end:]))


def _find_candidates(text: str, plans: PhonePlans) -> Iterator[PersonalData]:
    """Yield what may be personal data; if two overlap, the one that counts comes first."""
    yield from _find_emails(text)
    yield from _find_ibans(text)
    ranges = _find_ranges(text)
    for search in (_find_cards, _find_slashed_births) if "/" in text else (_find_cards,):
        for start, end in ranges:
            yield from search(text, start, end)
    for start, end in ranges:
        for phone in plans.find_phones(text, start, end):
            yield PersonalData("phone number", *phone)
    for start, end in ranges:
        yield from _find_births(text, start, end)


def _find_ranges(text: str) -> list[tuple[int, int]]:
    """Return the parts of a text in which numbers may stand, those that overlap as one."""
    ranges: list[tuple[int, int]] = []
    for match in _DIGITS.finditer(text):
        start, end = max(match.start() - 2, 0), match.end() + _LONGEST_BEHIND
        if ranges and start <= ranges[-1][1]:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return ranges


def _find_emails(text: str) -> Iterator[PersonalData]:
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
                yield PersonalData("e-mail", start, match.start(1) + len(domain), _ADDRESS)


def _is_local(character: str) -> bool:
    return character in "._%+-" or (character < "\u0590" and character.isalnum())


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    top = labels[-1]
    is_top = len(top) > 1 and (top.isalpha() or top.startswith("xn--"))
    if len(labels) < 2 or not is_top or _EXAMPLE.fullmatch(domain):
        return False
    # Versions (name@1.0.0-beta.rc) and the sizes of pictures (name@2x.png) look much the same.
    if (labels[0].isdecimal() and labels[1][:1].isdecimal()) or re.fullmatch(r"\dx", labels[0]):
        return False
    return all(0 < len(label) <= 63 and label[0] != "-" and label[-1] != "-" for label in labels)


def _find_ibans(text: str) -> Iterator[PersonalData]:
    for digits in _IBAN_DIGITS.finditer(text):
        start = digits.start() - 2
        form = _iban_form(text[start : start + 2].upper())
        if form and (match := form.match(text, start)) and _is_iban(raw := match.group()):
            yield PersonalData(
                "IBAN", *match.span(), raw[:2] + re.sub(r"[A-Za-z]", "X", _mask_digits(raw[2:], 0))
            )


@cache
def _iban_form(country: str) -> re.Pattern[str] | None:
    """Return the pattern of a country's IBANs, or None if it has none."""
    from stdnum import numdb

    form = str(numdb.get("iban").info(country)[0][1].get("bban", ""))
    classes = {"n": r"\d", "a": "[A-Z]", "c": r"[A-Z\d]"}
    parts = re.findall(r"(\d+)!([nac])", form)
    body = "".join(rf"(?:{_BETWEEN}?{classes[kind]}){{{count}}}" for count, kind in (("2", "n"), *parts))
    return re.compile(rf"[A-Z]{{2}}{body}{_BEHIND}", re.IGNORECASE | re.ASCII) if parts else None


def _is_iban(number: str) -> bool:
    """Return whether the check digits (ISO 7064, mod 97-10) are correct and among those in use."""
    plain = list(filter(None, map(_IBAN_VALUES.get, number)))
    # Check digits of its own that a country has inside change too often to be held against a number.
    return 2 <= int("".join(plain[2:4])) <= 98 and int("".join(plain[4:] + plain[:4])) % 97 == 1


def _find_cards(text: str, start: int, end: int) -> Iterator[PersonalData]:
    for match in _CARD.finditer(text, start, end):
        number = extract_digits(match.group())
        if _ISSUED.fullmatch(number) and _is_card_number(number):
            yield PersonalData("card number", *match.span(), _mask_digits(match.group(), 1))


def _is_card_number(number: str) -> bool:
    """Return whether the check digit is correct (ISO/IEC 7812-1, Luhn)."""
    return (sum(map(int, number[::-2])) + sum(map(_DOUBLES.__getitem__, number[-2::-2]))) % 10 == 0


def _find_slashed_births(text: str, start: int, end: int) -> Iterator[PersonalData]:
    for match in _SLASHED.finditer(text, start, end):
        if _is_birth_number(extract_digits(match.group())):
            yield PersonalData("birth number", *match.span(), _mask_digits(match.group(), 1))


def _find_births(text: str, start: int, end: int) -> Iterator[PersonalData]:
    for match in _UNSLASHED.finditer(text, start, end):
        number = extract_digits(match.group())
        if int(number) % 11 == 0 and _is_birth_number(number) and not is_isbn(text, match.start()):
            yield PersonalData("birth number", *match.span(), _mask_digits(match.group(), 1))


@lru_cache(maxsize=10_000)
def _is_birth_number(number: str) -> bool:
    from stdnum.cz import rc

    month = int(number[2:4]) % 50
    recent = len(number) == 10 and 4 <= int(number[:2]) < 54
    # Czechia adds 20 to the month where the numbers of a day run out, since 2004.
    return (1 <= month <= 12 or (recent and 21 <= month <= 32)) and rc.is_valid(number)


def _mask_digits(raw: str, start: int) -> str:
    return raw[:start] + re.sub(r"\d", "0", raw[start:])

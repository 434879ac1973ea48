"""Repairs of the damage that wrong decoding, word processors and web pages leave in a text.

Each repair has a name and changes nothing in sound text. All of them are repeated until nothing changes, so
a repaired text stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import cache
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from calibset.hygiene.code_pages import decode_code_page
from calibset.hygiene.combining_marks import limit_marks

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

RepairName = Literal["mojibake", "controls", "private use", "invisible", "NFC"]

_MOST_PASSES = 10

# What bytes of UTF-8 look like in the encodings that it is mistaken for: first bytes of characters
# of two, three and four bytes, and further bytes. To look for them costs a tenth of what ftfy does.
_MISTAKEN_FOR = ("latin-1", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257", "iso8859-2",
                 "mac-roman", "cp437")  # fmt: skip
_FIRST = (range(0xC2, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF5))
_FURTHER = range(0x80, 0xC0)

# Of so many characters beside ASCII, one that looks like UTF-8 misread is chance.
_UTF8_SHARE = 10

MOST_MISREAD = 500_000
"""The places of a text that may look like UTF-8 misread. Each may be mended by itself, which takes 10 µs.

A whole book in Cyrillic letters, misread, has as many; sound text has one in some fifty letters.
"""

_C1 = re.compile("[\x80-\x9f]")
_C1_LETTERS = {chr(byte): bytes([byte]).decode("cp1252", "ignore") for byte in range(0x80, 0xA0)}
_LINE_END = re.compile("\r\n?|[\x0b\x0c]")
# File, group and record separators stand between words.
_SEPARATOR = re.compile("[\x1c-\x1e]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")

_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")
# Word writes the bullets of its symbol fonts, Symbol and Wingdings, as U+F000 and their byte.
_BULLETS = {
    "\uf02d": "-",
    "\uf06c": "●",
    "\uf06e": "■",
    "\uf06f": "□",
    "\uf071": "❑",
    "\uf076": "❖",
    "\uf0a7": "▪",
    "\uf0a8": "◻",
    "\uf0b7": "•",
    "\uf0d8": "➢",
    "\uf0e0": "→",
    "\uf0fc": "✓",
}

# Letters that join, and emoji: there a joiner changes what is seen.
_JOINING = "\u0600-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefc" \
    "\u00a9\u00ae\u203c-\u2bff\u3030\u303d\ufe0f\U00010800-\U00011fff\U0001e800-\U0001faff"  # fmt: skip
# Scripts that write no spaces and part words with U+200B: Thai, Lao, Tibetan, Burmese, Khmer.
_UNSPACED = "\u0e00-\u109f\u1780-\u17ff"
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_DIRECTION = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSEEN = re.compile(
    "[\u00ad\u180e\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffc]"
    f"|(?<![{_UNSPACED}])\u200b(?![{_UNSPACED}])"
    f"|(?<![{_JOINING}])[\u200c\u200d](?![{_JOINING}])"
)
_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]")


def repair_text(
    text: str, names: Collection[RepairName] = get_args(RepairName)
) -> tuple[str, tuple[RepairName, ...]]:
    r"""Return a text with the named repairs made, and the names of those that changed it.

    Lone surrogates become U+FFFD whatever the names; no repair adds a U+FFFD otherwise, and no repaired
    text is longer than the normalised original.

    Raises:
        KeyError: There is no repair of one of the names.

    Examples:
        >>> repair_text("ZmluvnÃ© podmienky\ufeff: \uf0b7 po\xadistenie")
        ('Zmluvné podmienky: • poistenie', ('mojibake', 'private use', 'invisible'))
    """
    chosen = _choose(tuple(names))
    if text.isascii() and not _CONTROLS.search(text):
        return text, ()  # nothing to repair: most texts of conversations
    changed: set[RepairName] = set()
    text = _replace_surrogates(text)
    for _ in range(_MOST_PASSES):
        before = text
        for name, repair in chosen.items():
            text, was = repair(text), text
            if text != was:
                changed.add(name)
        if text == before:
            break
    return text, tuple(name for name in chosen if name in changed)


@cache
def _choose(names: tuple[RepairName, ...]) -> Mapping[RepairName, Callable[[str], str]]:
    """Return the named repairs in the order in which they are made."""
    chosen = {name: repair for name, repair in REPAIRS.items() if name in names}
    if len(chosen) < len(set(names)):
        raise KeyError(*sorted(set(names) - set(chosen)))
    return chosen


def is_misread_throughout(text: str) -> bool:
    """Return whether a text has more than `MOST_MISREAD` places that look like UTF-8 misread.

    It is not read in another encoding then.
    """
    if text.isascii() or len(text) <= MOST_MISREAD:
        return False
    places = _mojibake_pattern().finditer(text)
    return next(islice(places, MOST_MISREAD, None), None) is not None


def _replace_surrogates(text: str) -> str:
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode_mojibake(text: str) -> str:
    """Return a text with what was read in a wrong encoding read in the right one.

    That is UTF-8, line by line, or else a code page of Central Europe for the whole text.
    """
    if text.isascii() or is_misread_throughout(text):
        return text
    if not (mojibake := _mojibake_pattern()).search(text):
        return decode_code_page(text)
    text = _decode_utf8(text)
    # What is left of UTF-8 would only be read in another wrong way.
    beside_ascii = len(text) - len(text.encode("ascii", "ignore"))
    is_utf8 = _UTF8_SHARE * len(mojibake.findall(text)) > beside_ascii
    return text if is_utf8 else decode_code_page(text)


def _decode_utf8(text: str) -> str:
    mojibake = _mojibake_pattern()
    from ftfy import fix_encoding

    fixed: dict[str, str] = {}
    lines = text.split("\n")
    for line in lines:
        if mojibake.search(line) and line not in fixed:
            fixed[line] = fix_encoding(line, _ftfy_config())
    return "\n".join(fixed.get(line, line) for line in lines)


@cache
def _ftfy_config() -> TextFixerConfig:
    from ftfy import TextFixerConfig

    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_c1_controls=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
        explain=False,
    )


@cache
def _mojibake_pattern() -> re.Pattern[str]:
    further = _character_class(_FURTHER)
    two, three, four = map(_character_class, _FIRST)
    # All that may come first stands first, so that the search leaps from one of them to the next. What was a
    # no-break space is often a plain one by now; of undefined bytes U+FFFD is left.
    return re.compile(
        f"[{two}{three}{four}](?:(?<=[{two}])[{further} \ufffd]"
        f"|(?<=[{three}])[{further}\ufffd]{{2}}|(?<=[{four}])[{further}\ufffd]{{3}})"
    )


def _character_class(codes: range) -> str:
    characters = {
        character
        for encoding in _MISTAKEN_FOR
        for character in bytes(codes).decode(encoding, "ignore")
        if not character.isascii()
    }
    return re.escape("".join(sorted(characters)))


def _remove_controls(text: str) -> str:
    """Return a text whose only controls are line ends and tabs.

    C1 controls are the Windows-1252 characters of their bytes, as browsers take them; line ends
    of all kinds and form feeds end a line; separators are spaces; what is left of C0 and C1, and
    noncharacters, go.
    """
    if not _CONTROLS.search(text):
        return text
    text = _SEPARATOR.sub(" ", _LINE_END.sub("\n", text))
    text = _C1.sub(lambda match: _C1_LETTERS[match[0]], text)
    return _CONTROL.sub("", text)


def _replace_private_use(text: str) -> str:
    """Return a text without private-use characters; bullets of Word's symbol fonts become public ones."""
    if text.isascii():
        return text
    return _PRIVATE.sub(lambda match: _BULLETS.get(match.group(), ""), text)


def _remove_invisible(text: str) -> str:
    """Return a text without characters that show nothing, but for those that a script or emoji needs."""
    if text.isascii() or not _INVISIBLE.search(text):
        return text
    if not _RIGHT_TO_LEFT.search(text):
        text = _DIRECTION.sub("", text)
    return _UNSEEN.sub("", text)


def _compose(text: str) -> str:
    """Return a text in Unicode's composed form, NFC."""
    if text.isascii():
        return text
    text = limit_marks(text)
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


# Mojibake first: the soft hyphen in it is a byte of a letter.
REPAIRS: Mapping[RepairName, Callable[[str], str]] = MappingProxyType(
    {
        "mojibake": _decode_mojibake,
        "controls": _remove_controls,
        "private use": _replace_private_use,
        "invisible": _remove_invisible,
        "NFC": _compose,
    }
)
"""Every repair by its name, in the order in which they are made."""

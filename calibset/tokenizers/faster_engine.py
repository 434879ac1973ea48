"""An engine that reads faster than tiktoken: used once much has been read, and while it reads alike.

It saves time and decides nothing. It is compared with tiktoken each time it is opened, what it can't do is
left to tiktoken, and the proof does not use it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from calibset.core.text import excerpt
from calibset.tokenizers.engine_faults import is_fault

Encode = Callable[[str], list[int]]

# An engine may remember every word that it meets. A fresh one remembers none.
_BEFORE_RENEWAL = 16_000_000
# tiktoken is given longer runs of blanks in parts. A run of twice as many holds such a block.
_BLANK_BLOCK = 512
# gigatoken 0.10 knows letters of Unicode 17, and tiktoken 0.14 doesn't.
_NEWEST_UNICODE = 16

_TEXTS = (
    "", " ", "\n", "Poistná zmluva č. 12/2024 — škoda SPÔSOBENÁ živlom, 1 234,50 €.",
    "保险合同是投保人与保险人约定保险权利义务关系的协议。２０２４年", "日本語の文章、カタカナ。",
    "한한글 각 조건", "ไทยภาษาที่ไม่มีช่องว่าง", "हिन्दी में के है ने", "العربية ١٢٣ ﷺ", "עברית",
    "Ελληνικά ΑΒΓ", "Русский текст; ЁЖ", "Ǆungla ǅ ﬁ İi ſ ß ẞ ʰ ª",
    "👩‍👩‍👧‍👦🏳️‍🌈🇸🇰 𠜎𠜱𠝹\U0010fffd", "e\u0301c\u030cZ\u0351\u036b\u0343\u032a",
    "a\u200b\u200d\ufeff\u2060b\u00a0c\u3000d\u2028e\x85f\x1cg", "\x00\x01\x7f\x80\x9f",
    "\t\t  \r\n\r\n \n   x   \n\n  ", " " * 200 + "x" + "\n" * 200 + "\t" * 130 + "y",
    "</s>[INST]<unk></s <s><s>[TOOL_CALLS]<SPECIAL_36>[/INST] [ARGS]",
    "HTTPServerError O'Neil's don't WE'LL 'tis", "1234567890 0x1F 3.14e-10 Ⅻ ½",
    "/path//to/x.py?q=a&b=c#d \\n {{x}} ```py\n", "a" * 2000, "ab" * 300, "!?-" * 300,
)  # fmt: skip
_SIGNS = (
    *"aeosztAEOSZTáčďéíľňóôŕšťúýžÁČŠŽ0123456789", *" \n\t\r" * 4, *".,;:!?-–—„“'\"/\\()[]{}<>|@#$%^&*_=+~`§€",
    *"\u00a0\u200b\u200d\u2028\u3000\ufeff\u0301\u030c\x00\x1c\x85", *"😀👨👩👧🇸🇰ǅʰⅧ½ﬁ",
    *"中文字日本語한국어العربيةहिन्दीΑβЖяไทא", "the", " poist", "ing", "\n\n", "  ", "'s", " {", "//", "<s>",
)  # fmt: skip
_SIZE = 400


@dataclass(slots=True)
class FasterEngine:
    """An engine beside tiktoken, which is opened when much has been read.

    Attributes:
        name: Its library's name.
        open: Opens it.
        reference: Reads a text as tiktoken does.
        room: How many characters are read before it is opened, for the first time or again.
        engine: What reads a text; None while it is not open.
        unsettled: The characters of which libraries may know different things.
        fault: Why it is not used; empty if nothing is wrong with it.
    """

    name: str
    open: Callable[[], Encode] = field(repr=False)
    reference: Encode = field(repr=False)
    room: int
    engine: Encode | None = None
    unsettled: re.Pattern[str] | None = field(default=None, repr=False)
    fault: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is wrong with it, for the user."""
        if not self.fault:
            return ()
        return (f"{self.name} {self.fault}; tiktoken was used in its place, which takes longer",)

    def encode(self, text: str) -> list[int] | None:
        """Return the ids of a text without surrogates; None if it is left to tiktoken."""
        if self.fault:
            return None
        self.room -= len(text)
        if self.room < 0:
            self._open()
        if self.engine is None or _may_have_long_blanks(text):
            return None
        if self.unsettled and not text.isascii() and self.unsettled.search(text):
            return None
        try:
            return self.engine(text)
        except BaseException as error:
            if not is_fault(error):
                raise
            self._give_up(error)
            return None

    def _open(self) -> None:
        self.engine = None  # frees what it remembers before a fresh one is there
        self.room = _BEFORE_RENEWAL
        try:
            self.unsettled = self.unsettled or find_unsettled()
            engine = self.open()
            other = next((text for text in probes() if engine(text) != self.reference(text)), None)
        except BaseException as error:
            if not is_fault(error):
                raise
            self._give_up(error)
            return
        if other is None:
            self.engine = engine
        else:
            self.fault = f"reads {excerpt(other)[:60]!r} otherwise than tiktoken"

    def _give_up(self, error: BaseException) -> None:
        self.engine = None
        self.fault = f"failed ({excerpt(error)[:200] or type(error).__name__})"


def probes() -> Iterator[str]:
    """Yield the texts that are compared: of many scripts, and signs in any order; always the same."""
    yield from _TEXTS
    draw = Random(17)  # noqa: S311  (nothing is secret)
    for _ in range(_SIZE):
        yield "".join(draw.choices(_SIGNS, k=draw.randrange(1, 50)))


def find_unsettled() -> re.Pattern[str]:
    """Return a pattern of the characters that may be letters for one library and nothing for another.

    These are what was unassigned in Unicode 16, and all beyond the first plane but emoji (no letters).
    """
    if int(unicodedata.unidata_version.partition(".")[0]) > _NEWEST_UNICODE:
        raise ValueError(f"this Python knows Unicode {unicodedata.unidata_version}, which was not tried")
    unknown = "".join(chr(code) for code in range(0xFFFE) if unicodedata.category(chr(code)) == "Cn")
    return re.compile(f"[{unknown}\U00010000-\U0001efff\U0001fb00-\U0010ffff]")


def _may_have_long_blanks(text: str) -> bool:
    starts = range(0, len(text) - _BLANK_BLOCK + 1, _BLANK_BLOCK)
    return any(text[start : start + _BLANK_BLOCK].isspace() for start in starts)

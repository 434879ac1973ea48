"""Texts made safe for tokenizers: no lone surrogates, no endless runs of white space, no control tokens."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Document, Filtered, Item
from calibset.core.text import replace_surrogates
from calibset.core.text_map import TextMap, map_texts
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.hygiene.stats import RepairCounts

# A run of blanks or of empty lines says no more when it is longer, and a million of them
# breaks tiktoken's regular expression.
_LONGEST_RUN = 1_000
_LONG_RUN = re.compile(rf"\s(?<!\s\s)\s{{{_LONGEST_RUN},}}")
# What a text of nothing else shows nobody: byte order marks, zero-width spaces and joiners.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060 \t\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeItem:
    """An item whose texts tokenizers can read.

    Attributes:
        item: The item, or why nothing is left of it.
        repairs: The changes made in it; None if there are none.
    """

    item: Item | Filtered
    repairs: RepairCounts | None = None


def make_safe(
    item: Item, control_tokens: ControlTokens | None, target: TargetTokens | None = None
) -> SafeItem:
    """Return an item whose texts tokenizers can read.

    Lone surrogates become U+FFFD; runs of more than 1,000 white-space characters are shortened; and control
    tokens in texts are broken apart.

    Args:
        item: The item.
        control_tokens: The control tokens to break apart; None leaves them.
        target: The control tokens by which texts that were rendered already are recognised. If control
            tokens are left, the BOS that opens a text is taken off.
    """
    mark, bos_count = None, 0
    if target and isinstance(item, Document):
        mark = target.find_mark(item.text)
        if control_tokens is None:
            item, bos_count = target.unframe(item)
    safe, broken, is_shortened = _change_texts(item, control_tokens)
    if safe is None:
        return SafeItem(item=Filtered(position=item.id, reason="empty text"))
    if not (mark or bos_count or broken or is_shortened):
        # Most items: to make all counters takes longer than to look at a short text.
        return SafeItem(item=safe)
    repairs = RepairCounts(
        rendered=Counter([mark] if mark else ()),
        leading_bos=bos_count,
        doubled_bos=int(bos_count > 1),
        control_tokens=broken,
        shortened=int(is_shortened),
    )
    return SafeItem(item=safe, repairs=repairs)


def _change_texts(item: Item, control_tokens: ControlTokens | None) -> tuple[Item | None, int, bool]:
    """Return an item with safe texts, how many control tokens were broken, and whether a run was shortened.

    The item is None if nothing is left of a document.
    """
    broken, is_shortened = 0, False

    def change(text: str) -> str:
        nonlocal broken, is_shortened
        safe = _shorten_blanks(replace_surrogates(text))
        is_shortened = is_shortened or len(safe) < len(text)
        if control_tokens is None or not (count := control_tokens.count(safe)):
            return safe
        broken += count
        return control_tokens.neutralise(safe)

    safe: Item | None
    if isinstance(item, Conversation):
        safe = map_texts(item, TextMap(text=change, may_change=partial(_may_be_unsafe, control_tokens)))
    else:
        text = change(item.text).rstrip()
        # Behind BOS a blank is the template's own.
        text = text if item.opened else text.lstrip()
        changed = item if text == item.text else replace(item, text=text)
        safe = changed if text.strip(_INVISIBLE) else None
    return safe, broken, is_shortened


def _may_be_unsafe(control_tokens: ControlTokens | None, text: str) -> bool:
    return bool(control_tokens and control_tokens.pattern.search(text)) or len(_shorten_blanks(text)) < len(
        text
    )


def _shorten_blanks(text: str) -> str:
    if len(text) <= _LONGEST_RUN:
        return text
    # Both ends of a run, so that the lines before and behind it stay apart.
    half = _LONGEST_RUN // 2
    return _LONG_RUN.sub(lambda match: match.group()[:half] + match.group()[-half:], text)

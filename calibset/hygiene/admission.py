"""Records on their way in: counted, cleaned of what breaks tokenizers, control tokens disarmed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.text import replace_surrogates
from calibset.core.text_map import TextMap, map_texts
from calibset.hygiene.stats import ReadStats, count_characters
from calibset.storage.files import MAX_RECORD_BYTES

Screen = Callable[[Iterator[Document | Conversation]], Iterator[Document | Conversation]]
"""A step that lets documents and conversations through, perhaps repaired, or filters them."""

# A run of blanks or of empty lines says no more when it is longer, and a million of them
# breaks tiktoken's regular expression.
_LONGEST_RUN = 1_000
_LONG_RUN = re.compile(rf"(?<!\s)\s{{{_LONGEST_RUN + 1},}}")
# What a text of nothing else shows nobody: byte order marks, zero-width spaces and joiners.
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060 \t\r\n"


def admit(
    records: Iterable[Record],
    stats: ReadStats,
    control_tokens: ControlTokens | None,
    screen: Screen = iter,
) -> Iterator[Document | Conversation]:
    """Yield the documents and conversations that may be packed.

    Lone surrogates, in ids too, become U+FFFD, runs of more than 1,000 white-space characters are
    shortened, control tokens in texts are broken apart, and of records with one id the first
    is taken. A record of more than 16 MiB is rejected, whatever form it was read from.

    Args:
        records: What a source yields.
        stats: What happens to the records is counted in it.
        control_tokens: The control tokens to break apart; None leaves them.
        screen: What mends them, and keeps some out, before they are cleaned.
    """
    for record in screen(_admitted(records, stats)):
        cleaned = _cleaned(record, stats, control_tokens)
        if cleaned is None:
            stats.left_out.add(Rejection(position=record.id, reason="empty text"))
            continue
        stats.count_admitted(count_characters(cleaned))
        yield cleaned


def _admitted(records: Iterable[Record], stats: ReadStats) -> Iterator[Document | Conversation]:
    seen: set[str] = set()
    for record in records:
        stats.records += 1
        if isinstance(record, Rejection | Filtered):
            stats.left_out.add(record)
            continue
        if (name := replace_surrogates(record.id)) != record.id:
            record = replace(record, id=name)  # noqa: PLW2901  (a manifest could not hold the other)
        if record.id in seen:
            stats.left_out.add(Filtered(position=record.id, reason="id seen before"))
            continue
        seen.add(record.id)
        if count_characters(record) > MAX_RECORD_BYTES:
            stats.left_out.add(Rejection(position=record.id, reason="record too long"))
            continue
        yield record


def _cleaned(
    record: Document | Conversation, stats: ReadStats, control_tokens: ControlTokens | None
) -> Document | Conversation | None:
    shortened = False

    def change(text: str) -> str:
        nonlocal shortened
        cleaned = _shortened(replace_surrogates(text))
        shortened = shortened or len(cleaned) < len(text)
        if control_tokens is None or not (found := control_tokens.count(cleaned)):
            return cleaned
        stats.repairs.control_tokens += found
        return control_tokens.neutralise(cleaned)

    changed: Document | Conversation | None
    if isinstance(record, Conversation):
        changed = map_texts(record, TextMap(text=change, may_change=partial(_may_be_cleaned, control_tokens)))
    else:
        text = change(record.text).strip()
        changed = replace(record, text=text) if text.strip(_INVISIBLE) else None
    stats.repairs.shortened += shortened
    return changed


def _may_be_cleaned(control_tokens: ControlTokens | None, text: str) -> bool:
    return bool(control_tokens and control_tokens.pattern.search(text)) or len(_shortened(text)) < len(text)


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_RUN:
        return text
    # Both ends of a run, so that the lines before and behind it stay apart.
    half = _LONGEST_RUN // 2
    return _LONG_RUN.sub(lambda match: match.group()[:half] + match.group()[-half:], text)

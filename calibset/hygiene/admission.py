"""Admission of records to a build: counted, cleaned of what breaks tokenizers, control tokens neutralised."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection
from calibset.core.text import replace_surrogates
from calibset.core.text_map import TextMap, map_texts
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.hygiene.stats import ReadStats, RepairCounts, count_characters
from calibset.storage.text_lines import MAX_RECORD_BYTES

Item = Document | Conversation

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
    clean: Callable[[Iterator[Item]], Iterator[Item]] = iter,
    target: TargetTokens | None = None,
) -> Iterator[Item]:
    """Yield the documents and conversations that may be packed.

    Lone surrogates become U+FFFD, in ids too; runs of more than 1,000 white-space characters are
    shortened; control tokens in texts are broken apart; and of records with the same id the first
    is taken. A record of more than 16 MiB is rejected, whatever format it was read from.

    Args:
        records: The records that a source yields.
        stats: Counts what happens to the records.
        control_tokens: The control tokens to break apart; None leaves them.
        clean: Repairs and filters items before their texts are made safe: `Cleaner.clean`.
        target: The control tokens by which texts that were rendered already are recognised. If control
            tokens are left, the BOS that opens a text is taken off.
    """
    for item in clean(_check_records(records, stats)):
        if target and isinstance(item, Document):
            if mark := target.find_mark(item.text):
                stats.item_repairs.rendered[mark] += 1
            if control_tokens is None:
                item, count = target.unframe(item)  # noqa: PLW2901  (the same item, without its BOS)
                stats.item_repairs.leading_bos += count
                stats.item_repairs.doubled_bos += count > 1
        safe = _make_safe(item, stats, control_tokens)
        if safe is None:
            stats.left_out.add(Filtered(position=item.id, reason="empty text"))
            continue
        if isinstance(safe, Conversation):
            stats.item_repairs.conversations.update(safe.repairs)
            stats.item_repairs.losses.update(safe.losses)
            stats.item_repairs.incomplete += bool(safe.losses)
        stats.item_repairs.absent_columns.update(safe.absent_columns)
        stats.gives = stats.gives or ("conversations" if isinstance(safe, Conversation) else "texts")
        stats.count_admitted(count_characters(safe))
        yield safe


def _check_records(records: Iterable[Record], stats: ReadStats) -> Iterator[Item]:
    """Yield the items among the records that have ids of their own and are not too long."""
    ids: set[str] = set()
    for record in records:
        stats.records += 1
        stats.item_repairs = RepairCounts()
        if isinstance(record, Rejection | Filtered):
            stats.left_out.add(record)
            continue
        if (name := replace_surrogates(record.id)) != record.id:
            record = replace(record, id=name)  # noqa: PLW2901  (a manifest could not hold the other)
        if record.id in ids:
            stats.left_out.add(Filtered(position=record.id, reason="id seen before"))
            continue
        ids.add(record.id)
        if count_characters(record) > MAX_RECORD_BYTES:
            stats.left_out.add(Rejection(position=record.id, reason="record too long"))
            continue
        yield record


def _make_safe(item: Item, stats: ReadStats, control_tokens: ControlTokens | None) -> Item | None:
    """Return an item whose texts tokenizers can read, or None if nothing is left of a document."""
    is_shortened = False

    def change(text: str) -> str:
        nonlocal is_shortened
        safe = _shorten_blanks(replace_surrogates(text))
        is_shortened = is_shortened or len(safe) < len(text)
        if control_tokens is None or not (count := control_tokens.count(safe)):
            return safe
        stats.item_repairs.control_tokens += count
        return control_tokens.neutralise(safe)

    safe: Item | None
    if isinstance(item, Conversation):
        safe = map_texts(item, TextMap(text=change, may_change=partial(_may_be_unsafe, control_tokens)))
    else:
        text = change(item.text).rstrip()
        # Behind BOS a blank is the template's own.
        text = text if item.opened else text.lstrip()
        safe = replace(item, text=text) if text.strip(_INVISIBLE) else None
    stats.item_repairs.shortened += is_shortened
    return safe


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

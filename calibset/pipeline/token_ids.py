"""Documents that a source gives as token ids, turned into texts by the target's tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.engine_faults import locate_faults


def decode_ids(records: Iterable[Record], tokenizer: Tokenizer, place: str) -> Iterator[Record]:
    """Yield records of a place, those that are ids as texts in which control tokens are spelled out."""
    for record in records:
        if isinstance(record, Document) and is_ids(record):
            with locate_faults(f"{place}: {record.id}"):
                decoded = decode_record(record, tokenizer)
            yield decoded
        else:
            yield record


def is_ids(record: Record) -> bool:
    """Return whether a record is a document whose text is given as ids."""
    return isinstance(record, Document) and bool(record.token_ids)


def decode_record(record: Record, tokenizer: Tokenizer) -> Record:
    """Return a document that is given as ids as a text, without padding and without halves of characters."""
    if not isinstance(record, Document):
        return record
    ids = strip_padding(record.token_ids, tokenizer)
    if not ids:
        return Filtered(position=record.id, reason="empty text")
    if not 0 <= min(ids) <= max(ids) < tokenizer.vocabulary_size:
        return Rejection(position=record.id, reason="holds ids that the tokenizer doesn't have")
    # A row that was cut after so many tokens may begin or end inside a character.
    return replace(record, text=tokenizer.decode(ids).strip("\ufffd"), token_ids=())


def strip_padding(ids: tuple[int, ...], tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return ids without runs of one control token at their beginning and end, where one of each stays."""
    first, last = 0, len(ids)
    while last - first > 1 and ids[first] == ids[first + 1] and ids[first] in tokenizer.control_ids:
        first += 1
    while last - first > 1 and ids[last - 1] == ids[last - 2] and ids[last - 1] in tokenizer.control_ids:
        last -= 1
    return ids[first:last]

"""The score of a document: what a build would do with it, and how much of what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from calibset.core.documents import Conversation, Document, Filtered, Item, Record, Rejection
from calibset.core.timing import Timings
from calibset.hygiene.admission import is_too_long, name_safely
from calibset.hygiene.deduplication import Fingerprint
from calibset.hygiene.examination import Examination, Examiner
from calibset.hygiene.language import LEAST_LETTERS, has_letters, identify_language, spoken_text
from calibset.hygiene.quality_filters import FILTERS
from calibset.hygiene.stats import count_characters
from calibset.hygiene.words import split_words, words_of
from calibset.pipeline.must_cover_terms import find_titles, index_titles
from calibset.pipeline.token_ids import decode_record, is_ids
from calibset.selection.score_columns import MOST_SAMPLED
from calibset.sources.sampling.files import measure_record
from calibset.tokenizers import Tokenizer
from calibset.tokenizers.chat_templates.base import RenderedConversation, RenderError, TooLongToRenderError
from calibset.tokenizers.chat_templates.renderer import ConversationRenderer
from calibset.tokenizers.engine_faults import locate_faults

_FILTERS = tuple(check for name, check in FILTERS.items() if name != "braces")  # programs are no poor prose
_SPREAD = np.uint32(0x9E3779B1)
# Records that are examined together, which takes less time than one by one, and about how many characters.
_MOST_RECORDS, _MOST_CHARACTERS = 64, 2**18

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentScore:
    """What is known of a document.

    Attributes:
        id: Its id, or where it stands if it could not be read.
        verdict: Why a build would leave it out, whatever other documents there are; None if it would not.
        language: The language that it is most likely in; None if it has fewer than 150 letters.
        language_score: How certain that is.
        quality: The part of the filters for prose that it passes.
        tokens: Its length in tokens; of a conversation as it is rendered.
        words: Its length in words.
        characters: Its length in characters, as it was read.
        turns: The turns of a conversation; 0 for a text.
        repairs: How many kinds of repairs it needed.
        personal_data: How many pieces of personal data a build would mask in it.
        held: Those of its tokens that belong to a fixed sixteenth of the vocabulary.
        terms: The numbers of the recipe's terms in it.
        digest: Of the record as it was read, to tell later that it is still the same.
        same: Of its words, alike for documents with the same words; None if it has none.
        sketch: By which near duplicates are found; None if it is too short.
    """

    id: str
    verdict: str | None
    digest: bytes = b""
    language: str | None = None
    language_score: float | None = None
    quality: float | None = None
    tokens: int = 0
    words: int = 0
    characters: int = 0
    turns: int = 0
    repairs: int = 0
    personal_data: int = 0
    held: tuple[int, ...] = ()
    terms: tuple[int, ...] = ()
    same: bytes | None = None
    sketch: bytes | None = None


class Scorer:
    """Scores the documents of a source; nothing depends on the documents before.

    Args:
        place: The source's key, for messages.
        examiner: Examines documents as a build does.
        tokenizer: The target's tokenizer.
        new_renderer: Opens what renders conversations, when the first comes.
        terms: The letters and titles to look for.
    """

    def __init__(
        self,
        place: str,
        examiner: Examiner,
        tokenizer: Tokenizer,
        new_renderer: Callable[[], ConversationRenderer],
        terms: Sequence[str],
    ) -> None:
        self._place = place
        self._examiner = examiner
        self._tokenizer = tokenizer
        self._renderer = cache(new_renderer)
        self._letters = {term: _number(term) for term in terms if len(term) == 1}
        self._titles = index_titles((_number(term), split_words(term)) for term in terms if len(term) > 1)

    def score(self, records: Iterable[tuple[Key, Record]]) -> Iterator[tuple[Key, DocumentScore]]:
        """Yield the scores of records; what could not be read or is left out by itself has little of one.

        Args:
            records: The records, each with what it is known by.
        """
        for some in _group(records):
            outcomes = [self._prepare(record) for _, record in some]
            examinations = self._examine([one for one in outcomes if not isinstance(one, DocumentScore)])
            for (key, record), one in zip(some, outcomes, strict=True):
                score = one if isinstance(one, DocumentScore) else self._score(one, next(examinations))
                yield key, replace(score, digest=digest_record(record))

    def find_fingerprints(self, records: Iterable[tuple[Key, Record]]) -> Iterator[tuple[Key, Fingerprint]]:
        """Yield what records' duplicates are found by, but of those that a build would leave out."""
        for some in _group(records):
            items = [
                (key, one)
                for key, record in some
                if not isinstance(one := self._prepare(record), DocumentScore)
            ]
            examinations = self._examine([item for _, item in items])
            for (key, _), examination in zip(items, examinations, strict=True):
                if examination.judged and examination.judged.fingerprint:
                    yield key, examination.judged.fingerprint

    def _prepare(self, record: Record) -> Item | DocumentScore:
        """Return a record as it is examined, or its score if it is not."""
        record = name_safely(record)
        if is_ids(record):
            with locate_faults(f"{self._place}: {_name(record)}"):
                record = decode_record(record, self._tokenizer)
        if isinstance(record, Rejection | Filtered):
            return DocumentScore(id=record.position, verdict=record.reason)
        if is_too_long(record):
            return DocumentScore(id=record.id, verdict="record too long")
        return record

    def _examine(self, items: Sequence[Item]) -> Iterator[Examination]:
        return iter(self._examiner.examine(items, Timings()))

    def _score(self, item: Item, examination: Examination) -> DocumentScore:
        outcome, judged = examination.item, examination.judged
        repaired = examination.repaired.item
        best = repaired if isinstance(outcome, Filtered) else outcome
        verdict = outcome.reason if isinstance(outcome, Filtered) else None
        if isinstance(best, Filtered):
            best = item
        text, ids = "", []
        if isinstance(best, Document):
            text = best.text
            with locate_faults(f"{self._place}: {item.id}"):
                ids = self._tokenizer.encode(text, parse_special=False)
        elif verdict is None:
            rendered, verdict = self._render(best)
            if rendered:
                text, ids = rendered.text, list(rendered.token_ids)
        language = judged.language if judged else None
        if language is None and has_letters(spoken := spoken_text(best), LEAST_LETTERS):
            language = identify_language(spoken)
        fingerprint = judged.fingerprint if judged and verdict is None else None
        return DocumentScore(
            id=item.id,
            verdict=verdict,
            language=language.code if language else None,
            language_score=language.score if language else None,
            quality=_rate(text) if isinstance(best, Document) else None,
            tokens=len(ids),
            words=judged.words if judged and judged.words else len(words_of(best)),
            characters=count_characters(item),
            turns=len(item.messages) if isinstance(item, Conversation) else 0,
            repairs=len(examination.repaired.names),
            personal_data=sum(judged.masked.values()) if judged else 0,
            held=_sample(ids),
            terms=tuple(sorted(self._find_terms(text))),
            same=fingerprint.digest if fingerprint else None,
            sketch=fingerprint.near.sketch.tobytes() if fingerprint and fingerprint.near else None,
        )

    def _render(self, item: Conversation) -> tuple[RenderedConversation | None, str | None]:
        renderer = self._renderer()
        try:
            with locate_faults(f"{self._place}: {item.id}"):
                return renderer.render(item), None
        except (RenderError, TooLongToRenderError) as error:
            return None, error.reason

    def _find_terms(self, text: str) -> set[int]:
        return {number for letter, number in self._letters.items() if letter in text} | find_titles(
            text, self._titles
        )


def _group(records: Iterable[tuple[Key, Record]]) -> Iterator[list[tuple[Key, Record]]]:
    """Yield those records together that are examined together."""
    some: list[tuple[Key, Record]] = []
    characters = 0
    for key, record in records:
        some.append((key, record))
        characters += measure_record(record)
        if len(some) == _MOST_RECORDS or characters >= _MOST_CHARACTERS:
            yield some
            some, characters = [], 0
    if some:
        yield some


def digest_record(record: Record) -> bytes:
    """Return eight bytes that tell whether a record is still the same, whatever its id."""
    if isinstance(record, Document):
        content = f"{record.text}\x1f{','.join(map(str, record.token_ids))}"
    elif isinstance(record, Conversation):
        content = json.dumps([*map(asdict, record.messages), *map(asdict, record.tools)])
    else:
        content = record.reason
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _number(term: str) -> int:
    """Return a number for a term, the same whatever other terms there are."""
    return int.from_bytes(blake2b(term.encode("utf-8", "surrogatepass"), digest_size=4).digest()) >> 1


def _name(record: Record) -> str:
    return record.position if isinstance(record, Rejection | Filtered) else record.id


def _rate(text: str) -> float:
    return round(sum(check(text) is None for check in _FILTERS) / len(_FILTERS), 3) if text else 0.0


def _sample(ids: Sequence[int]) -> tuple[int, ...]:
    """Return those of some ids that belong to a fixed sixteenth of all, each once."""
    distinct = np.unique(np.array(ids, np.uint32))
    return tuple(distinct[distinct * _SPREAD < 2**32 // MOST_SAMPLED].tolist())

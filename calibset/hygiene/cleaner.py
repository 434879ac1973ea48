"""The steps that a source's documents go through between being read and being packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import get_args

from calibset.core.documents import Conversation, Document, Filtered
from calibset.core.text_map import TextMap, map_texts
from calibset.core.timing import Timings
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import Duplicate, DuplicateIndex
from calibset.hygiene.language import find_language_fault
from calibset.hygiene.options import Hygiene
from calibset.hygiene.pii import (
    MOST_PIECES,
    TooMuchPersonalData,
    find_personal_data,
    mask_number,
    mask_personal_data,
)
from calibset.hygiene.quality_filters import find_quality_fault
from calibset.hygiene.repeated_lines import RepeatedLines
from calibset.hygiene.stats import ReadStats
from calibset.hygiene.text_repair import MOST_MISREAD, RepairName, is_misread_throughout, repair_text
from calibset.hygiene.words import all_words_of, words_of

_EXCERPT = 120

Item = Document | Conversation
_Step = Callable[[Item], Item | Filtered]


@dataclass(slots=True, kw_only=True)
class SharedIndexes:
    """The indexes that the sources of a build share.

    Attributes:
        duplicates: The documents met so far, of all sources.
        evaluations: The evaluation sets, if there are any.
        cuts_matches: Whether documents are cut around what they share with evaluation sets, and not left out.
        rendered: The source and id of each conversation met so far, by a digest of its rendered text.
        timings: The time that each step took.
    """

    duplicates: DuplicateIndex
    evaluations: EvaluationIndex | None = None
    cuts_matches: bool = False
    rendered: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)


class Cleaner:
    """Repairs a source's documents and conversations, and filters those that the recipe does not want.

    Args:
        source: The source's name.
        options: The recipe's hygiene options for the source.
        indexes: The indexes that it shares with other sources.
        stats: Counts what happens to the records.
    """

    def __init__(self, source: str, options: Hygiene, indexes: SharedIndexes, stats: ReadStats) -> None:
        self._source = source
        self._options = options
        self._indexes = indexes
        self._stats = stats
        self._lines = RepeatedLines() if options.boilerplate else None
        self._makes_all_repairs = set(options.repairs) >= set(get_args(RepairName))
        self._last_words: tuple[Item | None, list[str]] = None, []
        steps: tuple[tuple[str, _Step, bool], ...] = (
            ("repairs", self._repair, True),
            ("boilerplate", self._remove_repeated_lines, options.boilerplate),
            ("filters", self._apply_filters, bool(options.filters)),
            ("languages", self._check_language, bool(options.languages)),
            ("decontamination", self._decontaminate, indexes.evaluations is not None),
            # Behind decontamination, so that evaluation texts are known by what they hold.
            ("personal data", self._mask_or_drop, options.pii != "keep"),
            ("duplicates", self._deduplicate, True),
        )
        self._steps = tuple((name, step) for name, step, is_wanted in steps if is_wanted)

    def clean(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items that pass all steps, repaired; the others are counted as filtered."""
        for item in items:
            outcome = self._run_steps(item)
            if isinstance(outcome, Filtered):
                self._stats.left_out.add(outcome)
            else:
                yield outcome

    def filter_repeated_rendering(self, conversation: str, text: str) -> Filtered | None:
        """Return why a conversation is filtered if an earlier one has the same rendered text, or None.

        Different conversations may begin alike and be shortened to the same text.
        """
        if self._options.duplicates == "keep":
            return None
        digest = blake2b(text.encode("utf-8"), digest_size=16).digest()
        first = self._indexes.rendered.setdefault(digest, (self._source, conversation))
        if first == (self._source, conversation):
            return None
        source, kept = first
        return self._filter_duplicate(
            Duplicate(document=conversation, source=source, kept=kept, similarity=1.0, exact=True)
        )

    def _run_steps(self, item: Item) -> Item | Filtered:
        for name, step in self._steps:
            with self._indexes.timings.measure(name):
                outcome = step(item)
            if isinstance(outcome, Filtered):
                return outcome
            item = outcome
        return item

    def _repair(self, item: Item) -> Item | Filtered:
        is_misread = False

        def repair(text: str) -> str:
            nonlocal is_misread
            is_misread = is_misread or ("mojibake" in self._options.repairs and is_misread_throughout(text))
            repaired, names = repair_text(text, self._options.repairs)
            self._stats.item_repairs.repaired |= Counter(dict.fromkeys(names, 1))
            return repaired

        repaired_item = _map_item(item, TextMap(text=repair, may_change=_may_be_repaired))
        if is_misread:
            detail = f"more than {MOST_MISREAD:,} places"
            return Filtered(position=item.id, reason="is misread throughout", detail=detail)
        return repaired_item

    def _remove_repeated_lines(self, item: Item) -> Item | Filtered:
        if self._lines is None or isinstance(item, Conversation):
            return item
        text, removed = self._lines.remove(item.text)
        self._stats.item_repairs.boilerplate += removed
        if removed and not text:
            return Filtered(position=item.id, reason="boilerplate alone")
        return replace(item, text=text)

    def _apply_filters(self, item: Item) -> Item | Filtered:
        if isinstance(item, Conversation):
            return item
        reason = find_quality_fault(item.text, self._options.filters)
        return Filtered(position=item.id, reason=reason, detail=_excerpt(item.text)) if reason else item

    def _check_language(self, item: Item) -> Item | Filtered:
        options = self._options
        text = item.text if isinstance(item, Document) else _join_spoken(item)
        reason = find_language_fault(text, options.languages, least_score=options.language_score)
        return Filtered(position=item.id, reason=reason, detail=_excerpt(text)) if reason else item

    def _decontaminate(self, item: Item) -> Item | Filtered:
        evaluations = self._indexes.evaluations
        match = evaluations.find(item.id, self._words_to_compare(item)) if evaluations else None
        if evaluations is None or match is None:
            return item
        self._stats.contaminated.append(match)
        if self._indexes.cuts_matches and isinstance(item, Document):
            text = evaluations.without(item.text)
            # What only a repair makes alike can't be found in the text as it stands.
            if text and text != item.text:
                return replace(item, text=text)
        detail = f"{match.exclude}: {match.passage}: {match.words} words: {match.excerpt}"
        return Filtered(position=item.id, reason="holds a part of an evaluation set", detail=detail)

    def _mask_or_drop(self, item: Item) -> Item | Filtered:
        counts: Counter[str] = Counter()
        try:
            masked = _map_item(item, _mask_and_count(counts))
        except TooMuchPersonalData:
            detail = f"more than {MOST_PIECES:,} pieces"
            return Filtered(position=item.id, reason="holds too much personal data", detail=detail)
        if not counts:
            return item
        if self._options.pii == "drop":
            kinds = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(counts.items()))
            return Filtered(position=item.id, reason="holds personal data", detail=kinds)
        self._stats.item_repairs.masked.update(counts)
        return masked

    def _deduplicate(self, item: Item) -> Item | Filtered:
        words, index = self._words(item), self._indexes.duplicates
        if self._options.duplicates == "keep":
            index.add(self._source, item.id, words)
            return item
        near = self._options.duplicates == "near"
        duplicate = index.find_or_add(self._source, item.id, words, near=near)
        return item if duplicate is None else self._filter_duplicate(duplicate)

    def _filter_duplicate(self, duplicate: Duplicate) -> Filtered:
        self._stats.duplicates.append(duplicate)
        reason = "repeats a document before it" if duplicate.exact else "nearly repeats a document before it"
        detail = f"{duplicate.source}: {duplicate.kept} ({duplicate.similarity:.2f})"
        return Filtered(position=duplicate.document, reason=reason, detail=detail)

    def _words_to_compare(self, item: Item) -> list[str]:
        """Return the words of an item as evaluation sets are compared: with every repair made."""
        item = item if self._makes_all_repairs else make_all_repairs(item)
        return self._words(item) if isinstance(item, Document) else all_words_of(item)

    def _words(self, item: Item) -> list[str]:
        """Return the words of an item, split only once if it does not change between two steps."""
        last_item, words = self._last_words
        if last_item is not item:
            words = words_of(item)
            self._last_words = item, words
        return words


def make_all_repairs(item: Item) -> Item:
    """Return an item with every repair made, as it is compared with evaluation sets."""
    return _map_item(item, TextMap(text=lambda text: repair_text(text)[0], may_change=_may_be_repaired))


def _mask_and_count(counts: Counter[str]) -> TextMap:
    """Return the map that replaces personal data with stand-ins, and counts them."""

    def text(text: str) -> str:
        masked, kinds = mask_personal_data(text)
        counts.update(kinds)
        return masked

    def number(number: int) -> int:
        masked, kinds = mask_number(number)
        counts.update(kinds)
        return masked

    return TextMap(text=text, number=number, may_change=lambda json: bool(find_personal_data(json)))


def _may_be_repaired(text: str) -> bool:
    """Return whether a repair may change something in JSON of ASCII letters."""
    return not text.isprintable()


def _map_item(item: Item, change: TextMap) -> Item:
    """Return an item with its text, or all texts of its turns and tools, changed."""
    if isinstance(item, Conversation):
        return map_texts(item, change)
    text = change.text(item.text)
    return item if text == item.text else replace(item, text=text)


def _excerpt(text: str) -> str:
    return " ".join(text[: 2 * _EXCERPT].split())[:_EXCERPT]


def _join_spoken(conversation: Conversation) -> str:
    turns = (message.content for message in conversation.messages if message.role in ("user", "assistant"))
    return "\n".join(turns)

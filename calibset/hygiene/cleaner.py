"""Documents and conversations on their way in: mended, and kept out where the recipe says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import get_args

from calibset.core.documents import Conversation, Document, Filtered
from calibset.core.text_map import TextMap, map_texts
from calibset.core.timing import Timings
from calibset.hygiene.decontamination import Contamination, EvaluationIndex
from calibset.hygiene.deduplication import Duplicate, Duplicates
from calibset.hygiene.language import find_language_fault
from calibset.hygiene.options import Hygiene
from calibset.hygiene.pii import find_personal_data, mask_number, mask_personal_data
from calibset.hygiene.quality_filters import find_quality_fault
from calibset.hygiene.repeated_lines import RepeatedLines
from calibset.hygiene.stats import ReadStats, RepairCounts
from calibset.hygiene.text_repair import RepairName, repair_text
from calibset.hygiene.words import all_words_of, words_of

_EXCERPT = 120

Item = Document | Conversation
_Step = Callable[[Item], Item | Filtered]


@dataclass(slots=True, kw_only=True)
class SharedIndexes:
    """What the sources of a build share.

    Attributes:
        duplicates: The documents met so far, of all sources.
        excluded: The evaluation sets, if there are any.
        cuts: Whether documents are cut around what they share with them, in place of left out.
        rows: The conversations met so far as the model reads them, by a digest of that.
        timings: What each step took.
    """

    duplicates: Duplicates
    excluded: EvaluationIndex | None = None
    cuts: bool = False
    rows: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)


class Cleaner:
    """What a source's documents go through between being read and being packed.

    Args:
        source: The source's name.
        options: What the recipe wants of it.
        screens: What it shares with others.
        stats: What happens to the records is counted in it.
    """

    def __init__(self, source: str, options: Hygiene, screens: SharedIndexes, stats: ReadStats) -> None:
        self._source = source
        self._options = options
        self._screens = screens
        self._stats = stats
        self._lines = RepeatedLines() if options.boilerplate else None
        self._is_whole = set(options.repairs) >= set(get_args(RepairName))
        self._known: tuple[Item | None, list[str]] = None, []
        # Of one item, told once it has passed.
        self._repairs = RepairCounts()
        self._steps = self._wanted()

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items that pass, mended; the others are filtered."""
        for item in items:
            self._repairs = RepairCounts()
            outcome = self._outcome(item)
            if isinstance(outcome, Filtered):
                self._stats.left_out.add(outcome)
                continue
            self._stats.repairs.add(self._repairs)
            yield outcome

    def seen_as_row(self, conversation: str, text: str) -> Filtered | None:
        """Return why a conversation is left out whose rendered text is that of one before it, or None.

        Conversations that differ may begin alike, and be shortened to what is the same.
        """
        if self._options.duplicates == "keep":
            return None
        digest = blake2b(text.encode("utf-8"), digest_size=16).digest()
        first = self._screens.rows.setdefault(digest, (self._source, conversation))
        if first == (self._source, conversation):
            return None
        source, kept = first
        return self._repeats(
            Duplicate(document=conversation, source=source, kept=kept, similarity=1.0, exact=True)
        )

    def _wanted(self) -> tuple[tuple[str, _Step], ...]:
        """Return the steps that the recipe wants, in their order; what mends comes first.

        What is masked is masked last but one, so that evaluation texts are known by what they hold.
        """
        options = self._options
        steps: tuple[tuple[str, _Step, bool], ...] = (
            ("repairs", self._repaired, True),
            ("boilerplate", self._without_repeated_lines, options.boilerplate),
            ("filters", self._filtered, bool(options.filters)),
            ("languages", self._in_language, bool(options.languages)),
            ("decontamination", self._decontaminated, self._screens.excluded is not None),
            ("personal data", self._without_personal_data, options.pii != "keep"),
            ("duplicates", self._seen_first, True),
        )
        return tuple((name, step) for name, step, is_wanted in steps if is_wanted)

    def _outcome(self, item: Item) -> Item | Filtered:
        outcome: Item | Filtered = item
        for name, step in self._steps:
            if isinstance(outcome, Filtered):
                break
            with self._screens.timings.measure(name):
                outcome = step(outcome)
        return outcome

    def _repaired(self, item: Item) -> Item:
        def change(text: str) -> str:
            mended, names = repair_text(text, self._options.repairs)
            self._repairs.repaired |= Counter(dict.fromkeys(names, 1))
            return mended

        return _changed(item, TextMap(text=change, may_change=_may_be_repaired))

    def _without_repeated_lines(self, item: Item) -> Item | Filtered:
        if self._lines is None or isinstance(item, Conversation):
            return item
        text, removed = self._lines.remove(item.text)
        self._repairs.boilerplate += removed
        if removed and not text:
            return Filtered(position=item.id, reason="boilerplate alone")
        return replace(item, text=text)

    def _filtered(self, item: Item) -> Item | Filtered:
        if isinstance(item, Conversation) or not (
            reason := find_quality_fault(item.text, self._options.filters)
        ):
            return item
        return Filtered(position=item.id, reason=reason, detail=_beginning(item.text))

    def _in_language(self, item: Item) -> Item | Filtered:
        options = self._options
        text = item.text if isinstance(item, Document) else _said(item)
        reason = find_language_fault(text, options.languages, least_score=options.language_score)
        return Filtered(position=item.id, reason=reason, detail=_beginning(text)) if reason else item

    def _decontaminated(self, item: Item) -> Item | Filtered:
        excluded = self._screens.excluded
        match = excluded.find(item.id, self._words_to_compare(item)) if excluded else None
        if excluded is None or match is None:
            return item
        self._stats.contaminated.append(match)
        if self._screens.cuts and isinstance(item, Document):
            text = excluded.without(item.text)
            # What only a repair makes alike can't be found in the text as it stands.
            if text and text != item.text:
                return replace(item, text=text)
        return Filtered(position=item.id, reason="holds a part of an evaluation set", detail=_shared(match))

    def _without_personal_data(self, item: Item) -> Item | Filtered:
        counts: Counter[str] = Counter()
        mended = _changed(item, _masking(counts))
        if not counts:
            return item
        if self._options.pii == "drop":
            kinds = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(counts.items()))
            return Filtered(position=item.id, reason="holds personal data", detail=kinds)
        self._repairs.masked.update(counts)
        return mended

    def _seen_first(self, item: Item) -> Item | Filtered:
        wish, duplicates, words = self._options.duplicates, self._screens.duplicates, self._words(item)
        if wish == "keep":
            duplicates.note(self._source, item.id, words)
            return item
        found = duplicates.seen(self._source, item.id, words, near=wish == "near")
        return item if found is None else self._repeats(found)

    def _words_to_compare(self, item: Item) -> list[str]:
        """Return the words of an item as evaluation sets are compared: with every repair made."""
        item = item if self._is_whole else whole(item)
        return self._words(item) if isinstance(item, Document) else all_words_of(item)

    def _words(self, item: Item) -> list[str]:
        """Return the words of an item; of one that did not change between two steps only once."""
        known, words = self._known
        if known is not item:
            words = words_of(item)
            self._known = item, words
        return words

    def _repeats(self, duplicate: Duplicate) -> Filtered:
        self._stats.duplicates.append(duplicate)
        reason = "repeats a document before it" if duplicate.exact else "nearly repeats a document before it"
        detail = f"{duplicate.source}: {duplicate.kept} ({duplicate.similarity:.2f})"
        return Filtered(position=duplicate.document, reason=reason, detail=detail)


def whole(item: Item) -> Item:
    """Return an item with every repair made, as evaluation sets are compared."""
    return _changed(item, TextMap(text=lambda text: repair_text(text)[0], may_change=_may_be_repaired))


def _masking(counts: Counter[str]) -> TextMap:
    """Return what puts made-up personal data in place of real ones, and counts them."""

    def text(text: str) -> str:
        shown, found = mask_personal_data(text)
        counts.update(found)
        return shown

    def number(number: int) -> int:
        shown, found = mask_number(number)
        counts.update(found)
        return shown

    return TextMap(text=text, number=number, may_change=lambda json: bool(find_personal_data(json)))


def _may_be_repaired(text: str) -> bool:
    """Return whether a repair may change something in JSON of ASCII letters."""
    return not text.isprintable()


def _changed(item: Item, change: TextMap) -> Item:
    """Return an item with its text, or all texts of its turns and tools, changed."""
    if isinstance(item, Conversation):
        return map_texts(item, change)
    text = change.text(item.text)
    return item if text == item.text else replace(item, text=text)


def _beginning(text: str) -> str:
    return " ".join(text[: 2 * _EXCERPT].split())[:_EXCERPT]


def _said(conversation: Conversation) -> str:
    turns = (message.content for message in conversation.messages if message.role in ("user", "assistant"))
    return "\n".join(turns)


def _shared(match: Contamination) -> str:
    return f"{match.exclude}: {match.passage}: {match.words} words: {match.excerpt}"

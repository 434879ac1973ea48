"""The steps that a source's documents go through between being read and being packed, in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b

from calibset.core.documents import Conversation, Filtered, Item
from calibset.core.timing import Timings
from calibset.hygiene.decontamination import EvaluationIndex
from calibset.hygiene.deduplication import Duplicate, DuplicateIndex, Fingerprint
from calibset.hygiene.examination import Examination, Examiner
from calibset.hygiene.repeated_lines import RepeatedLines
from calibset.hygiene.stats import ReadStats


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

    What an item's own text decides is the examiner's; here is what depends on the items before it.

    Args:
        source: The source's name.
        examiner: Examines items.
        indexes: The indexes that it shares with other sources.
        stats: Counts what happens to the records.
    """

    def __init__(self, source: str, examiner: Examiner, indexes: SharedIndexes, stats: ReadStats) -> None:
        self._source = source
        self._examiner = examiner
        self._indexes = indexes
        self._stats = stats
        self._lines = RepeatedLines() if examiner.options.boilerplate else None

    def clean(self, item: Item, examination: Examination | None = None) -> Item | Filtered:
        """Return an item as it may be packed, or why it is filtered.

        Args:
            item: The item as it was read.
            examination: What was found about it ahead; None if it is still to be examined.
        """
        timings, repairs = self._indexes.timings, self._stats.item_repairs
        repaired = examination.repaired if examination else self._examiner.repair(item, timings)
        repairs.repaired.update(repaired.names)
        whole = repaired.item
        if isinstance(whole, Filtered):
            return whole
        rest = self._remove_repeated_lines(whole)
        if isinstance(rest, Filtered):
            return rest
        if rest is not whole:
            examination = None  # it was of all lines
        known = self._indexes.duplicates.digests
        judged = (examination and examination.judged) or self._examiner.judge(rest, timings, known)
        if judged.contamination:
            self._stats.contaminated.append(judged.contamination)
        repairs.masked.update(judged.masked)
        if isinstance(judged.item, Filtered):
            return judged.item
        if repeated := self._find_duplicate(judged.item, judged.fingerprint):
            return repeated
        safe = (examination and examination.safe) or self._examiner.make_safe(judged.item)
        if safe.repairs:
            repairs.add(safe.repairs)
        return safe.item

    def filter_repeated_rendering(self, conversation: str, text: str) -> Filtered | None:
        """Return why a conversation is filtered if an earlier one has the same rendered text, or None.

        Different conversations may begin alike and be shortened to the same text.
        """
        if self._examiner.options.duplicates == "keep":
            return None
        digest = blake2b(text.encode("utf-8"), digest_size=16).digest()
        first = self._indexes.rendered.setdefault(digest, (self._source, conversation))
        if first == (self._source, conversation):
            return None
        source, kept = first
        return self._filter_duplicate(
            Duplicate(document=conversation, source=source, kept=kept, similarity=1.0, exact=True)
        )

    def _remove_repeated_lines(self, item: Item) -> Item | Filtered:
        if self._lines is None:
            return item
        with self._indexes.timings.measure("boilerplate"):
            if isinstance(item, Conversation):
                return item
            text, removed = self._lines.remove(item.text)
        self._stats.item_repairs.boilerplate += removed
        if removed and not text:
            return Filtered(position=item.id, reason="boilerplate alone")
        return replace(item, text=text) if removed else item

    def _find_duplicate(self, item: Item, fingerprint: Fingerprint | None) -> Filtered | None:
        wanted = self._examiner.options.duplicates
        with self._indexes.timings.measure("duplicates"):
            if wanted == "keep":
                self._indexes.duplicates.add(self._source, item.id, fingerprint)
                return None
            duplicate = self._indexes.duplicates.find_or_add(
                self._source, item.id, fingerprint, near=wanted == "near"
            )
        return self._filter_duplicate(duplicate) if duplicate else None

    def _filter_duplicate(self, duplicate: Duplicate) -> Filtered:
        self._stats.duplicates.append(duplicate)
        reason = "repeats a document before it" if duplicate.exact else "nearly repeats a document before it"
        detail = f"{duplicate.source}: {duplicate.kept} ({duplicate.similarity:.2f})"
        return Filtered(position=duplicate.document, reason=reason, detail=detail)

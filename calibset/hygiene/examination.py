"""The part of hygiene that a document's own text decides, whatever stands before it in its source.

An `Examiner` has no state, so documents may be examined ahead, in any order and in other processes. What
depends on the documents before one (repeated lines, duplicates, ids seen before) is the `Cleaner`'s, which
takes examinations in the order in which the documents are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import get_args

from calibset.core.control_tokens import ControlTokens
from calibset.core.documents import Conversation, Document, Filtered, Item
from calibset.core.text_map import TextMap, map_texts
from calibset.core.timing import Timings
from calibset.hygiene.decontamination import Contamination, EvaluationIndex
from calibset.hygiene.deduplication import Fingerprint, make_fingerprint
from calibset.hygiene.language import Language, judge_language, spoken_text
from calibset.hygiene.options import Hygiene
from calibset.hygiene.pii import (
    MOST_PIECES,
    TooMuchPersonalData,
    find_personal_data,
    mask_number,
    mask_personal_data,
)
from calibset.hygiene.quality_filters import find_quality_fault
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.hygiene.safe_texts import SafeItem, make_safe
from calibset.hygiene.text_repair import MOST_MISREAD, RepairName, is_misread_throughout, repair_text
from calibset.hygiene.words import split_words, text_of, whole_text_of

_EXCERPT = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairedItem:
    """An item with the repairs made that the recipe wants.

    Attributes:
        item: The item, or why it is filtered.
        names: The repairs that changed it.
    """

    item: Item | Filtered
    names: tuple[RepairName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """What the filters say of an item.

    Attributes:
        item: The item, without what is cut out of it or masked in it, or why it is filtered.
        contamination: What it shares with an evaluation set.
        masked: Pieces of personal data replaced by made-up data, by kind.
        fingerprint: What its duplicates are found by; None if it is filtered.
        language: The language that it is most likely in; None if that was not asked, or it is too short.
        words: How many words it has; 0 if it is filtered.
    """

    item: Item | Filtered
    contamination: Contamination | None = None
    masked: Mapping[str, int] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    language: Language | None = None
    words: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What an `Examiner` finds about an item, step by step up to the one that filters it.

    Attributes:
        repaired: The item with its repairs.
        judged: What the filters say of it, as if no line of it were removed for being repeated.
        safe: The item as it may be packed, as if it were no duplicate.
    """

    repaired: RepairedItem
    judged: JudgedItem | None = None
    safe: SafeItem | None = None

    @property
    def item(self) -> Item | Filtered:
        """The item as it may be packed, or why it is filtered."""
        return (self.safe or self.judged or self.repaired).item


@dataclass(frozen=True, kw_only=True)
class Examiner:
    """Repairs and filters items one by one; what it is made of can be pickled.

    Attributes:
        options: The recipe's hygiene options for the source.
        evaluations: The evaluation sets, if there are any.
        cuts_matches: Whether documents are cut around what they share with evaluation sets, and not left out.
        sketches: Whether fingerprints serve to find near duplicates.
        control_tokens: The control tokens to break apart; None leaves them.
        target: The control tokens by which texts that were rendered already are recognised.

    Examples:
        >>> examiner = Examiner(options=Hygiene(pii="mask"))
        >>> examiner(Document(id="1", text="Write to jan@posta.sk.\ufeff")).item.text
        'Write to name@example.com.'
    """

    options: Hygiene
    evaluations: EvaluationIndex | None = None
    cuts_matches: bool = False
    sketches: bool = False
    control_tokens: ControlTokens | None = None
    target: TargetTokens | None = None

    def __call__(self, item: Item, timings: Timings | None = None) -> Examination:
        """Return all that can be said of an item by itself.

        Args:
            item: The item as it was read.
            timings: To which the time of each step is added.
        """
        return self.examine((item,), timings or Timings())[0]

    def examine(self, items: Sequence[Item], timings: Timings) -> list[Examination]:
        """Return all that can be said of items by themselves.

        A step is made for all of them before the next one, so what it needs stays in the processor's cache.

        Args:
            items: The items as they were read.
            timings: To which the time of each step is added.
        """
        repaired = [self.repair(item, timings) for item in items]
        judged = iter(
            self._judge([one.item for one in repaired if not isinstance(one.item, Filtered)], timings)
        )
        return [
            Examination(repaired=one) if isinstance(one.item, Filtered) else self._complete(one, next(judged))
            for one in repaired
        ]

    def _complete(self, repaired: RepairedItem, judged: JudgedItem) -> Examination:
        safe = None if isinstance(judged.item, Filtered) else self.make_safe(judged.item)
        return Examination(repaired=repaired, judged=judged, safe=safe)

    def repair(self, item: Item, timings: Timings) -> RepairedItem:
        """Return an item with the repairs made that the recipe wants."""
        wanted = self.options.repairs
        is_misread = False
        changing: dict[RepairName, None] = {}

        def repair(text: str) -> str:
            nonlocal is_misread
            is_misread = is_misread or ("mojibake" in wanted and is_misread_throughout(text))
            repaired, names = repair_text(text, wanted)
            changing.update(dict.fromkeys(names))
            return repaired

        with timings.measure("repairs"):
            repaired = _map_item(item, TextMap(text=repair, may_change=_may_be_repaired))
        if is_misread:
            detail = f"more than {MOST_MISREAD:,} places"
            return RepairedItem(
                item=Filtered(position=item.id, reason="is misread throughout", detail=detail)
            )
        return RepairedItem(item=repaired, names=tuple(changing))

    def judge(self, item: Item, timings: Timings, known: Container[bytes] = ()) -> JudgedItem:
        """Return what the filters say of an item that was repaired.

        Args:
            item: The item.
            timings: To which the time of each step is added.
            known: Digests of texts that were met before, which need no sketch.
        """
        return self._judge((item,), timings, known)[0]

    def _judge(
        self, items: Sequence[Item], timings: Timings, known: Container[bytes] = ()
    ) -> list[JudgedItem]:
        """Return what the filters say of items, each filter of all of them before the next."""
        all_findings = [_Findings(item) for item in items]
        for name, step in self._steps:
            with timings.measure(name):
                step(all_findings)
        with timings.measure("duplicates"):
            made: dict[bytes, Fingerprint] = {}
            return [self._conclude(findings, known, made) for findings in all_findings]

    def _conclude(
        self, findings: _Findings, known: Container[bytes], made: MutableMapping[bytes, Fingerprint]
    ) -> JudgedItem:
        words: list[str] = []
        if not isinstance(findings.item, Filtered):
            words = findings.split(text_of(findings.item))
        return JudgedItem(
            item=findings.item,
            contamination=findings.contamination,
            masked=findings.masked,
            fingerprint=make_fingerprint(words, sketches=self.sketches, known=known, made=made),
            language=findings.language,
            words=len(words),
        )

    def make_safe(self, item: Item) -> SafeItem:
        """Return an item whose texts tokenizers can read."""
        return make_safe(item, self.control_tokens, self.target)

    @cached_property
    def _steps(self) -> tuple[tuple[str, _Step], ...]:
        options = self.options
        steps: tuple[tuple[str, _Step, bool], ...] = (
            ("filters", partial(_judge_each, self._apply_filters), bool(options.filters)),
            ("languages", partial(_judge_each, self._check_language), bool(options.languages)),
            ("decontamination", self._decontaminate, self.evaluations is not None),
            # Behind decontamination, so that evaluation texts are known by what they hold.
            ("personal data", partial(_judge_each, self._mask_or_drop), options.pii != "keep"),
        )
        return tuple((name, step) for name, step, is_wanted in steps if is_wanted)

    @cached_property
    def _makes_all_repairs(self) -> bool:
        return set(self.options.repairs) >= set(get_args(RepairName))

    def _apply_filters(self, item: Item, _: _Findings) -> Item | Filtered:
        if isinstance(item, Conversation):
            return item
        reason = find_quality_fault(item.text, self.options.filters)
        return Filtered(position=item.id, reason=reason, detail=_excerpt(item.text)) if reason else item

    def _check_language(self, item: Item, findings: _Findings) -> Item | Filtered:
        options = self.options
        text = spoken_text(item)
        reason, findings.language = judge_language(
            text, options.languages, least_score=options.language_score
        )
        return Filtered(position=item.id, reason=reason, detail=_excerpt(text)) if reason else item

    def _decontaminate(self, all_findings: Sequence[_Findings]) -> None:
        if self.evaluations is None:
            return
        waiting = [(one, one.item) for one in all_findings if not isinstance(one.item, Filtered)]
        texts = [(item.id, self._words_to_compare(item, findings)) for findings, item in waiting]
        for (findings, item), match in zip(waiting, self.evaluations.find_all(texts), strict=True):
            if match:
                findings.contamination = match
                findings.item = self._cut_or_drop(item, match, self.evaluations)

    def _cut_or_drop(self, item: Item, match: Contamination, evaluations: EvaluationIndex) -> Item | Filtered:
        if self.cuts_matches and isinstance(item, Document):
            text = evaluations.without(item.text)
            # What only a repair makes alike can't be found in the text as it stands.
            if text and text != item.text:
                return replace(item, text=text)
        detail = f"{match.exclude}: {match.passage}: {match.words} words: {match.excerpt}"
        return Filtered(position=item.id, reason="holds a part of an evaluation set", detail=detail)

    def _mask_or_drop(self, item: Item, findings: _Findings) -> Item | Filtered:
        counts: Counter[str] = Counter()
        try:
            masked = _map_item(item, _mask_and_count(counts))
        except TooMuchPersonalData:
            detail = f"more than {MOST_PIECES:,} pieces"
            return Filtered(position=item.id, reason="holds too much personal data", detail=detail)
        if not counts:
            return item
        if self.options.pii == "drop":
            kinds = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(counts.items()))
            return Filtered(position=item.id, reason="holds personal data", detail=kinds)
        findings.masked = counts
        return masked

    def _words_to_compare(self, item: Item, findings: _Findings) -> list[str]:
        """Return the words of an item as evaluation sets are compared: with every repair made."""
        item = item if self._makes_all_repairs else make_all_repairs(item)
        return findings.split(whole_text_of(item))


@dataclass(slots=True)
class _Findings:
    """The item that is being judged, or why it is filtered, and what the steps find about it."""

    item: Item | Filtered
    contamination: Contamination | None = None
    masked: Mapping[str, int] = field(default_factory=dict)
    language: Language | None = None
    _split: tuple[str | None, list[str]] = (None, [])

    def split(self, text: str) -> list[str]:
        """Return the words of a text, split only once if two steps in a row ask for them.

        They do unless the item changes in between, or is a conversation with more in it than its turns.
        """
        if self._split[0] != text:
            self._split = text, split_words(text)
        return self._split[1]


_Step = Callable[[Sequence[_Findings]], None]


def _judge_each(
    step: Callable[[Item, _Findings], Item | Filtered], all_findings: Sequence[_Findings]
) -> None:
    """Judge each item by itself, unless it is filtered."""
    for findings in all_findings:
        if not isinstance(findings.item, Filtered):
            findings.item = step(findings.item, findings)


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

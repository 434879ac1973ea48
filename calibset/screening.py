"""Documents and conversations on their way in: mended, and kept out where the recipe says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from time import perf_counter

from calibset.chat.template import with_texts
from calibset.document import Conversation, Document, SetAside
from calibset.hygiene.boilerplate import RepeatedLines
from calibset.hygiene.characters import repaired
from calibset.hygiene.contamination import Excluded, Match
from calibset.hygiene.duplicates import Duplicates
from calibset.hygiene.language import LanguageIdentifier
from calibset.hygiene.options import Hygiene
from calibset.hygiene.personal import masked, personal_data
from calibset.hygiene.quality import fault
from calibset.hygiene.words import words_of
from calibset.intake import Tally

__all__ = ["Screening", "Screens"]

Item = Document | Conversation
_Step = Callable[[Item], Item | SetAside]


@dataclass(slots=True, kw_only=True)
class Screens:
    """What the sources of a build share.

    Attributes:
        duplicates: The documents met so far, of all sources.
        excluded: The evaluation sets, if there are any.
        cuts: Whether documents are cut around what they share with them, in place of left out.
        seconds: What each step took, by its name.
    """

    duplicates: Duplicates
    excluded: Excluded | None = None
    cuts: bool = False
    seconds: dict[str, float] = field(default_factory=dict)


class Screening:
    """What a source's documents go through between being read and being packed.

    Args:
        source: The source's name.
        options: What the recipe wants of it.
        screens: What it shares with others.
        tally: Is told of everything that happens.
    """

    def __init__(self, source: str, options: Hygiene, screens: Screens, tally: Tally) -> None:
        self._source = source
        self._options = options
        self._screens = screens
        self._tally = tally
        self._lines = RepeatedLines() if options.boilerplate else None
        self._identifier = LanguageIdentifier()
        self._last: tuple[Item, list[str]] | None = None

    def __call__(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items that pass, mended; the others are set aside."""
        steps = self._steps()
        for item in items:
            outcome = self._outcome(item, steps)
            if isinstance(outcome, SetAside):
                self._tally.note(outcome)
            else:
                yield outcome

    def _steps(self) -> dict[str, _Step]:
        """Return the steps that the recipe wants, in their order; what mends comes first."""
        options = self._options
        wanted = {
            "repairs": (self._repaired, True),
            "boilerplate": (self._without_repeated_lines, options.boilerplate),
            "filters": (self._filtered, bool(options.filters)),
            "languages": (self._in_language, bool(options.languages)),
            "personal data": (self._without_personal_data, options.pii != "keep"),
            "decontamination": (self._decontaminated, self._screens.excluded is not None),
            "duplicates": (self._seen_first, options.duplicates != "keep"),
        }
        return {name: step for name, (step, is_wanted) in wanted.items() if is_wanted}

    def _outcome(self, item: Item, steps: dict[str, _Step]) -> Item | SetAside:
        outcome: Item | SetAside = item
        for name, step in steps.items():
            if isinstance(outcome, SetAside):
                break
            began = perf_counter()
            outcome = step(outcome)
            seconds = self._screens.seconds
            seconds[name] = seconds.get(name, 0.0) + perf_counter() - began
        return outcome

    def _repaired(self, item: Item) -> Item:
        changed: set[str] = set()

        def change(text: str) -> str:
            mended, names = repaired(text, self._options.repairs)
            changed.update(names)
            return mended

        mended = _changed(item, change)
        self._tally.repaired.update(changed)
        return mended

    def _without_repeated_lines(self, item: Item) -> Item | SetAside:
        if self._lines is None or isinstance(item, Conversation):
            return item
        text, removed = self._lines(item.text)
        self._tally.boilerplate += removed
        if removed and not text:
            return SetAside(place=item.id, reason="boilerplate alone")
        return replace(item, text=text)

    def _filtered(self, item: Item) -> Item | SetAside:
        if isinstance(item, Conversation) or not (reason := fault(item.text, self._options.filters)):
            return item
        return SetAside(place=item.id, reason=reason)

    def _in_language(self, item: Item) -> Item | SetAside:
        options = self._options
        text = item.text if isinstance(item, Document) else _said(item)
        reason = self._identifier.fault(text, options.languages, least_score=options.language_score)
        return SetAside(place=item.id, reason=reason) if reason else item

    def _without_personal_data(self, item: Item) -> Item | SetAside:
        counts: Counter[str] = Counter()

        def change(text: str) -> str:
            if self._options.pii == "drop":
                counts.update(found.kind for found in personal_data(text))
                return text
            shown, found = masked(text)
            counts.update(found)
            return shown

        mended = _changed(item, change)
        if not counts:
            return item
        if self._options.pii == "drop":
            kinds = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in sorted(counts.items()))
            return SetAside(place=item.id, reason="holds personal data", detail=kinds)
        self._tally.masked.update(counts)
        return mended

    def _decontaminated(self, item: Item) -> Item | SetAside:
        excluded = self._screens.excluded
        match = excluded.match(self._words(item)) if excluded else None
        if excluded is None or match is None:
            return item
        self._tally.contaminated[item.id] = match
        if self._screens.cuts and isinstance(item, Document) and (text := excluded.without(item.text)):
            return replace(item, text=text)
        return SetAside(place=item.id, reason="holds a part of an evaluation set", detail=_shared(match))

    def _seen_first(self, item: Item) -> Item | SetAside:
        near = self._options.duplicates == "near"
        found = self._screens.duplicates.seen(self._source, item.id, self._words(item), near=near)
        if found is None:
            return item
        self._tally.duplicates[item.id] = found
        same = "repeats" if found.similarity == 1 else "nearly repeats"
        detail = f"{found.source}: {found.document} ({found.similarity:.2f})"
        return SetAside(place=item.id, reason=f"{same} a document before it", detail=detail)

    def _words(self, item: Item) -> list[str]:
        """Return an item's words, which two steps ask for one after the other."""
        if self._last is None or self._last[0] is not item:
            self._last = (item, words_of(item))
        return self._last[1]


def _changed(item: Item, change: Callable[[str], str]) -> Item:
    if isinstance(item, Conversation):
        return with_texts(item, change)
    text = change(item.text)
    return item if text == item.text else replace(item, text=text)


def _said(conversation: Conversation) -> str:
    turns = (message.content for message in conversation.messages if message.role in ("user", "assistant"))
    return "\n".join(turns)


def _shared(match: Match) -> str:
    return f"{match.exclude}: {match.passage}: {match.words} words: {match.excerpt}"

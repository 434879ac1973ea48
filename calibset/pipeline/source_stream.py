"""A source that gives samples on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from calibset.core.documents import Conversation, Document, Rejection, Sample, SetAside
from calibset.core.errors import RecipeError, SourceError
from calibset.core.text import excerpt
from calibset.hygiene.admission import intake
from calibset.hygiene.cleaner import Screening, Screens
from calibset.hygiene.stats import Tally, length
from calibset.packing import Packed, RowRule, pack_conversations, pack_documents
from calibset.recipe.model import Recipe
from calibset.selection.holdout import held_out, parted
from calibset.sources import Source
from calibset.sources.base import guarded
from calibset.storage import Reader
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.chat_templates.base import Rendered, RenderError
from calibset.tokenizers.chat_templates.loading import template_for
from calibset.tokenizers.chat_templates.renderer import Rendering

T = TypeVar("T", Document, Rendered)


@dataclass(slots=True)
class Supply:
    """One source of a build, read no further than its samples are asked for.

    Attributes:
        name: The source's name in the recipe.
        source: The adapter.
        reader: The place it was found at.
        tally: What was met while it was read.
        items: What came in and can be packed; `take` draws from it, or else a check does.
        rule: What its rows must be.
        samples: Those it has given so far.
        exhausted: Whether it has no more to give.
        titles: Those of its documents, where the recipe has them for terms.
    """

    name: str
    source: Source
    reader: Reader
    tally: Tally
    items: Iterator[Document | Rendered]
    rule: RowRule
    samples: list[Sample] = field(default_factory=list)
    exhausted: bool = False
    titles: list[str] = field(default_factory=list)
    _stream: Iterator[Packed] | None = None

    def take(self, count: int) -> Iterator[Sample]:
        """Yield so many further samples, or fewer where the source runs short.

        Raises:
            SourceError: The source can't be read.
        """
        if self._stream is None:
            self._stream = _packed(self.items, self.rule)
        wanted = len(self.samples) + count
        while len(self.samples) < wanted:
            packed = next(self._stream, None)
            if packed is None:
                self.exhausted = True
                self.ensure_something()
                return
            if isinstance(packed, SetAside):
                self.tally.note(packed)
            else:
                self.samples.append(packed)
                yield packed

    def ensure_readable(self, max_rejected: float) -> None:
        """Make sure that no more than a part of the records met were rejected.

        Raises:
            SourceError: More were; the commonest reasons are named.
        """
        share = self.tally.rejected_share
        if share > max_rejected:
            raise SourceError(
                f"sources.{self.name}: {share:.0%} of the records read were rejected and max_rejected is "
                f"{max_rejected:.0%} ({self.tally.left_out()}); `calibset check` counts them all"
            )

    def ensure_something(self) -> None:
        """Make sure that a source that was read to its end had something in it.

        Raises:
            SourceError: Nothing came in; the commonest reasons are named.
        """
        if self.tally.documents == 0:
            raise SourceError(
                f"sources.{self.name}: {self.reader.place} gives nothing to pack"
                + (f" ({left_out})" if (left_out := self.tally.left_out()) else "")
            )


def open_supply(name: str, recipe: Recipe, reader: Reader, tokenizer: Tokenizer, screens: Screens) -> Supply:
    """Return a source's supply; nothing is read before the first sample is asked for."""
    source = recipe.sources[name]
    tally = Tally()
    keeps = recipe.control_tokens == "keep"
    disarm = None if keeps else ControlTokens.of(tokenizer.special_tokens)
    rule = RowRule(
        tokenizer=tokenizer,
        seqlen=recipe.seqlen,
        source=name,
        parse_special=keeps,
        max_rows_per_document=recipe.max_rows_per_document,
    )
    records = guarded(source.documents(reader, seed=recipe.seed), f"sources.{name}")
    rendering = partial(_rendering, recipe, tokenizer, disarm, rule.read)
    screening = Screening(name, recipe.hygiene_of(name), screens, tally)
    documents = intake(records, tally, disarm, screening)
    titles: list[str] = []
    if name in recipe.selection.terms_of:
        documents = _noting_titles(documents, titles)
    items = _rendered(documents, rendering, screening, tally)
    return Supply(name, source, reader, tally, items, rule, titles=titles)


def with_holdout(supply: Supply, recipe: Recipe) -> tuple[Supply, Supply | None]:
    """Return a supply, and another one of the documents that it leaves to the holdout, if there is one."""
    if recipe.holdout is None:
        return supply, None
    part, whole = recipe.holdout.nsamples, recipe.holdout.nsamples + recipe.nsamples

    def is_held(item: Document | Rendered) -> bool:
        return held_out(recipe.seed, supply.name, item.id, part, whole)

    own, held = parted(supply.items, is_held)
    return replace(supply, items=own), replace(supply, items=held, samples=[])


def _noting_titles(
    items: Iterable[Document | Conversation], titles: list[str]
) -> Iterator[Document | Conversation]:
    for item in items:
        if title := item.metadata.get("title"):
            titles.append(title)
        yield item


def _rendering(recipe: Recipe, tokenizer: Tokenizer, disarm: ControlTokens | None, room: int) -> Rendering:
    chat = recipe.chat
    prompt = chat.system_prompt
    rendering = Rendering(
        template=template_for(tokenizer, chat.format, keeps_control_tokens=disarm is None),
        room=room,
        system_prompt=disarm.neutralised(prompt) if prompt and disarm else prompt,
        shortens=chat.long_conversations == "shorten",
    )
    if prompt:
        _ensure_room(rendering)
    return rendering


def _ensure_room(rendering: Rendering) -> None:
    """Make sure that the recipe's system prompt leaves half of a row to conversations."""
    try:
        taken = rendering.overhead()
    except RenderError as error:
        raise RecipeError(f"chat.system_prompt: the model's format has no place for it ({error})") from error
    if taken > rendering.room // 2:
        raise RecipeError(
            f"chat.system_prompt: takes {taken} of the {rendering.room} tokens of a row, which leaves too "
            "little for a conversation; shorten it, or raise seqlen"
        )


def _rendered(
    items: Iterable[Document | Conversation],
    new_rendering: Callable[[], Rendering],
    screening: Screening,
    tally: Tally,
) -> Iterator[Document | Rendered]:
    """Yield documents as they are, conversations as the target model reads them, each once."""
    rendering: Rendering | None = None
    for item in items:
        if isinstance(item, Document):
            yield item
            continue
        if rendering is None:
            rendering = new_rendering()
            tally.notes = rendering.template.notes
        try:
            rendered = rendering.render(item)
            if repeats := screening.seen_as_row(rendered.id, rendered.text):
                tally.came_in(length(item), -1)
                tally.note(repeats)
                continue
            if rendered.names:
                tally.renamed[item.id] = rendered.names
            tally.mended.cut_conversations += rendered.shortened
            yield rendered
        except RenderError as error:
            tally.came_in(length(item), -1)
            tally.note(Rejection(place=item.id, reason=error.reason, excerpt=excerpt(error)))


def _packed(items: Iterator[Document | Rendered], rule: RowRule) -> Iterator[Packed]:
    """Pack whichever kind the source gives; its first item tells."""
    first = list(islice(items, 1))
    rest = chain(first, items)
    if first and isinstance(first[0], Rendered):
        yield from pack_conversations((_expected(item, Rendered, rule.source) for item in rest), rule)
    else:
        yield from pack_documents((_expected(item, Document, rule.source) for item in rest), rule)


def _expected(item: object, kind: type[T], name: str) -> T:
    if not isinstance(item, kind):
        raise SourceError(f"sources.{name}: yields both documents and conversations; make it two sources")
    return item

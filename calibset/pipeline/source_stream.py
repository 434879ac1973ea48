"""A source that gives samples on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from calibset.core.documents import Conversation, Document, Filtered, Rejection, Sample
from calibset.core.errors import RecipeError, SourceError
from calibset.core.text import excerpt
from calibset.hygiene.admission import admit
from calibset.hygiene.cleaner import Cleaner, SharedIndexes
from calibset.hygiene.stats import SourceStats, length
from calibset.packing import Packed, RowSpec, pack_conversations, pack_documents
from calibset.recipe.model import Recipe
from calibset.selection.holdout import is_held_out, split_stream
from calibset.sources import Source
from calibset.sources.base import wrap_errors
from calibset.storage import Reader
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.chat_templates.base import RenderedConversation, RenderError
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.renderer import ConversationRenderer

T = TypeVar("T", Document, RenderedConversation)


@dataclass(slots=True)
class SourceStream:
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
    tally: SourceStats
    items: Iterator[Document | RenderedConversation]
    rule: RowSpec
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
            if isinstance(packed, Filtered):
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
                f"sources.{self.name}: {self.reader.location} gives nothing to pack"
                + (f" ({left_out})" if (left_out := self.tally.left_out()) else "")
            )


def open_source_stream(
    name: str, recipe: Recipe, reader: Reader, tokenizer: Tokenizer, screens: SharedIndexes
) -> SourceStream:
    """Return a source's supply; nothing is read before the first sample is asked for."""
    source = recipe.sources[name]
    tally = SourceStats()
    keeps = recipe.control_tokens == "keep"
    control_tokens = None if keeps else ControlTokens.of(tokenizer.special_tokens)
    rule = RowSpec(
        tokenizer=tokenizer,
        seqlen=recipe.seqlen,
        source=name,
        parse_special=keeps,
        max_rows_per_document=recipe.max_rows_per_document,
    )
    records = wrap_errors(source.read_shuffled(reader, seed=recipe.seed), f"sources.{name}")
    rendering = partial(_rendering, recipe, tokenizer, control_tokens, rule.text_budget)
    screening = Cleaner(name, recipe.hygiene_of(name), screens, tally)
    documents = admit(records, tally, control_tokens, screening)
    titles: list[str] = []
    if name in recipe.selection.terms_of:
        documents = _noting_titles(documents, titles)
    items = _rendered(documents, rendering, screening, tally)
    return SourceStream(name, source, reader, tally, items, rule, titles=titles)


def with_holdout(supply: SourceStream, recipe: Recipe) -> tuple[SourceStream, SourceStream | None]:
    """Return a supply, and another one of the documents that it leaves to the holdout, if there is one."""
    if recipe.holdout is None:
        return supply, None
    part, whole = recipe.holdout.nsamples, recipe.holdout.nsamples + recipe.nsamples

    def is_held(item: Document | RenderedConversation) -> bool:
        return is_held_out(recipe.seed, supply.name, item.id, part, whole)

    own, held = split_stream(supply.items, is_held)
    return replace(supply, items=own), replace(supply, items=held, samples=[])


def _noting_titles(
    items: Iterable[Document | Conversation], titles: list[str]
) -> Iterator[Document | Conversation]:
    for item in items:
        if title := item.metadata.get("title"):
            titles.append(title)
        yield item


def _rendering(
    recipe: Recipe, tokenizer: Tokenizer, control_tokens: ControlTokens | None, text_budget: int
) -> ConversationRenderer:
    chat = recipe.chat
    prompt = chat.system_prompt
    rendering = ConversationRenderer(
        template=load_template(tokenizer, chat.format, keeps_control_tokens=control_tokens is None),
        text_budget=text_budget,
        system_prompt=control_tokens.neutralise(prompt) if prompt and control_tokens else prompt,
        shortens=chat.long_conversations == "shorten",
    )
    if prompt:
        _ensure_room(rendering)
    return rendering


def _ensure_room(rendering: ConversationRenderer) -> None:
    """Make sure that the recipe's system prompt leaves half of a row to conversations."""
    try:
        taken = rendering.count_overhead()
    except RenderError as error:
        raise RecipeError(f"chat.system_prompt: the model's format has no place for it ({error})") from error
    if taken > rendering.text_budget // 2:
        raise RecipeError(
            f"chat.system_prompt: takes {taken} of the {rendering.text_budget} tokens of a row, which leaves too "
            "little for a conversation; shorten it, or raise seqlen"
        )


def _rendered(
    items: Iterable[Document | Conversation],
    new_rendering: Callable[[], ConversationRenderer],
    screening: Cleaner,
    tally: SourceStats,
) -> Iterator[Document | RenderedConversation]:
    """Yield documents as they are, conversations as the target model reads them, each once."""
    rendering: ConversationRenderer | None = None
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
                tally.count_admitted(length(item), -1)
                tally.note(repeats)
                continue
            if rendered.renamed_tools:
                tally.renamed[item.id] = rendered.renamed_tools
            tally.mended.cut_conversations += rendered.shortened
            yield rendered
        except RenderError as error:
            tally.count_admitted(length(item), -1)
            tally.note(Rejection(position=item.id, reason=error.reason, excerpt=excerpt(error)))


def _packed(items: Iterator[Document | RenderedConversation], rule: RowSpec) -> Iterator[Packed]:
    """Pack whichever kind the source gives; its first item tells."""
    first = list(islice(items, 1))
    rest = chain(first, items)
    if first and isinstance(first[0], RenderedConversation):
        yield from pack_conversations(
            (_expected(item, RenderedConversation, rule.source) for item in rest), rule
        )
    else:
        yield from pack_documents((_expected(item, Document, rule.source) for item in rest), rule)


def _expected(item: object, kind: type[T], name: str) -> T:
    if not isinstance(item, kind):
        raise SourceError(f"sources.{name}: yields both documents and conversations; make it two sources")
    return item

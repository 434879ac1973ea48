"""A source that gives samples on demand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from calibset.chat.mistral import mistral_template
from calibset.chat.template import ChatTemplate, Rendered, RenderError
from calibset.document import Conversation, Document, Record, Rejection, Sample, SetAside
from calibset.errors import CalibsetError, SourceError
from calibset.intake import Tally, intake
from calibset.packing import Packed, RowRule, pack_conversations, pack_documents
from calibset.recipe import Recipe
from calibset.sources import Source
from calibset.storage import Reader
from calibset.tokenizers import ControlTokens, Tokenizer

T = TypeVar("T", Document, Conversation)

__all__ = ["Supply", "guarded", "open_supply"]


@dataclass(slots=True)
class Supply:
    """One source of a build, read no further than its samples are asked for.

    Attributes:
        name: The source's name in the recipe.
        source: The adapter.
        reader: The place it was found at.
        tally: What was met while it was read.
        samples: Those it has given so far.
        exhausted: Whether it has no more to give.
    """

    name: str
    source: Source
    reader: Reader
    tally: Tally
    _stream: Iterator[Packed]
    samples: list[Sample] = field(default_factory=list)
    exhausted: bool = False

    def take(self, count: int) -> Iterator[Sample]:
        """Yield so many further samples, or fewer where the source runs short.

        Raises:
            SourceError: The source can't be read.
        """
        wanted = len(self.samples) + count
        while len(self.samples) < wanted:
            packed = next(self._stream, None)
            if packed is None:
                self.exhausted = True
                return
            if isinstance(packed, SetAside):
                self.tally.note(packed)
            else:
                self.samples.append(packed)
                yield packed


def open_supply(name: str, recipe: Recipe, reader: Reader, tokenizer: Tokenizer) -> Supply:
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
    records = guarded(source.documents(reader, seed=recipe.seed), name)
    template = partial(mistral_template, tokenizer, keeps_control_tokens=keeps)
    stream = _packed(intake(records, tally, disarm), rule, template, tally)
    return Supply(name, source, reader, tally, stream)


def guarded(records: Iterable[Record], name: str) -> Iterator[Record]:
    """Yield records; whatever goes wrong below becomes an error that names the source.

    Raises:
        SourceError: The source can't be read.
    """
    try:
        yield from records
    except CalibsetError as error:
        raise SourceError(f"sources.{name}: {error}") from error
    except Exception as error:  # noqa: BLE001  (an adapter of someone else's may raise anything)
        reason = str(error).splitlines()[0] if str(error) else ""
        raise SourceError(f"sources.{name}: can't be read: {type(error).__name__}: {reason}") from error


def _packed(
    items: Iterator[Document | Conversation],
    rule: RowRule,
    template: partial[ChatTemplate],
    tally: Tally,
) -> Iterator[Packed]:
    """Pack whichever kind the source gives; its first item tells."""
    first = list(islice(items, 1))
    rest = chain(first, items)
    if first and isinstance(first[0], Conversation):
        conversations = (_expected(item, Conversation, rule.source) for item in rest)
        yield from pack_conversations(_rendered(conversations, template(), tally), rule)
    else:
        yield from pack_documents((_expected(item, Document, rule.source) for item in rest), rule)


def _rendered(
    conversations: Iterable[Conversation], template: ChatTemplate, tally: Tally
) -> Iterator[Rendered]:
    for conversation in conversations:
        try:
            yield template.render(conversation)
        except RenderError as error:
            tally.documents -= 1
            tally.note(Rejection(place=conversation.id, reason=error.reason, excerpt=str(error)))


def _expected(item: object, kind: type[T], name: str) -> T:
    if not isinstance(item, kind):
        raise SourceError(f"sources.{name}: yields both documents and conversations; make it two sources")
    return item

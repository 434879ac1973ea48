"""A source as a stream of samples, which are read, cleaned, rendered and packed on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from calibset.core.documents import Conversation, Document, Filtered, Record, Rejection, Sample
from calibset.core.errors import RecipeError, SourceError
from calibset.core.text import excerpt
from calibset.hygiene.admission import admit
from calibset.hygiene.cleaner import Cleaner, SharedIndexes
from calibset.hygiene.examination import Examiner
from calibset.hygiene.rendered_texts import TargetTokens
from calibset.hygiene.stats import LeftOut, ReadStats, count_characters
from calibset.packing import Packed, RowSpec, pack_conversations, pack_documents
from calibset.pipeline.own_process import OwnProcess
from calibset.pipeline.read_ahead import ReadAhead
from calibset.pipeline.token_ids import decode_ids
from calibset.pipeline.untaken_records import UntakenRecords
from calibset.pipeline.workers import Workers
from calibset.recipe.model import Recipe
from calibset.selection.holdout import HeldOut, split_stream
from calibset.sources import Source
from calibset.sources.adapters.text import Text
from calibset.sources.base import wrap_errors
from calibset.sources.formats.columns import is_column_fault
from calibset.sources.text_source import TextSource, is_encoding_fault
from calibset.storage import Reader
from calibset.storage.text_lines import MAX_RECORD_BYTES, TOO_LONG
from calibset.tokenizers import ControlTokens, Tokenizer
from calibset.tokenizers.base import spell_prefix
from calibset.tokenizers.chat_templates.base import (
    RenderedConversation,
    RenderError,
    TooLongToRenderError,
)
from calibset.tokenizers.chat_templates.completeness import LEAVES_OUT_TOOLS
from calibset.tokenizers.chat_templates.loading import load_template
from calibset.tokenizers.chat_templates.renderer import ConversationRenderer
from calibset.tokenizers.engine_faults import locate_faults

T = TypeVar("T", Document, RenderedConversation)


@dataclass(slots=True)
class SourceStream:
    """The samples of a source for one file, read no further than needed.

    Attributes:
        name: The source's name in the recipe.
        source: The adapter that reads the source.
        reader: The reader of its location.
        stats: The counts of the source's records, which the files of a build share.
        items: Admitted documents and rendered conversations; `take` packs them, a check only counts them.
        row_spec: The requirements of a row.
        samples: The samples given so far.
        packing_left_out: The documents that this file's packing filtered.
        exhausted: Whether the source is used up.
    """

    name: str
    source: Source
    reader: Reader
    stats: ReadStats
    items: Iterator[Document | RenderedConversation]
    row_spec: RowSpec
    samples: list[Sample] = field(default_factory=list)
    packing_left_out: LeftOut = field(default_factory=LeftOut)
    exhausted: bool = False
    _packed: Iterator[Packed] | None = None

    @property
    def left_out(self) -> LeftOut:
        """The records left out so far, before packing and by packing."""
        return self.stats.left_out + self.packing_left_out

    def take(self, count: int) -> Iterator[Sample]:
        """Yield a number of further samples, or fewer if the source runs short.

        Raises:
            SourceError: The source can't be read.
        """
        if self._packed is None:
            self._packed = _pack(self.items, self.row_spec)
        wanted = len(self.samples) + count
        while len(self.samples) < wanted:
            packed = next(self._packed, None)
            if packed is None:
                self.exhausted = True
                self.require_documents()
                return
            if isinstance(packed, Filtered):
                self.packing_left_out.add(packed)
            else:
                self.samples.append(packed)
                yield packed

    def require_readable(self, max_rejected: float) -> None:
        """Make sure that no more than a given part of the records read so far was rejected.

        Raises:
            SourceError: More were rejected; the commonest reasons are named.
        """
        share = self.stats.rejected_share
        if share > max_rejected:
            reasons = self._explain_left_out(self.left_out.rejected_only())
            raise SourceError(
                f"sources.{self.name}: {share:.0%} of the records read were rejected, more than "
                f"{max_rejected:.0%} ({reasons}); `calibset check` counts them all; "
                f"to allow more, raise sources.{self.name}.max_rejected"
            )

    def require_documents(self) -> None:
        """Make sure that a source that was read to its end held at least one usable document.

        Raises:
            SourceError: No document was admitted; the commonest reasons are named.
        """
        if self.stats.documents == 0:
            reasons = self._explain_left_out(self.left_out)
            raise SourceError(
                f"sources.{self.name}: {self.reader.location} holds no usable document"
                + (f" ({reasons})" if reasons else "")
            )

    def _explain_left_out(self, left_out: LeftOut) -> str:
        """Return the commonest reasons, and what helps against some of them."""
        hints = []
        if columns := next((one.excerpt for one in left_out.rejected_records if is_column_fault(one)), ""):
            hints.append(f"the first such row has {columns}")
        if isinstance(self.source, TextSource) and any(map(is_encoding_fault, left_out.rejections)):
            hints.append(self.source.suggest_encoding(self.reader))
        if TOO_LONG in left_out.rejections:
            hints.append(f"a record may have {MAX_RECORD_BYTES // 2**20} MiB")
            if isinstance(self.source, Text) and self.source.separator is None:
                hints.append("name the line that stands between documents with separator = …")
        if LEAVES_OUT_TOOLS in left_out.rejections:
            hints.append(
                "if the model isn't served with tools, take the source out (in a variant: "
                f"sources.{self.name} = false); if it is, put the template that it is served with into its "
                "folder"
            )
        return "; ".join(filter(None, (left_out.describe(), *hints)))


def open_source_stream(  # noqa: PLR0913  (nearly all are what a build is made of)
    name: str,
    recipe: Recipe,
    reader: Reader,
    tokenizer: Tokenizer,
    indexes: SharedIndexes,
    *,
    rows: int,
    records: Iterable[Record] | None = None,
    workers: Workers | None = None,
) -> SourceStream:
    """Return a source's stream of samples; nothing is read before the first sample is requested.

    Args:
        name: The source's name in the recipe.
        recipe: The recipe.
        reader: The reader of its location.
        tokenizer: The target model's tokenizer.
        indexes: What the sources share.
        rows: How many are asked of it for all files: for few it is read from few parts at first.
        records: Its records, if they are not to be read in their seeded order.
        workers: Examine records ahead; None if that is done in this process.
    """
    hygiene = recipe.hygiene_of(name)
    source = recipe.sources[name].model_copy(update={"hygiene": hygiene}).for_rows(rows)
    row_spec = RowSpec(
        tokenizer=tokenizer,
        seqlen=recipe.seqlen,
        source=name,
        parse_special=recipe.control_tokens == "keep",
        max_rows_per_document=recipe.max_rows_per_document,
    )
    stats = ReadStats()
    examiner = make_examiner(name, recipe, tokenizer, indexes)
    cleaner = Cleaner(name, examiner, indexes, stats)
    if records is None:
        records = source.read_shuffled(reader, seed=recipe.seed)
    ahead = ReadAhead(records, reader, workers or OwnProcess(), examiner, indexes.timings)
    records = ahead.read()
    untaken = UntakenRecords(f"sources.{name}", source.max_left_out_in_a_row, stats.left_out)
    records = wrap_errors(untaken.count(records), f"sources.{name}")
    records = decode_ids(records, tokenizer, f"sources.{name}")
    examined = ahead.examined(records)
    documents = admit(examined, stats, cleaner)
    if name in recipe.selection.terms_of:
        documents = _collect_titles(documents, stats.titles)
    new_renderer = partial(open_renderer, name, recipe, tokenizer, row_spec.text_budget)
    rendered = _render(documents, new_renderer, cleaner, stats, f"sources.{name}")
    items = untaken.start_again_at(rendered)
    return SourceStream(name, source, reader, stats, items, row_spec)


def make_examiner(name: str, recipe: Recipe, tokenizer: Tokenizer, indexes: SharedIndexes) -> Examiner:
    """Return what examines a source's documents one by one."""
    return Examiner(
        options=recipe.hygiene_of(name),
        evaluations=indexes.evaluations,
        cuts_matches=indexes.cuts_matches,
        sketches=indexes.duplicates.near,
        control_tokens=_control_tokens(recipe, tokenizer),
        target=TargetTokens(tuple(tokenizer.special_tokens), spell_prefix(tokenizer)),
    )


def _control_tokens(recipe: Recipe, tokenizer: Tokenizer) -> ControlTokens | None:
    """Return the control tokens that are broken apart in texts; None if they are kept."""
    return None if recipe.control_tokens == "keep" else ControlTokens.of(tokenizer.special_tokens)


def split_holdout(stream: SourceStream, recipe: Recipe) -> tuple[SourceStream, SourceStream | None]:
    """Split a source's stream into the documents that are not held out and those that are, if any."""
    if recipe.holdout is None:
        return stream, None
    held_out = HeldOut.of(recipe.holdout, recipe.nsamples, recipe.seed)
    own, held = split_stream(stream.items, lambda item: held_out.holds(stream.name, item.id))
    return replace(stream, items=own), replace(stream, items=held, samples=[], packing_left_out=LeftOut())


def _collect_titles(
    items: Iterable[Document | Conversation], titles: list[str]
) -> Iterator[Document | Conversation]:
    for item in items:
        if title := item.metadata.get("title"):
            titles.append(title)
        yield item


def open_renderer(name: str, recipe: Recipe, tokenizer: Tokenizer, text_budget: int) -> ConversationRenderer:
    """Return what renders a source's conversations for the target model.

    Raises:
        TokenizerError: The tokenizer's chat template can't be loaded.
        RecipeError: The system prompt has no place in a conversation.
    """
    chat, control_tokens = recipe.chat, _control_tokens(recipe, tokenizer)
    prompt = chat.system_prompt
    renderer = ConversationRenderer(
        template=load_template(
            tokenizer, chat.format, keeps_control_tokens=control_tokens is None, keywords=chat.template
        ),
        text_budget=text_budget,
        system_prompt=control_tokens.neutralise(prompt) if prompt and control_tokens else prompt,
        shortens=chat.long_conversations == "shorten",
        drops_thoughts=recipe.reasoning_of(name) == "drop",
    )
    if prompt:
        _require_room(renderer)
    return renderer


def _require_room(renderer: ConversationRenderer) -> None:
    """Make sure that the recipe's system prompt leaves half of a row to conversations."""
    try:
        prompt_tokens = renderer.count_overhead()
    except RenderError as error:
        raise RecipeError(f"chat.system_prompt: the model's format has no place for it ({error})") from error
    if prompt_tokens > renderer.text_budget // 2:
        raise RecipeError(
            f"chat.system_prompt: takes {prompt_tokens} of the {renderer.text_budget} tokens of a row, which "
            "leaves too little for a conversation; shorten it, or raise seqlen"
        )


def _render(
    items: Iterable[Document | Conversation],
    new_renderer: Callable[[], ConversationRenderer],
    cleaner: Cleaner,
    stats: ReadStats,
    place: str,
) -> Iterator[Document | RenderedConversation]:
    """Yield documents as they are, and conversations as the target model reads them, each text once."""
    renderer: ConversationRenderer | None = None
    for item in items:
        if isinstance(item, Document):
            yield item
            continue
        if renderer is None:
            renderer = new_renderer()
            stats.notes = renderer.template.notes
        try:
            with locate_faults(f"{place}: {item.id}"):
                rendered = renderer.render(item)
        except TooLongToRenderError as error:
            _take_back(item, Filtered(position=item.id, reason=error.reason), stats)
            continue
        except RenderError as error:
            _take_back(item, Rejection(position=item.id, reason=error.reason, excerpt=excerpt(error)), stats)
            continue
        if repeated := cleaner.filter_repeated_rendering(rendered.id, rendered.text):
            _take_back(item, repeated, stats)
            continue
        if rendered.renamed_tools:
            stats.renamed_tools[item.id] = rendered.renamed_tools
        stats.repairs.cut_conversations += rendered.shortened
        stats.repairs.dropped_thoughts += rendered.dropped_thoughts
        stats.repairs.empty_thoughts += rendered.empty_thoughts
        thoughts = sum(bool(message.reasoning) for message in item.messages)
        stats.repairs.unreasoned += 0 < thoughts <= rendered.dropped_thoughts
        stats.repairs.conversations.update(rendered.left_out)
        stats.repairs.losses.update(rendered.left_out)
        stats.repairs.incomplete += bool(rendered.left_out) and not item.losses
        stats.notes = tuple(dict.fromkeys((*stats.notes, *rendered.notes)))
        yield rendered


def _take_back(item: Conversation, left_out: Rejection | Filtered, stats: ReadStats) -> None:
    """Count a conversation that was admitted as left out."""
    stats.take_back(count_characters(item))
    stats.left_out.add(left_out)


def _pack(items: Iterator[Document | RenderedConversation], row_spec: RowSpec) -> Iterator[Packed]:
    """Pack documents or conversations; the first item says which the source gives."""
    first = list(islice(items, 1))
    rest = chain(first, items)
    if first and isinstance(first[0], RenderedConversation):
        yield from pack_conversations(
            (_require(item, RenderedConversation, row_spec) for item in rest), row_spec
        )
    else:
        yield from pack_documents((_require(item, Document, row_spec) for item in rest), row_spec)


def _require(item: object, kind: type[T], row_spec: RowSpec) -> T:
    if not isinstance(item, kind):
        raise SourceError(
            f"sources.{row_spec.source}: yields both documents and conversations; make it two sources"
        )
    return item

"""The reports on each source and each evaluation set in a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from calibset.core.documents import Kind
from calibset.core.fields import Count
from calibset.core.short_forms import count, write_line
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate
from calibset.selection.score_order import Choice


class Frozen(BaseModel):
    """A table of a manifest or a lock; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def disagrees(how: str) -> PydanticCustomError:
    """Return the error for a manifest that contradicts itself."""
    # Passed as a value, since braces in a name would be taken for parts of the message template.
    return PydanticCustomError("disagrees", "{how}", {"how": how})


class ScoresReport(Frozen):
    """How a source's documents were chosen by their scores.

    Attributes:
        sha256: The hash of all of the scores.
        choose: The way of choosing.
        choose_where: The condition; empty if there is none.
        documents: How many records were scored.
        repeats: How many of them repeat another, or nearly so.
        eligible: How many could be chosen.
    """

    sha256: str
    choose: Choice
    choose_where: str
    documents: Count
    repeats: Count
    eligible: Count


class SourceReport(Frozen):
    """The report on a source: where it was read, what it gave, and what was left out for which reason.

    Attributes:
        gives: Whether its documents are texts or conversations; None if it wasn't read.
        from_beginning: Whether something was read as a stream, so that its documents are not a fair sample
            of the corpus.
        asked: How many rows were asked of it.
        pool: How many rows there were to select from.
        achieved: How many rows of the file are its.
        repeated: How many of these repeat another of its rows because it ran short.
        tokens: How many tokens its rows have.
        tokens_read: How many of these the quantizer reads, not counting BOS.
        documents_read: How many documents were admitted and could be packed.
        documents_used: How many of these are in a row, whole or in part, as a filler too.
        document_lengths: For each power of two, how many of the documents read have that many characters or
            more, but fewer than the next power.
        rejections: Records that could not be read, by reason.
        filtered: Records left out on purpose, by reason.
        leading_bos_removed: BOS that opened texts and were taken off, because the quantizer's tokenizer adds
            one.
        rendered_texts: Texts that look as if a chat template had rendered them, by the mark that shows it.
        conversations_repaired: Conversations whose record had faults that were repaired, or of which the
            chat format left something out, by the reason; one may count for several.
        conversations_incomplete: How many of these lost turns, calls or words.
        thoughts_dropped: Assistant turns of these documents whose reasoning the model does not read.
        repaired: How many documents were repaired, by the kind of repair.
        personal_data: Pieces of personal data replaced by made-up data, by kind.
        tool_names: By conversation, the tool names that the model reads instead of the corpus's.
        scores: How its documents were chosen, if that was by scores; written only then.
    """

    name: str
    group: str
    type: str
    location: str
    revision: str | None
    licence: str
    gives: Kind | None
    from_beginning: bool
    asked: Count
    pool: Count
    achieved: Count
    repeated: Count
    tokens: Count
    tokens_read: Count
    documents_read: Count
    documents_used: Count
    document_lengths: Mapping[Count, Count]
    rejections: Mapping[str, Count]
    filtered: Mapping[str, Count]
    control_tokens_neutralised: Count
    leading_bos_removed: Count
    rendered_texts: Mapping[str, Count]
    blanks_shortened: Count
    conversations_shortened: Count
    conversations_repaired: Mapping[str, Count]
    conversations_incomplete: Count
    thoughts_dropped: Count
    repaired: Mapping[str, Count]
    boilerplate_lines: Count
    personal_data: Mapping[str, Count]
    duplicates: tuple[Duplicate, ...]
    contaminated: tuple[Contamination, ...]
    tool_names: Mapping[str, Mapping[str, str]]
    scores: ScoresReport | None = Field(None, exclude_if=lambda scores: scores is None)

    def __repr__(self) -> str:
        rows = f"{self.achieved:,} of {count(self.asked, 'row')}"
        return write_line("SourceReport", self.name, rows, self.gives or "", self.location)

    __str__ = __repr__

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.tokens_read > self.tokens:
            raise disagrees("tokens_read is more than tokens")
        for length in self.document_lengths:
            if length & (length - 1):
                raise disagrees(f"document_lengths: {length} is not a power of two")
        return self


class EvaluationReport(Frozen):
    """The report on an evaluation set that was kept out of the sources.

    Attributes:
        documents: How many of its documents were read.
        words: How many words they have.
        too_short: How many documents have fewer than 8 words; these are found only where several follow
            each other as in the set.
        rejections: Records that could not be read, so that their texts can't be kept out, by reason.
        filtered: Records left out on purpose, so that their texts can't be kept out either, by reason.
        matched: Documents of the sources that hold a part of the set.
    """

    name: str
    type: str
    location: str
    revision: str | None
    licence: str
    documents: Count
    words: Count
    too_short: Count
    rejections: Mapping[str, Count]
    filtered: Mapping[str, Count]
    matched: Count

"""What a manifest says of each source and of each evaluation set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from calibset.core.fields import Count
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate


class Frozen(BaseModel):
    """A table of a manifest or a lock; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def disagrees(how: str) -> PydanticCustomError:
    """Return the error of a manifest of which one part contradicts another."""
    # A value, since braces in a name would be taken for parts of a message's template.
    return PydanticCustomError("disagrees", "{how}", {"how": how})


class SourceReport(Frozen):
    """A source: where it was read, what it gave, and what was left out for which reason.

    Attributes:
        from_beginning: Whether something was read as a stream, so that its documents are no fair sample of
            the corpus.
        asked: Rows asked of it.
        pool: Rows that there were to select from.
        achieved: Its rows in the file.
        repeated: Those of them that repeat others of its rows, because it ran short.
        tokens: Those of its rows.
        tokens_read: Those that the quantizer reads, its BOS not counted.
        documents_read: Documents that were admitted and could be packed.
        documents_used: Those of which a row holds a part or all, or the beginning as its filler.
        document_lengths: For each power of two, how many of the documents read have so many characters or
            more, and fewer than the next power.
        rejections: Records that could not be read or are empty, by reason.
        filtered: Records left out on purpose, by reason.
        repaired: Documents by what was repaired in them.
        personal_data: Pieces of personal data replaced by made-up data, by kind.
        tool_names: By conversation, the names that the model reads in place of the corpus's own.
    """

    name: str
    group: str
    type: str
    location: str
    revision: str | None
    licence: str
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
    blanks_shortened: Count
    conversations_shortened: Count
    repaired: Mapping[str, Count]
    boilerplate_lines: Count
    personal_data: Mapping[str, Count]
    duplicates: tuple[Duplicate, ...]
    contaminated: tuple[Contamination, ...]
    tool_names: Mapping[str, Mapping[str, str]]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.tokens_read > self.tokens:
            raise disagrees("tokens_read is more than tokens")
        return self


class EvaluationReport(Frozen):
    """An evaluation set that was kept out of the sources.

    Attributes:
        documents: Documents of it that were read.
        words: Their words.
        too_short: Documents of fewer than 8 words, which are found only where several of them follow each
            other as they do in the set.
        rejections: Records that could not be read, so that they can't be kept out, by reason.
        filtered: Records left out on purpose, so that they can't be kept out either, by reason.
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

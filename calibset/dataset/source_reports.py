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
    """A part of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def disagrees(how: str) -> PydanticCustomError:
    """Return the error of a record that says one thing here and another there."""
    # As a value, since a message's template would take braces in a name for its own.
    return PydanticCustomError("disagrees", "{how}", {"how": how})


class SourceReport(Frozen):
    """A source: where it was read, what it gave, and what was left out for which reason.

    ``tokens`` are those of its rows, ``tokens_read`` those that the quantizer reads (its BOS is
    not counted). ``documents_read`` came in and could be packed, ``documents_used`` stand in a
    row, whole or in part, or with their head as its filler. ``from_beginning`` says that something was
    read as a stream, so that its documents are no fair sample of the corpus. ``pool`` rows were there
    to choose from. ``document_lengths`` has, for each power of two, how many documents read have so many
    characters or more, and fewer than the next. ``repaired`` counts documents by what was mended in them,
    ``personal_data`` what made-up data stands in for. ``tool_names`` has, by conversation, the names
    that the model reads in place of the corpus's own.
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
    """An evaluation set that was kept out; ``matched`` documents of the sources hold a part of it.

    What of it could not be read (``rejections``) or was left out can't be kept out; nor can the
    ``too_short`` documents of fewer than 8 words, but where they follow each other as they do there.
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

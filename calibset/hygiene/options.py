"""What a recipe wants kept out: its tables ``[hygiene]`` and ``[decontamination]``."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from calibset.core.fields import Names, as_tuple
from calibset.hygiene.language import LEAST_SCORE
from calibset.hygiene.quality_filters import FilterName
from calibset.hygiene.text_repair import RepairName


class Hygiene(BaseModel):
    """What is kept out of the sources, and what is mended in them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    duplicates: Literal["keep", "exact", "near"] = Field(
        "near",
        description="Documents that repeat an earlier one, of any source, are filtered: if all words are the "
        "same (`exact`), or nearly all (`near`); or they are kept (`keep`).",
    )
    languages: Names = Field(
        (),
        description="The languages that texts may be in, as ISO 639-1 codes (sk, en); any if empty. Texts "
        "that are too short to identify are kept.",
    )
    language_score: float = Field(
        LEAST_SCORE,
        ge=0,
        le=1,
        strict=True,
        description="How sure the identifier must be that a text is in one of these languages, from 0 to 1.",
    )
    repairs: Annotated[tuple[RepairName, ...], BeforeValidator(as_tuple)] = Field(
        get_args(RepairName), description="What is repaired in texts; nothing if empty."
    )
    filters: Annotated[tuple[FilterName, ...], BeforeValidator(as_tuple)] = Field(
        (), description="Rules for prose that plain documents must pass; none if empty."
    )
    boilerplate: bool = Field(
        False,
        strict=True,
        description="Whether lines that several earlier documents of the source also hold are removed.",
    )
    pii: Literal["keep", "mask", "drop"] = Field(
        "keep",
        description="What happens to e-mail addresses, phone, card and birth numbers and IBANs: they are "
        "kept (`keep`) or replaced by made-up ones (`mask`), or the document is filtered (`drop`).",
    )


class Decontamination(BaseModel):
    """When a document counts as holding a part of an evaluation set."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    run: int = Field(
        13, ge=8, le=100, strict=True, description="It shares this many words in a row, normalised."
    )
    containment: float = Field(
        0.6, gt=0, le=1, strict=True, description="Or it shares this part of its own runs of words."
    )
    matches: Literal["drop", "cut"] = Field(
        "drop", description="Whether such a document is filtered, or loses the shared words (`cut`)."
    )

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
        description="Documents that repeat one before them, of any source, are left out: where all words are "
        "the same (`exact`), or nearly all (`near`); or they stay (`keep`).",
    )
    languages: Names = Field(
        (),
        description="The languages that texts may be in, as ISO 639-1 codes (sk, en); any if empty. Texts "
        "too short to tell stay.",
    )
    language_score: float = Field(
        LEAST_SCORE,
        ge=0,
        le=1,
        strict=True,
        description="How sure the identifier must be that a text is in one of them, from 0 to 1.",
    )
    repairs: Annotated[tuple[RepairName, ...], BeforeValidator(as_tuple)] = Field(
        get_args(RepairName), description="What is mended in texts; nothing if empty."
    )
    filters: Annotated[tuple[FilterName, ...], BeforeValidator(as_tuple)] = Field(
        (), description="Rules of prose that plain documents must pass; none if empty."
    )
    boilerplate: bool = Field(
        False,
        strict=True,
        description="Whether lines that earlier documents of the source hold too are taken out.",
    )
    pii: Literal["keep", "mask", "drop"] = Field(
        "keep",
        description="What becomes of e-mail addresses, phone, card and birth numbers and IBANs: they stay, "
        "made-up ones stand in for them, or the document is left out.",
    )


class Decontamination(BaseModel):
    """When a document counts as holding a part of an evaluation set."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    run: int = Field(13, ge=8, le=100, strict=True, description="Words in a row that both hold, normalised.")
    containment: float = Field(
        0.6, gt=0, le=1, strict=True, description="Or the part of its runs of words that both hold."
    )
    matches: Literal["drop", "cut"] = Field(
        "drop", description="Whether such a document is left out, or cut around what both hold."
    )

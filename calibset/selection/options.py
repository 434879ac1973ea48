"""How rows are chosen: the recipe's tables ``[selection]`` and ``[holdout]``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from calibset.core.fields import Names


class Selection(BaseModel):
    """Which of the candidate rows are chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["random", "coverage"] = Field(
        "random",
        description="Rows as the seed draws them (`random`), or rows that together hold most of the "
        "candidates' vocabulary (`coverage`).",
    )
    pool: int = Field(
        4,
        ge=2,
        le=64,
        strict=True,
        description="How many rows coverage chooses from: this many times the quota of a source, or all "
        "that it gives.",
    )
    control_tokens: bool = Field(
        True,
        strict=True,
        description="Whether coverage must include every control token that some candidate holds.",
    )
    letters: str = Field(
        "", description="Letters that coverage must include if some candidate holds them: áäčď…"
    )
    terms_of: Names = Field(
        (),
        description="Sources, such as an ontology or a glossary, whose documents' titles are terms that "
        "coverage must include if some candidate holds them.",
    )


class Holdout(BaseModel):
    """A second file of the same mixture that shares no document with the first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nsamples: int = Field(64, gt=0, le=1_000_000, strict=True, description="Rows of the second file.")
    share: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The share of the documents that is held out; if unset, that of its rows among those of "
        "both files. Recipes with the same share and seed hold out the same documents, whatever their "
        "nsamples.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=2**63 - 1,
        strict=True,
        description="Which documents are held out; if unset, the recipe's seed. Set it to measure files of "
        "several seeds on one holdout.",
    )
    output: str | None = Field(
        None,
        pattern=r"\.jsonl$",
        description="The second file; if unset, the first file's name with .holdout before its ending.",
    )

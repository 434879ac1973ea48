"""The dataset recipe: what a calibration set is made of, as a frozen model."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SerializeAsAny

from calibset.core.fields import Names
from calibset.core.quantizer_names import DEFAULT_QUANTIZER, QuantizerName
from calibset.core.short_forms import count, write_line, write_table
from calibset.core.shortage import ShortagePolicy
from calibset.hygiene.options import Decontamination, Hygiene
from calibset.quantizers.autoround.options import Quantization
from calibset.selection.options import Holdout, Selection
from calibset.selection.quotas import Mixture
from calibset.sources import Source
from calibset.sources.base import EVALUATION
from calibset.tokenizers import DEFAULT_TOKENIZER
from calibset.tokenizers.chat_templates.options import ChatOptions, Reasoning

EXCLUDE = EVALUATION
"""The recipe's key of evaluation sets, and the group that they are in."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a recipe's name looks like."""

SOURCE_ONLY_KEYS = ("group", "weight", "hygiene", "scores", "choose", "choose_where")
"""Keys that evaluation sets don't have: how much of the file a source makes up, and how it is cleaned."""

Share = Annotated[float, Field(gt=0, le=1, strict=True)]


class Recipe(BaseModel):
    """What a calibration set is made of, and how. Unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(
        pattern=NAME_PATTERN,
        description="A short name: letters, digits, . _ -",
    )
    description: str = Field("", description="What the set is for.")
    seed: int = Field(
        42,
        ge=0,
        le=2**63 - 1,
        strict=True,
        description="Fixes which documents are chosen, and their order.",
    )
    nsamples: int = Field(
        512, gt=0, le=1_000_000, strict=True, description="Rows of the file; the quantizer's --nsamples."
    )
    seqlen: int = Field(
        2048,
        ge=16,
        le=1_000_000,
        strict=True,
        description="The least number of tokens of a row; the quantizer's --seqlen.",
    )
    tokenizer: str = Field(
        DEFAULT_TOKENIZER,
        description="The target model's tokenizer: a name that needs no download; the path of a "
        "tokenizer.json or tekken.json, or of a folder with one; or hf://OWNER/NAME, a model on the hub.",
    )
    groups: dict[str, Share] = Field(
        min_length=1, description="Each group's share of the rows; they sum to 1."
    )
    fill: str | None = Field(
        None,
        description="The group whose rows replace those that other sources can't give; it has no share.",
    )
    shortage: ShortagePolicy | None = Field(
        None,
        description="What happens when a source runs short: the missing rows come from the fill group "
        "(`fill`, the default if there is one), from the other sources of its group and then from the fill "
        "group (`redistribute`, the default otherwise), or from repeating its own rows (`repeat`); or the "
        "build fails (`error`).",
    )
    max_repeats: int = Field(
        4, ge=1, strict=True, description='How often the file may hold the same row if shortage = "repeat".'
    )
    max_rows_per_document: int = Field(
        4,
        ge=1,
        strict=True,
        description="How many rows a document may give before every other document has had its turn.",
    )
    max_rejected: float = Field(
        0.2,
        ge=0,
        le=1,
        strict=True,
        description="The share of a source's records that may be rejected, as unreadable, before the build "
        "fails. What is filtered on purpose (empty texts, redirects, repeated ids, filters) is not counted.",
    )
    control_tokens: Literal["neutralise", "keep"] = Field(
        "neutralise",
        description="What happens if a text happens to spell a control token, such as </s> or [INST]: the "
        "spelling is broken apart so that it stays text (`neutralise`), or becomes the token (`keep`, for "
        "texts that a chat template has rendered; the BOS that opens one is left to the quantizer's "
        "tokenizer).",
    )
    chat: ChatOptions = Field(
        ChatOptions(), description="How conversations are rendered for the target model."
    )
    hygiene: Hygiene = Field(
        Hygiene(), description="What is repaired in the documents of every source, and which are filtered."
    )
    decontamination: Decontamination = Field(
        Decontamination(), description="When a document counts as holding a part of an evaluation set."
    )
    exclude: dict[str, SerializeAsAny[Source]] = Field(
        {}, description="Evaluation sets, by name; no part of them may be in the file."
    )
    selection: Selection = Field(Selection(), description="Which of the candidate rows are chosen.")
    holdout: Holdout | None = Field(
        None, description="A second file of the same mixture that shares no document with the first."
    )
    quantizer: QuantizerName = Field(
        DEFAULT_QUANTIZER,
        description="The quantizer whose loader must keep every row of the file, or of what "
        "`calibset export --for` makes of it.",
    )
    allow_licences: Names | None = Field(
        None,
        min_length=1,
        description="SPDX identifiers, or shell patterns for them (CC-BY-*): a source under any other "
        "licence, or an unknown one, is a fault. If unset, all are allowed. A licence that is not an SPDX "
        "expression (such as other) is allowed only if it is listed by exactly its name.",
    )
    deny_licences: Names = Field(
        (),
        description="Identifiers or patterns of licences that are refused, even if allow_licences has them. "
        "If this is set, a licence that is not an SPDX expression (other, unknown, CC-BY-NC) is a fault "
        'unless allow_licences names it: ["*", "other"]. Of alternative licences (MIT OR GPL-3.0-only), one '
        "that is not denied is enough; cards name that one.",
    )
    quantization: Quantization = Field(
        Quantization(), description="How `calibset quantize-command` asks AutoRound to quantize the model."
    )
    output: str | None = Field(
        None,
        pattern=r"\.jsonl$",
        description="The file to write, relative to the working directory; NAME.jsonl if unset.",
    )
    sources: dict[str, SerializeAsAny[Source]] = Field(
        min_length=1,
        description="The sources, by name. Each has the keys of every source and those of its adapter.",
    )

    _path: Path | None = PrivateAttr(default=None)
    _bases: tuple[Path, ...] = PrivateAttr(default=())

    def model_post_init(self, context: Any) -> None:
        """Take the recipe's files from the validation's context, since no key of a recipe may set them."""
        if isinstance(context, Mapping):
            self._path, self._bases = context.get("path"), tuple(context.get("bases", ()))

    def __repr__(self) -> str:
        size = f"{count(self.nsamples, 'row')} of {self.seqlen:,} tokens"
        return write_line("Recipe", self.name, size, count(len(self.sources), "source"))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        quotas = self.mixture.quotas()
        return write_table(
            f"Recipe {self.name}: {self.nsamples:,} rows of {self.seqlen:,} tokens, {self.tokenizer}, "
            f"{self.quantizer}",
            ("source", "group", "type", "where", "rows"),
            (
                (name, source.group, source.type, ", ".join(source.where), quotas[name])
                for name, source in self.sources.items()
            ),
        )

    @property
    def path(self) -> Path | None:
        """The recipe's file, if it was read from one."""
        return self._path

    @property
    def bases(self) -> tuple[Path, ...]:
        """The files of the recipes that it extends, the nearest first."""
        return self._bases

    @property
    def folder(self) -> Path:
        """The folder of the recipe's file, in which relative paths are looked up."""
        return self._path.parent if self._path else Path()

    @property
    def file(self) -> Path:
        """The file that is built, where nobody names another."""
        return Path(self.output or f"{self.name}.jsonl")

    @property
    def corpora(self) -> dict[str, Source]:
        """All that is read: the sources and then the evaluation sets, by name."""
        return {**self.sources, **self.exclude}

    def hygiene_of(self, name: str) -> Hygiene:
        """Return the hygiene of a source: the recipe's, except for the keys that the source sets itself."""
        own = self.sources[name].hygiene
        return self.hygiene.model_copy(update={key: getattr(own, key) for key in own.model_fields_set})

    def max_rejected_of(self, name: str) -> float:
        """Return the share of a source's, or an evaluation set's, records that may be rejected."""
        own = self.corpora[name].max_rejected
        return self.max_rejected if own is None else own

    def reasoning_of(self, name: str) -> Reasoning:
        """Return what happens to the thoughts in a source's conversations."""
        own: Reasoning | None = getattr(self.sources[name], "reasoning", None)  # only some adapters have it
        return own or self.chat.reasoning

    def key_of(self, name: str) -> str:
        """Return the key by which messages name a source or an evaluation set, such as ``sources.NAME``."""
        return f"{EXCLUDE if name in self.exclude else 'sources'}.{name}"

    @property
    def shortage_policy(self) -> ShortagePolicy:
        """What happens when a source runs short: `shortage`, or its default."""
        return self.shortage or ("fill" if self.fill else "redistribute")

    @property
    def mixture(self) -> Mixture:
        """The mixture of the file, in exact fractions."""
        weights: dict[str, dict[str, Fraction]] = {group: {} for group in self.groups}
        if self.fill:
            weights.setdefault(self.fill, {})
        for name, source in self.sources.items():
            weights[source.group][name] = Fraction(repr(source.weight))
        return Mixture(
            nsamples=self.nsamples,
            shares={group: Fraction(repr(share)) for group, share in self.groups.items()},
            weights=weights,
            fill=self.fill,
            shortage=self.shortage_policy,
            max_repeats=self.max_repeats,
        )

"""What a comparison found: the form of ``calibset compare --json``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from calibset.core.atomic_write import write_atomically
from calibset.core.errors import OutputError
from calibset.core.fields import Count, PositiveCount, Share
from calibset.core.short_forms import write_line, write_table
from calibset.core.text import printable, printable_json
from calibset.core.validation_errors import describe_error

DomainKind = Literal["all", "group", "source"]
"""What a domain is: all of the data, or a group or source of it."""

EVERYTHING = "all"
"""What all of the data is called among its groups."""

Bound = Literal["exact", "at least"]
"""Whether a divergence was computed over the whole vocabulary or is a lower bound."""

Number = Annotated[float, Field(allow_inf_nan=False)]
"""A finite number; the perplexity of a broken model may be very large."""

Magnitude = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A finite number from 0 up."""


def domain_name(kind: DomainKind, name: str) -> str:
    """Return what a domain is called, where a group may have the name of all of the data.

    Examples:
        >>> domain_name("all", EVERYTHING), domain_name("group", "tools"), domain_name("group", "all")
        ('all', 'tools', 'the group all')
    """
    return f"the group {name}" if kind == "group" and name == EVERYTHING else name


def domain_label(kind: DomainKind, name: str) -> str:
    """Return what a domain is called in a table.

    Examples:
        >>> domain_label("source", "bitext"), domain_label("all", "all")
        ('· bitext', 'all')
    """
    return "· " * (kind == "source") + domain_name(kind, name)


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Estimate(_Figures):
    """A figure with its 95 % interval over documents.

    Attributes:
        value: The figure.
        low: The lower end of its interval; None if there are too few documents.
        high: The upper end.
    """

    value: Number
    low: Number | None = None
    high: Number | None = None

    def show(self, form: str) -> str:
        """Return the figure with its interval, if it has one.

        Examples:
            >>> Estimate(value=0.081, low=0.079, high=0.083).show(".2g")
            '0.081 [0.079, 0.083]'
        """
        if self.low is None or self.high is None:
            return f"{self.value:{form}}"
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]"


class MeasuredModel(_Figures):
    """A model that was measured.

    Attributes:
        label: What it is called in this comparison.
        model: The model as what computed calls it.
        target: The server's address or the folder's name.
        engine: What computed.
        versions: Its versions.
        dtype: The type of the numbers that it computed in, if known.
        device: What it ran on, if known.
    """

    label: str
    model: str
    target: str
    engine: str
    versions: Mapping[str, str] = {}
    dtype: str | None = None
    device: str | None = None


class MeasuredData(_Figures):
    """What the models were measured on.

    Attributes:
        name: The name of the data set.
        sha256: The SHA-256 of its bytes.
        joined: How its texts were joined.
        recipe: The recipe that built it, if it is a calibration file.
        ctx: The tokens of a window; None if rows were whole.
        score: Which tokens of a window were scored.
        windows: How many windows there are.
        positions: How many tokens were scored.
        documents: How many documents they come from.
        dropped: What of the data was left out.
    """

    name: str
    sha256: str
    joined: str
    recipe: str | None = None
    ctx: int | None
    score: str
    windows: Count
    positions: Count
    documents: Count
    dropped: Mapping[str, Count] = {}


class PerplexityFigures(_Figures):
    """Perplexities, and what changed.

    Attributes:
        base: That of the base.
        base_error: Its standard error, as llama.cpp computes it: over tokens.
        other: That of the other model.
        other_error: Its standard error.
        change: The relative change, 0.03 for 3 % more; its interval is paired.
    """

    base: Magnitude
    base_error: Magnitude
    other: Magnitude
    other_error: Magnitude
    change: Estimate


class DivergenceFigures(_Figures):
    """KL divergences from the base, in nats.

    Attributes:
        bound: ``at least`` if only likely tokens were compared: all figures are lower bounds then.
        covered: The mean part of the base's probability that was compared token by token.
        mean: The mean over positions.
        median: The median.
        p95: The 95th percentile.
        p99: The 99th percentile.
    """

    bound: Bound
    covered: Share
    mean: Estimate
    median: Estimate
    p95: Estimate
    p99: Estimate

    @property
    def sign(self) -> str:
        """What stands before the figures: ``≥`` if they are lower bounds."""
        return "≥" if self.bound == "at least" else ""


class DomainFigures(_Figures):
    """The figures of a domain.

    Attributes:
        kind: Whether it is a group, a source, or all of the data.
        name: Its name.
        windows: How many windows it has.
        positions: How many tokens of it were scored.
        documents: How many documents they come from.
        perplexity: The perplexities.
        kld: The divergences; None if a measurement kept no likely tokens.
        rms_dp: The root mean square of the difference in the probability of the token that stands there.
        same_top: The share of positions at which both models find the same token likeliest.
    """

    kind: DomainKind
    name: str
    windows: Count
    positions: PositiveCount
    documents: PositiveCount
    perplexity: PerplexityFigures
    kld: DivergenceFigures | None
    rms_dp: Estimate
    same_top: Estimate | None


class MeanOfRange(_Figures):
    """The mean divergence at a range of positions or steps.

    Attributes:
        first: The first position or step.
        last: The last one.
        count: How many tokens of it were scored.
        kld: Their mean divergence.
    """

    first: Count
    last: Count
    count: PositiveCount
    kld: Magnitude


class GenerationFigures(_Figures):
    """The divergence along what the base wrote after prompts; the other model scored the same words.

    Attributes:
        task: What was written, ``PROMPT:LENGTH`` or the name of another task.
        windows: How many prompts there were.
        bound: Whether the divergences are lower bounds.
        covered: The mean part of the base's probability that was compared token by token.
        first: The mean divergence of the first token.
        mean: The mean divergence of all tokens.
        same_top: The share of tokens at which both find the same one likeliest.
        steps: The divergence by step, from 1.
    """

    task: str
    windows: PositiveCount
    bound: Bound
    covered: Share
    first: Estimate
    mean: Estimate
    same_top: Estimate
    steps: tuple[MeanOfRange, ...]


class CallFigures(_Figures):
    """Whether the other model makes the tool calls that the base makes.

    Attributes:
        prompts: How often both were asked where the data calls a tool.
        base_calls: How often the base called one.
        other_calls: How often the other did.
        same: How often both made the same calls, names and arguments.
        same_names: How often both called the same tools.
        unreadable: How often a call could not be read.
    """

    prompts: PositiveCount
    base_calls: Count
    other_calls: Count
    same: Count
    same_names: Count
    unreadable: Count


class OtherFigures(_Figures):
    """The figures of one of the other models.

    Attributes:
        model: The model.
        name: The name that runs of one recipe share.
        domains: The figures of all of the data, then of each group and source.
        by_position: The divergence by the token's position in its window.
        generation: The divergence along what the base wrote.
        calls: Its tool calls.
    """

    model: MeasuredModel
    name: str
    domains: tuple[DomainFigures, ...]
    by_position: tuple[MeanOfRange, ...] = ()
    generation: tuple[GenerationFigures, ...] = ()
    calls: CallFigures | None = None


class SeedSpread(_Figures):
    """How the figures of a recipe spread over its runs, which differ by their seeds.

    Attributes:
        name: The recipe's name.
        runs: How many runs there are.
        kld: The mean of the runs' mean divergences; None without divergences.
        kld_deviation: Their standard deviation; None of a single run.
        change: The mean of the relative changes in perplexity.
        change_deviation: Their standard deviation.
    """

    name: str
    runs: PositiveCount
    kld: Magnitude | None
    kld_deviation: Magnitude | None
    change: Number
    change_deviation: Magnitude | None


class Difference(_Figures):
    """How much one recipe's figure is above another's, each the mean over its runs.

    Attributes:
        value: The difference; below 0 where the first is lower.
        low: The lower end of its 95 % interval over documents, for these very runs.
        high: The upper end.
        seeds_low: The lower end of its 95 % interval over seeds; None if a recipe has a single run, or
            neither's runs differ.
        seeds_high: The upper end.
        beyond_seeds: Whether it is more than the noise of seeds; None if that can't be said.
    """

    value: Number
    low: Number | None = None
    high: Number | None = None
    seeds_low: Number | None = None
    seeds_high: Number | None = None
    beyond_seeds: bool | None = None


class RecipeContrast(_Figures):
    """Two recipes in a domain.

    Attributes:
        kind: Whether the domain is a group, a source, or all of the data.
        domain: Its name.
        one: The first recipe's name.
        another: The second's.
        kld: How much higher the mean divergence of the first is.
        log_perplexity: How much higher the logarithm of its perplexity is.
    """

    kind: DomainKind
    domain: str
    one: str
    another: str
    kld: Difference | None
    log_perplexity: Difference


class RecipeSpreads(_Figures):
    """The recipes in a domain.

    Attributes:
        kind: Whether the domain is a group, a source, or all of the data.
        domain: Its name.
        recipes: Each recipe's runs.
    """

    kind: DomainKind
    domain: str
    recipes: tuple[SeedSpread, ...]


class Comparison(_Figures):
    """Models against their base, on the same windows.

    Attributes:
        calibset: The version that compared.
        data: What they were measured on.
        base: The base.
        k: How many of the likeliest tokens were compared; None for the whole vocabulary.
        others: The other models.
        spreads: By domain, how runs of a recipe spread; empty with a single other model.
        contrasts: By domain, how recipes differ.
        intervals: How the intervals were made.
        notes: What a reader should know.
    """

    format: Literal[1] = 1
    calibset: str
    data: MeasuredData
    base: MeasuredModel
    k: Count | None
    others: tuple[OtherFigures, ...]
    spreads: tuple[RecipeSpreads, ...] = ()
    contrasts: tuple[RecipeContrast, ...] = ()
    intervals: str
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        others = ", ".join(other.model.label for other in self.others)
        kld = next((other.domains[0].kld for other in self.others), None)
        means = [f"mean KLD {kld.sign}{kld.mean.value:.3g}"] if kld else []
        return write_line("Comparison", self.data.name, f"{others} against {self.base.label}", *means)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return write_table(
            f"{self.data.name}: against {self.base.label}; brackets hold 95 % intervals over documents",
            ("domain", "model", "documents", "PPL of the base", "PPL", "change", "mean KLD", "same top"),
            (
                (
                    domain_label(domain.kind, domain.name),
                    other.model.label,
                    domain.documents,
                    f"{domain.perplexity.base:.3f}",
                    f"{domain.perplexity.other:.3f}",
                    domain.perplexity.change.show("+.1%"),
                    domain.kld and domain.kld.sign + domain.kld.mean.show(".3g"),
                    domain.same_top and domain.same_top.show(".1%"),
                )
                for number in range(len(self.others[0].domains))
                for other in self.others
                for domain in (other.domains[number],)
            ),
        )

    def write(self, path: str | Path) -> None:
        """Write the comparison as JSON, as ``calibset compare --json`` prints it and the card takes it.

        Raises:
            OutputError: The file can't be written.
        """
        with write_atomically(Path(path)) as stream:
            stream.write(printable_json(self.model_dump_json(indent=2)).encode() + b"\n")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the comparison in a file that ``calibset compare --json`` wrote.

        Raises:
            OutputError: The file can't be read, or is no comparison.
        """
        path = Path(path)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise OutputError(f"{path}: can't be read: {error.strerror}") from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = printable(describe_error(error.errors(include_url=False)[0], (), cls))
            raise OutputError(
                f"{path}: is not what `calibset compare --json` of this version writes: {fault}"
            ) from error

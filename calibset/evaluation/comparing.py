"""Compares measurements of the same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from calibset.core.errors import RecipeError, TokenizerError
from calibset.core.short_forms import count
from calibset.core.text import replace_surrogates
from calibset.evaluation.calls import compare_calls
from calibset.evaluation.comparison import (
    CallFigures,
    Comparison,
    GenerationFigures,
    MeasuredData,
    MeasuredModel,
    OtherFigures,
    domain_name,
)  # fmt: skip
from calibset.evaluation.domain_figures import compute_domains, compute_generation, compute_ranges
from calibset.evaluation.figures.bootstrap import DRAWS, FEW_DOCUMENTS, LEAST_DOCUMENTS
from calibset.evaluation.measurement import Measurement, MeasurementInfo
from calibset.evaluation.positions import PairScores, Positions, join_scores, pair_from_likely
from calibset.evaluation.recipe_contrasts import compute_contrasts, compute_spreads
from calibset.evaluation.spelling import load_measured_tokenizer
from calibset.evaluation.windows import CALLS, OWN_CALLS, TEXT, Window

INTERVALS = (
    f"95 % intervals of a studentized bootstrap over documents: {DRAWS:,} draws by Philox 4x64, keyed by "
    "BLAKE2b; percentiles by Woodruff's method; recipes over seeds by Welch's t"
)
"""How the intervals of a comparison were made."""

# What two measurements may differ in, and what tells it: paths of one tokenizer may differ.
_TOLD_BY = {
    "data": "data", "ctx": "ctx", "score": "score", "tokenizer": "tokenizer_sha256", "joined": "joined",
}  # fmt: skip

T_co = TypeVar("T_co", bound=Path | Measurement, covariant=True)


@dataclass(frozen=True, slots=True)
class Named(Generic[T_co]):
    """Something that is compared, under the name that it was given.

    Attributes:
        name: The name; runs of one recipe share it.
        content: A measurement, or where it is; or where a model's folder is.
    """

    name: str
    content: T_co

    @property
    def where(self) -> str:
        """Its path, or its name if it has none."""
        return str(self.content) if isinstance(self.content, Path) else self.name

    def read(self) -> Measurement:
        """Return the measurement.

        Raises:
            OutputError: It can't be read, or is none.
        """
        return Measurement.read(self.content) if isinstance(self.content, Path) else self.content

    def read_info(self) -> MeasurementInfo:
        """Return what the measurement says of itself.

        Raises:
            OutputError: It can't be read, or is none.
        """
        return MeasurementInfo.read(self.content) if isinstance(self.content, Path) else self.content.about

    @staticmethod
    def parse(word: str) -> Named[Path]:
        """Return what ``NAME=PATH`` or ``PATH`` names; a path alone is called as its file is."""
        name, sign, path = word.partition("=")
        if sign and name and path and not Path(word).exists():
            return Named(replace_surrogates(name), as_path(path))
        name = Path(word).stem if word.endswith(".parquet") else Path(word).name or word
        return Named(replace_surrogates(name), as_path(word))


def as_path(word: str) -> Path:
    """Return where a measurement or a model's folder is.

    Raises:
        RecipeError: It is on a server, which is not compared but measured.
    """
    if word.startswith(("http://", "https://")):
        raise RecipeError(f"{word}: is a server's address; measure it first with `calibset evaluate`")
    return Path(word)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """A model's part of a comparison.

    Attributes:
        name: The name that runs of one recipe share.
        label: Its own name.
        about: What measured it, and how.
        pairs: By task, what the base and it say.
        calls: Its tool calls against the base's.
    """

    name: str
    label: str
    about: MeasurementInfo
    pairs: Mapping[str, PairScores]
    calls: CallFigures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """A comparison with what it was computed from.

    Attributes:
        comparison: The figures.
        positions: The positions of the data's own windows.
        pairs: What the base and each other model say of them, by label.
        tokenizer: The tokenizer that gave the ids, by name or path.
        tokenizer_sha256: Its fingerprint.
    """

    comparison: Comparison
    positions: Positions
    pairs: Mapping[str, PairScores]
    tokenizer: str
    tokenizer_sha256: str


def label_runs(names: Sequence[str]) -> list[str]:
    """Return a label for each name: the name, or its run where several share it.

    Raises:
        RecipeError: A name is what the run of another would be called.

    Examples:
        >>> label_runs(["slovak", "pile", "slovak"])
        ['slovak #1', 'pile', 'slovak #2']
    """
    labels = [
        f"{name} #{names[: number + 1].count(name)}" if names.count(name) > 1 else name
        for number, name in enumerate(names)
    ]
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise RecipeError(f"two models would be called {twice[0]!r}; name one otherwise: NAME=PATH")
    return labels


def compare_measurements(
    base: Named[Path | Measurement],
    others: Sequence[Named[Path | Measurement]],
    *,
    tokenizer: str | None = None,
) -> Compared:
    """Compare measurements with that of their base.

    Args:
        base: The base's measurement.
        others: The others'; of several with one name, each is a run of one recipe with another seed.
        tokenizer: What spells tool calls, by name or path; by default the tokenizer that was measured with.

    Raises:
        OutputError: A file can't be read, or is no measurement.
        RecipeError: A measurement is of other windows than the base's.
        TokenizerError: The tokenizer that is named can't be loaded, or did not make the base's ids.
    """
    measured = base.read()
    if tokenizer is not None:
        load_measured_tokenizer(measured.about.tokenizer, measured.about.tokenizer_sha256, tokenizer)
    kept = [measured.about.k, *(other.read_info().k for other in others)]
    # Bounds of more tokens are higher, so all are of as many; what kept none has no divergence.
    k = min((number for number in kept if number), default=0)
    windows = _by_task(measured)
    positions = {task: Positions.of([measured.windows[i] for i in rows]) for task, rows in windows.items()}
    base_scores = {
        task: join_scores([measured.scores[i] for i in rows]).likeliest(k) for task, rows in windows.items()
    }
    scored, notes = [], []
    if max(kept) > k:
        notes.append(f"measurements kept {k:,} to {max(kept):,} likely tokens; {k:,} of each are compared")
    labels = label_runs([other.name for other in others])
    for other, label in zip(others, labels, strict=True):
        measurement = other.read()
        rows = _by_task(measurement)
        pairs = {}
        for task, scored_positions in positions.items():
            if task != TEXT and task not in rows:
                notes.append(f"{label}: was not measured on {task}, what the base wrote; --follow does that")
                continue
            _require_same_windows(other.where, measurement, base.where, measured, task)
            likely = join_scores([measurement.scores[i] for i in rows[task]]).likeliest(k)
            pairs[task] = pair_from_likely(base_scores[task], likely, scored_positions.targets)
        if measurement.about.tokenizer_sha256 != measured.about.tokenizer_sha256:
            notes.append(f"{label}: its tokenizer is not the base's to the byte, but gave the same ids")
        calls, fault = _compare_calls(measured, measurement, tokenizer)
        notes += [f"{label}: {fault}"] if fault else []
        scored.append(Scored(other.name, label, measurement.about, pairs, calls))
    return compute_comparison(base.name, measured.about, positions, scored, k=k, notes=notes)


def _compare_calls(
    base: Measurement, other: Measurement, tokenizer: str | None
) -> tuple[CallFigures | None, str | None]:
    """Return how the tool calls of two models compare, and why they can't be compared where they can't."""
    tasks = {window.task for window in base.windows} | {window.task for window in other.windows}
    if CALLS not in tasks or OWN_CALLS not in tasks:
        return None, None
    try:
        spelling = load_measured_tokenizer(base.about.tokenizer, base.about.tokenizer_sha256, tokenizer)
    except TokenizerError as error:
        return None, f"tool calls are not compared: {error}"
    found = compare_calls(base, other, spelling)
    return (None if found is None else CallFigures.model_validate(asdict(found))), None


def _by_task(measurement: Measurement) -> dict[str, list[int]]:
    """Return the numbers of the windows of each task, but those that a model wrote for itself alone."""
    tasks: dict[str, list[int]] = {TEXT: []}
    for number, window in enumerate(measurement.windows):
        if window.task != OWN_CALLS:
            tasks.setdefault(window.task, []).append(number)
    return tasks


def _require_same_windows(
    path: str, other: Measurement, base_path: str, base: Measurement, task: str
) -> None:
    ours, theirs = ([window for window in one.windows if window.task == task] for one in (base, other))
    fault = next(
        (
            f"window {mine.index} {difference}"
            for mine, its in zip(ours, theirs, strict=False)
            if (difference := _describe_difference(mine, its))
        ),
        None if len(ours) == len(theirs) else f"it has {len(theirs):,} windows, and the base {len(ours):,}",
    )
    if fault is None:
        return
    causes = [
        f"{name} is {getattr(other.about, name)} here and {getattr(base.about, name)} there"
        for name, told_by in _TOLD_BY.items()
        if getattr(other.about, told_by) != getattr(base.about, told_by)
    ]
    if other.about.data == base.about.data and other.about.data_sha256 != base.about.data_sha256:
        causes.append("the data's bytes are not the same")
    if task != TEXT:
        causes.append(f"{task} is to be what the base wrote; measure with --follow {base_path}")
    raise RecipeError(
        f"{path}: was not measured on the windows of {base_path}: {fault}"
        + "".join(f"; {cause}" for cause in causes)
        + "; models are compared on the same windows alone, so measure both alike"
    )


def _describe_difference(mine: Window, its: Window) -> str:
    if len(mine.ids) != len(its.ids):
        return f"has {len(its.ids):,} tokens here and {len(mine.ids):,} there"
    if (differs := mine.ids != its.ids).any():
        at = int(np.argmax(differs))
        return f"has token {its.ids[at]} at {at} here and {mine.ids[at]} there"
    if not np.array_equal(mine.scored, its.scored):
        return "has other tokens scored"
    for name in ("source", "group", "document"):
        if getattr(mine, name) != getattr(its, name):
            return f"is of {name} {getattr(its, name)} here and {getattr(mine, name)} there"
    return ""


def compute_comparison(
    base: str,
    about: MeasurementInfo,
    positions: Mapping[str, Positions],
    scored: Sequence[Scored],
    *,
    k: int | None,
    notes: Sequence[str] = (),
) -> Compared:
    """Compute all figures of a comparison.

    Args:
        base: The base's label.
        about: What measured the base, and how.
        positions: The scored positions of each task.
        scored: The other models.
        k: How many of the likeliest tokens were compared; None for the whole vocabulary.
        notes: What a reader should know.

    Raises:
        RecipeError: No token was scored.
    """
    text = positions[TEXT]
    if not len(text.targets):
        raise RecipeError(f"{base}: no token of {about.data} was scored, so there is nothing to compare")
    others = tuple(_other_figures(one, positions) for one in scored)
    runs: dict[str, list[PairScores]] = {}
    for one in scored:
        runs.setdefault(one.name, []).append(one.pairs[TEXT])
    several = len(scored) > 1
    comparison = Comparison(
        calibset=version("calibset"),
        data=MeasuredData(
            name=about.data,
            sha256=about.data_sha256,
            joined=about.joined,
            recipe=about.recipe,
            ctx=about.ctx,
            score=about.score,
            windows=len(text.windows),
            positions=len(text.targets),
            documents=len(np.unique(text.documents)),
            dropped=about.dropped,
        ),
        base=_measured_model(base, about),
        k=k,
        others=others,
        spreads=tuple(compute_spreads(others)) if several else (),
        contrasts=tuple(compute_contrasts(text, runs)) if several else (),
        intervals=INTERVALS,
        notes=(*notes, *_find_notes(others)),
    )
    pairs = {one.label: one.pairs[TEXT] for one in scored}
    return Compared(comparison, text, pairs, about.tokenizer, about.tokenizer_sha256)


def _other_figures(one: Scored, positions: Mapping[str, Positions]) -> OtherFigures:
    pair = one.pairs[TEXT]
    generation: list[GenerationFigures] = []
    for task, written in one.pairs.items():
        if task != TEXT and (figures := compute_generation(task, positions[task], written)):
            generation.append(figures)
    return OtherFigures(
        model=_measured_model(one.label, one.about),
        name=one.name,
        domains=tuple(compute_domains(positions[TEXT], pair)),
        by_position=tuple(compute_ranges(positions[TEXT].position, pair.divergence.values))
        if pair.divergence
        else (),
        generation=tuple(generation),
        calls=one.calls,
    )


def _measured_model(label: str, about: MeasurementInfo) -> MeasuredModel:
    return MeasuredModel(
        label=label,
        model=about.model,
        target=about.target,
        engine=about.engine,
        versions=about.versions,
        dtype=about.dtype,
        device=about.device,
    )


def _find_notes(others: Sequence[OtherFigures]) -> list[str]:
    notes = []
    notes += [
        f"{another.model.label} has the same figures as {one.model.label}: is it the same model? "
        "Then it says nothing of the noise of seeds"
        for one, another in combinations(others, 2)
        if one.name == another.name and one.domains == another.domains
    ]
    few = [
        (domain_name(domain.kind, domain.name), domain.documents)
        for domain in others[0].domains
        if domain.documents < FEW_DOCUMENTS
    ]
    none = [f"{name} ({number})" for name, number in few if number < LEAST_DOCUMENTS]
    wide = [f"{name} ({number})" for name, number in few if number >= LEAST_DOCUMENTS]
    if none:
        notes.append(
            f"too few documents to say how sure the figures are: {', '.join(none)}; "
            f"intervals need {LEAST_DOCUMENTS}, and {FEW_DOCUMENTS} to be of use"
        )
    if wide:
        notes.append(f"few documents, so intervals are wide: {', '.join(wide)}")
    notes += [
        f"{other.model.label}: at {calls.unreadable:,} of {count(calls.prompts, 'prompt')} for a tool call "
        "a model wrote one that can't be read, which counts as none"
        for other in others
        if (calls := other.calls) and calls.unreadable
    ]
    notes += [
        f"{other.model.label}: the base called no tool at {count(calls.prompts, 'prompt')} where the data "
        "calls one, so its calls tell nothing of what was lost"
        for other in others
        if (calls := other.calls) and not calls.base_calls
    ]
    if len(others) > 1 and any(domain.kld.bound == "at least" for domain in others[0].domains if domain.kld):
        notes.append("divergences are lower bounds, and the difference of two lower bounds is no bound")
    if any(domain.kld is None for other in others for domain in other.domains):
        notes.append(
            "a measurement kept no likely tokens (k is 0), so there is no divergence; measure again with some"
        )
    return notes

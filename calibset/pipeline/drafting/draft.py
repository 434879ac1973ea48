"""The draft of a recipe: written for what a survey found, tried, and sized by what the data can give."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from calibset.core.errors import RecipeError, SourceError
from calibset.core.progress import Progress, no_progress
from calibset.core.quantizer_names import DEFAULT_QUANTIZER, QuantizerName
from calibset.pipeline.drafting.file_kinds import Unread
from calibset.pipeline.drafting.recipe_text import RecipeSettings, write_recipe
from calibset.pipeline.drafting.survey import SourceGuess, Survey
from calibset.pipeline.drafting.trial import SourceTrial, total_rows, try_recipe
from calibset.recipe.loader import parse_recipe
from calibset.recipe.model import Recipe
from calibset.storage import Storage
from calibset.tokenizers import DEFAULT_TOKENIZER

DEFAULT_ROWS, DEFAULT_LENGTH = 128, 2048
"""The rows and their length that quantizers ask for unless they are told."""

# Fewer rows than this are no calibration set, so shorter rows are tried, down to this length.
_FEWEST_ROWS, _SHORTEST = 16, 256


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftOptions:
    """What the user wants of the file.

    Attributes:
        tokenizer: The target model's tokenizer; None if nobody named it.
        quantizer: The quantizer.
        nsamples: The rows of the file, or None for the usual number.
        seqlen: The tokens of a row, or None for the usual number.
        shares: The shares of sources, by name; the others share the rest equally.
    """

    tokenizer: str | None = None
    quantizer: QuantizerName = DEFAULT_QUANTIZER
    nsamples: int | None = None
    seqlen: int | None = None
    shares: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeDraft:
    """A recipe that builds, and what it was made from.

    Attributes:
        path: The file that it is for.
        text: The recipe, as TOML with comments.
        recipe: The recipe.
        sources: Its sources.
        trials: What each source gave when it was tried.
        unread: The files that no source reads.
        dropped: Why sources that were found are not in the recipe, by name.
        notes: What the user should know, as sentences.
    """

    path: Path
    text: str
    recipe: Recipe
    sources: tuple[SourceGuess, ...]
    trials: Mapping[str, SourceTrial]
    unread: tuple[Unread, ...]
    dropped: Mapping[str, str]
    notes: tuple[str, ...]


def draft_recipe(
    survey: Survey, path: Path, options: DraftOptions, storage: Storage, progress: Progress = no_progress
) -> RecipeDraft:
    """Return a recipe for what a survey found.

    Args:
        survey: What was found.
        path: The file that the recipe is for; nothing is written.
        options: What the user wants.
        storage: Opens the locations.
        progress: Called as the sources are tried.

    Raises:
        SourceError: No source can be made of the data.
        RecipeError: A share is none, or names no source.
        TokenizerError: The tokenizer can't be loaded.
    """
    if not survey.sources:
        raise SourceError(_explain_nothing(survey.unread))
    shares = _find_shares(survey.sources, options.shares or {})
    tokenizer = options.tokenizer or next(iter(survey.tokenizers), None)
    settings = RecipeSettings(
        name=path.stem,
        tokenizer=tokenizer or DEFAULT_TOKENIZER,
        quantizer=options.quantizer,
        nsamples=options.nsamples or DEFAULT_ROWS,
        seqlen=options.seqlen or DEFAULT_LENGTH,
        shares=shares,
        is_model_known=tokenizer is not None,
    )
    wanted = settings
    settings, sources, trials, dropped = _find_rows(
        settings, survey.sources, path, storage, progress, options=options
    )
    rows = total_rows(trials)
    if not rows:
        raise SourceError(_explain_no_rows(settings, trials))
    notes = (*survey.notes, *_list_notes(wanted, settings, rows))
    available = f"the data gives no more than {rows}" if rows < settings.nsamples else ""
    settings = replace(settings, nsamples=min(rows, settings.nsamples), available=available)
    text = write_recipe(settings, sources)
    return RecipeDraft(
        path=path,
        text=text,
        recipe=parse_recipe(text, origin=str(path), path=path),
        sources=sources,
        trials=trials,
        unread=survey.unread,
        dropped=dropped,
        notes=notes,
    )


def _find_rows(
    settings: RecipeSettings,
    sources: tuple[SourceGuess, ...],
    path: Path,
    storage: Storage,
    progress: Progress,
    *,
    options: DraftOptions,
) -> tuple[RecipeSettings, tuple[SourceGuess, ...], Mapping[str, SourceTrial], dict[str, str]]:
    """Try the sources until all that are left can be read, with shorter rows if there are next to none.

    Raises:
        SourceError: No source can be read.
    """
    dropped: dict[str, str] = {}
    best: tuple[RecipeSettings, Mapping[str, SourceTrial]] | None = None
    while True:
        recipe = parse_recipe(write_recipe(settings, sources), origin=str(path), path=path)
        trials = try_recipe(recipe, storage, progress)
        if faults := {name: trial.problem for name, trial in trials.items() if trial.problem}:
            dropped |= faults
            sources = tuple(source for source in sources if source.name not in faults)
            if not sources:
                raise SourceError("; ".join(f"{name}: {problem}" for name, problem in dropped.items()))
            settings = replace(settings, shares=_find_shares(sources, options.shares or {}, dropped))
            continue
        if best and total_rows(best[1]) >= total_rows(
            trials
        ):  # its conversations don't fit into shorter rows
            return best[0], sources, best[1], dropped
        is_enough = total_rows(trials) >= min(settings.nsamples, _FEWEST_ROWS)
        if is_enough or options.seqlen is not None or settings.seqlen <= _SHORTEST:
            return settings, sources, trials, dropped
        best = settings, trials
        settings = replace(settings, seqlen=settings.seqlen // 2)


def _list_notes(wanted: RecipeSettings, found: RecipeSettings, rows: int) -> Iterator[str]:
    if not found.is_model_known:
        yield f"no model was named, so rows are measured for {DEFAULT_TOKENIZER}; name yours: --tokenizer"
    if found.seqlen < wanted.seqlen:
        yield f"the data is too little for rows of {wanted.seqlen} tokens, so seqlen is {found.seqlen}"
    if rows < found.nsamples:
        yield (
            f"the data gives {rows} rows of {found.seqlen} tokens, not {found.nsamples}; more data or a "
            "smaller seqlen gives more"
        )


def _explain_no_rows(settings: RecipeSettings, trials: Mapping[str, SourceTrial]) -> str:
    left_out = {name: trial.left_out for name, trial in trials.items() if trial.left_out}
    reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
    return (
        f"the data gives no row of {settings.seqlen} tokens" + (f" ({reasons})" if reasons else "") + "; "
        "name more of it, or another --seqlen"
    )


def _find_shares(
    sources: Sequence[SourceGuess], wanted: Mapping[str, float], dropped: Collection[str] = ()
) -> dict[str, float]:
    """Return the share of each source; those that nobody named share the rest."""
    names = [source.name for source in sources]
    wanted = {name: share for name, share in wanted.items() if name not in dropped}
    if unknown := [name for name in wanted if name not in names]:
        raise RecipeError(f"--share {unknown[0]}: no such source; there are {', '.join(names)}")
    rest, others = 1 - sum(wanted.values()), [name for name in names if name not in wanted]
    if others and rest <= 0:
        raise RecipeError(
            f"--share: must sum to less than 1, so that something is left to {', '.join(others)}"
        )
    return {name: round(wanted.get(name) or rest / len(others), 4) for name in names}


def _explain_nothing(unread: Sequence[Unread]) -> str:
    reasons = "; ".join(f"{file.name}: {file.reason}" for file in unread[:5])
    return "nothing that a source reads was found" + (f" ({reasons})" if reasons else "")

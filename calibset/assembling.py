"""The rows of a recipe's files: gathered, chosen, ordered, and proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from calibset.choosing import chosen
from calibset.consumers import Replay, autoround
from calibset.document import Rejection, Sample, SetAside
from calibset.errors import CalibsetError, ConsumerError
from calibset.excluding import EvaluationSet, open_screens
from calibset.gathering import Progress, gathered, in_order
from calibset.manifest import HoldoutReport, Manifest
from calibset.recipe import Recipe
from calibset.reporting import Outcome, digest_of, manifest_of
from calibset.selection.options import Selection
from calibset.storage import Reader
from calibset.supply import Supply, open_supply, with_holdout
from calibset.tokenizers import Tokenizer, find_tokenizer, spells_control_tokens

__all__ = ["Assembly", "assembled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """The rows of a file, and what there is to say of them.

    Attributes:
        samples: In order.
        manifest: Their record.
        notes: What whoever uses the file should know.
        rejections: By source, the records that could not be read or hold nothing.
        left_out: By source, the records left out on purpose.
        seconds: What hygiene and selection took, by step.
        holdout: The second file, if there is one.
    """

    samples: tuple[Sample, ...]
    manifest: Manifest
    notes: tuple[str, ...]
    rejections: Mapping[str, tuple[Rejection, ...]]
    left_out: Mapping[str, tuple[SetAside, ...]]
    seconds: Mapping[str, float] = field(default_factory=dict)
    holdout: Assembly | None = None


def assembled(
    recipe: Recipe, readers: Mapping[str, Reader], tokenizer: Tokenizer, progress: Progress | None
) -> Assembly:
    """Return the rows of a recipe's file, and of its holdout.

    Raises:
        CalibsetError: As `calibset.build`; its ``rejections`` and ``left_out`` are those that were met.
    """
    screens, evaluations = open_screens(recipe, readers)
    supplies: dict[str, Supply] = {}
    held: dict[str, Supply] = {}
    for name in recipe.sources:
        supply, other = with_holdout(open_supply(name, recipe, readers[name], tokenizer, screens), recipe)
        supplies[name] = supply
        held |= {name: other} if other else {}
    second_recipe, second = _of_holdout(recipe), None
    with _telling_left_out(supplies):
        first = _outcome(recipe, supplies, tokenizer, screens.seconds, progress)
        if second_recipe is not None:
            second = _outcome(second_recipe, held, tokenizer, screens.seconds, _of_second(progress))
    if second_recipe is None or second is None:
        made = _assembly(recipe, tokenizer, supplies, evaluations, first)
        return replace(made, seconds=dict(screens.seconds))
    reports = (
        HoldoutReport(role="holdout", nsamples=second_recipe.nsamples, sha256=digest_of(second)),
        HoldoutReport(role="calibration", nsamples=recipe.nsamples, sha256=digest_of(first)),
    )
    made = _assembly(recipe, tokenizer, supplies, evaluations, first, reports[0])
    holdout = _assembly(second_recipe, tokenizer, held, evaluations, second, reports[1])
    return replace(made, seconds=dict(screens.seconds), holdout=holdout)


def _of_holdout(recipe: Recipe) -> Recipe | None:
    """Return the recipe of the second file: the same mixture, chosen by the seed alone."""
    if recipe.holdout is None:
        return None
    return recipe.model_copy(update={"nsamples": recipe.holdout.nsamples, "selection": Selection()})


def _of_second(progress: Progress | None) -> Progress | None:
    if progress is None:
        return None

    def report(source: str, done: int, asked: int | None) -> None:
        progress(f"{source} (holdout)", done, asked)

    return report


def _outcome(
    recipe: Recipe,
    supplies: Mapping[str, Supply],
    tokenizer: Tokenizer,
    seconds: dict[str, float],
    progress: Progress | None,
) -> Outcome:
    found = gathered(recipe, supplies, progress)
    choice = chosen(recipe, supplies, found, tokenizer, seconds, progress)
    for supply in supplies.values():
        supply.ensure_readable(recipe.max_rejected)
    samples = in_order(recipe, choice.gathered.rows)
    texts = (sample.text for sample in samples)
    replay = autoround.replay(texts, tokenizer, nsamples=recipe.nsamples, seqlen=recipe.seqlen)
    _ensure_kept(replay, samples)
    return Outcome(choice=choice, samples=samples, replay=replay)


def _assembly(
    recipe: Recipe,
    tokenizer: Tokenizer,
    supplies: Mapping[str, Supply],
    evaluations: Mapping[str, EvaluationSet],
    outcome: Outcome,
    other: HoldoutReport | None = None,
) -> Assembly:
    return Assembly(
        samples=outcome.samples,
        manifest=manifest_of(recipe, tokenizer, supplies, evaluations, outcome, other),
        notes=(
            *tokenizer.notes,
            *dict.fromkeys(note for supply in supplies.values() for note in supply.tally.notes),
            *_unread_control_tokens(recipe, tokenizer, outcome.samples),
        ),
        rejections={name: tuple(supply.tally.rejected) for name, supply in supplies.items()},
        left_out={name: tuple(supply.tally.aside) for name, supply in supplies.items()},
    )


@contextmanager
def _telling_left_out(supplies: Mapping[str, Supply]) -> Iterator[None]:
    """Let an error carry what was rejected or set aside until then, since that may be why."""
    try:
        yield
    except CalibsetError as error:
        error.rejections = {name: tuple(supply.tally.rejected) for name, supply in supplies.items()}
        error.left_out = {name: tuple(supply.tally.aside) for name, supply in supplies.items()}
        raise


def _unread_control_tokens(
    recipe: Recipe, tokenizer: Tokenizer, samples: tuple[Sample, ...]
) -> Iterator[str]:
    """Say how many rows a quantizer that loads the model's own tokenizer would misread."""
    if not spells_control_tokens(find_tokenizer(recipe.tokenizer, recipe.folder, offline=True)):
        return
    control = frozenset(tokenizer.special_tokens.values())
    if affected := sum(not control.isdisjoint(sample.token_ids) for sample in samples):
        yield (
            f"{affected} of {len(samples)} rows hold control tokens, which transformers reads as letters "
            "beside a tekken.json: give AutoRound what `calibset tokenizer` or `calibset export` writes"
        )


def _ensure_kept(replay: Replay, samples: tuple[Sample, ...]) -> None:
    if replay.kept < replay.nsamples:
        lost = "; ".join(
            f"row {row.row} (source {samples[row.row - 1].source}): {row.reason}" for row in replay.lost[:5]
        )
        raise ConsumerError(
            f"{replay.consumer} would keep {replay.kept} of {replay.nsamples} rows, so nothing was written: "
            f"{lost}; please report this recipe"
        )

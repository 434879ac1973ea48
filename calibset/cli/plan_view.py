"""A plan as a table and as data: what a build would read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any

from calibset.cli.console import create_table, format_size, open_console, print_lines, shorten_location
from calibset.cli.file_view import print_excerpt
from calibset.cli.source_lines import score_lines, stream_lines
from calibset.core.short_forms import count

if TYPE_CHECKING:
    from calibset.hygiene.options import Hygiene
    from calibset.pipeline.plan import Plan, PlannedSource
    from calibset.recipe.model import Recipe

_MOST_NAMES = 6


def print_plan(plan: Plan, *, preview: bool = False) -> None:
    """Print what a build would read, and how it would make rows of it.

    Args:
        plan: The plan.
        preview: Whether to show a document of each source as the model reads it.
    """
    console = open_console()
    counts = create_table("source", "group", "gives", rows=">", files=">", size=">")
    origins = create_table("source", "type", "location", "licence")
    for source in (*plan.sources, *plan.evaluations):
        size = format_size(source.size)
        counts.add_row(
            source.name, source.group, source.gives or "?", str(source.quota), str(source.files), size
        )
        location = shorten_location(source.location)
        if source.revision:
            location += f" @ {source.revision[:10]}"
        origins.add_row(source.name, source.type, location, source.licence)
    console.print(counts)
    console.print()
    console.print(origins)
    for source in (*plan.sources, *plan.evaluations):
        print_lines(f"{source.name}: {line}" for line in (*_file_lines(source), *score_lines(source.scores)))
    print_lines(stream_lines(plan.sources))
    print_lines(_read_lines(plan))
    print_lines(_hygiene_lines(plan.recipe))
    print_lines(_selection_lines(plan.recipe))
    print_lines(_recipe_lines(plan))
    print_lines(f"note: {note}" for source in plan.sources for note in source.notes)
    if preview:
        _print_previews(plan)


def _file_lines(source: PlannedSource) -> Iterator[str]:
    """Yield which files, locations and splits are read and which are not, where that isn't plain."""
    if source.left or len(source.read) > 1:
        there = source.files + sum(source.left.values())
        kinds = f": {_list_names(source.read)}" if len(source.read) > 1 else ""
        # An ending that is read and left tells nothing; the counts do.
        only_left = [name for name in source.left if name not in source.read]
        left = f"; not {_list_names(only_left)}" if only_left else ""
        yield f"reads {source.files:,} of {count(there, 'file')}{kinds}{left}"
    if source.unused:
        yield f"reads {source.location} and not {', '.join(source.unused)}"
    if len(source.splits) > 1:
        yield f"reads the splits {', '.join(source.splits)}; split = [...] names those that are wanted"


def _read_lines(plan: Plan) -> Iterator[str]:
    """Yield how much of the corpora a build would read, as far as that can be told."""
    corpora = (*plan.sources, *plan.evaluations)
    known = [source.reads for source in corpora if source.reads is not None]
    unknown = len(corpora) - len(known)
    more = f", and what {unknown} of them take, which is not known" if unknown else ""
    if known:
        yield f"a build reads about {format_size(sum(known))} of the corpora{more}"


def _list_names(names: Collection[str]) -> str:
    named = ", ".join(islice(names, _MOST_NAMES))
    return named + (
        f" and {count(len(names) - _MOST_NAMES, 'other kind')}" if len(names) > _MOST_NAMES else ""
    )


def _print_previews(plan: Plan) -> None:
    """Print the beginning of a document of each source."""
    for source in plan.sources:
        if source.document:
            print_excerpt(f"{source.name}: {source.document}", source.text, plan.control_tokens)


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as data."""
    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "groups": dict(plan.groups),
        "sources": [
            {**asdict(source), "scores": source.scores.model_dump(mode="json") if source.scores else None}
            for source in plan.sources
        ],
        "evaluations": [asdict(source) for source in plan.evaluations],
    }


def _hygiene_lines(recipe: Recipe) -> Iterator[str]:
    """Yield what would be repaired and kept out, by source where one has settings of its own."""
    yield f"hygiene: {_describe_hygiene(recipe.hygiene)}"
    for name in recipe.sources:
        hygiene = recipe.hygiene_of(name)
        if hygiene != recipe.hygiene:
            yield f"hygiene of {name}: {_describe_hygiene(hygiene)}"
    for name, source in recipe.sources.items():
        if getattr(source, "repair", True) is False:
            yield f"conversations of {name} whose record has a fault: rejected (repair = false)"
    if recipe.exclude:
        rule = recipe.decontamination
        yield (
            f"evaluation sets: {', '.join(recipe.exclude)}; documents that share {rule.run} words in a row "
            f"with one, or {rule.containment:.0%} of their own runs of words, are "
            f"{'filtered' if rule.matches == 'drop' else 'cut'}"
        )


def _describe_hygiene(hygiene: Hygiene) -> str:
    score = f" at {hygiene.language_score:g}" if hygiene.languages else ""
    settings = {
        "duplicates": hygiene.duplicates,
        "languages": ", ".join(hygiene.languages) + score,
        "repairs": ", ".join(hygiene.repairs),
        "filters": ", ".join(hygiene.filters),
        "boilerplate": "removed" if hygiene.boilerplate else "",
        "personal data": hygiene.pii,
    }
    return "; ".join(f"{name} {setting}" for name, setting in settings.items() if setting)


def _selection_lines(recipe: Recipe) -> Iterator[str]:
    """Yield which rows would be selected, and what would be held out."""
    selection = recipe.selection
    if selection.method == "random":
        yield "selection: random, by the seed"
    else:
        yield f"selection: {selection.method}, from up to {selection.pool} times as many rows"
    if recipe.holdout:
        yield f"holdout: a second file of {recipe.holdout.nsamples} rows that shares no document"


def _recipe_lines(plan: Plan) -> Iterator[str]:
    recipe = plan.recipe
    groups = ", ".join(f"{name} {count}" for name, count in plan.groups.items())
    yield (
        f"{recipe.nsamples} rows of {recipe.seqlen} tokens ({groups}); tokenizer {recipe.tokenizer}, "
        f"seed {recipe.seed}, shortage {recipe.shortage_policy}, control tokens {recipe.control_tokens}, "
        f"quantizer {recipe.quantizer}"
    )

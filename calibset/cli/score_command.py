"""The command `score`, and what it prints."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from calibset.cli.console import (
    create_table,
    open_console,
    print_json,
    print_line,
    print_lines,
    shorten_location,
    show_progress,
)
from calibset.cli.recipe_files import load_recipe, read_options
from calibset.core.short_forms import count

if TYPE_CHECKING:
    from calibset.pipeline.score import SourceScores

_MOST_SHOWN = 5


def score(arguments: Namespace) -> int:
    """Score the corpora of a recipe."""
    from calibset.pipeline.score import score as score_corpora

    recipe = load_recipe(arguments)
    try:
        with show_progress(quiet=arguments.quiet, unit="parts") as progress:
            scored = score_corpora(
                recipe,
                source=arguments.source,
                scores=arguments.scores,
                workers=arguments.workers,
                progress=progress,
                **read_options(arguments),
            )
    except KeyboardInterrupt:
        print_line("note: parts that are scored are kept; the same command goes on from there", stderr=True)
        raise
    if arguments.json:
        print_json([asdict(source) for source in scored])
    elif not arguments.quiet:
        _print_scores(scored)
        print_lines(_next_steps(scored, {name: source.scores for name, source in recipe.sources.items()}))
    return 0


def _print_scores(scored: Sequence[SourceScores]) -> None:
    table = create_table(
        "source", "location", parts=">", new=">", documents=">", usable=">", tokens=">", repeats=">"
    )
    for one in scored:
        table.add_row(
            one.name,
            shorten_location(one.location),
            *(f"{number:,}" for number in (one.parts, one.new, one.documents, one.admitted, one.tokens)),
            "-" if one.repeats is None else f"{one.repeats:,}",
        )
    open_console().print(table)
    for one in scored:
        if one.admitted:
            print_lines([f"{one.name}: {', '.join(_parts(one.languages, one.admitted))}"])
        if left_out := _list_commonest(one.verdicts):
            print_lines([f"{one.name}: a build would leave out {left_out}"])
        print_lines(f"note: {one.name}: {note}" for note in one.notes)


def _parts(languages: Mapping[str, int], total: int) -> Iterator[str]:
    for code, number in list(languages.items())[:_MOST_SHOWN]:
        name = "too short to tell its language" if code == "?" else code
        yield f"{number / total:.0%} {name}"


def _list_commonest(verdicts: Mapping[str, int]) -> str:
    shown = [f"{number:,} ({reason})" for reason, number in list(verdicts.items())[:_MOST_SHOWN]]
    rest = sum(verdicts.values()) - sum(list(verdicts.values())[:_MOST_SHOWN])
    return ", ".join(shown + ([f"{rest:,} for other reasons"] if rest else []))


def _next_steps(scored: Sequence[SourceScores], folders: Mapping[str, str | None]) -> Iterator[str]:
    for one in scored:
        if folders[one.name] is None:
            chosen = count(one.admitted, "document")
            yield f'to choose from {chosen}: scores = "{one.folder}" in [sources.{one.name}]'

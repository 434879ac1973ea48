"""What a build would read, and what its sources hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from calibset.cli.console import columns, new_console, place_shown, say, size_shown
from calibset.cli.views import checked_data, checked_lines
from calibset.core.text import printable

if TYPE_CHECKING:
    from calibset.dataset.source_reports import SourceReport
    from calibset.hygiene.options import Hygiene
    from calibset.pipeline.check import SourceCheck
    from calibset.pipeline.plan import Plan, PlannedSource
    from calibset.recipe.model import Recipe


def plan_table(plan: Plan) -> None:
    """Print what a build would read."""
    recipe = plan.recipe
    table = columns(
        "source", "group", "type", "location", "revision", "licence", samples=">", files=">", size=">"
    )
    for source in (*plan.sources, *plan.evaluations):
        table.add_row(
            source.name,
            source.group,
            source.type,
            place_shown(source.location),
            (source.revision or "")[:10],
            source.licence,
            str(source.quota),
            str(source.files),
            size_shown(source.size),
        )
    console = new_console()
    console.print(table)
    for line in (*streams(plan.sources), *_hygiene(recipe), *_choice(recipe)):
        console.print(line, soft_wrap=True)
    groups = ", ".join(f"{name} {count}" for name, count in plan.groups.items())
    console.print(
        f"{recipe.nsamples} samples of {recipe.seqlen} tokens ({groups}); tokenizer {recipe.tokenizer}, "
        f"seed {recipe.seed}, shortage {recipe.shortage_policy}, control tokens {recipe.control_tokens}, "
        f"consumer {recipe.quantizer}",
        soft_wrap=True,
    )


def _hygiene(recipe: Recipe) -> Iterator[str]:
    """Say what would be mended and kept out; sources with wishes of their own by name."""
    yield f"hygiene: {_wishes(recipe.hygiene)}"
    for name in recipe.sources:
        own = recipe.hygiene_of(name)
        if own != recipe.hygiene:
            yield f"hygiene of {name}: {_wishes(own)}"
    if recipe.exclude:
        rule = recipe.decontamination
        yield (
            f"kept out: {', '.join(recipe.exclude)}; documents that share {rule.run} words in a row, or "
            f"{rule.containment:.0%} of their own runs of words, are "
            f"{'left out' if rule.matches == 'drop' else 'cut'}"
        )


def _wishes(hygiene: Hygiene) -> str:
    languages = f" at {hygiene.language_score:g}" if hygiene.languages else ""
    wishes = {
        "duplicates": hygiene.duplicates,
        "languages": ", ".join(hygiene.languages) + languages,
        "repairs": ", ".join(hygiene.repairs),
        "filters": ", ".join(hygiene.filters),
        "boilerplate": "taken out" if hygiene.boilerplate else "",
        "personal data": hygiene.pii,
    }
    return "; ".join(f"{name} {wish}" for name, wish in wishes.items() if wish)


def _choice(recipe: Recipe) -> Iterator[str]:
    """Say which rows would be chosen, and what would be held out."""
    selection = recipe.selection
    if selection.method == "random":
        yield "selection: random, by the seed"
    else:
        yield f"selection: {selection.method}, of up to {selection.pool} times as many rows"
    if recipe.holdout:
        yield f"holdout: a second file of {recipe.holdout.nsamples} samples that shares no document"


def plan_data(plan: Plan) -> dict[str, Any]:
    """Return a plan as data."""
    from dataclasses import asdict

    return {
        "recipe": plan.recipe.model_dump(mode="json"),
        "groups": dict(plan.groups),
        "sources": [asdict(source) for source in plan.sources],
        "evaluations": [asdict(source) for source in plan.evaluations],
    }


def check_table(found: tuple[SourceCheck, ...]) -> None:
    """Print what the sources hold."""
    table = columns("source", "location", "reason", "for example", documents=">", rejected=">", filtered=">")
    for source in found:
        tally = source.tally
        table.add_row(
            source.name, place_shown(source.location), "", "", f"{tally.documents:,}",
            f"{tally.rejections.total():,}", f"{tally.filtered.total():,}", style="bold",
        )  # fmt: skip
        for counts, column in ((tally.rejections, 0), (tally.filtered, 1)):
            for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
                cells = ["", ""]
                cells[column] = f"{count:,}"
                table.add_row("", "", reason, printable(tally.examples[reason]), "", *cells)
    new_console().print(table)
    for line in checked_lines(found):
        say(line)


def check_data(found: tuple[SourceCheck, ...]) -> list[dict[str, Any]]:
    """Return what the sources hold as data."""
    return [
        {
            "name": source.name,
            "location": source.location,
            "documents": source.tally.documents,
            "rejections": dict(source.tally.rejections),
            "filtered": dict(source.tally.filtered),
            "examples": source.tally.examples,
            **checked_data(source),
            "problem": source.problem,
        }
        for source in found
    ]


def problems(found: Iterable[tuple[str, str | None]]) -> int:
    """Print what went wrong with which source; return the exit code."""
    code = 0
    for name, problem in found:
        if problem is not None:
            line = problem if problem.startswith(("sources.", "exclude.")) else f"sources.{name}: {problem}"
            print(f"calibset: {printable(line)}", file=sys.stderr)  # noqa: T201
            code = 1
    return code


def streams(sources: Iterable[SourceReport | PlannedSource]) -> Iterator[str]:
    """Say which sources are no fair samples of their corpora."""
    for source in sources:
        if source.from_beginning:
            yield f"{source.name}: a stream, read from its beginning, so no fair sample of its corpus"

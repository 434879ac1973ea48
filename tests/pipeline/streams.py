"""Streams of sources that stand in memory, measured by a tokenizer of letters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from calibset.core.progress import no_progress
from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.deduplication import DuplicateIndex
from calibset.pipeline.context import BuildContext
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.source_stream import SourceStream, open_source_stream
from calibset.recipe.loader import parse_recipe
from calibset.recipe.model import Recipe
from calibset.storage import memory_reader
from calibset.tokenizers import Tokenizer

Rows = Iterable[str | Mapping[str, str]]


def recipe_of(lines: str, sources: Iterable[str], *, fill: str = "", keys: str = "") -> Recipe:
    """Return a recipe of one group, of rows of 32 letters and with no more hygiene than it asks for.

    Args:
        lines: Put before the sources.
        sources: Their names.
        fill: One more, in the fill group.
        keys: Of every source.
    """
    head = 'name = "made"\nseqlen = 32\nhygiene = { duplicates = "keep", repairs = [] }\n'
    tables = [f"{head}{lines}\n{f'fill = {fill!r}' if fill else ''}\n[groups]\nall = 1.0\n"]
    for name in (*sources, *([fill] if fill else [])):
        group = fill if name == fill else "all"
        tables.append(f'[sources.{name}]\ngroup = "{group}"\ntype = "jsonl"\nwhere = "{name}"\n{keys}\n')
    return parse_recipe("".join(tables))


def new_context(recipe: Recipe, tokenizer: Tokenizer) -> BuildContext:
    """Return the context of a build whose sources are opened by `streams_of`."""
    return BuildContext(
        recipe=recipe,
        readers={},
        tokenizer=tokenizer,
        indexes=SharedIndexes(duplicates=DuplicateIndex(near=False)),
        evaluations={},
        lock=None,
        progress=no_progress,
    )


def streams_of(context: BuildContext, **sources: Rows) -> dict[str, SourceStream]:
    """Return the streams of a recipe's sources.

    Args:
        context: Of the build.
        sources: By name, texts, or rows as they are.
    """
    streams = {}
    wanted = count_wanted_rows(context.recipe)
    for name, rows in sources.items():
        lines = [{"text": row} if isinstance(row, str) else dict(row) for row in rows]
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        reader = memory_reader({"a.jsonl": content}, name)
        streams[name] = open_source_stream(
            name, context.recipe, reader, context.tokenizer, context.indexes, rows=wanted[name]
        )
    return streams

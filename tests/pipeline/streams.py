"""Supplies of sources that stand in memory, measured by a tokenizer of letters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from calibset.hygiene.cleaner import SharedIndexes
from calibset.hygiene.deduplication import Duplicates
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


def supplies_of(recipe: Recipe, tokenizer: Tokenizer, **sources: Rows) -> dict[str, SourceStream]:
    """Return the supplies of a recipe's sources.

    Args:
        recipe: Names them.
        tokenizer: Measures their rows.
        sources: By name, texts, or rows as they are.
    """
    screens = SharedIndexes(duplicates=Duplicates(near=False))
    found = {}
    for name, given in sources.items():
        rows = [{"text": one} if isinstance(one, str) else dict(one) for one in given]
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        reader = memory_reader({"a.jsonl": content}, name)
        found[name] = open_source_stream(name, recipe, reader, tokenizer, screens)
    return found

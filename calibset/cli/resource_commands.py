"""The commands on what calibset works with: cache, tokenizer, sources, schema."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from calibset.cli.console import (
    create_table,
    format_size,
    open_console,
    print_json,
    print_line,
    shorten_location,
)

if TYPE_CHECKING:
    from calibset.sources import Source
    from calibset.storage import Cache


def cache(arguments: Namespace) -> int:
    """List or clear what was read from servers and is kept."""
    from calibset.storage import Cache

    cache = Cache.default()
    if arguments.action == "clear":
        cache.clear()
        print_line(f"cleared {cache.folder}")
    elif arguments.json:
        locations = [asdict(location) for location in cache.locations()]
        print_json({"folder": str(cache.folder), "locations": locations})
    else:
        _print_cache(cache)
    return 0


def tokenizer(arguments: Namespace) -> int:
    """Write a folder with a fast tokenizer."""
    from calibset.tokenizers import load_tokenizer
    from calibset.tokenizers.tekken_conversion import write_fast_tokenizer

    for path in write_fast_tokenizer(load_tokenizer(arguments.name), Path(arguments.out)):
        if not arguments.quiet:
            print_line(f"wrote {path}")
    return 0


def sources(arguments: Namespace) -> int:
    """List the adapters, or one adapter's keys."""
    from calibset.sources import get_adapter

    if arguments.name:
        _print_keys(get_adapter(arguments.name, allow_code=arguments.allow_code))
    else:
        _print_adapters()
    return 0


def schema(arguments: Namespace) -> int:  # noqa: ARG001
    """Print the JSON Schema of a recipe."""
    from calibset.recipe.json_schema import recipe_schema

    print_json(recipe_schema())
    return 0


def _print_cache(cache: Cache) -> None:
    table = create_table("location", files=">", size=">")
    locations = list(cache.locations())
    for location in locations:
        table.add_row(shorten_location(location.location), str(location.files), format_size(location.size))
    if locations:
        open_console().print(table)
    print_line(f"{format_size(sum(location.size for location in locations))} in {cache.folder}")


def _print_adapters() -> None:
    from calibset.sources import ADAPTERS, find_installed_adapters, get_adapter

    table = create_table("type", "what it reads")
    for name in ADAPTERS:
        table.add_row(name, get_adapter(name).summary)
    for name, point in find_installed_adapters().items():
        table.add_row(name, f"from {point.value.partition(':')[0]}")
    open_console().print(table)
    print_line("`calibset sources NAME` shows an adapter's keys.")


def _print_keys(adapter: type[Source]) -> None:
    table = create_table("key", "default", "what it means")
    for name, info in adapter.model_fields.items():
        default = "required" if info.is_required() else repr(info.default)
        table.add_row(name, default, info.description or "")
    console = open_console()
    console.print(adapter.summary)
    console.print(table)

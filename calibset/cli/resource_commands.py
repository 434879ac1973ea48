"""The commands on what calibset works with: cache, tokenizer, sources, schema."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from calibset.cli.console import (
    create_table,
    format_size,
    open_console,
    print_json,
    print_line,
    print_lines,
    shorten_location,
)
from calibset.recipe.toml_text import format_toml

if TYPE_CHECKING:
    from calibset.sources import Source
    from calibset.storage import Cache


def cache(arguments: Namespace) -> int:
    """List or clear what was read from servers and is kept."""
    from calibset.storage import Cache

    cache = Cache.default()
    if arguments.action == "clear":
        cache.clear()
        if arguments.json:
            print_json({"folder": str(cache.folder), "locations": [], "rest": 0})
        else:
            print_line(f"cleared {cache.folder}")
    elif arguments.json:
        locations = [asdict(location) for location in cache.locations()]
        print_json({"folder": str(cache.folder), "locations": locations, "rest": cache.measure_rest()})
    else:
        _print_cache(cache)
    return 0


def tokenizer(arguments: Namespace) -> int:
    """Write a folder with a fast tokenizer."""
    from calibset.tokenizers import load_tokenizer
    from calibset.tokenizers.tekken_conversion import write_fast_tokenizer

    paths = write_fast_tokenizer(load_tokenizer(arguments.name), Path(arguments.out))
    if arguments.json:
        print_json({"written": [str(path) for path in paths]})
    elif not arguments.quiet:
        print_lines(f"wrote {path}" for path in paths)
    return 0


def completion(arguments: Namespace) -> int:
    """Print a shell's completion script."""
    import shtab

    from calibset.cli.parser import create_parser

    sys.stdout.write(shtab.complete(create_parser(), shell=arguments.shell) + "\n")
    return 0


def sources(arguments: Namespace) -> int:
    """List the adapters, or one adapter's keys."""
    from calibset.sources import get_adapter

    if arguments.name:
        adapter = get_adapter(arguments.name, allow_code=arguments.allow_code)
        if arguments.json:
            print_json({"type": arguments.name, "summary": adapter.summary, "keys": list(_keys(adapter))})
        else:
            _print_keys(adapter)
    elif arguments.json:
        print_json([{"type": name, "summary": summary} for name, summary in _adapters()])
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
    rest = cache.measure_rest()
    size = format_size(sum(location.size for location in locations) + rest)
    beside = f", {format_size(rest)} of them models' tokenizers and what was computed" if rest else ""
    print_line(f"{size} in {cache.folder}{beside}")


def _print_adapters() -> None:
    table = create_table("type", "what it reads")
    for name, summary in _adapters():
        table.add_row(name, summary)
    open_console().print(table)
    print_line("`calibset sources NAME` shows an adapter's keys.")


def _adapters() -> Iterator[tuple[str, str]]:
    """Yield the name of each adapter, and what it reads or which package has it."""
    from calibset.sources import ADAPTERS, find_installed_adapters, get_adapter

    yield from ((name, get_adapter(name).summary) for name in ADAPTERS)
    for name, point in find_installed_adapters().items():
        yield name, f"from {point.value.partition(':')[0]}"


def _print_keys(adapter: type[Source]) -> None:
    table = create_table("key", "default", "what it means")
    for key in _keys(adapter):
        default = "required" if key["required"] else _format_default(key["default"])
        table.add_row(key["key"], default, key["description"])
    console = open_console()
    console.print(adapter.summary)
    console.print(table)


def _keys(adapter: type[Source]) -> Iterator[dict[str, Any]]:
    """Yield the keys of an adapter's table as data."""
    for name, info in adapter.model_fields.items():
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            default = default.model_dump(mode="json", exclude_defaults=True)
        yield {
            "key": name,
            "required": info.is_required(),
            "default": default,
            "description": info.description or "",
        }


def _format_default(value: Any) -> str:
    return "unset" if value is None else format_toml(value)

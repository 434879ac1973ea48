"""The source adapters: calibset's own by name, others by entry point or import path."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from calibset.core.errors import RecipeError
from calibset.core.fields import Names
from calibset.sources.base import Source

__all__ = ["ADAPTERS", "Names", "Source", "find_installed_adapters", "get_adapter"]

ADAPTERS: Mapping[str, str] = MappingProxyType(
    {
        "alpaca": "calibset.sources.adapters.alpaca:Alpaca",
        "bitext": "calibset.sources.adapters.bitext:Bitext",
        "chat": "calibset.sources.adapters.chat:Chat",
        "csv": "calibset.sources.adapters.csv:Csv",
        "excel": "calibset.sources.adapters.excel:Excel",
        "fineweb2": "calibset.sources.adapters.fineweb2:FineWeb2",
        "hermes": "calibset.sources.adapters.hermes:Hermes",
        "hub-dataset": "calibset.sources.adapters.hub_dataset:HubDataset",
        "insurance-definitions": "calibset.sources.adapters.insurance_definitions:InsuranceDefinitions",
        "jsonl": "calibset.sources.adapters.jsonl:Jsonl",
        "ontology": "calibset.sources.adapters.ontology:Ontology",
        "parquet": "calibset.sources.adapters.parquet:Parquet",
        "pile": "calibset.sources.adapters.pile:Pile",
        "rows": "calibset.sources.adapters.rows:Rows",
        "text": "calibset.sources.adapters.text:Text",
        "toolace": "calibset.sources.adapters.toolace:ToolACE",
        "when2call": "calibset.sources.adapters.when2call:When2Call",
        "wikipedia": "calibset.sources.adapters.wikipedia:Wikipedia",
    }
)
"""The adapters that come with calibset, by their name in a recipe."""

ENTRY_POINTS = "calibset.sources"
"""The entry point group through which other packages offer adapters."""


def find_installed_adapters() -> dict[str, EntryPoint]:
    """Return the adapters that other installed packages offer, by name."""
    points = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return {point.name: point for point in points if point.name not in ADAPTERS}


def get_adapter(name: str, *, allow_code: bool = False) -> type[Source]:
    """Return the adapter class that a source's ``type`` names.

    Args:
        name: One of `ADAPTERS`, the name of an entry point in the group ``calibset.sources``,
            or ``package.module:Class``.
        allow_code: Whether ``package.module:Class`` may be imported, which runs its code.

    Raises:
        RecipeError: There is no such adapter, or it can't or may not be imported.
    """
    if name in ADAPTERS:
        return _import_adapter(ADAPTERS[name], name)
    if ":" in name:
        if not allow_code:
            raise RecipeError(
                f"{name!r} would run code that this recipe names; pass --allow-code "
                "(or allow_code=True) if you trust it"
            )
        return _import_adapter(name, name)
    others = find_installed_adapters()
    if name in others:
        return _import_adapter(others[name].value, name)
    known = sorted({*ADAPTERS, *others})
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}, or package.module:Class"
    raise RecipeError(f"unknown adapter {name!r}; {hint}")


def _import_adapter(target: str, name: str) -> type[Source]:
    module, _, attribute = target.partition(":")
    try:
        cls = getattr(import_module(module), attribute)
    except Exception as error:  # a module of someone else's may raise anything
        raise RecipeError(f"{name!r} can't be imported: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, Source)):
        raise RecipeError(f"{name!r} is not a calibset.sources.Source")
    return cls

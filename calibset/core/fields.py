"""Types of fields that recipes, manifests and locks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError


def as_tuple(value: Any) -> Any:
    """Return a single name as a tuple of one, anything else as it is."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
"""One name or a list of names."""

LocationLists = Annotated[
    tuple[Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)], ...],
    BeforeValidator(as_tuple),
]
"""Lists of locations, each of which may be a single one."""

MAX_NUMBER = 2**53
"""The largest number allowed; up to it every whole number is exact as a float, and so in JavaScript."""

Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
"""A count, from 0 up."""

PositiveCount = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
"""A count, from 1 up."""

NonNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER, allow_inf_nan=False)]
"""A finite number from 0 up."""

Finite = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
"""A finite number."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A fraction of a whole, from 0 to 1."""


def _check_numbers(value: Mapping[str, Any]) -> Mapping[str, Any]:
    for path in _find_large_numbers(value, ""):
        # As one value, since a message's template would take braces in a key for its own.
        message = f"{path} must be a finite number, at most {MAX_NUMBER}"
        raise PydanticCustomError("unbounded", "{message}", {"message": message})
    return value


def _find_large_numbers(value: Any, path: str) -> Iterator[str]:
    """Yield the paths of the numbers that are infinite, no numbers, or larger than `MAX_NUMBER`."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_large_numbers(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _find_large_numbers(item, f"{path}[{index}]")
    elif isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        yield path


JsonObject = Annotated[Mapping[str, Any], AfterValidator(_check_numbers)]
"""A JSON object that another model describes; its numbers are finite and no larger than `MAX_NUMBER`."""

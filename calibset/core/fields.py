"""Types that the recipe's tables share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError


def as_tuple(value: Any) -> Any:
    """Return a single name as a list of one, anything else as it is."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
"""One name or a list of names."""


MAX_NUMBER = 2**53
"""The largest number: every whole one up to it is a float and a number of JavaScript's as well."""

Count = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
"""How many there are of something."""

PositiveCount = Annotated[int, Field(ge=1, le=MAX_NUMBER)]
"""How many there are of what can't be missing."""

NonNegative = Annotated[float, Field(ge=0, le=MAX_NUMBER, allow_inf_nan=False)]
"""A mean, say."""

Finite = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False)]
"""A finite number."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A part of a whole."""


def _bounded(data: Mapping[str, Any]) -> Mapping[str, Any]:
    for place in _unbounded(data, ""):
        # As one value, since a message's template would take braces in a key for its own.
        how = f"{place} must be a finite number, at most {MAX_NUMBER}"
        raise PydanticCustomError("unbounded", "{how}", {"how": how})
    return data


def _unbounded(data: Any, place: str) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _unbounded(value, f"{place}.{key}" if place else str(key))
    elif isinstance(data, list | tuple):
        for number, value in enumerate(data):
            yield from _unbounded(value, f"{place}[{number}]")
    elif isinstance(data, int | float) and not abs(data) <= MAX_NUMBER:
        yield place


JsonObject = Annotated[Mapping[str, Any], AfterValidator(_bounded)]
"""What another model describes, as JSON has it; its numbers are finite and no larger than `MAX_NUMBER`."""

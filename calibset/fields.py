"""Types that the recipe's tables share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator


def listed(value: Any) -> Any:
    """Return a single name as a list of one, anything else as it is."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(listed)]
"""One name or a list of names."""

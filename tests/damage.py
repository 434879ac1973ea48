"""Rows of JSON as a corpus may hold them: whole ones, with any value in some of their places."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
"""Any value that Python reads as JSON, half characters and infinite numbers too."""


@st.composite
def damaged(draw: st.DrawFn, *whole: dict[str, Any]) -> dict[str, Any]:
    """Draw one of the rows, in which up to two values are replaced, written as text, repeated or left out."""
    row: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(whole))))
    for _ in range(draw(st.integers(0, 2))):
        holder: Any = row
        key: Any = draw(st.sampled_from(sorted(row)))
        while isinstance(holder[key], dict | list) and holder[key] and draw(st.integers(0, 4)):
            holder = holder[key]
            places = sorted(holder) if isinstance(holder, dict) else range(len(holder))
            key = draw(st.sampled_from(places))
        way = draw(st.sampled_from(["replace", "write", "repeat", "leave out"]))
        if way == "replace":
            holder[key] = draw(JSON | TEXT)
        elif way == "write":
            holder[key] = json.dumps(holder[key])
        elif way == "repeat" and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif holder is not row or len(row) > 1:
            del holder[key]
    return row

"""Data as TOML text, which says the same when it is read."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from calibset.recipe.toml_text import format_toml, write_toml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.recursive(
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.times(),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(TEXTS, items, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_what_is_written_is_read_again(data: dict[str, Any]) -> None:
    assert tomllib.loads(write_toml(data)) == data


def test_sources_and_evaluation_sets_have_tables_of_their_own() -> None:
    data = {
        "name": "x",
        "groups": {"a": 1.0},
        "sources": {"one": {"where": ["a", "b"], "hygiene": {"pii": "mask"}}, "t.w": {"weight": 2}},
        "exclude": [{"name": "p"}, {"name": "q", "files": []}],
        "chat": {},
    }
    assert write_toml(data) == (
        'name = "x"\nchat = {}\n\n[groups]\na = 1.0\n\n'
        '[sources.one]\nwhere = ["a", "b"]\nhygiene = { pii = "mask" }\n\n[sources."t.w"]\nweight = 2\n\n'
        '[[exclude]]\nname = "p"\n\n[[exclude]]\nname = "q"\nfiles = []\n'
    )


def test_what_could_steer_a_terminal_is_escaped() -> None:
    assert format_toml("a\x1b\x7f\u202eb\ud800") == '"a\\u001b\\u007f\\u202eb\ufffd"'

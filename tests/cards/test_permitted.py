from __future__ import annotations

import pytest

from calibset.cards.permitted import ensure_licences
from calibset.errors import RecipeError


def faults(allowed: list[str] | None, denied: list[str], **licences: str) -> list[str]:
    try:
        ensure_licences(allowed, denied, licences)
    except RecipeError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize(
    ("allowed", "denied", "licence"),
    [
        (None, [], "whatever"),
        (None, ["CC-BY-NC-*"], "other"),
        (["MIT"], [], "mit"),
        (["mit"], [], "MIT"),
        (["CC-BY-*"], [], "CC-BY-SA-4.0"),
        (["odc-by"], [], "ODC-By-1.0"),
        (["ODC-By-1.0"], [], "odc-by"),
        (["MIT", "ISC"], [], "MIT AND ISC"),
        (["MIT"], [], "MIT OR GPL-3.0-only"),
        (["*"], ["GPL-*"], "MIT OR GPL-3.0-only"),
        (["other"], [], "other"),
        (["LicenseRef-acme"], [], "LicenseRef-acme"),
        (["public-domain"], [], "public domain"),
    ],
)
def test_it_is_let_in(allowed: list[str] | None, denied: list[str], licence: str) -> None:
    assert faults(allowed, denied, a=licence) == []


ADD = "leave the source out, or add its licence"
FIND = "find out its licence and write the SPDX identifier, or leave the source out"
LET_IN = "leave the source out, or let it in"


@pytest.mark.parametrize(
    ("allowed", "denied", "licence", "expected"),
    [
        (["MIT"], [], "CC-BY-4.0", f"is not among allow_licences (MIT); {ADD}"),
        (["MIT"], [], "MIT AND CC-BY-4.0", f"is not among allow_licences (MIT); {ADD}"),
        ([], [], "MIT", f"is not among allow_licences (an empty list); {ADD}"),
        (["*"], [], "other", f"names no known licence, so it can't be among allow_licences (*); {FIND}"),
        (["*"], [], "unknown", f"names no known licence, so it can't be among allow_licences (*); {FIND}"),
        (None, ["CC-BY-NC-*"], "cc-by-nc-sa-4.0", f"is denied by deny_licences (CC-BY-NC-*); {LET_IN}"),
        (
            ["*"],
            ["GPL-*", "*-NC-*"],
            "GPL-3.0-only OR CC-BY-NC-4.0",
            f"is denied by deny_licences (GPL-*, *-NC-*); {LET_IN}",
        ),
        (None, ["unknown"], "unknown", f"is denied by deny_licences (unknown); {LET_IN}"),
        (["MIT"], ["ISC"], "MIT AND ISC OR GPL-3.0-only", f"is not among allow_licences (MIT); {ADD}"),
    ],
)
def test_it_is_not(allowed: list[str] | None, denied: list[str], licence: str, expected: str) -> None:
    assert faults(allowed, denied, a=licence) == [f"sources.a.licence: {licence!r} {expected}"]


def test_all_faults_are_told_at_once() -> None:
    found = faults(["MIT", "CC-BY-5.0"], ["GNU"], a="ISC", b="MIT", c="other\n---")
    assert [line.split(";")[0] for line in found] == [
        "allow_licences[1]: 'CC-BY-5.0' is no SPDX identifier",
        "deny_licences[0]: 'GNU' is no SPDX identifier",
        "sources.a.licence: 'ISC' is not among allow_licences (MIT, CC-BY-5.0)",
        "sources.c.licence: 'other\\n---' names no known licence, so it can't be among allow_licences (MIT, "
        "CC-BY-5.0)",
    ]
    assert not any("\n" in line for line in found)


def test_a_long_licence_is_quoted_in_part() -> None:
    (line,) = faults(["MIT"], [], a="x" * 500)
    assert line.startswith("sources.a.licence: 'xxxxxxxx")
    assert "…" in line
    assert len(line) < 300

from __future__ import annotations

import pytest

from calibset.recipe.licences.policy import find_licence_faults, read_permitted_licence


def faults(allowed: list[str] | None, denied: list[str], **licences: str) -> list[str]:
    return list(find_licence_faults(allowed, denied, licences))


@pytest.mark.parametrize(
    ("allowed", "denied", "licence"),
    [
        (None, [], "whatever"),
        (None, [], "other"),
        (["*", "other"], ["*NC*"], "other"),
        (["*", "Terms of ACME"], ["*NC*"], "terms of acme"),
        (None, ["*GPL*"], "LicenseRef-acme"),
        (None, ["MIT"], "MIT OR CC-BY-SA-4.0"),
        (["see README"], [], "see README"),
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
LET_IN = "leave the source out, or permit its licence"


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
        (None, ["see README"], "See README", f"is denied by deny_licences (see README); {LET_IN}"),
        (["*", "other"], ["other"], "other", f"is denied by deny_licences (other); {LET_IN}"),
        (["*"], [], "*", f"names no known licence, so it can't be among allow_licences (*); {FIND}"),
        (["MIT"], ["ISC"], "MIT AND ISC OR GPL-3.0-only", f"is not among allow_licences (MIT); {ADD}"),
    ],
)
def test_it_is_not(allowed: list[str] | None, denied: list[str], licence: str, expected: str) -> None:
    assert faults(allowed, denied, a=licence) == [f"sources.a.licence: {licence!r} {expected}"]


@pytest.mark.parametrize(
    "licence",
    [
        "CC-BY-NC", "CC BY-NC", "CC-BY-NC-4.0 license", "CC-BY-NC-4.0, see terms", "cc-by-nc-4.0 and custom",
        "CC-BY-NC-4.0 OR foo", "gpl", "AGPL", "noncommercial", "other", "unknown", "",
    ],
)  # fmt: skip
def test_what_nobody_can_read_is_not_let_in_where_something_is_denied(licence: str) -> None:
    assert faults(None, ["*NC*", "*GPL*"], a=licence) == [
        f"sources.a.licence: {licence!r} can't be read as an SPDX expression, so it is unknown whether "
        "deny_licences (*NC*, *GPL*) denies it; write the SPDX identifier, leave the source out, or permit "
        'it by this exact name with allow_licences = ["*", …]'
    ]


@pytest.mark.parametrize(
    "licence",
    [
        " AND ".join(["MIT"] * 50 + ["CC-BY-NC-4.0"]),
        " AND ".join(f"(MIT OR {name})" for name in ("ISC", "0BSD", "X11", "Zlib", "WTFPL", "MIT-0", "NCSA")),
    ],
    ids=["long", "alternatives"],
)
def test_nor_is_an_expression_that_is_too_long(licence: str) -> None:
    (line,) = faults(None, ["*NC*"], a=licence)
    assert "can't be read as an SPDX expression, so it is unknown whether deny_licences (*NC*)" in line
    assert len(line) < 400


def test_of_alternatives_those_that_are_let_in_are_left() -> None:
    both = "MIT OR CC-BY-SA-4.0"
    assert read_permitted_licence(both, None, []).alternatives == ({"MIT"}, {"CC-BY-SA-4.0"})
    assert read_permitted_licence(both, None, ["MIT"]).alternatives == ({"CC-BY-SA-4.0"},)
    assert read_permitted_licence(both, ["MIT"], []).alternatives == ({"MIT"},)
    assert read_permitted_licence("other", None, ["MIT"]).alternatives == ()


def test_all_faults_are_told_at_once() -> None:
    lines = faults(["MIT", "CC-BY-5.0"], ["GNU"], a="ISC", b="MIT", c="other\n---")
    assert [line.split(";")[0] for line in lines] == [
        "allow_licences[1]: 'CC-BY-5.0' is not an SPDX identifier",
        "deny_licences[0]: 'GNU' is not an SPDX identifier",
        "sources.a.licence: 'ISC' is not among allow_licences (MIT, CC-BY-5.0)",
        "sources.c.licence: 'other\\n---' names no known licence, so it can't be among allow_licences (MIT, "
        "CC-BY-5.0)",
    ]
    assert not any("\n" in line for line in lines)


def test_a_long_licence_is_quoted_in_part() -> None:
    (line,) = faults(["MIT"], [], a="x" * 500)
    assert line.startswith("sources.a.licence: 'xxxxxxxx")
    assert "…" in line
    assert len(line) < 300

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from calibset.dataset.cards.licence_summary import (
    LicenceSummary,
    obligation_lines,
    public_notes,
    summarise_licences,
)
from calibset.recipe.licences.spdx import read_licence
from calibset.recipe.licences.terms import Duty

ATTRIBUTION, NOTICE, SHARE_ALIKE, NON_COMMERCIAL, NO_DERIVATIVES, UNKNOWN = Duty


def of(licences: Mapping[str, str]) -> LicenceSummary:
    return summarise_licences({source: read_licence(text) for source, text in licences.items()})


@pytest.mark.parametrize(
    ("licences", "licence", "name"),
    [
        (["MIT", "mit"], "mit", None),
        (["PSF-2.0"], "other", "psf-2.0"),
        (["MIT", "CC0-1.0"], "other", "mixed-see-attribution"),
        (["MIT OR ISC"], "other", "mixed-see-attribution"),
        (["MIT AND ISC"], "other", "mixed-see-attribution"),
        (["unknown", "unknown"], "unknown", None),
        (["unknown", "MIT"], "other", "mixed-see-attribution"),
        (["terms of my own"], "other", "mixed-see-attribution"),
        ([], "unknown", None),
    ],
)
def test_the_whole_has_one_licence_on_the_hub(licences: list[str], licence: str, name: str | None) -> None:
    found = of({str(number): text for number, text in enumerate(licences)})
    assert (found.licence, found.name) == (licence, name)


def test_duties_name_their_sources() -> None:
    found = of({"wiki": "CC-BY-SA-3.0", "code": "MIT", "free": "CC0-1.0", "pile": "other"})
    assert dict(found.duties) == {
        ATTRIBUTION: ("wiki",), NOTICE: ("code",), SHARE_ALIKE: ("wiki",), UNKNOWN: ("pile",),
    }  # fmt: skip


def conflicts(**licences: str) -> list[tuple[tuple[str, ...], str]]:
    return [(one.sources, re.split(", so |, and others |;", one.about)[0]) for one in of(licences).conflicts]


def test_two_share_alike_licences_are_told() -> None:
    assert conflicts(wiki="CC-BY-SA-3.0", chats="CDLA-Sharing-1.0", code="MIT") == [
        (("wiki", "chats"), "CC-BY-SA-3.0 and CDLA-Sharing-1.0 each require that works based on theirs are "
         "passed on under their own terms"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "licences",
    [
        {"a": "CC-BY-SA-3.0", "b": "CC-BY-SA-4.0"},
        {"a": "CC-BY-SA-3.0 AND GFDL-1.3-or-later"},
        {"a": "CC-BY-NC-4.0", "b": "CC-BY-NC-4.0"},
        {"a": "GFDL-1.3-or-later OR CC-BY-SA-4.0", "b": "CC-BY-SA-4.0"},
        {"a": "MIT", "b": "CC-BY-4.0", "c": "CC0-1.0"},
        {"a": "CC-BY-SA-2.5", "b": "CC-BY-SA-3.0-DE", "c": "CC-BY-SA-4.0"},
        {"a": "GPL-2.0-or-later", "b": "GPL-3.0-only"},
        {"a": "GPL-2.0-only", "b": "GPL-2.0-or-later"},
        {"a": "GPL-2.0-or-later", "b": "AGPL-3.0-only"},
        {"a": "GPL-3.0-only", "b": "AGPL-3.0-or-later"},
        {"a": "GFDL-1.1-or-later", "b": "GFDL-1.2-only"},
        {"a": "GFDL-1.1-or-later", "b": "GFDL-1.2-or-later", "c": "GFDL-1.3-only"},
    ],
)
def test_licences_that_go_together_are_not(licences: dict[str, str]) -> None:
    assert conflicts(**licences) == []


@pytest.mark.parametrize(
    ("licences", "listed"),
    [
        (["GPL-2.0-only", "GPL-3.0-only"], "GPL-2.0-only and GPL-3.0-only"),
        (["GPL-2.0-only", "AGPL-3.0-or-later"], "AGPL-3.0-or-later and GPL-2.0-only"),
        (
            ["GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only"],
            "GPL-2.0-only, GPL-2.0-or-later and GPL-3.0-only",
        ),
        (["GFDL-1.1-only", "GFDL-1.3-only"], "GFDL-1.1-only and GFDL-1.3-only"),
        (["GFDL-1.2-or-later", "GFDL-1.1-only"], "GFDL-1.1-only and GFDL-1.2-or-later"),
        (["CC-BY-SA-1.0", "CC-BY-SA-2.0"], "CC-BY-SA-1.0 and CC-BY-SA-2.0"),
        (["CC-BY-NC-SA-4.0", "CC-BY-NC-SA-1.0"], "CC-BY-NC-SA-1.0 and CC-BY-NC-SA-4.0"),
    ],
)
def test_versions_that_do_not_go_together_are_told(licences: list[str], listed: str) -> None:
    ((sources, about),) = conflicts(**{f"s{number}": text for number, text in enumerate(licences)})
    assert sources == tuple(f"s{number}" for number in range(len(licences)))
    assert about.startswith(f"{listed} each require ")


def test_limits_are_told() -> None:
    assert conflicts(a="CC-BY-NC-4.0", b="CC-BY-SA-4.0", c="CC-BY-ND-4.0", d="unknown") == [
        (("a",), "these forbid commercial use"),
        (("a", "b"), "some forbid commercial use"),
        (
            ("c",),
            "these do not allow altered works to be passed on, and rows are excerpts and may be repaired",
        ),
        (("d",), "their terms are not known to calibset"),
    ]


def test_licences_that_ask_for_nothing_ask_for_nothing() -> None:
    assert list(obligation_lines(of({"a": "CC0-1.0", "b": "public domain"}))) == [
        "the sources' licences require nothing"
    ]


def test_what_to_look_at_before_a_set_is_public() -> None:
    found = of({"a": "CC-BY-NC-4.0", "b": "other", "c": "CC-BY-NC-ND-4.0", "d": "MIT", "e": "EUPL-1.2"})
    assert list(public_notes(found)) == [
        "before this is public: non-commercial (no commercial use): a, c",
        "before this is public: no derivatives (no altered work may be passed on): c",
        "before this is public: unknown terms (read the source's own terms): b, e",
    ]
    assert list(public_notes(of({"a": "MIT", "b": "CC-BY-SA-4.0"}))) == []

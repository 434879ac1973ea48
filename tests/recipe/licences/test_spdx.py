from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.recipe.licences.spdx import read_licence
from calibset.recipe.licences.terms import Duty, hub_licence, terms_of

ATTRIBUTION, NOTICE, SHARE_ALIKE, NON_COMMERCIAL, NO_DERIVATIVES, UNKNOWN = Duty


def sets(text: str) -> list[set[str]]:
    return [set(identifiers) for identifiers in read_licence(text).alternatives]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", [{"MIT"}]),
        (" mit ", [{"MIT"}]),
        ("CC BY-SA 3.0", [{"CC-BY-SA-3.0"}]),
        ("odc-by", [{"ODC-By-1.0"}]),
        ("CC0", [{"CC0-1.0"}]),
        ("public domain", [{"LicenseRef-public-domain"}]),
        ("LicenseRef-acme", [{"LicenseRef-acme"}]),
        ("GFDL-1.3", [{"GFDL-1.3-only"}]),
        ("CC-BY-SA-3.0 AND GFDL-1.3-or-later", [{"CC-BY-SA-3.0", "GFDL-1.3-or-later"}]),
        ("cc-by-sa-4.0 or gfdl", [{"CC-BY-SA-4.0"}, {"GFDL-1.3-or-later"}]),
        ("MIT AND (ISC OR Apache-2.0)", [{"MIT", "ISC"}, {"MIT", "Apache-2.0"}]),
        ("MIT OR ISC AND Apache-2.0", [{"MIT"}, {"ISC", "Apache-2.0"}]),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", [{"GPL-2.0-or-later"}]),
    ],
)
def test_an_expression_is_read(text: str, expected: list[set[str]]) -> None:
    assert sets(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "other", "unknown", "see README", "MIT AND", "(MIT", "MIT)", "MIT AND terms of my own",
        "MIT, ISC", "x\n---\nlicense: mit", "(" * 250 + "MIT", "MIT" * 200, "\ud800", "AND", "LicenseRef-a_b",
        " AND ".join(["(MIT OR ISC)", "(BSD-2-Clause OR 0BSD)", "(Apache-2.0 OR WTFPL)"] * 3 + ["x"]),
    ],
)  # fmt: skip
def test_what_is_no_expression_is_unknown(text: str) -> None:
    licence = read_licence(text)
    assert licence.alternatives == ()
    assert licence.duties == {UNKNOWN}
    assert not licence.is_known


def test_more_alternatives_than_anyone_means_are_unknown() -> None:
    pairs = ["MIT OR ISC", "0BSD OR WTFPL", "PSF-2.0 OR Apache-2.0", "CC0-1.0 OR Unlicense", "Zlib OR X11",
             "BSD-2-Clause OR BSD-3-Clause", "PDDL-1.0 OR MIT-0"]  # fmt: skip
    assert len(sets(" AND ".join(f"({pair})" for pair in pairs[:6]))) == 64
    assert sets(" AND ".join(f"({pair})" for pair in pairs)) == []


WORDS = st.sampled_from(
    ["MIT", "isc", "(", ")", "AND", "or", "WITH", "+", "GPL-3.0+", "gfdl", "LicenseRef-x"]
)


@given(st.text(max_size=400) | st.lists(WORDS, max_size=30).map(" ".join))
def test_any_text_is_read(text: str) -> None:
    licence = read_licence(text)
    assert licence.spelled == text
    assert bool(licence.alternatives) or licence.duties == {UNKNOWN}


@pytest.mark.parametrize(
    ("identifier", "duties"),
    [
        ("CC0-1.0", set()),
        ("PDDL-1.0", set()),
        ("LicenseRef-public-domain", set()),
        ("CC-BY-3.0", {ATTRIBUTION}),
        ("CC-BY-4.0", {ATTRIBUTION}),
        ("CC-BY-3.0-AT", {ATTRIBUTION}),
        ("CC-BY-SA-3.0", {ATTRIBUTION, SHARE_ALIKE}),
        ("CC-BY-NC-4.0", {ATTRIBUTION, NON_COMMERCIAL}),
        ("CC-BY-ND-4.0", {ATTRIBUTION, NO_DERIVATIVES}),
        ("CC-BY-NC-ND-3.0-IGO", {ATTRIBUTION, NON_COMMERCIAL, NO_DERIVATIVES}),
        ("CC-BY-NC-SA-4.0", {ATTRIBUTION, NON_COMMERCIAL, SHARE_ALIKE}),
        ("ODC-By-1.0", {ATTRIBUTION, NOTICE}),
        ("ODbL-1.0", {ATTRIBUTION, NOTICE, SHARE_ALIKE}),
        ("CDLA-Sharing-1.0", {ATTRIBUTION, NOTICE, SHARE_ALIKE}),
        ("CDLA-Permissive-1.0", {ATTRIBUTION, NOTICE}),
        ("CDLA-Permissive-2.0", {NOTICE}),
        ("MIT", {NOTICE}),
        ("Apache-2.0", {NOTICE}),
        ("BSD-3-Clause", {NOTICE}),
        ("GFDL-1.3-or-later", {ATTRIBUTION, NOTICE, SHARE_ALIKE}),
        ("PSF-2.0", {NOTICE}),
        ("EUPL-1.2", {UNKNOWN}),
        ("CC-BY-4.0-of-a-kind", {UNKNOWN}),
    ],
)
def test_a_licence_asks_for(identifier: str, duties: set[Duty]) -> None:
    assert terms_of(identifier).duties == duties


def test_every_fact_is_of_an_spdx_identifier() -> None:
    from calibset.recipe.licences.terms import _DUTIES, _ON_THE_HUB, _SHARED_UNDER, ALIASES

    named = {*_DUTIES, *_SHARED_UNDER, *_ON_THE_HUB, *ALIASES.values()}
    assert [name for name in sorted(named) if sets(name) != [{name}]] == []


@pytest.mark.parametrize(
    ("identifier", "name"),
    [("MIT", "mit"), ("CC-BY-SA-4.0", "cc-by-sa-4.0"), ("ODbL-1.0", "odbl"), ("GFDL-1.2-only", "gfdl"),
     ("PSF-2.0", None), ("CC-BY-3.0-AT", None)],
)  # fmt: skip
def test_the_hub_has_names_of_its_own(identifier: str, name: str | None) -> None:
    assert hub_licence(identifier) == name


def test_of_alternatives_the_lightest_is_taken() -> None:
    assert read_licence("GPL-3.0-only OR MIT").duties == {NOTICE}
    assert read_licence("LicenseRef-mine OR CC-BY-SA-4.0").duties == {ATTRIBUTION, SHARE_ALIKE}
    assert read_licence("MIT AND CC-BY-4.0").duties == {NOTICE, ATTRIBUTION}

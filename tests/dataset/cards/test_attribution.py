from __future__ import annotations

from calibset.dataset.cards.attribution import attribution
from tests.dataset.cards.records import manifest, source
from tests.dataset.cards.rendered import headings, kinds


def test_each_source_that_gave_a_row_is_named() -> None:
    found = attribution(
        manifest(
            source(
                "chats", licence="CC-BY-SA-4.0 OR GFDL-1.3-or-later", repaired={"NFC": 2, "controls": 1},
                personal_data={"e-mail": 4}, boilerplate_lines=6, control_tokens_neutralised=1,
                leading_bos_removed=3,
                conversations_shortened=2, conversations_repaired={"no *answer*": 3, "not quite JSON": 1},
                thoughts_dropped=1, tool_names={"d1": {"a": "b"}},
            ),
            source("unused", achieved=0),
            source("local", location="texts/x", revision=None, licence="other"),
        )
    )  # fmt: skip
    assert headings(found) == ["Sources of small-set", "chats", "local", "What the licences require together"]
    assert found.split("\n\n")[3].splitlines() == [
        "- read from: [someone/texts](https://huggingface.co/datasets/someone/texts/tree/"
        "0123456789abcdef0123456789abcdef01234567)",
        "- revision: 0123456789abcdef0123456789abcdef01234567",
        "- licence: CC-BY-SA-4.0 OR GFDL-1.3-or-later "
        "([CC-BY-SA-4.0](https://spdx.org/licenses/CC-BY-SA-4.0.html), "
        "[GFDL-1.3-or-later](https://spdx.org/licenses/GFDL-1.3-or-later.html))",
        "- used: 7 documents in 4 rows",
        "- changed: excerpted, packed and cut into rows of an exact length; tools renamed in 1 "
        "conversation; in the 9 documents read as candidates: characters repaired in 3 documents "
        "(NFC, controls), 4 pieces of personal data replaced by made-up data (e-mail), 6 lines of "
        "boilerplate removed, 1 spelled control token broken apart, 3 leading BOS taken off, "
        "2 conversations shortened, "
        r"conversations repaired: no \*answer\* (3), not quite JSON (1), "
        "reasoning left out of 1 assistant turn",
    ]
    assert found.split("\n\n")[5].splitlines()[:2] == ["- read from: texts/x", "- licence: other"]


def test_filled_placeholders_are_told() -> None:
    found = manifest(source("a"), recipe={"sources": {"a": {"placeholders": "fill"}}})
    assert "; placeholders filled with made-up values\n" in attribution(found)


def test_the_holdout_s_sources_are_named_too() -> None:
    calibration = manifest(source("a"), source("b", achieved=0))
    held = manifest(source("a", achieved=0), source("b", achieved=1))
    assert "## b" not in attribution(calibration)
    assert "## a" in attribution(calibration, holdout=held)
    assert "## b" in attribution(calibration, holdout=held)


def test_what_both_files_use_is_counted_together() -> None:
    calibration = manifest(
        source("both", repaired={"NFC": 2}, tool_names={"d1": {"a": "b"}}), source("pile", achieved=0,
        documents_used=0),
    )  # fmt: skip
    held = manifest(
        source("both", achieved=1, documents_used=2, repaired={"NFC": 3}, tool_names={"d2": {"a": "c"}}),
        source("pile", achieved=1_001, documents_used=1),
    )
    found = attribution(calibration, holdout=held)
    assert [line for line in found.splitlines() if line.startswith("- used")] == [
        "- used: 9 documents in 5 rows", "- used: 1 document in 1,001 rows",
    ]  # fmt: skip
    assert " The counts are those of the calibration file and its holdout together.\n" in found
    assert "together.\n" not in attribution(calibration)
    # The holdout's sources were read on, and what was repaired before is in their counts.
    changes = "tools renamed in 2 conversations; in the 9 documents read as candidates"
    assert f"; {changes}: characters repaired in 3 documents (NFC)\n" in found


def test_a_dedication_has_no_text_to_link() -> None:
    assert "- licence: public domain\n" in attribution(manifest(source("a", licence="public domain")))


def test_names_do_not_break_out() -> None:
    found = attribution(manifest(source("a\n# b", location="<b>", licence="<i>\n---", repaired={"<u>": 1})))
    assert headings(found)[1] == "a # b"
    assert not kinds(found) & {"html_inline", "html_block", "hr"}


def test_it_is_no_advice() -> None:
    assert attribution(manifest()).endswith("that the recipe states. It is not legal advice.\n")

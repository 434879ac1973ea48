from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import OutputError
from calibset.dataset.cards.dataset_card import CardFiles, dataset_card
from calibset.dataset.cards.model_card import model_card_section
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import ScoresReport
from tests.dataset.cards.records import evaluation, held_by, manifest, source
from tests.dataset.cards.rendered import headings, kinds, links, table_rows

HEADINGS = ["Sources", "How it was made", "Licences", "Using it", "Building it again", "Hashes and versions"]
BESIDE = CardFiles(file="x.jsonl", manifest="x.manifest.json")
TRICKS = [
    "a\n---\nlicense: mit\n---\n# b", "<script>alert(1)</script>", "| a | b |", "](javascript:x)", "`",
    "a: b", "- a", "'\"", "{a: [", "&copy;", "@someone", "!!python/object:os.system", "*x*", "\\", "#", "%x",
    "\u202e\u0085", "null", "~", "2026-11-23",
]  # fmt: skip


def card(found: Manifest, beside: CardFiles = BESIDE, **more: Any) -> DatasetCard:
    return DatasetCard(dataset_card(found, beside, **more))


def test_its_metadata() -> None:
    assert card(manifest()).data.to_dict() == {
        "language": ["sk"],
        "license": "cc-by-4.0",
        "pretty_name": "small-set",
        "size_categories": "n<1K",
        "task_categories": ["text-generation"],
        "tags": ["calibration", "quantization", "calibset"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "x.jsonl"}]}],
    }


def test_the_licence_of_several_is_other() -> None:
    found = manifest(source("a"), source("b", licence="MIT"), source("c", licence="other", achieved=0))
    data = card(found, repo_id="me/set").data.to_dict()
    assert (data["license"], data["license_name"]) == ("other", "mixed-see-attribution")
    assert data["license_link"] == "https://huggingface.co/datasets/me/set/blob/main/ATTRIBUTION.md"
    assert "license_link" not in card(found).data.to_dict()


def test_sources_that_gave_no_row_do_not_count() -> None:
    found = manifest(source("a"), source("b", licence="other", achieved=0, tokens_read=0))
    assert card(found).data.to_dict()["license"] == "cc-by-4.0"
    assert "read the source's own terms" not in dataset_card(found, BESIDE)


def test_a_holdout_is_a_split_and_its_sources_count() -> None:
    found = manifest(source("a"), source("b", licence="MIT", achieved=0))
    held = manifest(source("a", achieved=0), source("b", licence="MIT"))
    beside = CardFiles(file="x.jsonl", manifest="x.manifest.json", holdout="x.holdout.jsonl")
    data = card(found, beside, holdout=held).data.to_dict()
    assert data["configs"][0]["data_files"][1] == {"split": "test", "path": "x.holdout.jsonl"}
    assert data["license"] == "other"


def test_the_holdout_s_rows_are_said_to_be_in_no_table() -> None:
    beside = CardFiles(file="x.jsonl", manifest="x.manifest.json", holdout="x.holdout.jsonl")
    text = dataset_card(manifest(), beside, holdout=manifest(source("texts", achieved=3)))
    line = "The tables count the rows of x.jsonl; x.holdout.jsonl has 3 more, drawn by the same mixture."
    assert line in text.splitlines()
    assert "The tables count" not in dataset_card(manifest(), BESIDE)


def test_an_alternative_that_is_denied_is_not_the_one_taken() -> None:
    plain = manifest(source("a", licence="MIT OR CC-BY-SA-4.0"))
    denying = plain.model_copy(update={"recipe": {**plain.recipe, "deny_licences": ["MIT"]}})
    notice = (
        "- notice (keep the licence's text and its copyright lines with the data; they are not in this file, "
        "so take them from the source): a"
    )
    sharing = "- share-alike (pass on works based on it under the same licence): a"
    for found, taken, other in ((plain, notice, sharing), (denying, sharing, notice)):
        for text in (dataset_card(found, BESIDE), model_card_section(found).replace("- Licences: ", "- ")):
            assert taken in text.splitlines()
            assert other not in text.splitlines()
    assert card(denying).data.to_dict()["license"] == "cc-by-sa-4.0"


def test_a_name_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(OutputError) as caught:
        CardFiles(file="x.jsonl", manifest="x.manifest.json", recipe="n\udcff.toml")
    assert str(caught.value) == (
        "n\udcff.toml: its name is not UTF-8, so that no card can name it; rename it"
    )


@pytest.mark.parametrize(("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (20_000, "10K<n<100K")])
def test_its_size(rows: int, size: str) -> None:
    sample = manifest().samples[0]
    assert card(manifest(samples=(sample,) * rows)).data.to_dict()["size_categories"] == size


def test_languages_can_be_given() -> None:
    data = card(manifest(), languages=["en", "sk", "<b>", "en"]).data.to_dict()
    assert data["language"] == ["en", "sk"]


def test_its_tables() -> None:
    found = manifest(source("a"), source("b", group="chats", achieved=1, tokens_read=100, licence="MIT"))
    rows = table_rows(card(found).text)
    commit = "0123456789ab"
    assert rows[0][:4] == ["source", "group", "gives", "read from"]
    read = ["texts", "someone/texts", commit]
    assert rows[1:3] == [
        ["a", "web", *read, "CC-BY-4.0", "2", "4", "50.0%", "4", "80.0%", "400", "80.0%"],
        ["b", "chats", *read, "MIT", "2", "4", "50.0%", "1", "20.0%", "100", "20.0%"],
    ]
    assert rows[4:6] == [
        ["web", "50.0%", "4", "4", "80.0%", "80.0%"],
        ["chats", "50.0%", "4", "1", "20.0%", "20.0%"],
    ]
    assert rows[7] == ["exam", "exam.jsonl", "MIT", "30", "2"]
    linked = [address for address in links(card(found).text) if "spdx" in address]
    assert linked == [
        f"https://spdx.org/licenses/{one}.html" for one in ("CC-BY-4.0", "MIT", "MIT")
    ]  # fmt: skip
    assert rows[9:] == [["calibset", "0.1.0"], ["pyarrow", "26.0.1"]]


def test_it_says_how_the_set_was_made() -> None:
    found = manifest(
        source(
            "a", filtered={"no text": 3}, rejections={"bad": 1}, repaired={"NFC": 2}, boilerplate_lines=5,
            contaminated=(held_by("d1", "exam", "quiz"),),
        ),
        source("b", filtered={"no text": 1}, personal_data={"e-mail": 1}, control_tokens_neutralised=4,
               contaminated=(held_by("d2", "quiz"), held_by("d3", "exam"))),
        evaluations=(evaluation("exam", matched=2), evaluation("quiz", matched=2)),
    )  # fmt: skip
    text = card(found).text
    for line in (
        "- Rows: 8, of which AutoRound 0.12.3 to 0.16.1 keeps 8 and reads 100 tokens of each.",
        f"- Tokenizer: mistral-small-3.2, SHA-256 {'ab' * 32}. Every row was encoded with it, to "
        "make sure that it has enough tokens.",
        "- Packing: each row is the shortest text that has 100 tokens when it is read back. The quantizer "
        "cuts 1.23% of the rows' tokens; 0.45% of the tokens that it reads are filler, the beginning of a "
        "conversation that fills up a row. Of 10 assistant turns, 9 are read to the end.",
        "- Control tokens: spelled by accident in texts and broken apart 4 times.",
        "- Duplicates: documents that repeat an earlier one were filtered (near).",
        "- Filtered: 4 × no text.",
        "- Rejected (unreadable or empty): 1 × bad.",
        "- Documents repaired: 2 × NFC.",
        "- Personal data replaced by made-up data: 1 × e-mail.",
        "- Boilerplate: 5 lines that are repeated in other documents were removed.",
        "- Decontamination: documents were compared with exam, quiz; 3 hold a part of an evaluation "
        "set, such as 13 words in a row.",
        "- Selection: coverage, from 16 candidate rows. The chosen rows hold 90 different tokens; random "
        "choices hold 80 on average (± 2), all candidates together 120.",
        "- The holdout set, 2 rows in a file of its own, shares no document with this one.",
        "- Seed: 7.",
        f"- x.jsonl: SHA-256 {'ef' * 32}",
        f"- its holdout set: SHA-256 {'cd' * 32}",
    ):
        assert line in text.splitlines()


def test_a_plain_build_has_less_to_say() -> None:
    text = card(
        manifest(evaluations=(), selection=None, other=None, turns=0, complete_turns=0, recipe={})
    ).text
    assert "- Selection: at random, by the seed." in text
    assert "- Decontamination: the recipe names no evaluation set to exclude." in text
    assert not any(
        word in text for word in ("holdout", "assistant", "Seed", "evaluation set |", "Duplicates")
    )


def test_a_full_index_of_duplicates_is_told() -> None:
    assert (
        "- Duplicates: documents that repeat an earlier one were filtered (near). "
        "The index of them was full: 1 document did not fit in, so texts that repeat these may be in the rows"
        "."
    ) in card(manifest(not_compared=1)).text.splitlines()


def test_documents_that_were_chosen_by_scores_are_told() -> None:
    chosen = ScoresReport(
        sha256="ab" * 32, choose="quality", choose_where="", documents=2_000, repeats=3, eligible=1_500
    )
    lines = card(manifest(source("web", scores=chosen), source("wiki"), selection=None)).text.splitlines()
    at = lines.index("- Selection: at random, by the seed.")
    assert lines[at + 1] == "- Documents of web: chosen by their scores (quality) from 1,500 of 2,000."


@pytest.mark.parametrize(
    ("recipe", "lock", "expected"),
    [
        (None, None, "The recipe is in x.manifest.json under `recipe`, with every default written out."),
        ("my recipe.toml", None, "calibset build 'my recipe.toml' --out x.jsonl"),
        ("r.toml", "r.lock", "calibset build r.toml --locked --out x.jsonl"),
    ],
)
def test_it_says_how_to_build_it_again(recipe: str | None, lock: str | None, expected: str) -> None:
    beside = CardFiles(file="x.jsonl", manifest="x.manifest.json", recipe=recipe, lock=lock)
    assert expected in dataset_card(manifest(), beside)


@given(st.lists(st.sampled_from(TRICKS) | st.text(max_size=20), min_size=6, max_size=6))
def test_no_text_of_a_manifest_breaks_out(tricks: list[str]) -> None:
    name, group, place, licence, reason, description = tricks
    one = source(
        f"s{name}", group=group, location=place, licence=licence, revision=reason, filtered={reason: 1},
    )  # fmt: skip
    found = manifest(
        one,
        name=name,
        recipe={"description": description, "sources": {one.name: {"hygiene": {"languages": [name, "sk"]}}}},
        versions={name: place},
        quantizer=group,
        evaluations=(),
    )
    beside = CardFiles(file=name or "x", manifest=place, recipe=group)
    drawn = DatasetCard(dataset_card(found, beside))
    data = drawn.data.to_dict()
    assert set(data) <= {"language", "license", "license_name", "pretty_name", "size_categories",
                         "task_categories", "tags", "configs"}  # fmt: skip
    assert len(data["configs"]) == 1
    assert not kinds(drawn.text) & {
        "html_inline",
        "html_block",
        "image",
        "hr",
        "blockquote_open",
        "lheading_open",
    }
    assert headings(drawn.text)[1:] == HEADINGS
    assert {len(row) for row in table_rows(drawn.text)} == {13, 6, 2}
    assert all(address.startswith("https://") for address in links(drawn.text))
    section = model_card_section(found, name)
    assert not kinds(section) & {"html_inline", "html_block", "image", "hr", "blockquote_open"}
    assert headings(section) == ["Calibration data"]


def test_a_section_for_a_model_s_card() -> None:
    section = model_card_section(manifest(source("a"), source("b", licence="other")), "x.jsonl")
    assert section.startswith(
        "## Calibration data\n\nQuantization was calibrated with small-set: 8 rows of 100 tokens, built by "
        "calibset 0.1.0.\n\n| source |"
    )
    assert "- Licences: unknown terms (read the source's own terms): b" in section.splitlines()
    assert f"- x.jsonl: SHA-256 {'ef' * 32}" in section.splitlines()
    assert table_rows(section)[1][:4] == ["a", "web", "texts", "someone/texts"]

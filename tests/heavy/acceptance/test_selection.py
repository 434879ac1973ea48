"""Rows chosen by coverage on the whole flagship, and a holdout that shares nothing with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from calibset import Manifest
from calibset.selection.coverage_report import CoverageReport
from calibset.tokenizers.tekken import TekkenTokenizer
from tests.heavy.hub import Hub
from tests.heavy.likeness import Shingles, alike, plain_words, runs
from tests.heavy.rows import Row, documents_of, rows_of

LETTERS = "áäčďéíĺľňóôŕšťúýžÁÄČĎÉÍĽŇÓÔŠŤÚÝŽĹŔ"
NSAMPLES, HELD = 512, 64


@dataclass(frozen=True)
class Built:
    """A set, its holdout, and what the command said of it."""

    manifest: Manifest
    rows: list[Row]
    other: Manifest
    held: list[Row]
    said: Any

    @property
    def selection(self) -> CoverageReport:
        assert self.manifest.selection is not None
        return self.manifest.selection


@pytest.fixture(scope="module")
def built(hub: Hub, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    file = tmp_path_factory.mktemp("built") / "slovak.jsonl"
    wanted = (
        "selection.method=coverage",
        f"selection.letters={LETTERS}",
        "selection.terms_of=actuarial-ontology",
        f"holdout.nsamples={HELD}",
    )
    ran = hub.build(file, "--json", *(word for one in wanted for word in ("--set", one)), data=corpora)
    assert ran.code == 0, ran.err
    held = file.with_name("slovak.holdout.jsonl")
    manifest, other = Manifest.read(file), Manifest.read(held)
    assert manifest is not None
    assert other is not None
    return Built(manifest, rows_of(file, manifest), other, rows_of(held, other), ran.data)


def test_the_rows_chosen_hold_more_tokens_than_random_ones(built: Built) -> None:
    found = built.selection
    gap = found.distinct_tokens - found.random_mean
    of_attainable = gap / (found.attainable - found.random_mean)
    print(  # noqa: T201
        f"\n{found.distinct_tokens:,} different tokens of {found.pool} candidates; random choice "
        f"{found.random_mean:,.0f} (sd {found.random_sd:.0f}), pool {found.pool_tokens:,}, attainable "
        f"{found.attainable:,}: {gap / (found.pool_tokens - found.random_mean):.1%} of the gap to the pool "
        f"is closed, {of_attainable:.1%} of that to what is attainable; "
        f"{built.said['seconds']['selection']:.2f} s of {built.said['seconds']}"
    )
    assert found.pool > 1.3 * NSAMPLES
    assert found.random_mean + 8 * found.random_sd < found.distinct_tokens
    assert found.distinct_tokens <= found.attainable <= found.pool_tokens
    assert of_attainable >= 0.8


def test_the_figures_are_those_of_the_file(built: Built, tekken: TekkenTokenizer) -> None:
    read = [
        tekken.encode(row.text, parse_special=True)[: built.manifest.seqlen - len(tekken.prefix)]
        for row in built.rows
    ]
    assert len(set().union(*read, tekken.prefix)) == built.selection.distinct_tokens


def test_the_terms_are_all_met(built: Built, tekken: TekkenTokenizer) -> None:
    found = built.selection
    print(f"\nmet {len(found.terms_met)}, absent {found.terms_absent}")  # noqa: T201
    assert found.terms_missed == ()
    assert set(LETTERS) <= {*found.terms_met, *found.terms_absent}
    assert set(LETTERS.lower()) <= set(found.terms_met)
    controls = [term for term in found.terms_met if term in tekken.special_tokens]
    assert {"[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[TOOL_RESULTS]", "</s>"} <= set(
        controls
    )
    texts = [row.text for row in built.rows]
    assert all(any(term in text for text in texts) for term in (*controls, *LETTERS.lower()))
    titles = [term for term in found.terms_met if term not in controls and term not in LETTERS]
    assert len(titles) > 100
    together = [f" {' '.join(plain_words(text))} " for text in texts]
    assert [
        title for title in titles if not any(f" {' '.join(plain_words(title))} " in one for one in together)
    ] == []


def test_the_mixture_is_the_one_asked_for_up_to_what_runs_short(built: Built) -> None:
    groups = {group.name: group for group in built.manifest.groups}
    assert [group.asked for group in groups.values()] == [205, 154, 153, 0]
    assert groups["slovak"].achieved == 205
    assert sum(group.achieved for group in groups.values()) == NSAMPLES
    short = {source.name for source in built.manifest.sources if source.achieved < source.asked}
    # The ontology is small, and so is When2Call without its twins and without what is held out.
    assert short <= {"actuarial-ontology", "when2call"}
    assert built.manifest.kept == len(built.rows) == NSAMPLES
    assert built.manifest.waste <= 0.02


def test_both_files_are_kept_and_name_each_other(built: Built) -> None:
    assert built.other.kept == len(built.held) == HELD
    assert built.manifest.other is not None
    assert built.other.other is not None
    assert (built.manifest.other.role, built.manifest.other.sha256) == ("holdout", built.other.sha256)
    assert (built.other.other.role, built.other.other.sha256) == ("calibration", built.manifest.sha256)


def test_the_holdout_has_the_mixture_of_the_set(built: Built) -> None:
    for group, other in zip(built.manifest.groups, built.other.groups, strict=True):
        assert abs(other.asked - group.asked * HELD / NSAMPLES) <= 1
        # One source that runs short in one of the two may give a row more or less in its place.
        assert abs(other.achieved - group.achieved * HELD / NSAMPLES) <= 2, group.name


def test_the_holdout_shares_no_document(built: Built) -> None:
    own, held = documents_of(built.rows), documents_of(built.held)
    assert len(held) > HELD
    assert not own.keys() & held.keys()


def test_the_holdout_shares_no_near_duplicate(built: Built) -> None:
    """By brute force, over the texts as they stand in the rows, fillers and parts of documents too."""
    own, held = dict(shingled(built.rows)), dict(shingled(built.held))
    assert len(own) > 1_000
    assert len(held) > 100
    assert not own.keys() & held.keys()
    assert not alike(own, 0.75, held)


def shingled(rows: list[Row]) -> Iterator[tuple[str, Shingles]]:
    """Yield the runs of three words of what stands in rows of each document, if there is enough of it."""
    for (source, name), text in documents_of(rows).items():
        words = plain_words(turns(text))
        if len(words) >= 20:
            yield f"{source}: {name}", runs(words, 3)


def turns(text: str) -> str:
    """Return a conversation without the tools and the system turn that others have too."""
    text = re.sub(r"\[AVAILABLE_TOOLS\].*?(\[/AVAILABLE_TOOLS\]|\Z)", " ", text, flags=re.DOTALL)
    return re.sub(r"\[SYSTEM_PROMPT\].*?(\[/SYSTEM_PROMPT\]|\Z)", " ", text, flags=re.DOTALL)

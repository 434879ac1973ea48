"""The main job on real input: the flagship recipe, unmodified, from a stand-in of the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from calibset import Manifest
from tests.heavy.hub import FLAGSHIP, Hub


@dataclass(frozen=True)
class Built:
    file: Path
    manifest: Manifest


@pytest.fixture(scope="module")
def built(hub: Hub, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    file = tmp_path_factory.mktemp("built") / "slovak.jsonl"
    ran = hub.build(file, data=corpora)
    assert ran.code == 0, ran.err
    manifest = Manifest.read(file)
    assert manifest is not None
    return Built(file, manifest)


def test_every_row_is_kept(hub: Hub, built: Built) -> None:
    ran = hub.run("verify", built.file, "--json")
    assert ran.code == 0
    assert ran.data["kept"] == 512
    assert len(ran.data["rows"]) == 512
    assert all(row["used"] for row in ran.data["rows"])


def test_the_mixture_is_the_one_asked_for_up_to_what_runs_short(built: Built) -> None:
    groups = {group.name: group for group in built.manifest.groups}
    assert {name: group.asked for name, group in groups.items()} == {
        "slovak": 205,
        "insurance": 154,
        "tools": 153,
        "general": 0,
    }
    sources = {source.name: source for source in built.manifest.sources}
    ontology = sources.pop("actuarial-ontology")
    assert 1 <= ontology.achieved < ontology.asked == 31
    pile = sources.pop("pile-10k")
    assert pile.achieved == ontology.asked - ontology.achieved
    assert all(source.achieved == source.asked for source in sources.values())


def test_little_is_wasted_and_turns_arrive_complete(built: Built) -> None:
    assert built.manifest.waste <= 0.02
    assert built.manifest.turns > 1000
    assert built.manifest.complete_turns / built.manifest.turns >= 0.95


def test_every_prefix_holds_the_mixture(built: Built) -> None:
    manifest = built.manifest
    group_of = {source.name: source.group for source in manifest.sources}
    rows = [group_of[json.loads(line)["source"]] for line in built.file.read_text("ascii").splitlines()]
    for group in manifest.groups:
        for k in range(1, len(rows) + 1):
            assert abs(rows[:k].count(group.name) - group.achieved * k / len(rows)) < 1


def test_the_same_bytes_again_from_a_cold_cache(
    hub: Hub, corpora: Path, built: Built, tmp_path: Path
) -> None:
    cold = Hub(hub.address, tmp_path / "hf-home")
    again = tmp_path / "slovak.jsonl"
    assert cold.build(again, data=corpora).code == 0
    assert again.read_bytes() == built.file.read_bytes()
    assert (
        again.with_suffix(".manifest.json").read_bytes()
        == built.file.with_suffix(".manifest.json").read_bytes()
    )


def test_the_hub_stands_in_where_the_extracted_wikipedia_is_not_there(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "slovak.jsonl"
    assert hub.build(file).code == 0
    manifest = Manifest.read(file)
    assert manifest is not None
    places = {source.name: (source.location, source.achieved) for source in manifest.sources}
    assert places["skwiki"] == ("hf://datasets/wikimedia/wikipedia", 68)


def test_a_plan_without_a_try_downloads_no_data(standin, corpora: Path) -> None:  # type: ignore[no-untyped-def]
    with standin() as fresh:
        ran = fresh.run("plan", FLAGSHIP, "--data", corpora, *fresh.mirrors, "--no-try", "--json")
        assert ran.code == 0
        assert fresh.stats()["data_requests"] == 0
    quotas = [source["quota"] for source in ran.data["sources"]]
    assert quotas == [137, 68, 62, 31, 61, 51, 51, 51, 0]


def test_a_plan_tries_a_record_of_each_source(standin, corpora: Path) -> None:  # type: ignore[no-untyped-def]
    with standin() as fresh:
        ran = fresh.run("plan", FLAGSHIP, "--data", corpora, *fresh.mirrors, "--json")
        assert ran.code == 0
        tried = fresh.stats()
    with standin() as fresh:
        assert fresh.build(fresh.home / "x.jsonl", data=corpora).code == 0
        built = fresh.stats()
    assert 0 < tried["data_bytes_sent"] < built["data_bytes_sent"], (tried, built)


def test_a_check_counts_what_cannot_be_read(hub: Hub, corpora: Path) -> None:
    ran = hub.run("check", FLAGSHIP, "--data", corpora, *hub.mirrors, "--json", "--quiet")
    assert ran.code == 0, ran.err
    found = {source["name"]: source for source in ran.data}
    assert found["fineweb2-sk"]["filtered"]["empty text"] == 2
    assert found["skwiki"]["filtered"] == {"no text (a redirect or an empty page)": 7, "id seen before": 1}
    assert found["bitext-insurance"]["rejections"] == {"empty response": 1}
    assert found["hermes"]["rejections"] == {
        "tool response without a call": 2,
        "call to an undeclared tool": 1,
    }
    for name in ("insurance-definitions", "actuarial-ontology", "when2call", "pile-10k"):
        assert found[name]["rejections"] == {}
        assert found[name]["documents"] > 160

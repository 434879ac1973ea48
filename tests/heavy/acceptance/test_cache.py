"""The flagship recipe, built again from what earlier builds kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.heavy.hub import Hub

FEW = ("--set", "nsamples=128", "--quiet")
ON_SERVERS = (
    "fineweb2-sk", "insurance-definitions", "actuarial-ontology", "bitext-insurance",
    "hermes", "toolace", "when2call", "pile-10k",
)  # fmt: skip


@dataclass(frozen=True)
class Built:
    """The output of a first build, and the hub with the cache that it left."""

    hub: Hub
    out: Path

    @property
    def both(self) -> tuple[bytes, bytes]:
        return pair(self.out)


@pytest.fixture(scope="module")
def built(standin, corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:  # type: ignore[no-untyped-def]
    out = tmp_path_factory.mktemp("first") / "set.jsonl"
    with standin() as hub:
        ran = hub.build(out, *FEW, data=corpora)
        assert ran.code == 0, ran.err
        assert hub.stats()["data_requests"] > 10
        yield Built(hub, out)


def pair(out: Path) -> tuple[bytes, bytes]:
    """Return the bytes of a calibration file and of its manifest."""
    return out.read_bytes(), out.with_suffix(".manifest.json").read_bytes()


def test_a_warm_cache_spares_every_data_request(built: Built, corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    built.hub.stats(reset=True)
    ran = built.hub.build(out, *FEW, data=corpora)
    assert ran.code == 0, ran.err
    stats = built.hub.stats()
    assert stats["data_requests"] == 0, stats
    assert pair(out) == built.both


def test_offline_asks_nothing_at_all(built: Built, corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.jsonl"
    built.hub.stats(reset=True)
    ran = built.hub.build(out, *FEW, "--offline", data=corpora)
    assert ran.code == 0, ran.err
    assert built.hub.stats()["requests"] == 0
    assert pair(out) == built.both


def test_offline_with_a_cold_cache_names_every_source_on_a_server(
    built: Built, corpora: Path, tmp_path: Path
) -> None:
    cold = built.hub.with_home(tmp_path / "home")
    assert_nothing_to_build_from(cold, corpora, tmp_path / "set.jsonl", ON_SERVERS)


def test_without_the_local_folder_that_source_is_named_too(built: Built, tmp_path: Path) -> None:
    cold = built.hub.with_home(tmp_path / "home")
    names = (ON_SERVERS[0], "skwiki", *ON_SERVERS[1:])
    assert_nothing_to_build_from(cold, None, tmp_path / "set.jsonl", names)


def test_list_and_clear(standin, corpora: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "set.jsonl"
    with standin() as hub:
        assert hub.run("cache", "list", "--json").data["locations"] == []
        ran = hub.build(out, *FEW, data=corpora)
        assert ran.code == 0, ran.err
        listed = {one["location"]: one for one in hub.run("cache", "list", "--json").data["locations"]}
        assert len(listed) == len(ON_SERVERS) + 1  # and the evaluation set
        assert listed["hf://datasets/ivykopal/fineweb2-slovak"]["files"] == 3
        ontology = next(one for place, one in listed.items() if place.endswith("actuarial-ontology.ttl"))
        size = (corpora / "Actuarial-Notes/Actuarial-Ontology/actuarial-ontology.ttl").stat().st_size
        assert (ontology["files"], ontology["size"]) == (1, size)
        table = hub.run("cache", "list").out
        hub_places = [place for place in listed if place.startswith("hf://")]
        assert all(place.removeprefix("hf://datasets/") in table for place in hub_places)
        assert hub.run("cache", "clear").code == 0
        assert hub.run("cache", "list", "--json").data["locations"] == []
        assert_nothing_to_build_from(hub, corpora, out, ON_SERVERS)


def test_two_builds_that_share_a_cold_cache(built: Built, corpora: Path, tmp_path: Path) -> None:
    shared = built.hub.with_home(tmp_path / "home")
    outs = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    running = [shared.started(*shared.to_build(out, *FEW, data=corpora)) for out in outs]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert [pair(out) for out in outs] == [built.both, built.both]
    assert shared.build(outs[0], *FEW, "--offline", data=corpora).code == 0
    assert pair(outs[0]) == built.both


def assert_nothing_to_build_from(hub: Hub, data: Path | None, out: Path, names: tuple[str, ...]) -> None:
    """An offline build fails with a line that names these sources, asks nothing, and changes nothing."""
    out.write_text("what stood here before\n")
    hub.stats(reset=True)
    ran = hub.build(out, *FEW, "--offline", data=data)
    assert ran.code == 1
    assert ran.err.count("\n") == 1, ran.err
    assert ran.said
    named = re.search(r"not in the cache: ([^;]+);", ran.err)
    assert named, ran.err
    assert named[1].split(", ") == [*(f"sources.{name}" for name in names), "exclude.wikitext-2"]
    assert hub.stats()["requests"] == 0
    assert out.read_text() == "what stood here before\n"

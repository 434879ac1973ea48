"""What goes wrong on the way to a hub: one clear line, and the old output stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.heavy.hub import Hub

OLD = "what stood here before\n"
FEW = ("--set", "nsamples=128")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    file = tmp_path / "set.jsonl"
    file.write_text(OLD)
    return file


def assert_one_line(ran, code: int, *fragments: str) -> None:  # type: ignore[no-untyped-def]
    lines = [line for line in ran.err.splitlines() if line.startswith("calibset:")]
    assert ran.code == code
    assert "Traceback" not in ran.err
    assert len(lines) == 1, ran.err
    for fragment in fragments:
        assert fragment in lines[0]


def test_an_unreachable_hub(hub: Hub, corpora: Path, out: Path, tmp_path: Path) -> None:
    gone = Hub("http://127.0.0.1:9", tmp_path / "home")
    assert_one_line(gone.build(out, data=corpora), 1, "sources.fineweb2-sk", "can't be reached")
    assert out.read_text() == OLD


def test_an_unknown_repository(hub: Hub, corpora: Path, out: Path) -> None:
    ran = hub.build(out, "--set", "sources.toolace.where=hf://datasets/nobody/nothing", data=corpora)
    assert_one_line(ran, 1, "sources.toolace", "no such dataset repository")
    assert out.read_text() == OLD


def test_a_gated_repository(standin, corpora: Path, out: Path) -> None:  # type: ignore[no-untyped-def]
    with standin("--gated", "nvidia/When2Call") as gated:
        assert_one_line(gated.build(out, data=corpora), 1, "nvidia/When2Call", "gated", "hf auth login")
    assert out.read_text() == OLD


def test_slow_failing_and_dropped_requests_change_nothing(  # type: ignore[no-untyped-def]
    hub: Hub, standin, corpora: Path, tmp_path: Path
) -> None:
    calm, rough = tmp_path / "calm.jsonl", tmp_path / "rough.jsonl"
    assert hub.build(calm, *FEW, data=corpora).code == 0
    with standin("--latency", "200", "--fail-rate", "0.3", "--drop-after", "100000") as faulty:
        ran = faulty.build(rough, *FEW, data=corpora)
        assert ran.code == 0, ran.err
        assert faulty.stats()["faults"]["drop"] > 0
        assert faulty.stats()["faults"]["fail"] > 0
    assert rough.read_bytes() == calm.read_bytes()


def test_corrupt_files(standin, corpora: Path, out: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path / "hub"
    shutil.copytree(corpora, root)
    spoiled = {
        "NeelNanda/pile-10k/data": "*.parquet",
        "Team-ACE/ToolACE": "data.json",
        "Actuarial-Notes/Actuarial-Ontology": "actuarial-ontology.ttl",
    }
    for folder, pattern in spoiled.items():
        (file,) = (root / folder).glob(pattern)
        file.chmod(0o644)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with standin(root=root) as hub:
        ran = hub.build(out, data=corpora)
        assert_one_line(ran, 1, "sources.actuarial-ontology", "actuarial-ontology.ttl")
        ran = hub.build(out, "--set", "sources.actuarial-ontology.weight=0.0001", data=corpora)
        assert_one_line(ran, 1, "sources.toolace", "data.json")
        ran = hub.run("check", *_pile(tmp_path, hub))
        assert_one_line(ran, 1, "sources.pile", "parquet")
    assert out.read_text() == OLD


def _pile(folder: Path, hub: Hub) -> tuple[Path]:
    recipe = folder / "pile.toml"
    recipe.write_text(
        'name = "pile"\ngroups.all = 1.0\n[sources.pile]\ngroup = "all"\ntype = "pile"\n'
        'where = "hf://datasets/NeelNanda/pile-10k"\n'
    )
    return (recipe,)

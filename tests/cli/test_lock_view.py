from __future__ import annotations

import hashlib
import json
import re
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.dataset.lockfile import Lock
from calibset.hygiene.deduplication import DuplicateIndex
from calibset.sources.sampling.interleave import ORDER


def edit_lock(**values: object) -> None:
    data = json.loads(Path("recipe.lock").read_text())
    Path("recipe.lock").write_text(json.dumps({**data, **values}))


def test_a_lock_is_written_beside_the_recipe(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(Path().iterdir())
    assert main(["lock", recipe]) == 0
    assert set(Path().iterdir()) - before == {Path("recipe.lock")}
    lock = Lock.read("recipe.lock")
    assert lock is not None
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split() == ["source", "location", "revision", "files", "read"]
    assert [line.split() for line in lines[1:5]] == [
        ["fish", "fish", "1", "2.7", "kB"],
        ["ships", "ships", "1", "2.7", "kB"],
        ["trees", "trees", "1", "2.7", "kB"],
        ["rest", "rest", "0", "0", "bytes"],
    ]
    assert lines[5:] == [f"wrote recipe.lock; the calibration file has sha256 {lock.sha256[:16]}…"]
    assert err == "fish: 8 rows\nships: 4 rows\ntrees: 8 rows\n"
    assert main(["build", recipe, "-q"]) == 0
    assert hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest() == lock.sha256


def test_a_lock_that_no_build_can_keep_to_is_told(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "calibset.pipeline.evaluation_sets.DuplicateIndex", partial(DuplicateIndex, most_bytes=0)
    )
    assert main(["lock", recipe]) == 0
    *_, note = capsys.readouterr().out.splitlines()
    told = r"note: the index of duplicates is full, and (\d+) documents did not fit in: "
    assert re.fullmatch(f"{told}`calibset build --locked` fails for that", note)
    assert main(["build", recipe, "--locked", "--quiet"]) == 1
    assert "the index of duplicates is full" in capsys.readouterr().err


def test_a_build_notes_what_is_not_as_locked(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit_lock(name="large", versions={}, sha256="00" * 32)
    made = {
        "name": "small",
        "versions.calibset": version("calibset"),
        "versions.datasets": version("datasets"),
    }
    assert main(["build", locked]) == 0
    lines = capsys.readouterr().out.splitlines()
    note = lines.index("note: this build differs from recipe.lock; `calibset lock` renews it:")
    sha = hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest()
    assert lines[note + 1 : lines.index("next:")] == [
        "  name: large → small",
        f"  sha256: 0000000000000000… → {sha[:16]}…",
        f"  versions.order of reading: nothing → {ORDER}",
        f"  versions.calibset: nothing → {made['versions.calibset']}",
        f"  versions.datasets: nothing → {made['versions.datasets']}",
        "  and 14 more",
    ]
    assert main(["build", locked, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_what_is_the_same_has_no_difference(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", built, "small.manifest.json"]) == 0
    assert capsys.readouterr() == ("no difference\n", "")
    assert main(["diff", built, built, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_what_changed_is_a_table(built: str, recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "-q", "--set", "nsamples=10", "--out", "ten.jsonl"]) == 0
    assert main(["diff", built, "ten.manifest.json"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["key", "before", "after"]
    assert ["recipe.nsamples", "20", "10"] in rows
    assert ["sources.fish.achieved", "8", "4"] in rows
    shas = [hashlib.sha256(Path(name).read_bytes()).hexdigest()[:16] + "…" for name in (built, "ten.jsonl")]
    assert ["sha256", *shas] in rows
    documents = r"^sources\.fish\.documents +\d+ only here \(a\.jsonl#\d+, .+\) +nothing *$"
    assert re.search(documents, out, re.MULTILINE)


def test_of_very_many_differences_the_first_are_shown(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(built).with_suffix(".manifest.json")
    whole = json.loads(path.read_text("utf-8"))
    whole["versions"] |= {f"other{number}": "1" for number in range(1_001)}
    Path("other.manifest.json").write_text(json.dumps(whole), "utf-8")
    assert main(["diff", built, "other.manifest.json"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 1_000 + 1
    assert lines[-1] == "and 1 more difference; --json names each"
    assert main(["diff", built, "other.manifest.json", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)) == 1_001


def test_what_changed_can_be_read_as_json(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.lock").rename("old.lock")
    assert main(["lock", locked, "-q", "--set", "sources.fish.revision=v2"]) == 0
    assert main(["diff", "old.lock", "recipe.lock", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"key": "recipe.sources.fish.revision", "before": None, "after": "v2"}
    ]


def test_no_difference_sends_control_characters_to_the_terminal(
    locked: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("recipe.lock").rename("old.lock")
    assert main(["lock", locked, "-q", "--set", "description=\x1b[2J"]) == 0
    assert main(["diff", "old.lock", "recipe.lock"]) == 1
    out = capsys.readouterr().out
    assert r"\x1b[2J" in out
    assert "\x1b" not in out

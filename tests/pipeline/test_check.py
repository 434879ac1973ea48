"""What the sources of a recipe hold."""

from __future__ import annotations

import gzip
from pathlib import Path

import calibset
from tests.pipeline.small_builds import Heard, small


def test_a_check_counts_what_the_sources_hold(tmp_path: Path) -> None:
    recipe = small(tmp_path, 'sources.trees.where="gone"')
    (tmp_path / "ships" / "a.jsonl").write_text('{"text": "one"}\n{"text": ""}\n{oops\n{"title": "x"}\n3\n\n')
    plain = tmp_path / "rest" / "a.jsonl"
    plain.with_suffix(".jsonl.gz").write_bytes(gzip.compress(plain.read_bytes())[:-9])
    plain.unlink()
    heard = Heard()
    fish, ships, trees, rest = calibset.check(recipe, progress=heard)
    assert (fish.stats.documents, fish.stats.left_out.rejections.total(), fish.problem) == (30, 0, None)
    assert ships.stats.documents == 1
    assert ships.stats.left_out.rejections == {
        "not valid JSON": 1, "no column 'text'": 1, "row is no object": 1,
    }  # fmt: skip
    assert ships.stats.left_out.filtered == {"empty text": 1}
    assert ships.stats.left_out.examples["not valid JSON"] == "a.jsonl:3"
    assert (trees.stats.documents, trees.location) == (0, "gone")
    assert trees.problem is not None
    assert trees.problem.startswith("gone: no such file or folder")
    assert rest.problem is not None
    assert rest.problem.startswith("sources.rest: a.jsonl.gz: damaged or cut off (")
    assert [call[0] for call in heard.calls] == ["fish", "ships", "trees", "rest"]
    assert heard.calls[0] == ("fish", 30, 30)

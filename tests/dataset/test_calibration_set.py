from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from calibset.core.documents import Sample
from calibset.core.errors import OutputError, QuantizerError
from calibset.dataset import calibration_set
from calibset.dataset.calibration_file import row_bytes
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import manifest_path
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.dataset.writable_hub import WritableHub
from tests.small import write_small


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> CalibrationSet:
    """A set of twenty rows."""
    return build(load_recipe(write_small(tmp_path_factory.mktemp("small"))))


@pytest.fixture
def old(tmp_path: Path) -> Callable[[], bool]:
    """Put an older file and manifest there; tells whether they are as they were, and alone."""
    contents = {tmp_path / "out.jsonl": b"old rows", tmp_path / "out.manifest.json": b"old record"}
    for path, content in contents.items():
        path.write_bytes(content)
    return lambda: {path: path.read_bytes() for path in tmp_path.iterdir()} == contents


def test_a_set_is_a_sequence_of_samples(built: CalibrationSet) -> None:
    assert len(built) == 20
    assert list(built) == list(built.samples)
    assert built[0] == built.samples[0]
    assert built[-2:] == built.samples[-2:]
    assert built.token_ids[3] == tuple(built[3].token_ids)
    assert built[5] in built


def test_rows_are_ascii_json_lines() -> None:
    sample = Sample(text="čaj\n😀\u2028", token_ids=(1, 2, 3), source="web", documents=())
    line = row_bytes([sample, sample]).split(b"\n")[0]
    assert line == rb'{"text": "\u010daj\n\ud83d\ude00\u2028", "source": "web", "tokens": 3}'
    assert row_bytes([sample, sample]) == line + b"\n" + line + b"\n"
    assert row_bytes([]) == b""


def test_rows_and_manifest_are_written_side_by_side(built: CalibrationSet, tmp_path: Path) -> None:
    out = built.write(str(tmp_path / "new" / "folder" / "out.jsonl"))
    assert out.read_bytes() == row_bytes(built)
    assert [json.loads(line)["text"] for line in out.read_bytes().splitlines()] == [s.text for s in built]
    assert manifest_path(out).read_text("utf-8") == built.manifest.to_json()
    assert hashlib.sha256(out.read_bytes()).hexdigest() == built.manifest.sha256
    assert sorted(path.name for path in out.parent.iterdir()) == ["out.jsonl", "out.manifest.json"]


def test_an_older_file_is_replaced(built: CalibrationSet, tmp_path: Path, old: Callable[[], bool]) -> None:
    built.write(tmp_path / "out.jsonl")
    assert (tmp_path / "out.jsonl").read_bytes() == row_bytes(built)
    assert (tmp_path / "out.manifest.json").read_bytes() == built.manifest.to_json().encode()


def test_another_suffix_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        built.write(tmp_path / "out.json")
    assert str(caught.value) == f"{tmp_path / 'out.json'}: a calibration file must end in .jsonl"
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_both_old_files(
    built: CalibrationSet, tmp_path: Path, old: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> bytes:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(calibration_set, "row_bytes", full)
    with pytest.raises(OutputError) as caught:
        built.write(tmp_path / "out.jsonl")
    assert str(caught.value) == (
        f"{tmp_path / 'out.jsonl'}: can't be written: No space left on device; nothing was changed"
    )
    assert old()


@pytest.mark.parametrize("nth", [1, 2])
def test_a_disk_that_fails_late_leaves_both_old_files(
    built: CalibrationSet, tmp_path: Path, old: Callable[[], bool], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    calls = []

    def failing(_: int) -> None:
        calls.append(1)
        if len(calls) == nth:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputError, match="can't be written: Input/output error; nothing was changed"):
        built.write(tmp_path / "out.jsonl")
    assert old()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX limits")
@pytest.mark.parametrize("limit", [1_000, 3_500])
@pytest.mark.slow
def test_a_limit_on_file_sizes_leaves_both_old_files(
    built: CalibrationSet, tmp_path: Path, old: Callable[[], bool], limit: int
) -> None:
    small = tmp_path.parent / f"{tmp_path.name}-small"
    small.mkdir()
    recipe = write_small(small)
    script = """
import resource, signal, sys
import calibset
built = calibset.build(calibset.load_recipe(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    built.write(sys.argv[2])
except calibset.OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(recipe), str(tmp_path / "out.jsonl"), str(limit)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith(": can't be written: File too large; nothing was changed\n")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
    assert old()


@pytest.mark.parametrize("name", ["out.jsonl", "out.manifest.json"])
def test_a_folder_in_the_way_leaves_everything(built: CalibrationSet, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError) as caught:
        built.write(tmp_path / "out.jsonl")
    assert str(caught.value) == f"{tmp_path / name}: is a folder; nothing was changed"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_way_of_the_folder_is_an_error(built: CalibrationSet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError) as caught:
        built.write(tmp_path / "file" / "out.jsonl")
    assert str(caught.value) == f"{tmp_path / 'file'}: can't be created: File exists"


def test_a_set_is_pushed_as_it_would_be_written(
    writable: WritableHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build(load_recipe(write_small(tmp_path), overrides=["holdout.nsamples=4"]))
    dataset.write(tmp_path / "small.jsonl")
    # Nothing is written on the way, so it does not matter where this machine keeps what is.
    (tmp_path / "a folder").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "a folder"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert dataset.push_to_hub("me/set") == f"{writable.address}/me/set/commit/1"
    (commit,) = writable.commits
    cards = {name: commit.files.pop(name).decode() for name in ("README.md", "ATTRIBUTION.md")}
    assert commit.files == {path.name: path.read_bytes() for path in tmp_path.glob("small.*")}
    assert len(commit.files) == 4
    assert "  - split: test\n    path: small.holdout.jsonl" in cards["README.md"]
    assert writable.private == {"me/set": True}


def test_a_set_that_others_may_see_comes_with_a_warning(built: CalibrationSet, writable: WritableHub) -> None:
    with pytest.warns(UserWarning, match="^before this is public") as caught:
        built.push_to_hub("me/set", private=False)
    assert [str(warning.message) for warning in caught] == [
        "before this is public: unknown terms (read the source's own terms): ships, trees"
    ]
    assert writable.private == {"me/set": False}


def test_a_set_becomes_a_frame(built: CalibrationSet) -> None:
    frame = built.to_polars()
    assert frame.columns == ["text", "source", "tokens", "documents", "token_ids"]
    assert frame["text"].to_list() == [sample.text for sample in built]
    assert frame["token_ids"].to_list() == [list(sample.token_ids) for sample in built]
    assert frame["documents"][0].to_list() == [span.document for span in built[0].documents]


def test_a_set_becomes_a_dataset(built: CalibrationSet) -> None:
    dataset = built.to_dataset()
    assert dataset.column_names == ["text", "source", "tokens", "input_ids"]
    assert [tuple(ids) for ids in dataset["input_ids"]] == list(built.input_ids)
    assert dataset[3]["tokens"] == len(built[3].token_ids)


def test_a_notebook_shows_an_escaped_table(built: CalibrationSet) -> None:
    odd = built.manifest.model_copy(update={"name": "<script>"})
    shown = CalibrationSet(built.samples, odd, built.make_lock)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;</b>: 20 rows of 64 tokens, 20 kept by AutoRound" in shown
    assert shown.count("<tr>") == 2 + len(odd.groups) + len(odd.sources)


def test_a_set_knows_what_the_model_is_shown(built: CalibrationSet) -> None:
    assert built.prefix == (256,)
    assert built.suffix == ()
    assert built.input_ids == tuple((256, *sample.token_ids[:63]) for sample in built)


def test_batches_below_one_row_are_an_error(built: CalibrationSet) -> None:
    with pytest.raises(QuantizerError, match=r"^batch_size: must be at least 1, got 0$"):
        built.to_autoround(batch_size=0)


def test_without_torch_there_are_no_tensors(built: CalibrationSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(QuantizerError) as caught:
        built.to_autoround()
    assert str(caught.value) == (
        "AutoRound takes ids as tensors, and torch is not installed; input_ids has them as tuples"
    )

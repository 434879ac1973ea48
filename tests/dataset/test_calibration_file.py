from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from calibset.core.errors import OutputError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.manifest import Manifest, manifest_path
from calibset.pipeline.build import build
from tests.small import write_small

TODO = "; build again, or move the manifest away"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    built = build(write_small(tmp_path))
    built.write(tmp_path / "out.jsonl")
    return built.manifest


def failing(manifest: Manifest, file: Path) -> str:
    with pytest.raises(OutputError) as caught:
        CalibrationFile(file, manifest).check_manifest()
    return str(caught.value)


def test_a_manifest_is_of_the_file_that_was_built(manifest: Manifest, tmp_path: Path) -> None:
    CalibrationFile(tmp_path / "out.jsonl", manifest).check_manifest()


def test_other_bytes_are_another_file(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_bytes(file.read_bytes() + b"\n")
    digest = sha256(file.read_bytes()).hexdigest()
    assert failing(manifest, file) == (
        f"{manifest_path(file)}: is of another file: it says sha256 {manifest.sha256[:16]}…, "
        f"and {file} has {digest[:16]}…{TODO}"
    )


@pytest.mark.parametrize("samples", [19, 21])
def test_other_rows_are_another_file(samples: int, manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    changed = manifest.model_copy(update={"samples": (manifest.samples * 2)[:samples]})
    assert failing(changed, file) == (
        f"{manifest_path(file)}: is of another file: it has {samples} samples, and {file} has 20 rows{TODO}"
    )


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("x.json", b'["a", "b"]', 2),
        ("x.json", b'{"a": "b"}', 1),
        ("x.json", b"[", 0),
        ("x.jsonl", b"{}\r\n{}\r\n{}", 3),
        ("x.jsonl", '"a\u2028b"\n'.encode(), 1),
        ("x.jsonl", b"", 0),
    ],
)
def test_rows_are_counted_as_they_are_read(
    name: str, content: bytes, rows: int, manifest: Manifest, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    digest = sha256(content).hexdigest()
    claimed = manifest.model_copy(update={"sha256": digest, "samples": (manifest.samples[0],) * rows})
    CalibrationFile(file, claimed).check_manifest()
    one_more = claimed.model_copy(update={"samples": (manifest.samples[0],) * (rows + 1)})
    assert failing(one_more, file).endswith(f"and {file} has {rows} rows{TODO}")


def test_a_file_that_is_not_there_is_an_error(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "gone.jsonl"
    assert failing(manifest, file) == f"{file}: can't be read: No such file or directory"

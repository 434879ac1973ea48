from __future__ import annotations

import json
from pathlib import Path

import pytest

import calibset
from calibset.errors import OutputError
from calibset.manifest import Manifest, manifest_path, read_manifest, versions
from calibset.pipeline import build
from calibset.recipe_file import load_recipe
from tests.small import write_small


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A calibration file with its manifest."""
    return build(load_recipe(write_small(tmp_path))).write(tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("file", "manifest"),
    [
        ("a/b.c.jsonl", "a/b.c.manifest.json"),
        ("b", "b.manifest.json"),
        (".b", ".b.manifest.json"),
        (".", ".manifest.json"),
        ("/", "/.manifest.json"),
    ],
)
def test_a_manifest_stands_beside_its_file(file: str, manifest: str) -> None:
    assert manifest_path(Path(file)) == Path(manifest)


def test_a_manifest_comes_back_as_it_was(written: Path) -> None:
    manifest = read_manifest(written)
    assert manifest is not None
    text = manifest_path(written).read_text("utf-8")
    assert manifest.to_json() == text
    assert Manifest.model_validate_json(text) == manifest
    assert manifest.format == 1


def test_a_manifest_may_be_named_itself(written: Path, tmp_path: Path) -> None:
    manifest = read_manifest(written)
    assert manifest is not None
    assert read_manifest(manifest_path(written)) == manifest
    assert calibset.read_manifest(str(manifest_path(written))) == manifest
    assert calibset.read_manifest(str(written)) == manifest
    written.unlink()
    assert read_manifest(manifest_path(written)) == manifest
    manifest_path(written).rename(tmp_path / "gone.jsonl")
    assert read_manifest(manifest_path(written)) is None


@pytest.mark.parametrize("name", ["broken.manifest.json", "broken.jsonl"])
def test_what_is_named_itself_and_no_manifest_is_a_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / "broken.manifest.json"
    path.write_text("{")
    with pytest.raises(OutputError) as caught:
        read_manifest(tmp_path / name)
    assert str(caught.value) == f"{path}: is no manifest of this version of calibset; build the file again"


def test_a_file_without_a_manifest_has_none(tmp_path: Path) -> None:
    assert read_manifest(tmp_path / "out.jsonl") is None
    (tmp_path / "out.manifest.json").mkdir()
    assert read_manifest(tmp_path / "out.jsonl") is None


@pytest.mark.parametrize("harm", ["", "[]", "{", '{"format": 1}', "\x00", '{"extra": 1}'])
def test_a_manifest_that_can_not_be_read_is_a_clear_error(written: Path, harm: str) -> None:
    path = manifest_path(written)
    whole = json.loads(path.read_text("utf-8"))
    text = json.dumps({**whole, **json.loads(harm)}) if "extra" in harm else harm
    path.write_text(text)
    with pytest.raises(OutputError) as caught:
        read_manifest(written)
    assert str(caught.value) == f"{path}: is no manifest of this version of calibset; build the file again"


def test_the_versions_that_determine_bytes_are_noted() -> None:
    found = versions()
    assert list(found) == [
        "calibset",
        "datasets",
        "ftfy",
        "jinja2",
        "mistral-common",
        "numpy",
        "openpyxl",
        "phonenumberslite",
        "py3langid",
        "pyarrow",
        "python-stdnum",
        "rdflib",
        "rensa",
        "tiktoken",
        "tokenizers",
        "transformers",
    ]
    assert all(found.values())


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.manifest._DETERMINE_BYTES", ("no-such-package-of-a-test",))
    assert versions() == {"no-such-package-of-a-test": "not installed"}

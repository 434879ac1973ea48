from __future__ import annotations

import json
from pathlib import Path

import pytest

import calibset
from calibset.core.errors import OutputError
from calibset.dataset.manifest import Manifest, manifest_path, read_versions
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from calibset.sources.sampling.interleave import ORDER
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
    manifest = Manifest.read(written)
    assert manifest is not None
    text = manifest_path(written).read_text("utf-8")
    assert manifest.to_json() == text
    assert Manifest.model_validate_json(text) == manifest
    assert manifest.format == 1


def test_a_manifest_may_be_named_itself(written: Path, tmp_path: Path) -> None:
    manifest = Manifest.read(written)
    assert manifest is not None
    assert Manifest.read(manifest_path(written)) == manifest
    assert calibset.Manifest.read(str(manifest_path(written))) == manifest
    assert calibset.Manifest.read(str(written)) == manifest
    written.unlink()
    assert Manifest.read(manifest_path(written)) == manifest
    manifest_path(written).rename(tmp_path / "gone.jsonl")
    assert Manifest.read(manifest_path(written)) is None


@pytest.mark.parametrize("name", ["broken.manifest.json", "broken.jsonl"])
def test_what_is_named_itself_and_no_manifest_is_a_clear_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / "broken.manifest.json"
    path.write_text("{")
    with pytest.raises(OutputError) as caught:
        Manifest.read(tmp_path / name)
    assert str(caught.value) == f"{path}: is not a manifest of this version of calibset; build the file again"


def test_a_file_without_a_manifest_has_none(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path / "out.jsonl") is None
    (tmp_path / "out.manifest.json").mkdir()
    assert Manifest.read(tmp_path / "out.jsonl") is None


@pytest.mark.parametrize("harm", ["", "{", "\x00", "[" * 100_000])
def test_a_manifest_that_is_no_json_is_a_clear_error(written: Path, harm: str) -> None:
    path = manifest_path(written)
    path.write_text(harm)
    with pytest.raises(OutputError) as caught:
        Manifest.read(written)
    assert str(caught.value) == f"{path}: is not a manifest of this version of calibset; build the file again"


HUGE = "1" + "0" * 79 + "…"


@pytest.mark.parametrize(
    ("keys", "value", "fault"),
    [
        ((), [], "must be a table, got []"),
        ((), {"format": 1}, "name: is missing"),
        (("extra",), 1, "extra: unknown key"),
        (("format",), 2, "format: must be 1, got 2"),
        (("seqlen",), 0, "seqlen: must be at least 1, got 0"),
        (("waste",), 1.5, "waste: must be at most 1, got 1.5"),
        (("filler",), float("nan"), "filler: must be a finite number, got nan"),
        (("kept",), "20", "kept: must be a whole number, got '20'"),
        (("sources", 0, "asked"), -1, "sources[0].asked: must be at least 0, got -1"),
        (("sources", 0, "asked"), True, "sources[0].asked: must be a whole number, got true"),
        (
            ("sources", 0, "asked"),
            10**90,
            f"sources[0].asked: must be at most 9007199254740992, got {HUGE[:79]}…",
        ),
        (
            ("sources", 0, "rejections"),
            {"{x}\x1b": -1},
            "sources[0].rejections.{x}\\x1b: must be at least 0, got -1",
        ),
        (
            ("sources", 0, "document_lengths"),
            {"64": 2**53 + 1},
            "sources[0].document_lengths.64: must be at most 9007199254740992, got 9007199254740993",
        ),
        (("sources", 0, "tokens_read"), 2**40, "sources[0]: tokens_read is more than tokens"),
        (("groups", 0, "share"), 2, "groups[0].share: must be at most 1, got 2"),
        (
            ("recipe", "sources", "fish", "weight"),
            10**400,
            "recipe: sources.fish.weight must be a finite number, at most 9007199254740992",
        ),
        (
            ("recipe", "groups"),
            {"{most}": [0, float("inf")]},
            "recipe: groups.{most}[1] must be a finite number, at most 9007199254740992",
        ),
        (
            ("samples", 0, "documents", 0, "start"),
            10_000,
            "samples[0]: 'a.jsonl#27' can't reach from 10000 to 66",
        ),
        (
            ("samples", 0, "documents"),
            [{"document": "b", "start": 9 * index, "end": 10 + index, "whole": True} for index in range(2)],
            "samples[0]: 'b' begins at 9, in the one before it",
        ),
        (
            ("sources", 0, "document_lengths"),
            {"64": 3, "65": 1},
            "sources[0]: document_lengths: 65 is not a power of two",
        ),
        (("nsamples",), 21, "samples are 20, and nsamples 21"),
        (("kept",), 21, "kept is more than nsamples"),
        (("complete_turns",), 1, "complete_turns is more than turns"),
        (("groups", 0, "name"), "land", "groups: 'land' is there 2 times"),
        (("sources", 0, "name"), "ships", "sources: 'ships' is there 2 times"),
        (("sources", 0, "group"), "air", "sources: 'fish' is of group 'air', which is not in groups"),
        (("sources", 0, "achieved"), 7, "sources: 'fish' achieved 7, and samples say 8"),
    ],
)
def test_a_manifest_that_can_not_be_is_refused_by_its_key(
    written: Path, keys: tuple[str | int, ...], value: object, fault: str
) -> None:
    path = manifest_path(written)
    whole = json.loads(path.read_text("utf-8"))
    part = whole
    for key in keys[:-1]:
        part = part[key]
    if keys:
        part[keys[-1]] = value
    path.write_text(json.dumps(whole if keys else value))
    with pytest.raises(OutputError) as caught:
        Manifest.read(written)
    assert str(caught.value) == (
        f"{path}: is not a manifest of this version of calibset ({fault}); build the file again"
    )


def test_samples_of_no_source_are_refused(written: Path) -> None:
    path = manifest_path(written)
    whole = json.loads(path.read_text("utf-8"))
    rest = next(source for source in whole["sources"] if not source["achieved"])
    whole["sources"].remove(rest)
    path.write_text(json.dumps(whole))
    assert Manifest.read(written) is not None
    fish = whole["sources"].pop(0)
    path.write_text(json.dumps(whole))
    with pytest.raises(OutputError, match=rf"\(samples: '{fish['name']}' is not in sources\)"):
        Manifest.read(written)


def test_the_versions_that_determine_bytes_are_noted() -> None:
    installed = read_versions()
    assert installed["order of reading"] == ORDER
    assert list(installed) == [
        "order of reading",
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
    assert all(installed.values())


def test_a_package_that_is_not_there_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("calibset.dataset.manifest._DETERMINE_BYTES", ("no-such-package-of-a-test",))
    assert read_versions() == {"order of reading": ORDER, "no-such-package-of-a-test": "not installed"}

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

import calibset
from calibset.core.errors import OutputError, QuantizerError, TokenizerError
from calibset.dataset.calibration_file import CalibrationFile
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import Manifest, manifest_path
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from calibset.tokenizers import Tokenizer
from tests.letters import write_letters
from tests.small import write_small

ADVICE = "; build again, or move the manifest away"


@pytest.fixture
def built(tmp_path: Path) -> CalibrationSet:
    """A set of twenty rows, written to a file beside its recipe."""
    built = build(write_small(tmp_path))
    built.write(tmp_path / "out.jsonl")
    return built


@pytest.fixture
def manifest(built: CalibrationSet) -> Manifest:
    return built.manifest


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A file without a manifest, of which the second row has no text."""
    write_letters(tmp_path)
    path = tmp_path / "foreign.jsonl"
    path.write_text('{"text": "ab "}\n{"messages": [], "n": 1}\n"c"\n')
    return path


def mismatch(manifest: Manifest, file: Path) -> str:
    with pytest.raises(OutputError) as caught:
        CalibrationFile(file, manifest).check_manifest()
    return str(caught.value)


def test_a_file_is_opened_with_its_manifest(built: CalibrationSet, tmp_path: Path) -> None:
    file = calibset.CalibrationFile.open(str(tmp_path / "out.jsonl"))
    assert (file.path, file.manifest) == (tmp_path / "out.jsonl", built.manifest)
    assert file.require_manifest() is file.manifest
    assert file.texts == tuple(sample.text for sample in built)
    assert (file.quantizer_name, file.tokenizer_name()) == ("autoround", "tokenizer.json")
    assert file.tokenizer().fingerprint == built.manifest.tokenizer.sha256


def test_rows_are_encoded_and_reported(built: CalibrationSet, tmp_path: Path) -> None:
    file = CalibrationFile.open(tmp_path / "out.jsonl")
    rows = list(file.rows(file.tokenizer()))
    assert [row.number for row in rows] == list(range(1, 21))
    assert [row.text for row in rows] == [sample.text for sample in built]
    assert [tuple(row.encoded.ids) for row in rows] == list(built.token_ids)
    assert [row.report for row in rows] == list(built.manifest.samples)


@pytest.mark.parametrize("output", ["", "held/x.jsonl"])
def test_a_holdout_is_found_where_the_recipe_puts_it(tmp_path: Path, output: str) -> None:
    overrides = ["holdout.nsamples=4", *([f"holdout.output={output}"] if output else [])]
    built = build(load_recipe(write_small(tmp_path), overrides=overrides))
    path = tmp_path / (output or "out.holdout.jsonl")
    file = CalibrationFile.open(built.write(tmp_path / "out.jsonl", path))
    holdout = file.find_holdout()
    assert holdout is not None
    assert (holdout.path, len(holdout.texts)) == (path, 4)
    assert holdout.find_holdout() is None
    path.unlink()
    assert file.find_holdout() is None


def test_a_holdout_of_another_build_is_not_found(tmp_path: Path) -> None:
    recipe = write_small(tmp_path)
    for seed in (1, 2):
        built = build(load_recipe(recipe, overrides=["holdout.nsamples=4", f"seed={seed}"]))
        built.write(tmp_path / f"{seed}.jsonl", tmp_path / "1.holdout.jsonl")
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    assert CalibrationFile.open(first).find_holdout() is None
    assert CalibrationFile.open(first).find_pair_fault() == (
        f"{tmp_path / '1.holdout.jsonl'}: is of another build than {first}, and they may share documents; "
        "build both again, or move it away"
    )
    held = CalibrationFile.open(tmp_path / "1.holdout.jsonl")
    assert held.find_pair_fault() == (
        f"{first}: is of another build than {held.path}, and they may share documents; "
        "build both again, or move it away"
    )
    assert CalibrationFile.open(second).find_pair_fault() is None  # its holdout is somewhere else
    first.write_bytes(second.read_bytes())
    assert held.find_pair_fault() is None


def test_a_file_of_other_origin_has_defaults(foreign: Path) -> None:
    file = CalibrationFile.open(foreign)
    assert file.manifest is None
    assert (file.quantizer_name, file.tokenizer_name()) == ("autoround", "mistral-small-3.2")
    assert file.tokenizer_name("tokenizer.json") == "tokenizer.json"
    with pytest.raises(OutputError) as caught:
        file.require_manifest()
    assert (
        str(caught.value)
        == f"{foreign}: no manifest is beside it; `calibset build` and `calibset repack` write one"
    )


def test_a_row_may_be_read_beside_faulty_ones(foreign: Path) -> None:
    file = CalibrationFile.open(foreign)
    assert (file.text(1), file.text(3)) == ("ab ", "c")
    assert file.row_faults == ("row 2: has no text",)
    with pytest.raises(QuantizerError) as caught:
        file.text(2)
    assert str(caught.value) == f"{foreign}: row 2: has no text"
    with pytest.raises(OutputError, match=r": has 3 rows, so there is no row 4$"):
        file.text(4)
    with pytest.raises(QuantizerError) as caught:
        list(file.rows(file.tokenizer("tokenizer.json")))
    assert str(caught.value) == f"{foreign}: row 2: has no text; `calibset verify` names each fault"


def test_rows_of_other_origin_are_encoded_without_blanks_at_their_end(foreign: Path) -> None:
    foreign.write_text('{"text": "ab "}\n')
    file = CalibrationFile.open(foreign)
    (row,) = file.rows(file.tokenizer("tokenizer.json"))
    assert (row.text, len(row.encoded.ids), row.encoded.ends, row.report) == ("ab ", 2, [1, 2], None)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("gone.jsonl", "no such file"),
        (".", "a folder, not a calibration file"),
        ("recipe.toml", "a calibration file must end in .jsonl or .json"),
    ],
)
def test_what_is_no_calibration_file_is_not_opened(
    built: CalibrationSet, tmp_path: Path, name: str, fault: str
) -> None:
    with pytest.raises(QuantizerError) as caught:
        CalibrationFile.open(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: {fault}"


def test_any_ending_may_be_allowed(built: CalibrationSet, tmp_path: Path) -> None:
    assert CalibrationFile.open(tmp_path / "recipe.toml", endings=None).manifest is None


def test_a_manifest_of_another_file_is_refused_unless_that_is_allowed(
    manifest: Manifest, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    file.write_bytes(file.read_bytes() + b"\n")
    digest = sha256(file.read_bytes()).hexdigest()
    message = (
        f"{manifest_path(file)}: belongs to another file: it says sha256 {manifest.sha256[:16]}…, "
        f"and {file} has {digest[:16]}…{ADVICE}"
    )
    with pytest.raises(OutputError) as caught:
        CalibrationFile.open(file)
    assert str(caught.value) == message == mismatch(manifest, file)
    assert CalibrationFile.open(file, check_manifest=False).manifest == manifest


@pytest.mark.parametrize("samples", [19, 21])
def test_a_manifest_of_other_rows_is_of_another_file(
    samples: int, manifest: Manifest, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    changed = manifest.model_copy(update={"samples": (manifest.samples * 2)[:samples]})
    assert mismatch(changed, file) == (
        f"{manifest_path(file)}: belongs to another file: it has {samples} samples, "
        f"and {file} has 20 rows{ADVICE}"
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
    assert mismatch(one_more, file).endswith(f"and {file} has {rows} rows{ADVICE}")


def test_a_file_that_is_gone_is_an_error(manifest: Manifest, tmp_path: Path) -> None:
    file = tmp_path / "gone.jsonl"
    assert mismatch(manifest, file) == f"{file}: can't be read: No such file or directory"


def test_a_tokenizer_that_changed_is_refused_unless_that_is_allowed(
    built: CalibrationSet, tmp_path: Path
) -> None:
    write_letters(tmp_path, eos=True)
    file = CalibrationFile.open(tmp_path / "out.jsonl")
    with pytest.raises(TokenizerError) as caught:
        file.tokenizer()
    assert str(caught.value) == (
        f"{file.path}: tokenizer.json is not what it was when the file was built; "
        "build again, or give --tokenizer"
    )
    changed = file.tokenizer(allow_changed=True)
    assert changed.fingerprint == file.tokenizer("tokenizer.json").fingerprint
    assert changed.fingerprint != built.manifest.tokenizer.sha256


def test_a_tokenizer_that_is_gone_is_named_by_the_manifest(built: CalibrationSet, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").unlink()
    file = CalibrationFile.open(tmp_path / "out.jsonl")
    with pytest.raises(
        TokenizerError, match=r"; the manifest names this tokenizer, say where it is with --tokenizer$"
    ):
        file.tokenizer()
    with pytest.raises(TokenizerError, match=r"has one$"):
        file.tokenizer("tokenizer.json")


def test_rows_that_another_tokenizer_measured_are_refused(
    built: CalibrationSet, tmp_path: Path, tekken: Tokenizer
) -> None:
    file = CalibrationFile.open(tmp_path / "out.jsonl")
    with pytest.raises(TokenizerError) as caught:
        next(file.rows(tekken))
    count = len(tekken.encode(built[0].text, parse_special=True))
    assert str(caught.value) == (
        f"{file.path}: row 1 has {count} tokens of mistral-small-3.2, and its manifest says "
        f"{built.manifest.samples[0].tokens} of tokenizer.json: rows are built for one tokenizer"
    )


def test_an_array_is_a_file_of_rows_too(foreign: Path) -> None:
    path = foreign.with_suffix(".json")
    path.write_text(json.dumps(["a", {"text": "b"}]))
    assert CalibrationFile.open(path).texts == ("a", "b")

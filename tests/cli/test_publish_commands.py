from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.pipeline.build import build
from calibset.recipe.loader import load_recipe
from tests.dataset.writable_hub import WritableHub
from tests.small import corpus, write_small
from tests.storage.loopback import Loopback


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_small(tmp_path)


@pytest.fixture
def file(recipe: Path) -> Path:
    return build(load_recipe(recipe)).write("small.jsonl")


def test_a_card_is_printed_or_written_with_its_attribution(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("---\n")
    assert main(["card", str(file), "--out", "card"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote card/README.md", "wrote card/ATTRIBUTION.md",
    ]  # fmt: skip
    assert Path("card/README.md").read_text("utf-8") == printed
    assert "ships" in Path("card/ATTRIBUTION.md").read_text("utf-8")


def test_the_section_of_a_models_card_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(file), "--model"]) == 0
    assert capsys.readouterr().out.startswith("## Calibration data\n")


def test_a_card_is_of_the_file_that_is_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = file.read_bytes()
    file.write_bytes(rows + rows.splitlines()[0] + b"\n")
    for more in ([], ["--model"], ["--out", "card"], ["--push", "me/set"]):
        assert main(["card", str(file), *more]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(
            "calibset: small.manifest.json: belongs to another file: it says sha256 "
        )
    file.unlink()
    assert main(["card", str(file)]) == 1
    assert capsys.readouterr().err == "calibset: small.jsonl: no such file\n"
    assert not Path("card").exists()


def test_a_manifest_is_no_file_to_make_a_card_of(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "small.manifest.json"]) == 2
    assert capsys.readouterr() == (
        "",
        "calibset: small.manifest.json: is a manifest; name the calibration file that it belongs to\n",
    )


def test_the_recipe_goes_along_if_it_is_there(
    file: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(file), "--recipe", "recipe.toml"]) == 0
    assert "calibset build recipe.toml --out small.jsonl" in capsys.readouterr().out
    assert main(["card", str(file), "--recipe", "nosuch.toml"]) == 2
    assert capsys.readouterr().err == "calibset: --recipe nosuch.toml: there is no such file\n"


def test_a_variant_is_pushed_with_what_it_extends_written_in(
    recipe: Path, writable: WritableHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("v.toml").write_text(f'extends = "{recipe.name}"\nseed = 7\n', "utf-8")
    assert main(["build", "v.toml", "--quiet"]) == 0
    assert main(["lock", "v.toml", "--quiet"]) == 0
    assert main(["card", "v.jsonl", "--recipe", "v.toml", "--push", "me/set", "--quiet"]) == 0
    (commit,) = writable.commits
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("v.toml", "v.lock"):
        (alone / name).write_bytes(commit.files[name])
    shutil.copy("tokenizer.json", alone)
    data = str(recipe.parent)
    monkeypatch.chdir(alone)
    assert main(["build", "v.toml", "--locked", "--out", "v.jsonl", "--data", data, "--quiet"]) == 0
    assert (alone / "v.jsonl").read_bytes() == commit.files["v.jsonl"]


def test_a_recipe_that_would_build_another_file_is_refused(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(recipe), "--quiet", "--set", "seed=7"]) == 0
    assert main(["card", "small.jsonl", "--recipe", "recipe.toml"]) == 2
    assert capsys.readouterr() == (
        "",
        "calibset: --recipe recipe.toml: is not what the file was built with (recipe.seed: 7 → 42): write "
        "what --set changed into it, or leave it out; the manifest holds the recipe in any case\n",
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--model", "--out", "yy"], "error: argument --out: not allowed with argument --model"),
        (["--push", "me/set", "--out", "yy"], "error: argument --out: not allowed with argument --push"),
        (["--model", "--push", "me/set"], "error: argument --push: not allowed with argument --model"),
    ],
)
def test_a_card_goes_to_one_place(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["card", "small.jsonl", *words])
    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith(f"{line}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--public"], "--public: goes with --push alone; what is written here nobody else sees"),
        (
            ["--model", "--recipe", "recipe.toml"],
            "--recipe: a model's section names no recipe; leave it out",
        ),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    words: list[str], line: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(file), *words]) == 2
    assert capsys.readouterr() == ("", f"calibset: {line}\n")


def test_our_own_pages_are_written_over_and_no_others(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", str(file), "--out", "card"]) == 0
    pages = {name: Path("card", name) for name in ("README.md", "ATTRIBUTION.md")}
    first = {name: page.read_bytes() for name, page in pages.items()}
    pages["README.md"].write_bytes(first["README.md"] + b"More.\n")
    assert main(["card", str(file), "--out", "card"]) == 0
    assert {name: page.read_bytes() for name, page in pages.items()} == first
    capsys.readouterr()
    for name, page in pages.items():
        page.write_text("# By hand\n")
        assert main(["card", str(file), "--out", "card"]) == 1
        assert capsys.readouterr().err == (
            f"calibset: card/{name}: calibset did not write this file, so it stays; move or rename it\n"
        )
        assert page.read_text() == "# By hand\n"
        page.write_bytes(first[name])


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode there")
@pytest.mark.parametrize("words", [[], ["--model"], ["--out", "card"], ["--push", "me/set"]])
def test_a_name_that_is_not_utf_8(words: list[str], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = os.fsdecode(b"n\xff.jsonl")
    file.rename(odd)
    Path("small.manifest.json").rename(os.fsdecode(b"n\xff.manifest.json"))
    assert main(["card", odd, *words]) == 1
    assert capsys.readouterr() == (
        "",
        "calibset: n\\udcff.jsonl: its name is not UTF-8, so that no card can name it; rename it\n",
    )


def with_holdout(recipe: Path, output: str | None = None) -> Path:
    """Build the small recipe with a holdout, as the command line does."""
    words = ["--set", "holdout.nsamples=4", *(["--set", f"holdout.output={output}"] if output else [])]
    assert main(["build", str(recipe), "--quiet", *words]) == 0
    return Path("small.jsonl")


@pytest.mark.parametrize("output", [None, "custom.jsonl", "held/custom.jsonl"])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_the_holdout_is_found_where_it_was_written(
    output: str | None,
    elsewhere: bool,
    recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = with_holdout(recipe, output).absolute()
    if elsewhere:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["card", str(file)]) == 0
    printed = capsys.readouterr()
    name = (output or "small.holdout.jsonl").rpartition("/")[2]
    assert f"  - split: test\n    path: {name}\n" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("stale", [False, True])
def test_a_holdout_that_is_not_found_is_told(
    stale: bool, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = with_holdout(recipe)
    if stale:
        assert main(["build", str(recipe), "--quiet", "--set", "seed=7", "--out", "small.holdout.jsonl"]) == 0
    else:
        Path("small.holdout.jsonl").unlink()
    assert main(["card", str(file)]) == 0
    printed = capsys.readouterr()
    assert "split: test" not in printed.out
    fault = (
        "small.holdout.jsonl: is of another build than small.jsonl, and they may share documents; build both "
        "again, or move it away"
        if stale
        else "the holdout of small.jsonl is not where it was written"
    )
    assert printed.err == f"note: {fault}; the card has small.jsonl alone\n"
    assert main(["card", str(file), "--quiet"]) == 0
    assert capsys.readouterr() == (printed.out, "")


def test_a_holdout_has_a_card_of_its_own(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_holdout(recipe)
    assert main(["card", "small.holdout.jsonl"]) == 0
    printed = capsys.readouterr()
    assert ("path: small.holdout.jsonl" in printed.out, "split: test" in printed.out, printed.err) == (
        True,
        True,
        "",
    )
    assert (
        "to evaluate a quantized language model on, held out from the set that calibrates it." in printed.out
    )
    assert "`nsamples`" not in printed.out


@pytest.mark.parametrize(("words", "noted"), [(["--public"], True), ([], False), (["--public", "-q"], False)])
def test_what_others_may_see_is_pushed_with_a_note_on_its_licences(
    words: list[str],
    noted: bool,
    file: Path,
    writable: WritableHub,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["card", str(file), "--push", "me/set", *words]) == 0
    out, err = capsys.readouterr()
    note = "note: before this is public: unknown terms (read the source's own terms): ships, trees\n"
    assert out.startswith(note) is noted
    assert ("pushed ATTRIBUTION.md, README.md, small.jsonl, " in out) is ("-q" not in words)
    assert err == ""
    assert writable.private == {"me/set": "--public" not in words}


def test_a_signed_url_is_published_and_locked_without_its_signature(
    recipe: Path, loopback: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    loopback.files["/m/fish.jsonl"] = corpus("fish", 30)
    place = "https://example.org/m/fish.jsonl"
    signed = f"{place}?X-Amz-Signature=SECRET&token=hf_abc#SECRET"
    recipe.write_text(recipe.read_text().replace('where = "fish"', f'where = "{signed}"'))
    words = [str(recipe), "--mirror", f"https://example.org={loopback.address}"]
    assert main(["lock", *words]) == 0
    assert main(["build", *words, "--locked"]) == 0
    assert main(["card", "small.jsonl", "--out", "card"]) == 0
    capsys.readouterr()
    assert main(["card", "small.jsonl", "--model"]) == 0
    Path("section.md").write_text(capsys.readouterr().out)
    published = ["small.jsonl", "small.manifest.json", "recipe.lock", "card/README.md",
                 "card/ATTRIBUTION.md", "section.md"]  # fmt: skip
    for name in published:
        text = Path(name).read_text("utf-8")
        assert not [secret for secret in ("SECRET", "hf_abc", "X-Amz") if secret in text]
        assert (place in text) is (name != "small.jsonl")
    # A link that was signed anew is the same place.
    recipe.write_text(recipe.read_text().replace("SECRET", "OTHER"))
    assert main(["build", *words, "--locked"]) == 0


@pytest.mark.parametrize("options", [["--model"], ["--push", "me/set"]])
def test_what_needs_a_manifest_says_so(
    options: list[str], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.manifest.json").unlink()
    assert main(["card", str(file), *options]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(": no manifest is beside it; `calibset build` and `calibset repack` write one")


def test_a_report_is_written_beside_its_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["report", str(file)]) == 0
    assert capsys.readouterr().out == "wrote small.report.html\n"
    assert Path("small.report.html").read_text("utf-8").lower().startswith("<!doctype html>")


def test_the_command_is_that_of_the_recipe(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    words = [
        "quantize-command",
        str(recipe),
        "--model",
        "model",
        "--autoround",
        "0.16.1",
        "--only",
        "command",
    ]
    assert main([*words, "--set", "quantization.iters=7"]) == 0
    printed = capsys.readouterr().out
    assert "# AutoRound 0.16.1\n" in printed
    lines = (line.rstrip("\\ ").strip() for line in printed.splitlines() if not line.startswith("#"))
    command = " ".join(lines)
    assert "--iters 7" in command
    assert "--nsamples 20 --seqlen 64" in command
    assert "small.jsonl" in command


def test_a_licence_that_is_not_let_in_is_a_fault(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(recipe), "--set", 'allow_licences=["MIT"]']) == 2
    assert "licence" in capsys.readouterr().err


def test_quantize_command_follows_the_recipes_quantizer(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = "--set=quantizer=gptqmodel"
    assert main(["quantize-command", str(recipe), chosen, "--model", "M"]) == 1
    assert capsys.readouterr().err == (
        "calibset: small.jsonl: is not there yet; build it first, or name another with --file\n"
    )
    assert main(["build", str(recipe), chosen, "-q"]) == 0
    assert main(["quantize-command", str(recipe), chosen, "--model", "M", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)
    assert parts["command"] == "calibset export small.jsonl --for gptqmodel\n"
    assert parts["python"].startswith("MODEL = 'M'\nfrom datasets import load_dataset\n")
    assert main(["export", "small.jsonl", "--for", "gptqmodel"]) == 0
    assert parts["python"].split("\n", 1)[1] in capsys.readouterr().out
    assert main(["quantize-command", str(recipe), chosen, "--model", "M", "--text-only"]) == 2


def test_quantize_command_prints_a_command_with_the_model(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = "--set=quantizer=exllamav2"
    assert main(["build", str(recipe), chosen, "-q"]) == 0
    assert main(["quantize-command", str(recipe), chosen, "--model", "my model"]) == 0
    out = capsys.readouterr().out
    assert "\npython convert.py --in_dir 'my model' --out_dir WORK " in out

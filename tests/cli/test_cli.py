from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

import calibset
from calibset.cli import _MODULES as MODULES
from calibset.cli import main
from calibset.core.text import printable
from calibset.dataset import calibration_set, tokenizer_check
from calibset.dataset.lockfile import read_lock
from calibset.dataset.tokenizer_check import TokenizerReport, TokenMismatch
from calibset.quantizers import get_quantizer
from calibset.quantizers.autoround.loader import AutoRound
from calibset.sources import ADAPTERS
from calibset.storage import Cache
from tests.small import corpus, write_small
from tests.storage.loopback import COMMIT, Fault, Loopback, refusing

COMMANDS = (
    "build", "plan", "check", "lock", "quantize-command", "verify", "export", "show", "report", "card",
    "diff", "cache", "tokenizer",
    "sources", "schema",
)  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A small recipe, in the working directory."""
    write_small(tmp_path)
    monkeypatch.chdir(tmp_path)
    return "recipe.toml"


@pytest.fixture
def built(recipe: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A calibration file with its manifest, in the working directory."""
    assert main(["build", recipe, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    return "small.jsonl"


# --- help ---------------------------------------------------------------------------------


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main([*words, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


def test_the_help_names_every_command_and_teaches_the_first_three(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([], capsys)
    assert re.findall(r"^    ([a-z-]+)\b", text, re.MULTILINE) == list(COMMANDS)
    assert "calibset verify slovak-insurance.jsonl             which rows the quantizer keeps" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([command], capsys)
    assert text.startswith(f"usage: calibset {command} ")
    assert f"example:\n  calibset {command}" in text
    module = import_module(f"calibset.cli.{MODULES[command]}")
    assert callable(getattr(module, command.replace("-", "_")))


@pytest.mark.parametrize(
    ("command", "fragments"),
    [
        (
            "build",
            ["--data DIR", "--mirror PREFIX=REPLACEMENT", "--set KEY=VALUE", "--allow-code", "--out FILE"],
        ),
        ("build", ["CALIBSET_DATA", "CALIBSET_MIRRORS", "HF_ENDPOINT", "--quiet, -q", "--json"]),
        ("build", ["--offline ", "--locked ", "CALIBSET_CACHE", "`calibset lock RECIPE` writes"]),
        ("plan", ["downloads no data", "--offline "]),
        ("check", ["--offline "]),
        ("lock", ["calibset build --locked ", "--offline ", "--set KEY=VALUE", "--quiet, -q"]),
        ("diff", ["A calibration file stands for the manifest beside it. Exits 1 if", "--json"]),
        ("cache", ["{list,clear}", "The folder is CALIBSET_CACHE, else HF_HOME/calibset, ", "--json"]),
        (
            "verify",
            ["--tokenizer T", "--seqlen N", "--nsamples N", "Exits 1 if a row is lost or there are too few."],
        ),
        ("export", ["--format {input_ids}", "--tokenizer T", "cut at seqlen"]),
        ("tokenizer", ["--out DIR", "AutoRound needs such a one"]),
    ],
)
def test_the_help_names_the_options(
    command: str, fragments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of([command], capsys)
    assert [fragment for fragment in fragments if fragment not in text] == []


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(r"calibset \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bild"], "invalid choice: 'bild'"),
        (["build"], "the following arguments are required: recipe"),
        (
            ["verify", "x.jsonl", "--seqlen", "0"],
            "argument --seqlen: must be a whole number above 0, got '0'",
        ),
        (
            ["verify", "x.jsonl", "--nsamples", "x"],
            "argument --nsamples: must be a whole number above 0, got 'x'",
        ),
        (["show", "x.jsonl", "-1"], "argument N: must be a whole number above 0, got '-1'"),
        (["tokenizer", "x"], "the following arguments are required: --out"),
    ],
)
def test_a_wrong_command_line_exits_2(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


# --- build --------------------------------------------------------------------------------


def test_a_build_says_what_it_gave(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--out", "sub/my.jsonl"]) == 0
    out, err = capsys.readouterr()
    assert f"20 of 20 rows kept by {AutoRound.info.label}, 64 tokens read of each" in out
    assert re.search(r"wrote sub/my\.jsonl \(sha256 [0-9a-f]{16}…\) and its manifest\n$", out)
    assert re.search(r"^fish +sea +fish +CC0-1\.0 +8 +8 ", out, re.MULTILINE)
    assert re.search(r"^sea +60\.0% +12 +12 +60\.0%", out, re.MULTILINE)
    assert err == "fish: 8 samples\nships: 4 samples\ntrees: 8 samples\n"
    assert len(Path("sub/my.jsonl").read_text().splitlines()) == 20
    assert Path("sub/my.manifest.json").is_file()


def test_a_build_can_be_read_as_json(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--json", "--set", "nsamples=10"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["file"], data["manifest"]) == ("small.jsonl", "small.manifest.json")
    assert (data["nsamples"], data["kept"]) == (10, 10)
    assert "samples" not in data
    assert [source["achieved"] for source in data["sources"]] == [4, 2, 4, 0]


def test_the_recipes_output_is_written_unless_another_is_named(recipe: str) -> None:
    assert main(["build", recipe, "-q", "--set", "output=theirs.jsonl"]) == 0
    assert Path("theirs.jsonl").is_file()
    assert main(["build", recipe, "-q", "--set", "output=theirs.jsonl", "--out", "mine.jsonl"]) == 0
    assert Path("mine.jsonl").read_bytes() == Path("theirs.jsonl").read_bytes()


def test_what_was_left_out_is_summed_up(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("fish/a.jsonl").open("a") as stream:
        stream.write('{"text": ""}\n{oops\n' * 100)
    assert main(["build", recipe, "--json", "--set=max_rejected=1"]) == 0
    sources = json.loads(capsys.readouterr().out)["sources"]
    assert main(["build", recipe, "--set=max_rejected=1", "--rejects=rejects.jsonl"]) == 0
    out = capsys.readouterr().out
    assert len(Path("rejects.jsonl").read_text().splitlines()) == sum(sources[0]["rejections"].values())
    for source in sources:
        for reason, count in source["rejections"].items():
            assert f"  {source['name']}: {count} rejected: {reason}\n" in out
    assert sources[0]["rejections"]
    assert "left out:\n  fish: " in out


# --- faults -------------------------------------------------------------------------------

Prepare = Callable[[Path, Loopback, pytest.MonkeyPatch], None]
HUB = "--set=sources.fish.where=hf://datasets/them/fish"
URL = "--set=sources.fish.where=https://example.org/fish.jsonl"
DATA = f"/datasets/them/fish/resolve/{COMMIT}/a.jsonl"


def nothing(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    pass


def unreachable(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(constants, "ENDPOINT", refusing())


def gated(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    hub.repositories["them/fish"] = {"a.jsonl": b"{}"}
    hub.broken[DATA] = Fault(status=401, headers={"X-Error-Code": "GatedRepo"}, methods=("GET", "HEAD"))


def cut_off(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    hub.files["/fish.jsonl"] = corpus("fish", 30)
    hub.broken["/fish.jsonl"] = Fault(stop_after=100)
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")


def refused(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={refusing()}/")


def gone(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")


def corrupt(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.parquet").write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")


def broken_turtle(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.ttl").write_text("@prefix x: <http://x/> .\nx:a y:b x:c .\n")


def empty(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    (folder / "fish" / "a.jsonl").unlink()


def full_disk(folder: Path, hub: Loopback, patch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> bytes:
        raise OSError(28, "No space left on device")

    patch.setattr(calibration_set, "row_bytes", full)


CliFault = tuple[str, Prepare, list[str], int, str]
FAULTS: list[CliFault] = [
    ("unreachable hub", unreachable, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: the hub can't be reached \(.+\); check the network .+"),
    ("unknown repository", nothing, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: no such dataset repository; check its name, or log in .+"),
    ("gated repository", gated, [HUB], 1,
     r"sources\.fish: hf://datasets/them/fish: a\.jsonl: the repository is gated; accept its terms .+"),
    ("truncated download", cut_off, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: the download breaks off again and again; .+"),
    ("refused connection", refused, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: can't be reached \(ConnectionError\); check .+"),
    ("missing file on a server", gone, [URL], 1,
     r"sources\.fish: https://example\.org/fish\.jsonl: the server has no such file; check the URL"),
    ("corrupt parquet", corrupt, ["--set=sources.fish.type=parquet"], 1,
     r"sources\.fish: a\.parquet: can't be read as parquet \(.+\); fetch the file again"),
    ("invalid turtle", broken_turtle, ["--set=sources.fish.type=ontology"], 1,
     r"sources\.fish: a\.ttl:\d+: not valid turtle \(.+\); mend it, fetch it again, or leave it out .+"),
    ("folder without files", empty, [], 1,
     r"sources\.fish: fish: no file matches \*\.jsonl, .+; it holds nothing: name the right ones .+"),
    ("missing folder", nothing, ["--set=sources.fish.where=gone"], 1,
     r"sources\.fish: gone: no such file or folder under \.; set --data DIR to where the corpora are"),
    ("missing data folder", nothing, ["--data", "nowhere"], 2, r"--data nowhere: no such folder"),
    ("wrong mirror", nothing, ["--mirror", "x"], 2, r"--mirror x: must read https://PREFIX=https://REPLACEMENT"),
    ("full disk", full_disk, [], 1,
     r"old\.jsonl: can't be written: No space left on device; nothing was changed"),
    ("wrong key", nothing, ["--set=nsample=1"], 2,
     r"recipe\.toml: nsample: unknown key; did you mean nsamples\?"),
    ("wrong override", nothing, ["--set=x"], 2, r"--set x: must read key\.path=value, such as .+"),
    ("too little", nothing, ["--set=nsamples=100000"], 1,
     r"mixture: source 'fish' gives \d+ of 40000 samples; .+"),
    ("unknown tokenizer", nothing, ["--set=tokenizer=gone"], 1, r"tokenizer 'gone': neither a known name .+"),
]  # fmt: skip


@pytest.mark.usefixtures("recipe", "pauses")
@pytest.mark.parametrize("fault", FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_fault_is_one_clear_line_and_changes_nothing(
    tmp_path: Path,
    hub: Loopback,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: CliFault,
) -> None:
    _, prepare, words, code, says = fault
    contents = {"old.jsonl": b"old rows", "old.manifest.json": b"old record"}
    for name, content in contents.items():
        Path(name).write_bytes(content)
    prepare(tmp_path, hub, monkeypatch)
    assert main(["build", "recipe.toml", "--quiet", "--out", "old.jsonl", *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"calibset: {says}\n", err)
    assert {name: Path(name).read_bytes() for name in contents} == contents
    assert not list(tmp_path.glob(".*.tmp"))


def test_each_fault_of_a_recipe_has_its_line(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--set", "seed=-1", "--set", "sources.fish.weight=0"]) == 2
    assert capsys.readouterr().err == (
        "calibset: recipe.toml: sources.fish.weight: must be above 0, got 0\n"
        "calibset: recipe.toml: seed: must be at least 0, got -1\n"
    )


def test_a_recipe_that_is_not_there_exits_2(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "gone.toml"]) == 2
    assert capsys.readouterr().err == "calibset: gone.toml: can't be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("out", "fault"),
    [
        ("x.json", "must end in .jsonl"),
        ("a b.jsonl", "AutoRound can't be given this file: the path holds a space, which it removes"),
        ("a,b.jsonl", "AutoRound can't be given this file: the path holds a comma, which separates datasets"),
    ],
)
def test_a_path_that_the_quantizer_misreads_is_refused_first(
    out: str, fault: str, recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(calibset, "build", None)
    assert main(["build", recipe, "--out", out]) == 2
    assert capsys.readouterr().err == f"calibset: --out {out}: {fault}\n"


def test_503s_and_dropped_connections_are_overcome(
    recipe: str, hub: Loopback, pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", recipe, "-q", "--out", "local.jsonl"]) == 0
    hub.files["/fish.jsonl"] = corpus("fish", 30)
    hub.faults["/fish.jsonl"] = [
        Fault(status=503, headers={"Retry-After": "1"}, methods=("HEAD",)),
        Fault(status=503),
        Fault(stop_after=500),
        Fault(stop_after=0),
    ]
    Path("local.jsonl").rename("kept.jsonl")
    words = [URL, "--mirror", f"https://example.org/={hub.address}/"]
    assert main(["build", recipe, "-q", "--out", "remote.jsonl", *words]) == 0
    assert len(pauses) == 4
    assert capsys.readouterr() == ("", "")
    rows, local = (
        [json.loads(line)["text"] for line in Path(name).read_text().splitlines() if '"ships"' in line]
        for name in ("remote.jsonl", "kept.jsonl")
    )
    assert rows == local
    again = Path("remote.jsonl").read_bytes()
    assert main(["build", recipe, "-q", "--out", "remote.jsonl", *words]) == 0
    assert Path("remote.jsonl").read_bytes() == again


def test_an_interrupt_exits_130(
    recipe: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibset, "build", interrupted)
    Path("small.jsonl").write_text("old")
    assert main(["build", recipe]) == 130
    assert capsys.readouterr().err == "calibset: interrupted; what stood in the output before is unchanged\n"
    assert Path("small.jsonl").read_text() == "old"


def test_a_reader_that_has_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    for words in (["schema"], ["sources"], ["sources", "bitext"]):
        monkeypatch.setattr(sys, "stdout", Gone())
        assert main(words) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
@pytest.mark.parametrize("words", [["schema"], ["sources"]])
def test_a_closed_pipe_is_quiet(words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "calibset", *words], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_output_of_few_letters_gets_the_others_spelled_out(built: str) -> None:
    rows = json.dumps({"text": "čaj"}) + "\n"
    Path("x.jsonl").write_text(rows)
    done = subprocess.run(
        [sys.executable, "-m", "calibset", "show", "x.jsonl", "1", "--tokenizer", "tokenizer.json"],
        capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == rb"\u010daj"


# --- plan, check --------------------------------------------------------------------------


def test_a_plan_is_a_table(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^fish +sea +jsonl +fish +CC0-1\.0 +8 +1 +[\d.]+ kB *$", out, re.MULTILINE)
    assert "20 samples of 64 tokens (sea 12, land 8, general 0); tokenizer tokenizer.json, seed 42" in out
    assert err == ""
    assert not Path("small.jsonl").exists()


def test_a_plan_names_what_is_missing_and_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", recipe, "--json", "--set", "sources.fish.where=gone"]) == 1
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["groups"] == {"sea": 12, "land": 8, "general": 0}
    assert [source["quota"] for source in data["sources"]] == [8, 4, 8, 0]
    says = "gone: no such file or folder under .; set --data DIR to where the corpora are"
    assert data["sources"][0]["problem"] == says
    assert err == f"calibset: sources.fish: {says}\n"


def test_a_check_counts(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("fish/a.jsonl").open("a") as stream:
        stream.write('{"text": ""}\n')
    assert main(["check", recipe]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^fish +fish +30 +1 +0 *$", out, re.MULTILINE)
    assert re.search(r"^ +empty text +a\.jsonl:31 +1 *$", out, re.MULTILINE)
    assert err == "fish: 30 records\nships: 30 records\ntrees: 30 records\nrest: 30 records\n"
    assert main(["check", recipe, "--json", "-q"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data[0] == {
        "name": "fish", "location": "fish", "documents": 30, "rejections": {"empty text": 1}, "filtered": {},
        "examples": {"empty text": "a.jsonl:31"}, "problem": None, "contaminated": {},
        "mended": {
            "repaired": {}, "masked": {}, "boilerplate": 0, "control_tokens": 0, "shortened": 0,
            "cut_conversations": 0,
        },
    }  # fmt: skip


def test_a_check_tells_what_a_build_would_mend_and_what_evaluation_sets_have_in_common(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = "a cod is a fish that lives in the cold and deep waters of the north"
    with Path("fish/a.jsonl").open("a") as stream:
        stream.write(json.dumps({"text": "Write to jan@posta.sk or eva@posta.sk, ple\u00adase."}) + "\n")
        stream.write(json.dumps({"text": f"They say that {shared}."}) + "\n")
    Path("eval").mkdir()
    Path("eval/a.jsonl").write_text(json.dumps({"text": shared}) + "\n")
    with Path(recipe).open("a") as stream:
        stream.write('\n[[exclude]]\nname = "cods"\ntype = "jsonl"\nwhere = "eval"\n')
    assert main(["check", recipe, "--set", "sources.fish.hygiene.pii=mask", "-q", "--json"]) == 0
    fish = json.loads(capsys.readouterr().out)[0]
    assert (fish["mended"]["masked"], fish["contaminated"]) == ({"e-mail": 2}, {"cods": 1})
    assert main(["check", recipe, "--set", "sources.fish.hygiene.pii=mask"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "fish: mended: 1 invisible" in lines
    assert "fish: personal data: made-up ones stand in for 2 e-mails" in lines
    assert "fish: 1 hold a part of evaluation set cods" in lines


def test_a_check_goes_on_after_a_fault_and_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("fish/a.jsonl").rename("fish/a.jsonl.xz")
    assert main(["check", recipe, "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"calibset: sources\.fish: a\.jsonl\.xz: damaged or cut off \(.+\); fetch the .+\n", err
    )


# --- verify, show -------------------------------------------------------------------------


def test_verify_keeps_every_row_of_a_build(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", built]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[-1].startswith(
        f"{AutoRound.info.label} keeps 20 of 20 rows (asked for 20 rows of 64 tokens); "
    )
    assert out[-1].endswith("%)")


def test_verify_names_lost_rows_and_exits_1(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path(built).open("a") as stream:
        stream.write('{"text": "short"}\n' * 25)
    assert main(["verify", built]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "small.jsonl: row 21 is dropped: 58 tokens short of 64"
    assert out[20] == "small.jsonl: and 5 more rows are dropped; --json names each"
    assert out[21].startswith("small.jsonl: note: 45 rows for nsamples 20: ")
    assert out[-1].startswith(f"{AutoRound.info.label} keeps 20 of 45 rows")
    assert main(["verify", built, "--quiet"]) == 1
    assert capsys.readouterr() == ("", "")
    assert main(["verify", built, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["kept"], data["passed"], len(data["rows"]), data["fatal"]) == (20, False, 45, [])
    assert data["rows"][44]["reason"] == "58 tokens short of 64"


def test_verify_is_for_the_quantizer_that_the_manifest_names(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", recipe, "--quiet", "--set=quantizer=llama.cpp"]) == 0
    assert main(["verify", "small.jsonl"]) == 0
    *notes, last = capsys.readouterr().out.splitlines()
    asked = get_quantizer("llama.cpp").info
    assert notes[-len(asked.pitfalls) :] == [f"small.jsonl: note: {trap}" for trap in asked.pitfalls]
    assert re.fullmatch(rf"{asked.label} keeps 20 of 20 rows \(.*\); \d+ tokens are cut \(\d\.\d\d%\)", last)
    assert main(["verify", "small.jsonl", "--for", "llama.cpp"]) == 0
    assert capsys.readouterr().out.splitlines() == [*notes, last]
    assert main(["verify", "small.jsonl", "--json"]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["waste"] < 0.1
    Path("small.manifest.json").unlink()
    assert main(["verify", "small.jsonl", "--tokenizer=tokenizer.json", "--seqlen=64", "--nsamples=20"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{AutoRound.info.label} keeps 20 of 20 rows")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "x.jsonl: the file holds no row"),
        (b"\n", "x.jsonl: row 1: blank line"),
        (b'{"messages": []}', "x.jsonl: row 1: its text is no string"),
    ],
)
def test_verify_says_what_the_quantizer_stops_at(
    recipe: str, capsys: pytest.CaptureFixture[str], content: bytes, line: str
) -> None:
    Path("x.jsonl").write_bytes(content)
    assert main(["verify", "x.jsonl", "--tokenizer", "tokenizer.json", "--nsamples", "1"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == [
        "x.jsonl: AutoRound 0.12.3 to 0.16.1 can't load this file, so it takes no row; mend or delete:",
        line,
    ]
    assert all(line.startswith("x.jsonl: note: ") for line in out[2:])


def test_verify_asks_a_backend_too(
    built: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = TokenMismatch(
        row=2, index=4, expected="[INST]", found="[", reason="control tokens are read as letters"
    )
    answers = {"mistral-common": (row,) * 22, "fast": ()}
    monkeypatch.setattr(
        tokenizer_check,
        "check_tokenizer",
        lambda file, backend, tokenizer: TokenizerReport(
            backend="Them 1.0", rows=40, misread=answers[backend]
        ),
    )
    assert main(["verify", built, "--backend", "fast"]) == 0
    assert capsys.readouterr().out.endswith("\nThem 1.0 reads 40 of 40 rows as they should be\n")
    assert main(["verify", built, "--backend", "mistral-common"]) == 1
    lines = capsys.readouterr().out.splitlines()
    misread = (
        "small.jsonl: row 2, token 5: '[' is read where '[INST]' stands: control tokens are read as letters"
    )
    assert lines[lines.index(misread) :] == [
        *[misread] * 20,
        "small.jsonl: and 2 more rows are misread; --json names each",
        "Them 1.0 reads 18 of 40 rows as they should be",
        "give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`",
    ]
    assert main(["verify", built, "--backend", "mistral-common", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["kept"], data["readback"]["backend"], len(data["readback"]["misread"])) == (
        20,
        "Them 1.0",
        22,
    )
    assert main(["verify", built, "--json"]) == 0
    assert "readback" not in json.loads(capsys.readouterr().out)


def test_export_writes_ids(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", built, "--format", "input_ids"]) == 0
    assert capsys.readouterr().out == "wrote small.parquet\n"
    assert main(["export", built, "--format", "input_ids", "--out", "new/x.parquet", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("new/x.parquet").read_bytes() == Path("small.parquet").read_bytes()


def test_export_tells_of_the_file_and_of_what_is_not_seen_in_it(
    built: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", built, "--for", "gptqmodel", "--out", "a'b\x1b[2J.parquet"]) == 0
    shown = "a'b\\x1b[2J.parquet"
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"{shown}: note: GPTQModel warns of fewer than 256 rows; these are 20",
        f"{shown}: note: GPTQModel warns of fewer than 256 tokens a row on average",
        f"{shown}: note: calibration_sort='shuffle' shuffles with no seed",
        "GPTQModel 7.7.0 keeps 20 of 20 rows (asked for 20 rows of 64 tokens); 0 tokens are cut (0.00%)",
        f"wrote {shown}; to use it:",
        f'model.quantize(load_dataset("parquet", data_files="{shown}", split="train"), batch_size=1)  '
        "# datasets.load_dataset",
    ]


def test_export_writes_over_no_manifest(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("small.manifest.json").read_bytes()
    assert main(["export", built, "--for", "autoawq", "--out", "small.manifest.json"]) == 1
    assert capsys.readouterr().err == "calibset: small.manifest.json: is its manifest\n"
    assert Path("small.manifest.json").read_bytes() == before


def test_export_of_an_unknown_format_exits_2(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["export", built, "--format", "gguf"])
    assert caught.value.code == 2
    assert "argument --format: invalid choice: 'gguf'" in capsys.readouterr().err


def test_verify_without_a_file_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "gone.jsonl", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: gone.jsonl: no such file\n"


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 0
    assert "calibset build" in capsys.readouterr().out


def test_a_folder_is_no_calibration_file(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", ".", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: .: no such file\n"


def test_show_marks_documents_and_control_tokens(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    first = json.loads(Path(built).read_text().splitlines()[0])
    assert main(["show", built, "1"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{first['tokens']} tokens, {len(first['text'])} characters, source fish"
    assert re.match(r"a\.jsonl#\d+ \((whole|part)\) ─", out[1])
    Path("x.jsonl").write_text('{"text": "a</s>b"}\n')
    assert main(["show", "x.jsonl", "1", "--tokenizer", "tokenizer.json"]) == 0
    assert capsys.readouterr().out == "3 tokens, 6 characters\na⟦</s>⟧b\n"


HOSTILE = "a\x1b[2Jb\x07c\rd\x9be\u202ef\u2066g\x00"


def test_show_sends_no_control_character_to_the_terminal(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.jsonl").write_text(json.dumps({"text": HOSTILE + "\n\ttab"}) + "\n")
    assert main(["show", "x.jsonl", "1", "--tokenizer", "tokenizer.json"]) == 0
    out = capsys.readouterr().out
    assert r"a\x1b[2Jb\x07c\rd\x9be\u202ef\u2066g\x00" in out
    assert not re.search(r"[^\n\t -\uffff]|[\x7f-\x9f\u202a-\u202e]", out)


def test_no_table_or_message_does_either(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = "b\x1b[2J\u202e.jsonl"
    Path("fish", name).write_text("{oops\n")
    assert main(["check", recipe]) == 0
    out, err = capsys.readouterr()
    assert r"b\x1b[2J\u202e.jsonl:1" in out
    assert main(["build", recipe, "-q", "--set", 'sources.fish.files="*.x"']) == 1
    err += capsys.readouterr().err
    assert r"it holds a.jsonl, b\x1b[2J\u202e.jsonl: name" in err
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err


@pytest.mark.parametrize("text", ["plain", "two\nlines\tand a tab", "čaj 😀 \u00a0"])
def test_what_is_harmless_is_printed_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("content", "row", "fault"),
    [
        ('{"text": "a"}\n', "2", "has 1 rows, so there is no row 2"),
        ("", "1", "row 1 is not valid JSON"),
        ("{oops\n", "1", "row 1 is not valid JSON"),
        ("[" * 100_000, "1", "row 1 is not valid JSON"),
        ('{"messages": []}\n', "1", "row 1 has no text"),
        ("3\n", "1", "row 1 has no text"),
    ],
)
def test_a_row_that_can_not_be_shown_is_a_clear_error(
    recipe: str, capsys: pytest.CaptureFixture[str], content: str, row: str, fault: str
) -> None:
    Path("x.jsonl").write_text(content)
    assert main(["show", "x.jsonl", row]) == 1
    assert capsys.readouterr().err == f"calibset: x.jsonl: {fault}\n"


def test_an_unescaped_line_separator_ends_no_row(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("a\u2028b\x85c", "second")]
    Path("x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert main(["show", "x.jsonl", "2", "--tokenizer", "tokenizer.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "second"


# --- lock ---------------------------------------------------------------------------------


@pytest.fixture
def locked(recipe: str) -> str:
    """The small recipe with its lock, in the working directory."""
    assert main(["lock", recipe, "--quiet"]) == 0
    return recipe


def edit_lock(**values: object) -> None:
    data = json.loads(Path("recipe.lock").read_text())
    Path("recipe.lock").write_text(json.dumps({**data, **values}))


def said(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command says where it fails."""
    assert main(words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("calibset: ")
    assert err.count("\n") == 1
    return err.removeprefix("calibset: ").removesuffix("\n")


def test_a_lock_is_written_beside_the_recipe(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(Path().iterdir())
    assert main(["lock", recipe]) == 0
    assert set(Path().iterdir()) - before == {Path("recipe.lock")}
    lock = read_lock("recipe.lock")
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
    assert lines[5:] == [f"wrote recipe.lock: the set has sha256 {lock.sha256[:16]}…"]
    assert err == "fish: 8 samples\nships: 4 samples\ntrees: 8 samples\n"
    assert main(["build", recipe, "-q"]) == 0
    assert hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest() == lock.sha256


def test_a_lock_can_be_written_in_silence(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", recipe, "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("recipe.lock").is_file()


def test_a_lock_stands_beside_its_recipe_wherever_one_works(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(["lock", "../recipe.toml", "-q"]) == 0
    assert (tmp_path / "recipe.lock").is_file()
    assert list(Path().iterdir()) == []
    assert main(["build", "../recipe.toml", "-q", "--locked"]) == 0


def test_a_lock_is_renewed_whatever_stood_there(locked: str) -> None:
    first = Path("recipe.lock").read_bytes()
    for other in (b"{", first.replace(b'"seed": 42', b'"seed": 43')):
        Path("recipe.lock").write_bytes(other)
        assert main(["lock", locked, "-q"]) == 0
        assert Path("recipe.lock").read_bytes() == first


def test_a_folder_where_no_lock_can_be_written_is_refused_first(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The superuser may write anywhere, so a folder's mode alone would not refuse him.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    monkeypatch.setattr(calibset, "build", None)
    assert said(["lock", recipe], 1, capsys) == f"recipe.lock: {tmp_path} can't be written to"


def test_a_recipe_in_a_folder_that_takes_nothing_is_built_as_its_lock_says(
    locked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    (tmp_path / "out").mkdir()
    assert main(["build", locked, "-q", "--locked", "--out", "out/x.jsonl"]) == 0


def test_a_lock_that_fails_leaves_the_old_one(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("recipe.lock").read_bytes()
    shutil.rmtree("fish")
    assert said(["lock", locked, "-q"], 1, capsys).startswith("sources.fish: fish: no such file or folder ")
    assert Path("recipe.lock").read_bytes() == before


def test_a_build_as_locked_says_nothing_of_it(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", locked, "--locked"]) == 0
    out, err = capsys.readouterr()
    assert "lock" not in out + err


def test_a_build_notes_what_is_not_as_locked(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    edit_lock(name="large", versions={}, sha256="00" * 32)
    made = {
        "name": "small",
        "versions.calibset": version("calibset"),
        "versions.datasets": version("datasets"),
    }
    assert main(["build", locked]) == 0
    lines = capsys.readouterr().out.splitlines()
    note = lines.index("note: not as recipe.lock has it; `calibset lock` renews it:")
    sha = hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest()
    assert lines[note + 1 :] == [
        "  name: large → small",
        f"  sha256: 0000000000000000… → {sha[:16]}…",
        f"  versions.calibset: nothing → {made['versions.calibset']}",
        f"  versions.datasets: nothing → {made['versions.datasets']}",
        f"  versions.ftfy: nothing → {version('ftfy')}",
        "  and 13 more",
    ]
    assert main(["build", locked, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("more", [[], ["--json"], ["--quiet"]])
def test_a_locked_build_that_differs_is_one_line_and_writes_nothing(
    locked: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.jsonl").write_text("old")
    words = ["build", locked, "--locked", "--set", "description=new", "--rejects", "rejects.jsonl", *more]
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == (
        "calibset: recipe.lock: the build is not as locked: recipe.description:  → new; "
        "nothing was written, `calibset lock` renews it"
    )
    assert err.count("calibset: ") == 1
    assert Path("small.jsonl").read_text() == "old"
    assert not Path("small.manifest.json").exists()
    assert not Path("rejects.jsonl").exists()


def test_a_locked_build_without_a_lock_is_refused(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    says = said(["build", recipe, "--locked"], 1, capsys)
    assert says == "recipe.lock: there is no lock; write one with `calibset lock`"


@pytest.mark.parametrize("command", ["build", "plan", "check"])
def test_a_lock_that_is_none_is_one_line(
    recipe: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("recipe.lock").write_text("[[package]]\n")
    assert said([command, recipe], 1, capsys) == (
        "recipe.lock: is no lock of this version of calibset; renew it with `calibset lock`"
    )


def test_what_a_lock_was_overridden_with_is_named(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lock", recipe, "-q", "--set", "nsamples=10"]) == 0
    assert main(["build", recipe, "-q", "--locked", "--set", "nsamples=10"]) == 0
    assert said(["build", recipe, "-q", "--locked"], 1, capsys).startswith(
        "recipe.lock: the build is not as locked: recipe.nsamples: 10 → 20; nothing was written"
    )


# --- diff ---------------------------------------------------------------------------------


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
    assert rows[0] == ["what", "before", "after"]
    assert ["recipe.nsamples", "20", "10"] in rows
    assert ["sources.fish.achieved", "8", "4"] in rows
    shas = [hashlib.sha256(Path(name).read_bytes()).hexdigest()[:16] + "…" for name in (built, "ten.jsonl")]
    assert ["sha256", *shas] in rows
    documents = r"^sources\.fish\.documents +\d+ only here \(a\.jsonl#\d+, .+\) +nothing *$"
    assert re.search(documents, out, re.MULTILINE)


def test_what_changed_can_be_read_as_json(locked: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.lock").rename("old.lock")
    assert main(["lock", locked, "-q", "--set", "sources.fish.revision=v2"]) == 0
    assert main(["diff", "old.lock", "recipe.lock", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == [
        {"what": "recipe.sources.fish.revision", "before": None, "after": "v2"}
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


NO_MANIFEST = "there is no such manifest, and none beside a file of this name"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (
            ["gone.jsonl", "small.jsonl"],
            2,
            "gone.jsonl: there is no such manifest, and none beside a file of this name",
        ),
        (
            ["small.jsonl", "gone.manifest.json"],
            2,
            "gone.manifest.json: there is no such manifest, and none beside a file of this name",
        ),
        (["small.jsonl", "gone.lock"], 2, "gone.lock: there is no such lock"),
        ([".", "small.jsonl"], 2, f".: {NO_MANIFEST}"),
        (["", "small.jsonl"], 2, f".: {NO_MANIFEST}"),
        (["fish", "small.jsonl"], 2, f"fish: {NO_MANIFEST}"),
        (["small.jsonl", "recipe.lock"], 2, "a manifest and a lock can't be compared; name two of one kind"),
        (
            ["small.jsonl", "broken.lock"],
            2,
            "broken.lock: is no lock of this version of calibset; renew it with `calibset lock`",
        ),
        (
            ["broken.jsonl", "small.jsonl"],
            2,
            "broken.manifest.json: is no manifest of this version of calibset; build the file again",
        ),
    ],
)
def test_what_can_not_be_compared_is_one_line(
    built: str, locked: str, words: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.lock").write_text("{")
    Path("broken.manifest.json").write_text("{")
    assert said(["diff", *words], code, capsys) == says


# --- cache, offline -----------------------------------------------------------------------


@pytest.fixture
def remote(recipe: str, hub: Loopback, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The small recipe and what makes it read fish from the hub and ships from a server."""
    hub.repositories["them/fish"] = {"a.jsonl": corpus("fish", 30)}
    hub.files["/ships.jsonl"] = corpus("ships", 30)
    monkeypatch.setenv("CALIBSET_MIRRORS", f"https://example.org/={hub.address}/")
    return [recipe, HUB, "--set=sources.ships.where=https://example.org/ships.jsonl"]


def test_the_cache_can_be_listed_and_cleared(
    remote: list[str], cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"0 bytes in {cache.folder}\n"
    assert main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(cache.folder), "places": []}
    assert main(["build", *remote, "-q"]) == 0
    assert main(["cache", "list"]) == 0
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [
        ["location", "files", "size"],
        ["them/fish", "1", "2.7", "kB"],
        ["https://example.org/ships.jsonl", "1", "2.7", "kB"],
        ["5.4", "kB", "in", str(cache.folder)],
    ]
    assert err == ""
    assert main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(cache.folder),
        "places": [
            {"location": "hf://datasets/them/fish", "files": 1, "size": len(corpus("fish", 30))},
            {"location": "https://example.org/ships.jsonl", "files": 1, "size": len(corpus("ships", 30))},
        ],
    }
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr() == (f"cleared {cache.folder}\n", "")
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"0 bytes in {cache.folder}\n"


@pytest.mark.parametrize("words", [["cache"], ["cache", "empty"]])
def test_what_the_cache_can_not_do_exits_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert re.search(r"required: action|invalid choice: 'empty'", capsys.readouterr().err)


@pytest.mark.parametrize("command", ["build", "lock"])
def test_offline_with_nothing_kept_all_sources_that_need_a_server_are_named(
    remote: list[str], hub: Loopback, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = set(Path().iterdir())
    assert said([command, *remote, "--offline"], 1, capsys) == (
        "offline, and not in the cache: sources.fish, sources.ships; build once without --offline, or set "
        "CALIBSET_CACHE to a cache that holds them"
    )
    assert hub.asked == []
    assert set(Path().iterdir()) == before


@pytest.mark.parametrize("command", ["plan", "check"])
def test_offline_a_plan_and_a_check_name_each(
    remote: list[str], hub: Loopback, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *remote, "--offline", "-q"]) == 1
    assert capsys.readouterr() == (
        "",
        "calibset: sources.fish: hf://datasets/them/fish: not in the cache\n"
        "calibset: sources.ships: https://example.org/ships.jsonl: not in the cache\n",
    )
    assert hub.asked == []


def test_offline_a_build_gives_the_same_from_what_was_kept(remote: list[str], hub: Loopback) -> None:
    assert main(["build", *remote, "-q", "--out", "there.jsonl"]) == 0
    before = list(hub.asked)
    assert main(["build", *remote, "-q", "--offline", "--out", "here.jsonl"]) == 0
    assert hub.asked == before
    assert Path("here.jsonl").read_bytes() == Path("there.jsonl").read_bytes()
    assert Path("here.manifest.json").read_bytes() == Path("there.manifest.json").read_bytes()


def test_a_locked_commit_is_built_byte_for_byte_from_an_empty_cache(
    remote: list[str], hub: Loopback, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lock", *remote]) == 0
    assert re.search(rf"^fish +them/fish +{COMMIT[:10]} +1 +2\.7 kB$", capsys.readouterr().out, re.MULTILINE)
    hub.move_on("beef" * 10)
    hub.repositories["them/fish"] = {"a.jsonl": corpus("cod", 30)}
    assert main(["cache", "clear"]) == 0
    assert main(["build", *remote, "-q", "--locked"]) == 0
    assert main(["plan", *remote]) == 0
    assert COMMIT[:10] in capsys.readouterr().out
    lock = read_lock("recipe.lock")
    assert lock is not None
    assert hashlib.sha256(Path("small.jsonl").read_bytes()).hexdigest() == lock.sha256
    assert main(["lock", *remote, "-q"]) == 0
    renewed = read_lock("recipe.lock")
    assert renewed is not None
    assert renewed.sources["fish"].revision == "beef" * 10


# --- sources, schema, tokenizer -----------------------------------------------------------


def test_sources_lists_the_adapters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1 : len(ADAPTERS) + 1]] == list(ADAPTERS)


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_sources_explains_an_adapter(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", name]) == 0
    out = capsys.readouterr().out
    assert re.search(
        r"^group +required +The group whose share this source helps to fill\.", out, re.MULTILINE
    )


def test_an_unknown_adapter_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "none"]) == 2
    assert capsys.readouterr().err.startswith(
        "calibset: unknown adapter 'none'; known are bitext, chat, csv, "
    )


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert {"name", "groups", "sources"} <= set(schema["properties"])


def test_tokenizer_writes_a_folder(
    recipe: str, tekken: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "calibset.tokenizers.load_tokenizer", lambda name: {"mistral-small-3.2": tekken}[name]
    )
    monkeypatch.setattr("calibset.tokenizers.conversion.fast_tokenizer_json", lambda _: "{}")
    assert main(["tokenizer", "mistral-small-3.2", "--out", "new/folder"]) == 0
    assert (
        capsys.readouterr().out == "wrote new/folder/tokenizer.json\nwrote new/folder/tokenizer_config.json\n"
    )
    assert sorted(path.name for path in Path("new/folder").iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert main(["tokenizer", "mistral-small-3.2", "--out", "new/folder", "-q"]) == 0
    assert capsys.readouterr().out == ""


def test_a_hugging_face_tokenizer_needs_no_folder(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenizer", "tokenizer.json", "--out", "new"]) == 1
    assert capsys.readouterr().err == (
        "calibset: tokenizer.json is a Hugging Face tokenizer already; use its folder as it is\n"
    )
    assert not Path("new").exists()


@pytest.mark.parametrize("words", [["build"], ["plan"], ["check"]], ids=["build", "plan", "check"])
def test_quiet_prints_nothing(words: list[str], recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, recipe, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")

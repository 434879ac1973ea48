from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.quantizers import get_quantizer
from calibset.quantizers.autoround.loader import AutoRound
from tests.cli.commands import error_line


def test_verify_keeps_every_row_of_a_build(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", built]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1
    assert re.fullmatch(
        rf"small\.jsonl: {AutoRound.info.label} keeps 20 of 20 rows \(asked for 20 rows of 64 tokens\); "
        r"\d+ tokens are cut \(\d\.\d\d%\)",
        out[0],
    )
    assert main(["verify", built, "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["verify", built, "-v"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *out, *(f"  note: {pitfall}" for pitfall in AutoRound.info.pitfalls)
    ]  # fmt: skip


def test_verify_is_for_the_quantizer_that_the_manifest_names(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", recipe, "--quiet", "--set=quantizer=llama.cpp"]) == 0
    assert main(["verify", "small.jsonl"]) == 1
    out = capsys.readouterr().out.splitlines()
    label = get_quantizer("llama.cpp").info.label
    assert out == [
        f"small.jsonl: {label} can't take this file, so it keeps no row (asked for 20 rows of 64 tokens)",
        "  it takes .txt files, not .jsonl",
        "to mend this: `calibset export small.jsonl --for llama.cpp` writes a file of which llama.cpp "
        "imatrix keeps 20 of 20 rows",
    ]
    assert main(["export", "small.jsonl", "--for", "llama.cpp", "--quiet"]) == 0
    # The name says where the rest is to be looked up.
    assert main(["verify", "small.llama.cpp.txt"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    begin = rf"small\.llama\.cpp\.txt: {label} reads [\d,]+ tokens in chunks of 64; "
    assert re.fullmatch(begin + r"\d+ tokens are cut \(\d\.\d\d%\)", first)
    assert main(["verify", "small.llama.cpp.txt", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["verdict"], data["remedy"]) == ("usable", "")
    assert 0 < data["waste"] < 0.1
    Path("small.manifest.json").unlink()
    assert main(["verify", "small.jsonl", "--tokenizer=tokenizer.json", "--seqlen=64", "--nsamples=20"]) == 0
    assert capsys.readouterr().out.startswith(f"small.jsonl: {AutoRound.info.label} keeps 20 of 20 rows")


def test_what_is_not_judged_exits_3(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.jsonl").write_text('{"messages": [{"role": "user", "content": [1]}]}\n' * 2)
    words = ["verify", "x.jsonl", "--for=modelopt", "--tokenizer=chat.json", "--seqlen=64", "--nsamples=2"]
    Path("chat.json").write_bytes(Path("tokenizer.json").read_bytes())
    Path("chat_template.jinja").write_text("{% for message in messages %}{{ message.content }}{% endfor %}")
    label = get_quantizer("modelopt").info.label
    first = f"x.jsonl: not judged: whether {label} keeps 2 of 2 rows (asked for 2 rows of 64 tokens)"
    assert main(words) == 3
    out = capsys.readouterr().out.splitlines()
    assert out[0] == first
    assert out[1].startswith("  row 1 is not judged: its messages are read, ")
    assert out[-1] == (
        "to mend this: `calibset repack x.jsonl --tokenizer chat.json --seqlen 64 --for modelopt` makes "
        "rows of its messages that are kept"
    )
    assert main([*words, "--quiet"]) == 3
    assert capsys.readouterr().out == f"{first}\n"
    assert main([*words, "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert (data["verdict"], data["passed"], data["kept"]) == ("not judged", False, 0)


def test_export_writes_ids(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", built, "--format", "input_ids"]) == 0
    assert capsys.readouterr().out == "wrote small.parquet\n"
    assert main(["export", built, "--format", "input_ids", "--out", "new/x.parquet", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert Path("new/x.parquet").read_bytes() == Path("small.parquet").read_bytes()


def test_export_writes_over_no_manifest(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("small.manifest.json").read_bytes()
    assert main(["export", built, "--for", "autoawq", "--out", "small.manifest.json"]) == 1
    assert capsys.readouterr().err == "calibset: small.manifest.json: is its manifest\n"
    assert Path("small.manifest.json").read_bytes() == before


def test_verify_without_a_file_exits_1(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "gone.jsonl", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: gone.jsonl: no such file\n"


def test_a_folder_is_no_calibration_file(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", ".", "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == "calibset: .: a folder, not a calibration file\n"


@pytest.mark.parametrize(
    ("content", "row", "fault"),
    [
        ('{"text": "a"}\n', "2", "has 1 rows, so there is no row 2"),
        ("", "1", "has 0 rows, so there is no row 1"),
        ("{oops\n", "1", "row 1: not valid JSON"),
        ("[" * 100_000, "1", "row 1: not valid JSON"),
        ('{"messages": [], "n": 1}\n', "1", "row 1: has no text"),
        ("3\n{oops\n", "1", "row 1: has no text"),
    ],
)
def test_a_row_that_can_not_be_shown_is_a_clear_error(
    recipe: str, capsys: pytest.CaptureFixture[str], content: str, row: str, fault: str
) -> None:
    Path("x.jsonl").write_text(content)
    assert main(["show", "x.jsonl", row, "--tokenizer", "tokenizer.json"]) == 1
    assert capsys.readouterr().err == f"calibset: x.jsonl: {fault}\n"


def test_an_unescaped_line_separator_ends_no_row(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in ("a\u2028b\x85c", "second")]
    Path("x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert main(["show", "x.jsonl", "2", "--tokenizer", "tokenizer.json"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "second"


NO_MANIFEST = "there is no such manifest, and none beside a file of this name"


@pytest.mark.parametrize(
    ("words", "code", "expected"),
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
        (
            ["small.jsonl", "recipe.lock"],
            2,
            "a manifest and a lock can't be compared; name two files of the same kind",
        ),
        (
            ["small.jsonl", "broken.lock"],
            2,
            "broken.lock: is not a lock of this version of calibset; renew it with `calibset lock`",
        ),
        (
            ["broken.jsonl", "small.jsonl"],
            2,
            "broken.manifest.json: is not a manifest of this version of calibset; build the file again",
        ),
    ],
)
def test_what_can_not_be_compared_is_one_line(
    built: str, locked: str, words: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("broken.lock").write_text("{")
    Path("broken.manifest.json").write_text("{")
    assert error_line(["diff", *words], code, capsys) == expected


def test_a_row_can_be_read_as_json(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", built, "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    line = json.loads(Path(built).read_text().splitlines()[1])
    assert (data["row"], data["text"], data["source"]) == (2, line["text"], line["source"])
    assert data["documents"][0]["start"] == 0


def test_an_export_can_be_read_as_json(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", built, "--for", "gptqmodel", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [Path(path).exists() for path in data["written"]] == [True]
    assert data["load_report"]["kept"] == 20
    compile(data["usage"], "usage", "exec")


ON_FILES = {
    "verify": (["verify", "{file}"], 1),
    "verify, told little": (["verify", "{file}", "--quiet"], 1),
    "verify as JSON": (["verify", "{file}", "--json"], 1),
    "show": (["show", "{file}", "1"], 0),
    "show as JSON": (["show", "{file}", "1", "--json"], 0),
    "report": (["report", "{file}"], 1),
    "export": (["export", "{file}", "--for", "gptqmodel"], 1),
    "export of ids": (["export", "{file}", "--format", "input_ids"], 1),
    "card": (["card", "{file}"], 1),
    "section for a model": (["card", "{file}", "--model"], 1),
    "diff": (["diff", "{file}", "other.jsonl"], 2),
}


@pytest.mark.parametrize("command", ON_FILES)
def test_every_command_says_that_the_manifest_is_of_another_file(
    recipe: str, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(["build", recipe, "--quiet"]) == 0
    assert main(["build", recipe, "--quiet", "--set=seed=7", "--out", "other.jsonl"]) == 0
    Path("small.jsonl").write_bytes(Path("other.jsonl").read_bytes())
    words, code = ON_FILES[command]
    assert main([word.format(file="small.jsonl") for word in words]) == code
    out, err = capsys.readouterr()
    assert "small.manifest.json: belongs to another file: it says sha256 " in out + err


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "small.jsonl"],
        ["verify", "small.holdout.jsonl"],
        ["export", "small.jsonl", "--for", "gptqmodel"],
        ["card", "small.jsonl"],
    ],
    ids=str,
)
def test_a_holdout_of_another_build_is_told(
    recipe: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    for seed in (1, 2):
        assert main(["build", recipe, "--quiet", f"--set=seed={seed}", "--set=holdout.nsamples=4"]) == 0
        if seed == 1:
            files = {path: path.read_bytes() for path in map(Path, ("small.jsonl", "small.manifest.json"))}
    for path, content in files.items():
        path.write_bytes(content)
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "is of another build than small" in out + err

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.dataset import tokenizer_check
from calibset.dataset.tokenizer_check import TokenizerReport, TokenMismatch
from calibset.quantizers.autoround.loader import AutoRound


def test_verify_names_lost_rows_and_exits_1(built: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path(built).open("a") as stream:
        stream.write('{"text": "short"}\n' * 25)
    assert main(["verify", built]) == 1
    out = capsys.readouterr().out.splitlines()
    label = AutoRound.info.label
    assert out[0].startswith(f"small.jsonl: {label} keeps 20 of 45 rows (asked for 20 rows of 64 tokens); ")
    assert out[1].startswith("  small.manifest.json: belongs to another file: ")
    assert out[2] == "  row 21 is dropped: 58 tokens short of 64"
    assert out[10] == "  and 17 more dropped rows; --json names each"
    assert out[11].startswith("  note: 45 rows for nsamples 20: ")
    assert out[12:] == [
        "to mend this: `calibset build RECIPE --out small.jsonl` writes the file and its manifest anew"
    ]
    assert main(["verify", built, "--quiet"]) == 1
    assert capsys.readouterr() == (f"{out[0]}\n{out[1].strip()}\n", "")
    assert main(["verify", built, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["kept"], data["passed"], len(data["rows"]), data["fatal"]) == (20, False, 45, [])
    assert data["rows"][44]["reason"] == "58 tokens short of 64"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "  the file holds no row"),
        (b"\n", "  row 1: blank line"),
        (b'{"messages": []}', "  row 1: its text is not a string"),
    ],
)
def test_verify_says_what_the_quantizer_stops_at(
    recipe: str, capsys: pytest.CaptureFixture[str], content: bytes, line: str
) -> None:
    Path("x.jsonl").write_bytes(content)
    assert main(["verify", "x.jsonl", "--tokenizer", "tokenizer.json", "--nsamples", "1"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == [
        "x.jsonl: AutoRound 0.12.3 to 0.16.1 can't take this file, so it keeps no row (asked for 1 rows of "
        "2048 tokens)",
        line,
    ]
    assert out[-1] == (
        "to mend this: `calibset build RECIPE` writes rows of 2048 tokens from texts or dialogues"
    )
    assert all(line.startswith(("  note: ", "  nor can it be exported: ")) for line in out[2:-1])


def test_verify_asks_a_backend_too(
    built: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = TokenMismatch(
        row=2, index=4, expected="[INST]", found="[", reason="control tokens are read as plain text"
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
    assert capsys.readouterr().out.endswith("\nThem 1.0 reads 40 of 40 rows correctly\n")
    assert main(["verify", built, "--backend", "mistral-common"]) == 1
    lines = capsys.readouterr().out.splitlines()
    misread = (
        "small.jsonl: row 2, token 5: '[' is read instead of '[INST]': control tokens are read as plain text"
    )
    assert lines[lines.index(misread) :] == [
        *[misread] * 20,
        "small.jsonl: and 2 more misread rows; --json names each",
        "Them 1.0 reads 18 of 40 rows correctly",
        "give the quantizer the tokenizer that `calibset tokenizer` writes, or ids: `calibset export`",
    ]
    assert main(["verify", built, "--backend", "mistral-common", "--quiet"]) == 1
    assert capsys.readouterr().out == "Them 1.0 reads 18 of 40 rows correctly\n"
    assert main(["verify", built, "--backend", "mistral-common", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["kept"], data["tokenizer_check"]["backend"], len(data["tokenizer_check"]["misread"])) == (
        20,
        "Them 1.0",
        22,
    )
    assert main(["verify", built, "--json"]) == 0
    assert "tokenizer_check" not in json.loads(capsys.readouterr().out)


def test_export_tells_of_the_file_and_of_what_is_not_seen_in_it(
    built: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", built, "--for", "gptqmodel", "--out", "a'b\x1b[2J.parquet"]) == 0
    shown = "a'b\\x1b[2J.parquet"
    out = capsys.readouterr().out
    assert out.splitlines() == [
        f"{shown}: GPTQModel 7.7.0 keeps 20 of 20 rows (asked for 20 rows of 64 tokens); 0 tokens are cut "
        "(0.00%)",
        "  note: 20 rows: GPTQModel warns if there are fewer than 256",
        "  note: GPTQModel warns if rows have fewer than 256 tokens on average",
        f"wrote {shown}; to use it:",
        "from datasets import load_dataset",
        "",
        "# model = GPTQModel.load(MODEL, quantize_config)",
        f'model.quantize(load_dataset("parquet", data_files="{shown}", split="train"), batch_size=1)',
    ]


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


def test_of_very_many_documents_of_a_row_the_first_are_marked(
    built: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("small.manifest.json")
    whole = json.loads(path.read_text("utf-8"))
    first = whole["samples"][0]["documents"][0] | {"start": 0, "end": 0}
    whole["samples"][0]["documents"] = [first] * 1_001
    path.write_text(json.dumps(whole), "utf-8")
    assert main(["show", built, "1"]) == 0
    out = capsys.readouterr().out
    assert out.count(f"{first['document']} (") == 1_000
    assert "note: --json names 1 more document\n" in out
    assert main(["show", built, "1", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["documents"]) == 1_001

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.cli import main
from tests.chatml import write_chatml
from tests.cli.commands import error_line
from tests.letters import write_letters


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A script's file, of whose 30 rows a quantizer keeps ten."""
    monkeypatch.chdir(tmp_path)
    write_letters(tmp_path)
    texts = [
        f"{n}. Once upon a time there was one more of the kind."[: 64 if n % 3 else 20] for n in range(30)
    ]
    texts = [text + " It lived long." * (n % 3 == 1) for n, text in enumerate(texts)]
    Path("theirs.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return "theirs.jsonl"


OPTIONS = ["--tokenizer", "tokenizer.json", "--seqlen", "64"]


def test_the_verdict_comes_first(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repack", theirs, *OPTIONS]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "theirs.jsonl: AutoRound 0.12.3 to 0.16.1 keeps 10 of 30 rows"
    made = len(Path("theirs.repacked.jsonl").read_text().splitlines())
    assert lines[1] == f"repacked: {made} of {made} rows kept"
    assert made > 18
    assert any(line.startswith("wrote theirs.repacked.jsonl (sha256 ") for line in lines)
    assert main(["verify", "theirs.repacked.jsonl", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_the_verdict_as_json(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repack", theirs, *OPTIONS, "--nsamples", "5", "--out", "x.jsonl", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["before"] == [{"file": "theirs.jsonl", "rows": 30, "kept": 10, "fatal": []}]
    assert (told["kept"], told["nsamples"], told["file"]) == (5, 5, "x.jsonl")
    assert [file["name"] for file in told["repacked"]] == ["theirs.jsonl"]


def test_a_file_that_the_quantizer_stops_at(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("book.txt").write_text("It lived long. " * 20)
    words = ["repack", "book.txt", theirs, *OPTIONS, "--nsamples", "all", "--out", "x.jsonl"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith(
        "book.txt: AutoRound 0.12.3 to 0.16.1 keeps no row (it takes .jsonl and .json and .parquet files, "
        "not .txt)\ntheirs.jsonl: AutoRound "
    )


def test_nothing_is_said_or_overwritten(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["repack", theirs, *OPTIONS, "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    words = ["repack", theirs, *OPTIONS, "--out", theirs]
    assert error_line(words, 2, capsys) == (
        "--out theirs.jsonl: theirs.jsonl is read by repack; name another file"
    )
    assert error_line(["repack", theirs, *OPTIONS, "--out", "x.txt"], 2, capsys) == (
        "--out x.txt: must end in .jsonl"
    )
    assert error_line(["repack", "nosuch.jsonl", *OPTIONS], 2, capsys).endswith("nosuch.jsonl: no such file")


def test_a_file_without_a_manifest_is_told_of(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", theirs, "--tokenizer", "tokenizer.json"]) == 0
    card = capsys.readouterr().out
    assert "| rows | 30 |" in card
    assert "No manifest was beside the file" in card
    for _ in range(2):  # its own card is overwritten
        assert main(["card", theirs, "--tokenizer", "tokenizer.json", "--out", "card", "--quiet"]) == 0
    assert Path("card/README.md").read_text("utf-8") == card
    assert main(["repack", theirs, *OPTIONS, "--quiet"]) == 0
    assert main(["diff", theirs, "theirs.repacked.jsonl"]) == 1
    told = capsys.readouterr().out
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["manifest", "nsamples", "sha256"]
    assert main(["card", theirs, "--push", "me/set"]) == 1
    assert capsys.readouterr().err == (
        "calibset: theirs.jsonl: no manifest is beside it; `calibset build` and `calibset repack` write one\n"
    )


@pytest.mark.parametrize("ending", ["jsonl", "json", "parquet"])
@pytest.mark.parametrize("key", ["messages", "conversations"])
def test_rows_of_messages_are_rendered_by_the_model_that_is_named(
    key: str, ending: str, theirs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyarrow import Table, parquet

    Path("model").mkdir()
    write_chatml(Path("model"))
    turns = [{"role": "user", "content": "Hail?"}, {"role": "assistant", "content": "Ice."}]
    rows, file = [{key: turns}] * 2, f"chat.{ending}"
    if ending == "parquet":
        parquet.write_table(Table.from_pylist(rows), file)
    else:
        lines = [json.dumps(row) for row in rows]
        Path(file).write_text("\n".join(lines) if ending == "jsonl" else f"[{','.join(lines)}]")
    rendered = "<|im_start|>user\nHail?<|im_end|>\n<|im_start|>assistant\nIce.<|im_end|>\n"
    assert main(["show", file, "2", "--tokenizer", "model", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["text"] == rendered
    assert shown.err == "note: row 2 holds messages; this is what the chat template of model makes of them\n"
    if ending != "parquet":
        assert main(["card", file, "--tokenizer", "model"]) == 0
        assert "| rows of messages, rendered by its chat template | 2 |" in capsys.readouterr().out
        assert main(["report", file, "--tokenizer", "model", "--quiet"]) == 0
        assert "rows of messages" in Path("chat.report.html").read_text("utf-8")


@pytest.mark.parametrize("key", ["messages", "conversations"])
def test_rows_of_messages_need_a_model(key: str, theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    turns = [{"role": "user", "content": "Hail?"}, {"role": "assistant", "content": "Ice."}]
    Path("chat.jsonl").write_text(json.dumps({key: turns}) + "\n")
    assert error_line(["show", "chat.jsonl", "1"], 1, capsys) == (
        "chat.jsonl: row 1: its messages become a text by a model's chat template: name the model with "
        "--tokenizer, or let `calibset repack` make rows of them"
    )


def test_messages_that_no_text_is_made_of_are_told(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = {"role": "user", "content": "Hail?"}
    Path("chat.jsonl").write_text(json.dumps({"messages": [message]}) + "\n")
    for command in ("card", "report"):
        assert error_line([command, "chat.jsonl"], 1, capsys).endswith(
            "chat.jsonl: row 1: its messages become a text by a model's chat template: name the model with "
            "--tokenizer, or let `calibset repack` make rows of them"
        )
        assert error_line([command, "chat.jsonl", "--tokenizer", "tokenizer.json"], 1, capsys).endswith(
            "chat.jsonl: row 1: its messages can't be read: no assistant turn"
        )
    answer = {"role": "assistant", "content": "Ice."}
    Path("other.jsonl").write_text(json.dumps({"messages": [message, answer]}) + "\n")
    assert "chat template" in error_line(["card", "other.jsonl", "--tokenizer", "tokenizer.json"], 1, capsys)
    assert main(["diff", "chat.jsonl", "chat.jsonl"]) == 0
    assert capsys.readouterr().out == "no difference\n"


def test_a_row_of_ids_is_told_as_text(theirs: str, capsys: pytest.CaptureFixture[str]) -> None:
    from calibset.tokenizers import load_tokenizer

    letters = load_tokenizer("tokenizer.json")
    ids = letters.encode("Hail is ice.", parse_special=True)
    Path("ids.jsonl").write_text(json.dumps({"input_ids": ids, "labels": ids}) + "\n")
    assert main(["show", "ids.jsonl", "1", "--tokenizer", "tokenizer.json"]) == 0
    assert capsys.readouterr().out == "12 tokens, 12 characters\nHail is ice.\n"
    assert main(["card", "ids.jsonl", "--tokenizer", "tokenizer.json"]) == 0
    assert f"| tokens of {letters.name} | 12 |" in capsys.readouterr().out

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from calibset.cli import main
from calibset.sources import ADAPTERS
from calibset.storage import Cache
from tests.small import corpus


def test_the_cache_can_be_listed_and_cleared(
    remote: list[str], cache: Cache, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"0 bytes in {cache.folder}\n"
    assert main(["cache", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"folder": str(cache.folder), "locations": [], "rest": 0}
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
        "locations": [
            {"location": "hf://datasets/them/fish", "files": 1, "size": len(corpus("fish", 30))},
            {"location": "https://example.org/ships.jsonl", "files": 1, "size": len(corpus("ships", 30))},
        ],
        "rest": 0,
    }
    cache.keep(b"x" * 1_600, "vocabulary", "a")
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out.endswith(
        f"7.0 kB in {cache.folder}, 1.6 kB of them models' tokenizers and what was computed\n"
    )
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr() == (f"cleared {cache.folder}\n", "")
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == f"0 bytes in {cache.folder}\n"


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
        "calibset: unknown adapter 'none'; known are alpaca, bitext, chat, csv, "
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
    monkeypatch.setattr("calibset.tokenizers.tekken_conversion.fast_tokenizer_json", lambda _: "{}")
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


def test_an_adapters_defaults_are_toml(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "csv"]) == 0
    rows = [re.split(" {2,}", line)[:2] for line in capsys.readouterr().out.splitlines()]
    for row in (["columns", '["text"]'], ["delimiter", '","'], ["weight", "1.0"], ["revision", "unset"]):
        assert row in rows


def test_sources_can_be_read_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", "--json"]) == 0
    assert [entry["type"] for entry in json.loads(capsys.readouterr().out)][: len(ADAPTERS)] == list(ADAPTERS)
    assert main(["sources", "csv", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    keys = {key["key"]: key for key in data["keys"]}
    assert (keys["group"]["required"], keys["columns"]["default"]) == (True, ["text"])


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_options(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert "quantize-command" in out
    assert "preview" in out

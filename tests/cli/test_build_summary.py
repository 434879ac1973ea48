from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibset.cli import main
from calibset.quantizers.autoround.loader import AutoRound


def test_a_build_says_what_it_gave(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", recipe, "--out", "sub/my.jsonl"]) == 0
    out, err = capsys.readouterr()
    verdict, wrote, *rest = out.splitlines()
    assert verdict == f"{AutoRound.info.label} keeps 20 of 20 rows and reads 64 tokens of each"
    assert re.fullmatch(r"wrote sub/my\.jsonl \(sha256 [0-9a-f]{16}…\) and its manifest", wrote)
    assert re.search(r"^fish +sea +fish +8 +\d+ texts$", out, re.MULTILINE)
    assert re.search(r"^sea +60\.0% +12 +60\.0%", out, re.MULTILINE)
    assert rest[-4:] == [
        "next:",
        "  calibset show sub/my.jsonl 1",
        "  calibset report sub/my.jsonl",
        "  calibset quantize-command recipe.toml --model MODEL --file sub/my.jsonl",
    ]
    assert err == "fish: 8 rows\nships: 4 rows\ntrees: 8 rows\n"
    assert len(Path("sub/my.jsonl").read_text().splitlines()) == 20
    assert Path("sub/my.manifest.json").is_file()


def test_what_was_left_out_is_summed_up(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("fish/a.jsonl").open("a") as stream:
        stream.write('{"text": ""}\n{oops\n' * 100)
    assert main(["build", recipe, "--json", "--set=max_rejected=1"]) == 0
    sources = json.loads(capsys.readouterr().out)["sources"]
    assert main(["build", recipe, "--set=max_rejected=1", "--rejects=rejects.jsonl"]) == 0
    out = capsys.readouterr().out
    assert len(Path("rejects.jsonl").read_text().splitlines()) == sum(
        sum(sources[0][kind].values()) for kind in ("rejections", "filtered")
    )
    for source in sources:
        for reason, count in source["rejections"].items():
            assert f"  {source['name']}: {count} rejected: {reason}\n" in out
    assert sources[0]["rejections"]
    assert "left out:\n  fish: " in out

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from calibset.cli import main


def test_a_check_counts(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Path("fish/a.jsonl").open("a") as stream:
        stream.write('{"text": ""}\n')
    assert main(["check", recipe]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"^fish +fish +30 +0 +1 *$", out, re.MULTILINE)
    assert "\nleft out:\n  fish: 1 filtered: empty text (such as a.jsonl:31)\n" in out
    assert err == "fish: 30 records\nships: 30 records\ntrees: 30 records\nrest: 30 records\n"
    assert main(["check", recipe, "--json", "-q"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data[0] == {
        "name": "fish", "location": "fish", "documents": 30, "rejections": {}, "filtered": {"empty text": 1},
        "examples": {"empty text": "a.jsonl:31"}, "problem": None, "contaminated": {}, "notes": [],
        "scores": None,
        "repairs": {
            "repaired": {}, "masked": {}, "boilerplate": 0, "control_tokens": 0, "leading_bos": 0,
            "doubled_bos": 0, "rendered": {}, "shortened": 0,
            "cut_conversations": 0, "conversations": {}, "losses": {}, "incomplete": 0,
            "dropped_thoughts": 0, "empty_thoughts": 0, "unreasoned": 0, "absent_columns": {},
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
    assert (fish["repairs"]["masked"], fish["contaminated"]) == ({"e-mail": 2}, {"cods": 1})
    assert main(["check", recipe, "--set", "sources.fish.hygiene.pii=mask"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "fish: repairs: 1 invisible" in lines
    assert "fish: personal data: 2 e-mails replaced by made-up data" in lines
    assert "fish: 1 document holds a part of evaluation set cods" in lines

"""What is printed to be typed is what was meant, whatever a path holds."""

from __future__ import annotations

import ast
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import OutputError
from calibset.quantizers import QUANTIZERS, LoadReport, RowResult, get_quantizer

FORMS = [(name, form.ending) for name, quantizer in QUANTIZERS.items() for form in quantizer.info.formats]
SHELL = [("autoround", ".jsonl"), ("llama.cpp", ".txt"), ("exllamav2", ".parquet")]
PYTHON = [form for form in FORMS if form not in SHELL]
NASTY = [
    "a b",
    "a'b",
    'a"b',
    "a'\"b",
    's"));__import__("os").system("touch PWNED_PY")#',
    "a;touch${IFS}PWNED_SH;b.x",
    "$(touch x)",
    "`x`",
    "#x",
    "\\",
    "{x}",
    "*",
    "~",
    "!x",
    "-x",
    "ä",
    "%s",
]
STEERING = ["a\nb", "a\x1b[2Jb", "a\x1b]0;x\x07b", "a\u202eb", "a\u2066b", "a\u200bb", "a\udcffb"]
LETTERS = st.characters(exclude_categories=["C", "Z"], include_characters=" ", exclude_characters="/")
NAMES = st.text(LETTERS, min_size=1, max_size=20).filter(lambda name: name not in (".", ".."))


def usage(name: str, path: Path, rows: int = 7, seqlen: int = 9) -> str:
    read = tuple(RowResult(row=number, tokens=seqlen + 1, cut=1) for number in range(1, rows + 1))
    return get_quantizer(name).usage(
        path, LoadReport(quantizer=name, nsamples=rows, seqlen=seqlen, rows=read)
    )


def given_to(code: str) -> set[str]:
    """Return the texts that stand in Python code, and make sure that it calls what is expected."""
    tree = ast.parse(code)
    called = {
        node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and hasattr(node.func, "id")
    }
    assert called <= {"AutoRound", "get_dataset_dataloader", "load_dataset", "oneshot", "open"}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize(("name", "ending"), PYTHON)
@pytest.mark.parametrize("nasty", [*NASTY, *STEERING])
def test_no_path_breaks_out_of_a_line_of_python(name: str, ending: str, nasty: str) -> None:
    path = Path(nasty + ending)
    line = usage(name, path)
    assert str(path) in given_to(line)
    assert line.replace("\n", "").isprintable()


@pytest.mark.parametrize(("name", "ending"), SHELL)
@pytest.mark.parametrize("nasty", NASTY)
def test_no_path_breaks_out_of_a_shells_line(name: str, ending: str, nasty: str, tmp_path: Path) -> None:
    path = Path(nasty + ending)
    meant = f"./{path}" if nasty.startswith("-") else str(path)
    harmless = shlex.split(usage(name, Path(f"x{ending}")))
    words = [meant if word == f"x{ending}" else word for word in harmless]
    line = usage(name, path)
    assert shlex.split(line) == words
    program = f'{words[0]}() {{ printf "%s\\0" "$@"; }}\n'.replace("-", "_") + line.replace(
        "-", "_", words[0].count("-")
    )
    done = subprocess.run(["sh", "-c", program], cwd=tmp_path, capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words[1:]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "ending"), SHELL)
@pytest.mark.parametrize("steering", STEERING)
def test_what_a_shells_line_would_hide_is_refused(name: str, ending: str, steering: str) -> None:
    path = Path(steering + ending)
    with pytest.raises(OutputError) as caught:
        usage(name, path)
    assert str(caught.value) == f"{str(path)!r} holds a character that can't be shown; rename it"


@given(NAMES)
def test_any_name_is_one_word_or_one_text(text: str) -> None:
    for name, ending in SHELL:
        meant = f"./{text}{ending}" if text.startswith("-") else text + ending
        assert meant in shlex.split(usage(name, Path(text + ending)))
    for name, ending in PYTHON:
        assert text + ending in given_to(usage(name, Path(text + ending)))


def test_exllamav2_measures_no_more_rows_than_there_are() -> None:
    out = Path("x.parquet")
    few = usage("exllamav2", out, 4, 64)
    assert few.endswith(" --dataset_rows 4 --length 64 --measurement_rows 4 --measurement_length 64")
    many = usage("exllamav2", out, 512, 2048)
    assert " --measurement_rows 16 " in many

"""What CONTRIBUTING and the page on dependencies say is what the project does."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from calibset import Tokenizer, build, load_recipe, load_tokenizer
from calibset.quantizers import ExportRow
from tests.letters import write_letters

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
DEPENDENCIES = (ROOT / "docs" / "reference" / "dependencies.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def marked(mark: str) -> str:
    (code,) = re.findall(rf"<!-- {mark} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def load(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import an example of the page as a module, as its class needs one."""
    # Beside a recipe an adapter's name is where it is imported from.
    (folder / f"{name}.py").write_text(marked(name).replace('"faq"', '"adapter:Faq"'), "utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__(name)


def first_column(text: str) -> list[str]:
    return re.findall(r"^\| `?([\w-]+)`? \|", text, re.MULTILINE)


def test_each_session_is_in_the_table() -> None:
    sessions = [
        node.name
        for node in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(one) for one in node.decorator_list)
    ]
    (table,) = re.findall(r"## Sessions\n(.*?)\n## ", PAGE, re.DOTALL)
    assert sorted(first_column(table)) == sorted(["session", *sessions])


def test_the_map_names_each_package() -> None:
    (drawn,) = re.findall(r"## The map of the house\n\n<!-- drawing -->\n```text\n(.*?)```", PAGE, re.DOTALL)
    packages = {path.parent.name for path in (ROOT / "calibset").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"(\w+)/(?:\s|$)", drawn))


def test_every_file_that_it_names_is_there() -> None:
    for path in re.findall(r"`((?:calibset|tests|docs)/[\w/.]+)`", PAGE):
        if not path.endswith(("/test_faq.py", "/test_example_q.py")):
            assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([^)#:]+)[)#]", PAGE):
        assert (ROOT / target).exists(), target


def test_the_first_adapter_reads_and_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("adapter", tmp_path, monkeypatch)
    names = {"Faq": module.Faq}
    exec(compile(marked("adapter test"), "CONTRIBUTING.md", "exec"), names)
    names["test_a_question_without_an_answer_is_rejected"]()
    (tmp_path / "model").mkdir()
    write_letters(tmp_path / "model")
    items = [
        f"Is number {i} insured?\nNumber {i} is insured with its roof and its cellar." for i in range(40)
    ]
    (tmp_path / "a.faq").write_text("\n\n".join(items))
    (tmp_path / "model" / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    )
    (tmp_path / "recipe.toml").write_text(
        'name = "faq"\nnsamples = 4\nseqlen = 256\ntokenizer = "model"\ngroups.g = 1.0\n'
        'sources.a = { group = "g", type = "adapter:Faq", where = "." }\n'
    )
    monkeypatch.chdir(tmp_path)
    built = build(load_recipe(tmp_path / "recipe.toml", allow_code=True))
    assert all("assistant: Number" in sample.text for sample in built)
    assert len(built) == 4


def test_the_first_quantizer_keeps_what_it_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quantizer = load("quantizer", tmp_path, monkeypatch).ExampleQ
    letters: Tokenizer = load_tokenizer(str(write_letters(tmp_path)))
    names = {"ExampleQ": quantizer}
    exec(compile(marked("quantizer test"), "CONTRIBUTING.md", "exec"), names)
    names["test_rows_that_are_too_short_are_dropped"](letters)
    out = tmp_path / "rows.jsonl"
    quantizer().export([ExportRow(text=text, ids=()) for text in ("abcd", "efgh")], out)
    report = quantizer().simulate_file(out, letters, nsamples=2, seqlen=5)
    assert (report.passed, report.lost) == (True, ())
    assert quantizer().usage(out, report) == f"example-q --data {out} --length 5 --rows 2"


def test_the_page_justifies_each_dependency_and_extra() -> None:
    plain, extras = DEPENDENCIES.split("## Extras")
    declared = [Requirement(need).name for need in PROJECT["dependencies"]]
    assert sorted(first_column(plain)) == sorted(["package", *declared])
    assert sorted(first_column(extras)) == sorted(["extra", *PROJECT["optional-dependencies"]])
    rows = [line for line in DEPENDENCIES.splitlines() if re.match(r"\| `?[a-z]", line)]
    assert [row for row in rows if not row.rsplit("|", 3)[1].strip()] == []


@pytest.mark.slow
def test_no_command_needs_what_a_lean_installation_leaves_out(tmp_path: Path) -> None:
    (listed,) = re.findall(r"<!-- file: lean.txt -->\n```text\n(.*?)```", DEPENDENCIES, re.DOTALL)
    left_out = listed.split()
    assert left_out == ["datasets", "pandas", "polars"]
    code = f"""
import sys
from importlib.abc import MetaPathFinder
class Absent(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in {left_out}:
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Absent())
from calibset.cli import main
for words in (
    "init --from quickstart", "build quickstart.toml -q", "verify quickstart.jsonl",
    "export quickstart.jsonl --for gptqmodel", "card quickstart.jsonl --out card",
):
    assert main(words.split()) == 0, words
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr

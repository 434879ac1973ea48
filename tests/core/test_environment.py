from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

import calibset
from calibset.core.environment import CACHE, VARIABLES, Variable

PACKAGE = Path(calibset.__file__).parent
# Set while transformers is imported; nobody is asked to set it.
OURS_TO_SET = {"calibset/tokenizers/transformers_import.py"}


def reads_of_the_environment(path: Path) -> list[str]:
    """Return what a module reads of the environment by a name of its own."""
    tree = ast.parse(path.read_text("utf-8"))
    asked = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    return [ast.unparse(node) for node in asked]


def test_a_variable_that_is_not_set_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CALIBSET_CACHE", raising=False)
    assert CACHE.read() == ""
    monkeypatch.setenv("CALIBSET_CACHE", "here")
    assert CACHE.read() == "here"


def test_nothing_else_reads_the_environment() -> None:
    readers = {
        f"calibset/{path.relative_to(PACKAGE).as_posix()}"
        for path in PACKAGE.rglob("*.py")
        if reads_of_the_environment(path)
    }
    # The certificates of requests are lent to the hub's library by a variable.
    lend = {"calibset/storage/certificates.py"}
    assert readers == {"calibset/core/environment.py"} | OURS_TO_SET | lend


def test_every_variable_is_listed_once() -> None:
    tree = ast.parse((PACKAGE / "core" / "environment.py").read_text("utf-8"))
    made = [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Variable"
    ]
    assert len(made) == len(VARIABLES) == len({variable.name for variable in VARIABLES})


@pytest.mark.parametrize(
    "variable", [one for one in VARIABLES if one.reader], ids=lambda variable: variable.name
)
def test_a_library_reads_the_variable_that_is_left_to_it(variable: Variable) -> None:
    spec = importlib.util.find_spec(variable.reader)
    assert spec is not None
    assert spec.origin is not None
    sources = (path.read_text("utf-8") for path in Path(spec.origin).parent.rglob("*.py"))
    # requests asks for `https_proxy` by the URL's scheme.
    words = (variable.name, "getproxies" if variable.name == "HTTPS_PROXY" else variable.name.lower())
    assert any(word in source for source in sources for word in words)

"""The shape of the package: its packages, its public names, what an import costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import calibset

PACKAGE = Path(calibset.__file__).parent
NOXFILE = PACKAGE.parent / "noxfile.py"

HEAVY = (
    "datasets",
    "jinja2",
    "matplotlib",
    "mistral_common",
    "openpyxl",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "rdflib",
    "requests",
    "rich",
)


def modules() -> list[str]:
    """Return the dotted name of every module, packages by their own."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in sorted(PACKAGE.rglob("*.py")))
    return [".".join(["calibset", *path.parts]).removesuffix(".__init__") for path in paths]


def source_of(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def tree_of(module: str) -> ast.Module:
    return ast.parse(source_of(module).read_text("utf-8"))


MODULES = modules()


def test_the_root_holds_packages_alone() -> None:
    assert sorted(path.name for path in PACKAGE.iterdir() if path.name != "__pycache__") == [
        "__init__.py", "__main__.py", "cli", "core", "dataset", "evaluation", "hygiene", "packing",
        "pipeline", "py.typed", "quantizers", "recipe", "selection", "sources", "storage", "tokenizers",
    ]  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_has_a_docstring(module: str) -> None:
    tree = tree_of(module)
    assert ast.get_docstring(tree), "the module has none"
    bare = [name for name, node in public(tree.body) if not ast.get_docstring(node)]
    assert not bare


def public(
    body: list[ast.stmt], inside: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
            if not any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list):
                yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{node.name}.")


def test_the_public_names_are_these() -> None:
    assert calibset.__all__ == [
        "load_recipe", "parse_recipe", "Recipe",
        "plan", "Plan", "check", "score", "SourceScores", "build", "repack", "CalibrationSet",
        "evaluate", "Measurement", "compare", "Comparison",
        "CalibrationFile", "verify", "export", "check_tokenizer", "diff", "report_html", "write_report",
        "Manifest", "Lock",
        "Document", "Conversation", "Message", "Tool", "ToolCall", "Record", "Rejection", "Filtered",
        "Sample", "Span",
        "Source", "File", "Reader", "memory_reader", "read_whole", "read_whole_text",
        "QUANTIZERS", "get_quantizer", "Quantizer", "LoadReport", "RowResult", "Verdict",
        "load_tokenizer", "Tokenizer",
        "CalibsetError", "RecipeError", "SourceError", "OfflineError", "MixtureError", "TokenizerError",
        "QuantizerError", "LockError", "OutputError",
    ]  # fmt: skip


def test_type_checkers_see_the_names_that_are_loaded_when_used() -> None:
    (branch,) = (node for node in tree_of("calibset").body if isinstance(node, ast.If))
    imports = [(node.module, node.names) for node in branch.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.name: module for module, aliases in imports for alias in aliases}
    assert homes == calibset._HOMES
    assert all(alias.asname == alias.name for _, aliases in imports for alias in aliases)


def test_keywords_are_alike_everywhere() -> None:
    """A parameter that several public functions have is of one kind and one default."""
    functions = [getattr(calibset, name) for name in calibset.__all__]
    parameters: dict[str, set[str]] = {}
    for function in filter(inspect.isfunction, functions):
        for name, parameter in inspect.signature(function).parameters.items():
            parameters.setdefault(name, set()).add(f"{parameter.kind.name}: {parameter.annotation}")
    alike = {"tokenizer", "seqlen", "nsamples", "quantizer", "out", "offline", "data", "mirrors", "progress"}
    assert {name: kinds for name, kinds in parameters.items() if name in alike and len(kinds) > 1} == {}


def test_no_module_hides_an_exported_name() -> None:
    for module in MODULES:
        if module != "calibset.__main__":
            importlib.import_module(module)
    assert [name for name in calibset.__all__ if isinstance(getattr(calibset, name), ModuleType)] == []
    assert set(calibset.__all__) <= set(dir(calibset))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'calibset' has no attribute 'nothing'$"):
        calibset.nothing  # type: ignore[attr-defined]  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """Return the heavy packages that are loaded after some code ran in a fresh process."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(process.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import calibset; calibset.Document; calibset.SourceError; dir(calibset)",
        "from calibset.cli import main",
        "from calibset.cli.parser import create_parser; create_parser().format_help()",
    ],
)
def test_an_import_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) == set()


def test_reading_a_recipe_loads_no_reader_of_data() -> None:
    recipe = PACKAGE.parent / "recipes" / "quickstart.toml"
    assert loaded_by(f"import calibset; calibset.load_recipe({str(recipe)!r})") <= {"pydantic"}


def test_each_session_says_in_a_line_what_it_does() -> None:
    sessions = [
        node
        for node in ast.parse(NOXFILE.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(d) for d in node.decorator_list)
    ]
    assert sessions
    docstrings = {node.name: ast.get_docstring(node) or "" for node in sessions}
    assert [name for name, line in docstrings.items() if not line.endswith(".") or "\n" in line] == []


def test_parquet_is_read_without_pandas(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["Voda.", "Chlieb."] * 50}), tmp_path / "a.parquet")
    code = f"""
from calibset.sources.sampling.row_groups import read_row_groups
from calibset.storage.local import LocalReader
from pathlib import Path
(file,) = LocalReader(location="corpus", path=Path({str(tmp_path)!r})).files("*.parquet")
(group,) = read_row_groups(file, ("text",))
assert len(list(group.shuffle_rows(1))) == 100"""
    assert "pandas" not in loaded_by(code)

"""How the package hangs together: floors, exported names, what an import costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import calibset

PACKAGE = Path(calibset.__file__).parent
NOXFILE = PACKAGE.parent / "noxfile.py"

FLOORS = (
    {"document", "fields", "printable", "quantities", "quantizers", "seeding"},
    {"errors", "faults", "source_reports"},
    {
        "storage",
        "mixture",
        "manifest",
        "overrides",
        "parting",
        "hygiene",
        "selection",
        "quantization",
    },
    {"belonging", "lockfile", "leftovers"},
    {"cards", "comparison", "tokenizers"},
    {"chat", "tally"},
    {"sources"},
    {"intake", "reading", "recipe"},
    {"locking", "opening", "packing", "recipe_schema", "recipe_faults", "consumers", "screening"},
    {"recipe_file", "supply", "planned", "verification"},
    {"excluding", "gathering", "exporting", "backends", "report"},
    {"choosing", "calibration_set"},
    {"reporting"},
    {"assembling"},
    {"pipeline"},
    {"__init__"},
    {"cli"},
    {"__main__"},
)
"""From the ground up: a module imports from lower floors, or from its own package."""

HEAVY = (
    "datasets",
    "jinja2",
    "matplotlib",
    "mistral_common",
    "openpyxl",
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


def part(module: str) -> str:
    """Return what a module counts as: the module or package right under ``calibset``."""
    return module.split(".")[1] if "." in module else "__init__"


def imported(module: str) -> Iterator[str]:
    """Yield the modules of calibset that a module imports, wherever in it."""
    known = set(modules())
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in below if name in known]
            if node.module in known and len(found) < len(below):
                found.append(str(node.module))
            yield from found


MODULES = modules()


def test_imports_are_seen_in_every_form() -> None:
    assert set(imported("calibset.cli.building")) >= {
        "calibset.pipeline",
        "calibset.errors",
        "calibset.cli.previews",
    }


def test_each_part_has_one_floor() -> None:
    parts = [name for floor in FLOORS for name in floor]
    assert len(parts) == len(set(parts))
    assert set(parts) == {part(module) for module in MODULES}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_from_lower_floors_only(module: str) -> None:
    floor_of = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    own = part(module)
    upward = {
        other for other in imported(module) if part(other) != own and floor_of[part(other)] >= floor_of[own]
    }
    assert not upward


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


def test_the_exported_names_are_these() -> None:
    assert calibset.__all__ == [
        "CONSUMERS", "Acceptance", "CalibrationSet", "CalibsetError", "Consumer", "ConsumerError",
        "Contract", "Conversation", "Difference", "Document", "Exported", "File", "Lock", "LockError",
        "Manifest", "Message", "Misreading", "MixtureError", "OfflineError", "OutputError", "Plan",
        "Readback", "Reader", "Recipe", "RecipeError", "Record", "Rejection", "Replay", "Sample",
        "SetAside", "Source", "SourceError", "Span", "Tokenizer", "TokenizerError", "Tool", "ToolCall",
        "build", "check", "consumer_of", "differences", "export_for", "export_input_ids", "in_memory",
        "load_recipe", "load_tokenizer", "parse_recipe", "plan", "read_back", "read_lock",
        "read_manifest", "verify", "write_lock", "write_report",
    ]  # fmt: skip


def test_no_module_hides_an_exported_name() -> None:
    for module in MODULES:
        if module != "calibset.__main__":
            importlib.import_module(module)
    assert [name for name in calibset.__all__ if isinstance(getattr(calibset, name), ModuleType)] == []
    assert set(calibset.__all__) <= set(dir(calibset))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'calibset' has no attribute 'nothing'$"):
        calibset.nothing  # noqa: B018


def loaded_by(code: str) -> set[str]:
    """Return the heavy packages that are loaded after some code ran in a fresh process."""
    script = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import calibset; calibset.Document; calibset.SourceError; dir(calibset)",
        "from calibset.cli import main",
        "from calibset.cli.arguments import parser; parser().format_help()",
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
    said = {node.name: ast.get_docstring(node) or "" for node in sessions}
    assert [name for name, line in said.items() if not line.endswith(".") or "\n" in line] == []

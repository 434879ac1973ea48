from __future__ import annotations

import sys
from importlib import invalidate_caches
from itertools import count
from pathlib import Path

import pytest

from calibset.core.errors import RecipeError
from calibset.recipe.loader import parse_recipe
from calibset.sources import ADAPTERS, Source, find_installed_adapters, get_adapter

NUMBERS = count()

MODULE = """\
from collections.abc import Iterator
from typing import ClassVar, Literal

from calibset.core.documents import Document, Record
from calibset.sources import Source
from calibset.storage import File


class Letters(Source):
    summary: ClassVar[str] = "a document a letter"
    type: str = "letters"
    upper: bool = False

    def patterns(self) -> tuple[str, ...]:
        return ("*.letters",)

    def read(self, file: File) -> Iterator[Record]:
        with file.open_bytes() as stream:
            for number, letter in enumerate(stream.read().decode()):
                yield Document(id=f"{file.name}#{number}", text=letter.upper() if self.upper else letter)


class NoSource:
    pass


some_text = "x"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module on the path, of a name of its own for each test."""
    name = f"own_adapter_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(MODULE, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def offer(folder: Path, package: str, *entries: str) -> None:
    """Install the package's entry points, as pip would."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[calibset.sources]\n" + "\n".join(entries) + "\n", "utf-8")
    invalidate_caches()


def test_every_adapter_loads_and_bears_its_name() -> None:
    assert list(ADAPTERS) == sorted(ADAPTERS)
    for name in ADAPTERS:
        cls = get_adapter(name)
        assert issubclass(cls, Source)
        assert cls.model_fields["type"].default == name
        assert cls.summary
        assert "\n" not in cls.summary
        assert cls.__doc__


def test_adapters_cannot_be_replaced() -> None:
    with pytest.raises(TypeError):
        ADAPTERS["text"] = "x:Y"  # type: ignore[index]


def test_an_entry_point_is_an_adapter(tmp_path: Path, package: str) -> None:
    assert not {"abc", "letters"} & find_installed_adapters().keys()
    offer(tmp_path, package, f"letters = {package}:Letters", f"abc = {package}:Letters")
    names = [name for name in find_installed_adapters() if name in ("abc", "letters")]
    assert names == ["abc", "letters"]
    assert package not in sys.modules
    cls = get_adapter("letters")
    assert cls.__name__ == "Letters"
    assert cls.summary == "a document a letter"


def test_an_entry_point_needs_no_permission_in_a_recipe(tmp_path: Path, package: str) -> None:
    offer(tmp_path, package, f"letters = {package}:Letters")
    recipe = parse_recipe(RECIPE.replace("TYPE", "letters"))
    assert type(recipe.sources["s"]).__name__ == "Letters"


def test_an_entry_point_does_not_replace_an_adapter(tmp_path: Path, package: str) -> None:
    offer(tmp_path, package, f"text = {package}:Letters")
    assert "text" not in find_installed_adapters()
    assert get_adapter("text").__module__ == "calibset.sources.adapters.text"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("PACKAGE:Missing", "'own' can't be imported: module 'PACKAGE' has no attribute 'Missing'"),
        ("PACKAGE:NoSource", "'own' is not a calibset.sources.Source"),
        ("no_such_package_at_all:X", "'own' can't be imported: No module named 'no_such_package_at_all'"),
    ],
)
def test_a_broken_entry_point_is_an_error(tmp_path: Path, package: str, entry: str, message: str) -> None:
    offer(tmp_path, package, f"own = {entry.replace('PACKAGE', package)}")
    with pytest.raises(RecipeError) as caught:
        get_adapter("own")
    assert str(caught.value) == message.replace("PACKAGE", package)


def test_a_class_by_path_runs_only_with_permission(package: str) -> None:
    with pytest.raises(RecipeError) as caught:
        get_adapter(f"{package}:Letters")
    assert str(caught.value) == (
        f"'{package}:Letters' would run code that this recipe names; pass --allow-code "
        "(or allow_code=True) if you trust it"
    )
    assert package not in sys.modules
    assert get_adapter(f"{package}:Letters", allow_code=True).__name__ == "Letters"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("PACKAGE:Missing", "can't be imported: module 'PACKAGE' has no attribute 'Missing'"),
        ("PACKAGE:", "can't be imported: module 'PACKAGE' has no attribute ''"),
        ("PACKAGE:NoSource", "is not a calibset.sources.Source"),
        ("PACKAGE:some_text", "is not a calibset.sources.Source"),
        ("json:loads", "is not a calibset.sources.Source"),
        (":X", "can't be imported: Empty module name"),
        (
            ".PACKAGE:X",
            "can't be imported: the 'package' argument is required to perform a relative import "
            "for '.PACKAGE'",
        ),
        ("no.such.module:X", "can't be imported: No module named 'no'"),
    ],
)
def test_a_wrong_path_is_an_error(package: str, target: str, message: str) -> None:
    target = target.replace("PACKAGE", package)
    with pytest.raises(RecipeError) as caught:
        get_adapter(target, allow_code=True)
    assert str(caught.value) == f"{target!r} {message.replace('PACKAGE', package)}"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('not today')", "not today"),
        ("def (:", "invalid syntax"),
        ("import no_such_module_inside", "No module named 'no_such_module_inside'"),
        ("1 / 0", "division by zero"),
    ],
)
def test_a_module_that_fails_is_an_error(tmp_path: Path, package: str, code: str, reason: str) -> None:
    (tmp_path / f"{package}_bad.py").write_text(code, "utf-8")
    invalidate_caches()
    with pytest.raises(RecipeError, match=rf"^'{package}_bad:X' can't be imported: .*{reason}"):
        get_adapter(f"{package}_bad:X", allow_code=True)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(tmp_path: Path, package: str) -> None:
    offer(tmp_path, package, f"letters = {package}:Letters")
    with pytest.raises(RecipeError) as caught:
        get_adapter("no-such-thing")
    known = ", ".join(sorted({*ADAPTERS, *find_installed_adapters()}))
    assert "letters" in known
    assert str(caught.value) == f"unknown adapter 'no-such-thing'; known are {known}, or package.module:Class"
    with pytest.raises(RecipeError) as caught:
        get_adapter("fineweb")
    assert str(caught.value) == "unknown adapter 'fineweb'; did you mean fineweb2?"


RECIPE = """
name = "own"
[groups]
a = 1.0
[sources.s]
type = "TYPE"
group = "a"
where = "here"
"""


def test_a_recipe_needs_permission_to_name_a_class(package: str) -> None:
    text = RECIPE.replace("TYPE", f"{package}:Letters")
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text)
    assert str(caught.value) == (
        f"recipe: sources.s.type: '{package}:Letters' would run code that this recipe names; "
        "pass --allow-code (or allow_code=True) if you trust it"
    )
    assert package not in sys.modules
    recipe = parse_recipe(text + "upper = true\n", allow_code=True)
    source = recipe.sources["s"]
    assert (source.type, source.upper) == (f"{package}:Letters", True)  # type: ignore[attr-defined]


def test_an_adapter_of_ones_own_builds(tmp_path: Path, package: str) -> None:
    from calibset.storage import memory_reader

    cls = get_adapter(f"{package}:Letters", allow_code=True)
    source = cls.model_validate({"type": "letters", "group": "a", "where": "here"})
    records = list(source.read_shuffled(memory_reader({"x.letters": b"abc", "y.txt": b"d"}), seed=1))
    assert sorted(record.id for record in records) == ["x.letters#0", "x.letters#1", "x.letters#2"]  # type: ignore[union-attr]

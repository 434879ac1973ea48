"""The reference leaves nothing out: keys, adapters, quantizers, commands, options, variables, names."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import re
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

import calibset
from calibset.core.environment import VARIABLES
from calibset.core.quantizer_names import QuantizerName
from calibset.quantizers import QUANTIZERS
from calibset.recipe.model import Recipe
from calibset.sources import ADAPTERS, Source, get_adapter
from tests.documentation.pages import PAGES, ROOT, Page


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load_generator()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_is_what_the_code_says(page: Page) -> None:
    assert generate.fill(page.text) == page.text, "run python docs/generate.py"


def test_each_part_is_on_one_page() -> None:
    parts = [part for page in PAGES for part in re.findall(r"<!-- generated: (.*?) -->", page.text)]
    # CONTRIBUTING shows what such a mark looks like.
    assert sorted(parts) == sorted([*generate.PARTS, "…"])


def test_each_key_is_described() -> None:
    models = {Recipe, Source, *nested_models(Recipe), *(get_adapter(name) for name in ADAPTERS)}
    assert set(generate.TABLES.values()) <= models
    bare = {(model.__name__, key) for model in models for key in bare_keys(model)}
    assert bare == set()
    # Every table of a recipe is on the page, except those that adapters have of their own.
    assert nested_models(Recipe) <= set(generate.TABLES.values())


def test_each_value_that_a_key_may_have_is_named() -> None:
    names = ("hygiene", "quantizers", "recipe", "sources")
    elsewhere = "".join(Page(f"docs/reference/{name}.md").text for name in names)
    models = {Recipe, *nested_models(Recipe), *(get_adapter(name) for name in ADAPTERS)}
    silent = [
        (model.__name__, key, value)
        for model in models
        for key, info in model.model_fields.items()
        if key != "type"
        for value in find_values(info.annotation)
        # A default stands beside the description.
        if f"`{value}`" not in f"{info.description} {elsewhere}" and repr(value) not in repr(info.default)
    ]
    assert silent == []


def find_values(annotation: object) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    for part in get_args(annotation):
        yield from find_values(part)


def nested_models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return the models of the tables in a model, whatever they are wrapped in."""
    found = {one for info in model.model_fields.values() for one in find_models(info.annotation)}
    found -= {one for one in found if issubclass(one, Source)}
    return found.union(*map(nested_models, found))


def find_models(annotation: object) -> Iterator[type[BaseModel]]:
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from find_models(part)


def bare_keys(model: type[BaseModel]) -> Iterator[str]:
    for key, info in model.model_fields.items():
        if key != "type" and not info.description:
            yield key


def test_each_adapter_has_a_section_and_says_what_it_reads() -> None:
    sections = generate.describe_adapters().split("\n## ")
    assert [section.removeprefix("## ").split("\n")[0] for section in sections] == list(ADAPTERS)
    assert [section for section in sections if len(section.split("\n\n")) < 2] == []


def test_each_quantizer_is_told_of() -> None:
    page = Page("docs/reference/quantizers.md")
    assert list(QUANTIZERS) == list(get_args(QuantizerName))
    for name, quantizer in QUANTIZERS.items():
        # Once in the table that the code makes, and once in that of its rules.
        assert len(re.findall(rf"^\| `{re.escape(name)}` \|", page.text, re.MULTILINE)) == 2, name
        short = quantizer.info.product.removeprefix("NVIDIA ").removesuffix(" imatrix")
        assert f"\n## {short}\n" in page.text


def test_each_argument_of_each_command_is_explained() -> None:
    silent = [
        (name, action.dest)
        for name, command, summary in generate.commands()
        for action in command._actions
        if not summary or not action.help or action.help.startswith("==")
    ]
    assert silent == []


def test_each_variable_is_explained() -> None:
    assert [one.name for one in VARIABLES if not one.meaning] == []
    page = Page("docs/reference/environment.md")
    assert re.findall(r"^\| `([A-Z_]+)` \|", page.text, re.MULTILINE) == [one.name for one in VARIABLES]


def test_no_other_variable_of_calibset_is_named() -> None:
    known = {one.name for one in VARIABLES}
    named = {name for page in PAGES for name in re.findall(r"\bCALIBSET_[A-Z_]+\b", page.text)}
    sessions = set(re.findall(r"\bCALIBSET_[A-Z_]+\b", (ROOT / "noxfile.py").read_text("utf-8")))
    assert named - known <= sessions


def test_each_public_name_is_in_the_reference_once() -> None:
    page = Page("docs/reference/api.md")
    assert re.findall(r"^::: calibset\.(\w+)$", page.text, re.MULTILINE) == calibset.__all__


@pytest.mark.parametrize("name", calibset.__all__)
def test_each_public_name_is_explained(name: str) -> None:
    home = importlib.import_module(calibset._HOMES[name])
    value = getattr(home, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        assert list(bare_members(value)) == []
    else:
        assert has_docstring_below(home, name)


@pytest.mark.parametrize("name", calibset.__all__)
def test_each_argument_and_attribute_is_explained(name: str) -> None:
    value = getattr(calibset, name)
    text = inspect.getdoc(value) or ""
    if inspect.isfunction(value) and "the arguments are those of" not in text:
        parts = list(inspect.signature(value).parameters)
    elif dataclasses.is_dataclass(value):
        parts = [one.name for one in dataclasses.fields(value) if not one.name.startswith("_")]
    else:
        return
    silent = [part for part in parts if not re.search(rf"^ +\**{part}: ", text, re.MULTILINE)]
    # Where there is but one, the first sentence says it.
    assert silent == [] or len(parts) == 1


def bare_members(cls: type) -> Iterator[str]:
    """Yield what a class shows without a word."""
    for name, member in vars(cls).items():
        is_shown = inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)
        if is_shown and not name.startswith("_") and not inspect.getdoc(getattr(cls, name)):
            yield name


def has_docstring_below(module: ModuleType, name: str) -> bool:
    body = ast.parse(inspect.getsource(module)).body
    for node, below in pairwise(body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    return False

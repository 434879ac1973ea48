"""Every block of code is run by the session `docs`, or says why not.

Either way it is checked to be one that could be run: its commands, names and keys exist.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator

import pytest

import calibset
from calibset import RecipeError, parse_recipe
from calibset.cli.parser import create_parser
from tests.documentation.pages import NEEDS, PAGES, Block, Page

MARKS = {
    "console": {"run"},
    "python": {"run", "file"},
    "toml": {"file", "written", ""},
    "json": {"file", "prints", "written", ""},
    "yaml": {"prints", "written", ""},
    "text": {"file", "prints", "written", "drawing"},
}
"""The marks that a block of each language may have, beside what it needs; "" is no mark."""

NAMES_A_FILE = {"file", "written"}

# The tests of that page make modules of its Python.
BLOCKS = [
    (page, block)
    for page in PAGES
    for block in page.blocks
    if not (page.path == "CONTRIBUTING.md" and block.language == "python")
]

PARSER = create_parser()
(COMMANDS,) = (action.choices for action in PARSER._actions if isinstance(action, argparse._SubParsersAction))


def blocks(*languages: str) -> pytest.MarkDecorator:
    """Give a test each block, or each that is in one of some languages."""
    chosen = [one for one in BLOCKS if not languages or one[1].language in languages]
    return pytest.mark.parametrize(
        "block", [pytest.param(block, id=f"{page.path}:{block.line}") for page, block in chosen]
    )


@blocks()
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert explain_mark(block) == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_each_page_has_something_to_run(page: Page) -> None:
    # What CONTRIBUTING shows is tried by tests of its own, and its commands install.
    assert any(block.kind == "run" for block in page.blocks) or page.path == "CONTRIBUTING.md"


def explain_mark(block: Block) -> str:
    """Return what is wrong with a block's mark; empty if nothing is."""
    if block.language not in MARKS:
        return f"name a language: {', '.join(MARKS)}"
    if block.needs:
        return (
            "" if block.needs in NEEDS and block.detail else f"say what it needs ({', '.join(NEEDS)}) and why"
        )
    if block.kind not in MARKS[block.language]:
        return f"mark it: {', '.join(sorted(MARKS[block.language]))}, or what it needs"
    return "name the file" if block.kind in NAMES_A_FILE and not block.detail else ""


@blocks("console")
def test_each_command_is_one(block: Block) -> None:
    assert [explained for words in split_commands(block.code) if (explained := explain_command(words))] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_of_the_help_are_commands(name: str) -> None:
    examples = re.findall(r"^  (calibset .*)$", COMMANDS[name].epilog or "", re.MULTILINE)
    commands = [words for line in examples for words in split_commands(line)]
    assert commands
    assert [explained for words in commands if (explained := explain_command(words))] == []


def split_commands(code: str) -> Iterator[list[str]]:
    """Yield the words of each command of calibset in a shell's code, without the program's name."""
    for line in code.replace("\\\n", " ").splitlines():
        words: list[str] = []
        redirects = False
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in (*lexer, ";"):
            if not set(word) <= set("();<>|&"):
                words += [] if redirects else [word]
                redirects = False
            elif set(word) & set("<>"):
                redirects = True
            else:
                if words[:1] == ["calibset"] or words[1:3] == ["-m", "calibset"]:
                    yield words[words.index("calibset") + 1 :]
                words = []


def explain_command(words: list[str]) -> str:
    """Return what the command line says against words; empty if it takes them."""
    try:
        PARSER.parse_args(words)
    except SystemExit as ended:
        return f"not a command: {shlex.join(words)}" if ended.code else ""
    # The command line takes the beginning of an option for the whole.
    return explain_inline(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_commands_in_sentences_exist(page: Page) -> None:
    inline = re.findall(r"`calibset ([^`]+)`", page.prose)
    options = {option for command in COMMANDS.values() for option in command._option_string_actions}
    assert [text for text in inline if explain_inline(text.split())] == []
    assert set(re.findall(r"`(--[\w-]+)", page.prose)) - options <= OTHERS


# Options of other programs: of quantizers, servers, pytest and pip.
OTHERS = {
    "--dataset", "--dataset_rows", "--length", "--max-concurrency", "--max-logprobs", "--measurement_rows",
    "--long", "--measurement_length", "--parse-special", "--small",
}  # fmt: skip


def explain_inline(words: list[str]) -> str:
    """Return what is wrong with a command in a sentence, which may leave out what matters not."""
    if words[0] not in COMMANDS:
        return "no such command" if re.fullmatch(r"[a-z][a-z-]+", words[0]) else ""
    known = COMMANDS[words[0]]._option_string_actions
    return " ".join(word for word in words if word.startswith("--") and word not in known)


@blocks("python")
def test_python_uses_names_that_exist(block: Block) -> None:
    assert list(explain_python(block.code)) == []


def explain_python(code: str) -> Iterator[str]:
    """Yield what code takes of calibset that is not there."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module == "calibset":
            yield from (alias.name for alias in node.names if alias.name not in calibset.__all__)
        elif is_of_calibset(node):
            yield from [node.attr] * (node.attr not in calibset.__all__)
        elif isinstance(node, ast.Call) and is_of_calibset(node.func) and node.func.attr in calibset.__all__:
            parameters = inspect.signature(getattr(calibset, node.func.attr)).parameters
            if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
                yield from (str(word.arg) for word in node.keywords if word.arg not in {*parameters, None})


def is_of_calibset(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "calibset"
    )


@blocks("toml")
def test_each_key_is_one_of_a_recipe(block: Block) -> None:
    if block.detail != "pyproject.toml":
        assert list(explain_recipe(block.code)) == []


# What is wrong with a part of a recipe because it is only a part, or because it names a reader's own adapter.
_OF_A_PART = re.compile(r": is missing(;|$)|can't be imported: No module named")


def explain_recipe(text: str) -> Iterable[str]:
    """Return the faults of a part of a recipe, except that it is only a part."""
    # A file that it extends is one of the gallery.
    text = re.sub(r'^(extends = "\w+)\.toml"', r'\1"', text, flags=re.MULTILINE)
    table = tomllib.loads(text)
    sources = table.get("sources", {}).items()
    typeless = [name for name, source in sources if source is not False and "type" not in source]
    given = {} if "extends" in table else {f"sources.{name}.type": "chat" for name in typeless}
    try:
        parse_recipe(text, overrides=given, allow_code=True)
    except RecipeError as error:
        return [fault for fault in error.faults if not _OF_A_PART.search(fault)]
    return []


def test_what_is_wrong_is_found() -> None:
    assert explain_mark(Block(1, "console", "", "")) == "mark it: run, or what it needs"
    assert explain_mark(Block(1, "console", "needs the network", "")).startswith("say what it needs")
    assert explain_mark(Block(1, "console", "needs patience: much", "")).startswith("say what it needs")
    assert explain_mark(Block(1, "toml", "file", "")) == "name the file"
    assert explain_mark(Block(1, "", "run", "")).startswith("name a language")
    (words,) = split_commands("cd x && .venv/bin/python -m calibset plan a.toml --colour > log  # a comment")
    assert (words, explain_command(words)) == (
        ["plan", "a.toml", "--colour"],
        "not a command: plan a.toml --colour",
    )
    assert explain_command(["build", "a.toml", "--lock"]) == "--lock"
    assert explain_inline(["plan", "RECIPE", "--nothing"]) == "--nothing"
    assert explain_inline(["nothing"]) == "no such command"
    code = "from calibset import nothing\ncalibset.other\ncalibset.verify('a', colour=1)"
    assert set(explain_python(code)) == {"nothing", "other", "colour"}
    (fault,) = explain_recipe("[chat]\ncolour = 1")
    assert fault == "recipe: chat.colour: unknown key"

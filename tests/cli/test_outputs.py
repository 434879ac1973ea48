"""What a corpus, a recipe or a path says stays text in every output, whatever it spells.

A recipe, its corpora and their names are full of what steers terminals, shells, YAML, TOML, Markdown, HTML
and JavaScript. Every command is run on them, and each output is read by a reader of its own format.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt

from calibset.cli import main
from tests.chatml import write_chatml
from tests.sources.test_contract import CORPORA

# Of a name in a folder, everything that a file's name may hold; the rest is what only texts may.
IN_A_NAME = (
    "n\x1b]8;;evil\x07y\x9b2J\u202e\u2066\u061c `touch pwned`$(touch pwned);touch pwned&'\" # <img src=x "
    "onerror=pwned()>[click](https:evil)![i](evil)*_|{{ 7*7 }}%s\r\n- SPOOFED: yes\nwrote SPOOFED"
)
PAYLOAD = (
    f"{IN_A_NAME}\n# SPOOFED\n---\nspoofed: true\n---\n</script><script>pwned()</script></style>"
    "<a href=javascript:pwned()>x</a> https://evil.example www.evil.example ![i](https://evil.example/i.png) "
    '"""\nspoofed = 1\n[sources.spoofed]\ntype = "text"\n\u2028\x85'
)


def quoted(text: str) -> str:
    """Return a text as TOML, whose escapes are those of JSON."""
    return json.dumps(text)


@dataclass(frozen=True)
class Printed:
    """What a command wrote to its two streams."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the commands run in."""
    folder = tmp_path_factory.mktemp("outputs")
    (folder / "model").mkdir()
    write_chatml(folder / "model")
    (folder / "model" / "config.json").write_text('{"model_type": "qwen2", "architectures": ["X"]}')
    rows = [
        {
            "text": f"{PAYLOAD} " + " ".join(f"{word}th word of {number}" for word in range(70)),
            "id": f"{PAYLOAD}{number}",
            "title": PAYLOAD,
            PAYLOAD: PAYLOAD,
        }
        for number in range(60)
    ]  # fmt: skip
    content = "".join(json.dumps(row) + "\n" for row in rows)
    # Rejected rows, whose reasons and excerpts name what they hold.
    content += "".join(json.dumps(row) + "\n" for row in ({PAYLOAD: 1}, {"text": [PAYLOAD]}, PAYLOAD))
    (folder / "excluded").mkdir()
    (folder / "excluded" / f"{IN_A_NAME}.jsonl").write_text(
        json.dumps({"text": "Words that no row has. " * 9})
    )
    (folder / "corpus").mkdir()
    (folder / "corpus" / f"{IN_A_NAME}.jsonl").write_text(content)
    (folder / "chats").mkdir()
    chats = CORPORA["chat"].files["c.jsonl"].decode()
    broken = [
        {"messages": [{"role": PAYLOAD, "content": PAYLOAD}], "id": PAYLOAD},
        {"messages": [{"role": "user", "content": PAYLOAD}, {"role": "assistant", "content": PAYLOAD}],
         "tools": [{"type": PAYLOAD, "function": {"name": PAYLOAD, "description": PAYLOAD}}]},
    ]  # fmt: skip
    (folder / "chats" / "c.jsonl").write_text(chats + "".join(json.dumps(row) + "\n" for row in broken))
    (folder / "recipe.toml").write_text(recipe())
    (folder / "broken.toml").write_text(recipe().replace('type = "jsonl"', f"type = {quoted(PAYLOAD)}"))
    (folder / "unknown.toml").write_text(recipe() + f"{quoted(PAYLOAD)} = {quoted(PAYLOAD)}\n")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def recipe() -> str:
    name, group = quoted(f"source {PAYLOAD}"), quoted(f"group {PAYLOAD}")
    return f"""\
name = "outputs"
description = {quoted(PAYLOAD)}
nsamples = 20
seqlen = 480
tokenizer = "model"
max_rejected = 1.0
shortage = "redistribute"
[groups]
{group} = 0.6
chats = 0.4
[holdout]
nsamples = 4
[[exclude]]
name = {quoted(f"set {PAYLOAD}")}
type = "jsonl"
where = "excluded"
[sources.{name}]
group = {group}
type = "jsonl"
where = "corpus"
licence = {quoted(f"licence {PAYLOAD}")}
[sources.chats]
group = "chats"
type = "chat"
where = "chats"
"""


FILE = "out.jsonl"
ODD_FILE = "o $(touch pwned);touch pwned `touch pwned`'x.jsonl"
COMMANDS = (
    ("plan", "recipe.toml", "--preview"),
    ("plan", "recipe.toml", "--json"),
    ("plan", "broken.toml"),
    ("plan", "unknown.toml"),
    ("check", "recipe.toml", "--rejects", "rejects.jsonl"),
    ("check", "recipe.toml", "--json"),
    ("build", "recipe.toml", "--out", FILE, "--rejects", "left-out.jsonl"),
    ("build", "recipe.toml", "--out", ODD_FILE, "--set", "quantizer=gptqmodel"),
    ("build", "recipe.toml", "--out", "again.jsonl", "--json", "--set", "seed=3"),
    ("build", "recipe.toml", "--set", f"sources.{IN_A_NAME}=1"),
    ("build", IN_A_NAME),
    ("lock", "recipe.toml"),
    ("verify", FILE),
    ("verify", ODD_FILE),
    ("verify", FILE, "--json"),
    ("verify", "broken.jsonl"),
    ("verify", IN_A_NAME),
    ("show", FILE, "1"),
    ("show", FILE, "2"),
    ("show", FILE, "1", "--json"),
    ("show", FILE, "1", "--tokenizer", IN_A_NAME),
    ("diff", FILE, "again.jsonl"),
    ("diff", FILE, "again.jsonl", "--json"),
    ("export", FILE, "--for", "gptqmodel"),
    ("export", ODD_FILE, "--for", "llama.cpp", "--out", "x $(touch pwned).txt"),
    ("export", ODD_FILE, "--for", "exllamav2"),
    ("export", FILE, "--format", "input_ids", "--json"),
    ("report", FILE),
    ("card", FILE),
    ("card", FILE, "--model"),
    ("card", FILE, "--out", "card"),
    ("card", "plain.jsonl", "--tokenizer", "model"),
    ("report", "plain.jsonl", "--tokenizer", "model"),
    ("quantize-command", "recipe.toml", "--model", IN_A_NAME),
    ("quantize-command", "recipe.toml", "--model", "model", "--file", ODD_FILE),
    ("init", "corpus", "--out", "init.toml", "--tokenizer", "model", "--seqlen", "480", "--yes"),
    ("repack", "plain.jsonl", "--tokenizer", "model", "--seqlen", "480", "--out", "repacked.jsonl"),
    ("repack", f"corpus/{IN_A_NAME}.jsonl", "--tokenizer", "model", "--seqlen", "480", "--out", "rp.jsonl"),
    ("sources", IN_A_NAME),
    ("tokenizer", IN_A_NAME, "--out", "x"),
    ("cache", "list"),
)


@pytest.fixture(scope="module")
def printed(folder: Path) -> tuple[Printed, ...]:
    """What every command printed, in the order in which they were run."""
    done = []
    for words in COMMANDS:
        if words[1] == "broken.jsonl":
            lines = (folder / FILE).read_text().splitlines()
            (folder / "broken.jsonl").write_text("\n".join([lines[0], json.dumps({PAYLOAD: PAYLOAD})]) + "\n")
            (folder / "plain.jsonl").write_bytes((folder / FILE).read_bytes())
        done.append(run(words))
    return tuple(done)


def run(words: tuple[str, ...]) -> Printed:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(list(words))
        except SystemExit as error:
            code = int(str(error.code))
    return Printed(words, code, out.getvalue(), err.getvalue())


STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def texts(folder: Path) -> dict[str, str]:
    """Return the text files that the commands wrote, by name; without the bare texts that llama.cpp reads."""
    corpora = (folder / "corpus", folder / "chats", folder / "model")
    return {
        str(path.relative_to(folder)): path.read_text("utf-8", "replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".parquet", ".txt") and path.parent not in corpora
    }


def test_every_command_ends_as_it_should(printed: tuple[Printed, ...]) -> None:
    bad = [one for one in printed if "Traceback" in one.err or one.code not in (0, 1, 2)]
    assert bad == []
    works = {
        "build",
        "show",
        "report",
        "card",
        "export",
        "verify",
        "plan",
        "check",
        "diff",
        "lock",
        "init",
        "repack",
    }
    assert works <= {
        one.words[0] for one in printed if one.code == 0 or (one.words[0], one.code) == ("diff", 1)
    }


def test_nothing_printed_steers_a_terminal(printed: tuple[Printed, ...]) -> None:
    for one in printed:
        for stream in (one.out, one.err):
            found = STEERING.search(stream)
            assert found is None, (one.words, stream[max(0, found.start() - 60) : found.end() + 20])


def test_no_text_of_a_corpus_stands_as_a_line_of_its_own(printed: tuple[Printed, ...]) -> None:
    for one in printed:
        if one.words[0] in ("show", "init") or "--preview" in one.words:
            continue  # they print texts of the corpus, whose lines are lines
        for line in (*one.out.splitlines(), *one.err.splitlines()):
            assert not re.match(r"(?:wrote SPOOFED|- SPOOFED|# SPOOFED|spoofed)", line.strip()), (
                one.words,
                line,
            )


def test_json_is_json_in_ascii(printed: tuple[Printed, ...], folder: Path) -> None:
    for one in printed:
        if "--json" in one.words and one.code != 2:
            assert one.out.isascii()
            json.loads(one.out)
    for name, text in texts(folder).items():
        assert STEERING.search(text) is None, name
        if name.endswith((".json", ".lock")):
            json.loads(text)
        if name.endswith(".jsonl"):
            assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


def test_front_matter_holds_what_the_card_says_of_the_set_alone(
    folder: Path, printed: tuple[Printed, ...]
) -> None:
    cards = [one.out for one in printed if one.words[0] == "card" and one.out.startswith("---")]
    cards.append((folder / "card" / "README.md").read_text("utf-8"))
    assert len(cards) >= 2
    for text in cards:
        data = yaml.safe_load(text.split("---\n")[1])
        assert set(data) <= {
            "language", "license", "license_name", "license_link", "pretty_name", "size_categories",
            "task_categories", "tags", "configs",
        }  # fmt: skip


def test_a_card_links_to_nothing_that_a_corpus_names(folder: Path, printed: tuple[Printed, ...]) -> None:
    cards = [one.out for one in printed if one.words[0] == "card" and one.out]
    cards += [path.read_text("utf-8") for path in (folder / "card").glob("*.md")]
    assert len(cards) >= 4
    for text in cards:
        body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
        parser = MarkdownIt("gfm-like", {"html": True, "linkify": False}).disable("linkify")
        html = parser.render(body)
        links = [value for tag, name, value in Tags.read(html) if name in ("href", "src") and value]
        assert all(not re.search("evil|pwned", value) for value in links)
        assert not {tag for tag, _, _ in Tags.read(html)} & {"script", "img", "style", "iframe"}
        assert "49" not in re.findall(r"\*_\|(.{0,12})", text)
        headings = re.findall(r"<h[1-6]>(.*?)</h[1-6]>", html)
        assert not any(heading.lstrip().startswith("SPOOFED") for heading in headings)


class Tags(HTMLParser):
    """The elements of a page, with each of their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name, value) for name, value in attrs] or [(tag, "", None)]

    @classmethod
    def read(cls, html: str) -> list[tuple[str, str, str | None]]:
        parser = cls()
        parser.feed(html)
        return parser.found


def test_a_report_has_no_element_of_a_corpus(folder: Path, printed: tuple[Printed, ...]) -> None:
    assert printed
    pages = sorted(folder.glob("*.html"))
    assert len(pages) == 2
    for page in pages:
        html = page.read_text("utf-8")
        tags = Tags.read(html)
        assert not [tag for tag in tags if tag[1].startswith("on") or tag[0] in ("img", "iframe", "object")]
        assert not [
            tag for tag in tags if tag[1] in ("href", "src") and re.search("evil|pwned", tag[2] or "")
        ]
        for script in re.findall(r"<script[^>]*>(.*?)</script>", html, re.DOTALL):
            assert "pwned()" not in script or script.lstrip().startswith(("{", "["))
        assert STEERING.search(html) is None


def test_a_recipe_that_init_writes_has_only_its_own_keys(folder: Path, printed: tuple[Printed, ...]) -> None:
    assert printed
    drafted = tomllib.loads((folder / "init.toml").read_text("utf-8"))
    assert "spoofed" not in drafted
    assert "spoofed" not in drafted["sources"]
    assert STEERING.search((folder / "init.toml").read_text("utf-8")) is None


def test_a_manifest_is_a_recipe_of_the_same_names(folder: Path, printed: tuple[Printed, ...]) -> None:
    assert printed
    manifest = json.loads((folder / "out.manifest.json").read_text("utf-8"))
    assert set(manifest["recipe"]["sources"]) == {
        tomllib.loads(f"a = {quoted(f'source {PAYLOAD}')}")["a"],
        "chats",
    }


def test_printed_commands_run_nothing_of_a_name(folder: Path, printed: tuple[Printed, ...]) -> None:
    commands = [
        found
        for one in printed
        for found in re.findall(r"`(calibset [^`]*)`|^\s*(calibset .*|auto-round .*)$", one.out, re.MULTILINE)
    ]
    flat = [command for pair in commands for command in pair if command]
    flat += [one.out for one in printed if one.words[0] == "quantize-command" and one.code == 0 for _ in "x"]
    assert flat
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for program in ("calibset", "auto-round", "python"):
        (programs / program).write_text("#!/bin/sh\nexit 0\n")
        (programs / program).chmod(0o755)
    for command in flat:
        subprocess.run(
            ["/bin/bash", "-c", command.split("\nfrom ")[0].split("\nimport ")[0]],
            cwd=folder,
            env={"PATH": f"{programs}:/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )
    assert not (folder / "pwned").exists()
    for _, command in commands:
        if ODD_FILE[:4] in command:
            assert any("$(touch pwned)" in word for word in shlex.split(command)), command

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import SourceError
from calibset.sources.formats.dataset_card import CARD, DatasetConfig, choose_config, read_configs
from calibset.storage.files import File, memory_reader


def card(text: str | bytes) -> File:
    content = text if isinstance(text, bytes) else text.encode()
    (file,) = memory_reader({CARD: content}).files(CARD)
    return file


def configs(text: str) -> tuple[DatasetConfig, ...]:
    return read_configs(card(f"---\nconfigs:\n{text}\n---\n# A corpus\n"))


def test_the_forms_in_which_files_are_named() -> None:
    one, two, three, four = configs(
        "- {config_name: one, data_files: a.csv, sep: ';'}\n"
        "- {config_name: two, data_files: [a.csv, 'b/*.csv'], data_dir: x/}\n"
        "- config_name: 3\n  default: true\n"
        "  data_files: [{split: train, path: a}, {split: test, path: [b, ./c]}]\n"
        "- {config_name: four, data_dir: y}"
    )
    assert (one.name, one.patterns, one.options) == ("one", {"train": ("a.csv",)}, {"sep": ";"})
    assert two.patterns == {"train": ("x/a.csv", "x/b/*.csv")}
    assert (three.name, three.is_default) == ("3", True)
    assert three.patterns == {"train": ("a",), "test": ("b", "c")}
    assert (four.patterns, four.folder) == ({}, "y")


@pytest.mark.parametrize(
    "text", ["", "# no front matter", "---\n---\n", "---\nlicense: mit\n---\n", "---\n- a\n---\n"]
)
def test_a_card_may_name_none(text: str) -> None:
    assert read_configs(card(text)) == ()


OUTSIDE = [
    "/etc/passwd",
    "//host/share",
    "../canary.txt",
    "a/../../canary.txt",
    "..",
    "**/../../canary.txt",
    "~/canary.txt",
    "~root/canary.txt",
    "file:///etc/passwd",
    "http://127.0.0.1/canary",
    "HTTPS://example.org/canary",
    "hf://datasets/other/set/a.csv",
    "zip://*::file:///tmp/canary.zip",
    "a.csv::file:/etc/passwd",
    "simplecache::http://127.0.0.1/canary",
    "C:\\canary.txt",
    "C:canary.txt",
    "..\\canary.txt",
    "\\\\host\\share",
    "a\n://b",
    "./~/canary.txt",
    "a/../C:/canary.txt",
]


@pytest.mark.parametrize("pattern", OUTSIDE)
@pytest.mark.parametrize("key", ["data_files", "path", "data_dir"])
def test_what_leads_out_of_the_location_is_an_error(pattern: str, key: str) -> None:
    name = json.dumps(pattern)
    entry = {
        "data_files": f"data_files: [ok.csv, {name}]",
        "path": f"data_files: [{{split: train, path: [{name}]}}]",
        "data_dir": f"data_dir: {name}",
    }[key]
    with pytest.raises(SourceError) as caught:
        configs(f"- {{config_name: one, {entry}}}")
    assert str(caught.value) == (
        f"README.md: it names {pattern!r}, which is outside the location and is not read; "
        "name the files with files = [...]"
    )


@given(st.text(alphabet="a./\\~:*", max_size=12), st.text(alphabet="a./", max_size=6))
def test_no_pattern_that_is_taken_leads_out(pattern: str, folder: str) -> None:
    try:
        (config,) = configs(
            f"- {{config_name: a, data_files: {json.dumps(pattern)}, data_dir: {json.dumps(folder)}}}"
        )
    except SourceError:
        return
    for taken in (*config.patterns.get("train", ()), config.folder):
        assert not taken.startswith(("/", "~"))
        assert ".." not in taken.split("/")
        assert "://" not in taken
        assert "::" not in taken


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("configs: {a: b}", "configs is no list of tables"),
        ("configs: [a]", "configs is no list of tables"),
        ("configs: [{data_files: a}]", "a configuration has no name"),
        ("configs: [{config_name: false}]", "a configuration has no name"),
        ("configs: [{config_name: a, data_files: 5}]", "data_files has a name that is no text"),
        ("configs: [{config_name: a, data_dir: [5]}]", "data_files has a name that is no text"),
        (
            "configs: [{config_name: a, data_files: [{split: a}]}]",
            "data_files has an entry without split and path",
        ),
        (
            "configs: !!python/object/apply:os.system [id]",
            "its front matter can't be read (could not determine",
        ),
        ("configs: \x07", "its front matter can't be read ("),
    ],
)
def test_faults_are_errors(text: str, fault: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_configs(card(f"---\n{text}\n---\n"))
    assert str(caught.value).startswith(f"README.md: {fault}")
    assert str(caught.value).endswith("; name the files with files = [...]")


def test_bytes_that_are_no_text_are_an_error() -> None:
    with pytest.raises(SourceError, match=r"^README\.md: its front matter can't be read \('utf-8' codec"):
        read_configs(card(b"---\na: \xff\n---\n"))


def references(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        references(9),
        "a: " + "[" * 100_000,
        "a: " + "{a: " * 50_000,
        "- " * 100_000,
        "a: &a [*a]",
    ],
)
def test_a_small_card_that_would_be_huge_is_refused_soon(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(SourceError, match=r"^README\.md: its front matter "):
        read_configs(card(f"---\n{text}\n---\n"))
    assert time.process_time() - begin < 5


def test_which_configuration_is_read() -> None:
    one, two = DatasetConfig(name="one"), DatasetConfig(name="two", is_default=True)
    assert choose_config((), None) == choose_config((), "default") == DatasetConfig()
    assert choose_config((one,), None) == one
    assert choose_config((one, two), None) == two
    assert choose_config((one, two), "one") == one
    with pytest.raises(ValueError, match=r"^there is no configuration 'x': its card names none$"):
        choose_config((), "x")

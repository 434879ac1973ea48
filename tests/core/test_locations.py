from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibset.core.errors import RecipeError
from calibset.core.locations import HubDataset, LocalPath, Mirror, Url, parse_location, redact_location


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("hf://datasets/them/corpus-2.0_x", HubDataset("them/corpus-2.0_x")),
        ("hf://datasets/them/corpus/data/*.parquet", HubDataset("them/corpus", "data/*.parquet")),
        ("hf://datasets/them/corpus/data/", HubDataset("them/corpus", "data/")),
        ("https://example.org/a.json?x=1", Url("https://example.org/a.json?x=1")),
        ("https://example.org/folder/", Url("https://example.org/folder/")),
        ("corpora/a.txt", LocalPath(Path("corpora/a.txt"))),
        ("/data/a b", LocalPath(Path("/data/a b"))),
        ("../up", LocalPath(Path("../up"))),
        ("http:/odd", LocalPath(Path("http:/odd"))),
    ],
)
def test_a_location_is_one_of_three_kinds(text: str, location: object) -> None:
    assert parse_location(text) == location


def test_a_home_folder_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USERPROFILE", "/home/me")
    assert parse_location("~/corpora") == LocalPath(Path("/home/me/corpora"))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hf://datasets/one", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/one'"),
        ("hf://datasets/a/b/../c", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/a/b/../c'"),
        ("hf://datasets/a/", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/a/'"),
        ("hf://datasets/a/b@v1", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/a/b@v1'"),
        ("hf://datasets/../b", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/../b'"),
        ("hf://datasets/a/b c", "must read hf://datasets/OWNER/NAME, got 'hf://datasets/a/b c'"),
        *(
            (text, f"must be hf://datasets/OWNER/NAME, https://… or a local path, got {text!r}")
            for text in (
                "hf://models/a/b",
                "http://x.org/a",
                "ftp://x.org/a",
                "file:///etc/passwd",
                "s3://b/k",
            )
        ),
        ("", "must not be empty"),
        (" \t", "must not be empty"),
        (
            "~nobody-of-this-name/x",
            "has no home folder that this machine knows, got '~nobody-of-this-name/x'",
        ),
        ("https://[::1", "Invalid IPv6 URL"),
        (
            "https://me:secret@x.org/a",
            "must not hold a login; fetch the file by hand, or name a mirror with --mirror",
        ),
    ],
)
def test_a_location_of_no_known_form_says_what_one_looks_like(text: str, fault: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the whole text is compared)
        parse_location(text)
    assert str(caught.value) == fault


@given(st.text())
def test_any_text_is_a_location_or_a_value_error(text: str) -> None:
    try:
        location = parse_location(text)
    except ValueError:
        return
    assert isinstance(location, HubDataset | Url | LocalPath)


@pytest.mark.parametrize(
    ("location", "recorded"),
    [
        ("https://example.org/a.jsonl?X-Amz-Signature=S&token=t", "https://example.org/a.jsonl"),
        ("HTTPS://example.org/a.jsonl#t?x", "HTTPS://example.org/a.jsonl"),
        ("https://example.org?t", "https://example.org"),
        ("https://example.org/folder/", "https://example.org/folder/"),
        ("hf://datasets/them/corpus", "hf://datasets/them/corpus"),
        ("why?/a#1.txt", "why?/a#1.txt"),
        ("/data/why?/a#1.txt", "a#1.txt"),
        ("~/corpora", "corpora"),
    ],
)
def test_a_record_names_no_secret_and_no_folder_of_this_machine(location: str, recorded: str) -> None:
    assert redact_location(location) == recorded
    assert redact_location(recorded) == recorded


def test_a_mirror_replaces_a_prefix() -> None:
    mirror = Mirror.parse("https://a.org/?k=v/=http://127.0.0.1:8/y/")
    assert mirror == Mirror("https://a.org/?k=v/", "http://127.0.0.1:8/y/")
    assert mirror.apply("https://a.org/?k=v/z.json") == "http://127.0.0.1:8/y/z.json"
    assert mirror.apply("https://b.org/z.json") is None


@pytest.mark.parametrize(
    "text",
    ["", "=", "https://a.org/", "http://a.org/=https://b.org/", "https://a.org/=/local", "=https://b.org/"],
)
def test_a_mirror_of_another_form_is_a_fault(text: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Mirror.parse(text)
    assert str(caught.value) == f"--mirror {text}: must read https://PREFIX=https://REPLACEMENT"

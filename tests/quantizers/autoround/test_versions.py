from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from calibset.core.errors import QuantizerError
from calibset.quantizers.autoround import versions
from calibset.quantizers.autoround.versions import (
    choose_version,
    is_known,
    parse_version,
    read_supported_names,
)


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ("0.12.3", (0, 12, 3)),
        ("0.16", (0, 16)),
        ("1", (1,)),
        (" 1.2.3rc1 ", (1, 2, 3)),
        ("0.16.1.dev3+gabc", (0, 16, 1)),
    ],
)
def test_a_version_is_read(text: str, release: tuple[int, ...]) -> None:
    assert parse_version(text).release == release


@pytest.mark.parametrize("text", ["", "latest", "0.16.1; x", "0.1\n# x", "٣.1", "9" * 5000 + ".1"])
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(QuantizerError, match=r"is not a version; write one such as 0\.16\.1$"):
        parse_version(text)


def test_those_that_were_looked_at() -> None:
    assert [is_known(parse_version(text)) for text in ("0.12.3", "0.16.1", "0.16.1+cpu", "0.16.0")] == [
        True, True, True, False,
    ]  # fmt: skip


def install(monkeypatch: pytest.MonkeyPatch, version: str, **modules: dict[str, Any]) -> None:
    """Make AutoRound look as if it were installed, with modules of these contents."""
    monkeypatch.setattr(versions, "read_installed", lambda name: {"auto-round": version}[name])
    monkeypatch.setitem(sys.modules, "auto_round", ModuleType("auto_round"))
    for name, content in modules.items():
        module = ModuleType(f"auto_round.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_the_installed_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "0.14.2")
    assert str(choose_version()) == "0.14.2"
    assert str(choose_version("0.12.3")) == "0.12.3"


def test_else_the_newest_that_is_known() -> None:
    assert str(choose_version()) == "0.16.1"


def test_the_installed_one_says_what_it_supports(monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        monkeypatch,
        "0.17.0",
        schemes={"PRESET_SCHEMES": {"W4A16": object(), "W9A16": object()}},
        utils={"SUPPORTED_FORMATS": ["auto_round", "new"]},
    )
    assert read_supported_names(parse_version("0.17.0")) == {
        "format": {"auto_round", "new"},
        "scheme": {"W4A16", "W9A16"},
    }
    assert read_supported_names(parse_version("0.16.1")) is None


def test_one_that_is_not_there_or_broken_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_supported_names(parse_version("0.16.1")) is None
    install(monkeypatch, "0.17.0", schemes={}, utils={})
    assert read_supported_names(parse_version("0.17.0")) is None

from __future__ import annotations

import importlib.metadata

import pytest

from calibset.core.errors import QuantizerError
from calibset.quantizers.autoround import versions
from calibset.quantizers.autoround.versions import Version, version_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.12.3", (0, 12, 3)),
        ("0.16", (0, 16, 0)),
        (" 1.2.3rc1 ", (1, 2, 3)),
        ("0.16.1.dev3+gabc", (0, 16, 1)),
    ],
)
def test_a_version_is_read(text: str, number: tuple[int, int, int]) -> None:
    assert Version.parse(text).number == number


@pytest.mark.parametrize("text", ["", "1", "latest", "0.16.1; x", "0.1\n# x", "٣.1", "9" * 50 + ".1"])
def test_what_is_none_is_told(text: str) -> None:
    with pytest.raises(QuantizerError, match=r"is no version; write one such as 0\.16\.1$"):
        Version.parse(text)


def test_those_that_were_looked_at() -> None:
    assert [Version.parse(text).is_known for text in ("0.12.3", "0.16.1", "0.16.1+cpu", "0.16.0")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_the_installed_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "installed", lambda name: {"auto-round": "0.14.2"}[name])
    assert version_of().text == "0.14.2"
    assert version_of("0.12.3").text == "0.12.3"


def test_else_the_newest_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions, "installed", missing)
    assert version_of().text == "0.16.1"

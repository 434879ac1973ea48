from __future__ import annotations

import importlib.metadata

import pytest

from calibset.quantizers.autoround import versions


@pytest.fixture(autouse=True)
def no_autoround(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make AutoRound look as if it weren't installed, whether it is or not."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions, "read_installed", missing)

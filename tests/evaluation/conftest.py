"""What the tests of evaluation share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.evaluation.model_server import ModelServer, serving

Serve = Callable[..., ModelServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts servers of this test's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("CALIBSET_API_KEY", raising=False)
    with ExitStack() as stack:

        def start(**traits: Any) -> ModelServer:
            return stack.enter_context(serving(ModelServer(**traits)))

        yield start

"""What axe-core finds wrong with the page: names, roles, contrast."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.heavy.report.conftest import Open


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(report: Path, visit: Open, width: int, scheme: str) -> None:
    with visit(report, width=width, scheme=scheme) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        result = Axe().run(found.page).response
        faults = [
            f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for one in result["violations"]
            for node in one["nodes"]
        ]
        assert faults == []
        assert {"color-contrast", "svg-img-alt", "label"} <= {one["id"] for one in result["passes"]}

from __future__ import annotations

import re

import pytest

from calibset.core.text import printable
from calibset.dataset.calibration_set import CalibrationSet
from calibset.dataset.manifest import Manifest
from calibset.dataset.report.notebook import notebook_html
from tests.dataset.report.hostile import ATTACKS, TEXTS, hostile_notebook, hostile_page
from tests.dataset.report.reading_pages import Page


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, str]:
    """A manifest whose every name is an attack, and its page."""
    return hostile_page(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def hostile(material: tuple[Manifest, str]) -> str:
    """The page."""
    return material[1]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a notebook shows of it."""
    return hostile_notebook(tmp_path_factory.mktemp("notebook"))


@pytest.fixture(scope="module")
def read(hostile: str) -> Page:
    """The page, read back."""
    return Page(hostile)


def test_nothing_of_a_corpus_becomes_an_element(hostile: str, read: Page, page: Page) -> None:
    tags = [tag for tag, _ in read.elements]
    assert set(tags) <= {tag for tag, _ in page.elements}
    assert (tags.count("script"), tags.count("style"), tags.count("svg")) == (2, 1, 8)
    assert [a for _, a in read.elements if any(name.startswith("on") for name in a)] == []
    assert [a for _, a in read.elements if "href" in a and not str(a["href"]).startswith("#")] == []
    assert hostile.count("<!--") == 0


def test_what_can_steer_a_page_is_spelled_out(hostile: str) -> None:
    assert (
        re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", hostile)
        == []
    )
    hostile.encode("utf-8")
    assert r"\x00\x07\x1b[2J\x7f\x9b \u202eright\u202c" in hostile


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_shows_itself(read: Page, attack: str) -> None:
    shown = printable(attack)
    assert read.text.count(shown) >= 20
    assert any(shown in text for text in _texts(read))


def test_the_rows_are_all_there_whatever_the_spans_say(read: Page) -> None:
    assert _texts(read) == [printable(text) for text in TEXTS]


def test_no_row_can_end_its_script(hostile: str, read: Page) -> None:
    data = re.search(r'<script type="application/json" id="rows-data">(.*?)</script>', hostile, re.DOTALL)
    assert data is not None
    assert re.findall(r"[<>&\u2028\u2029]", data.group(1)) == []
    assert data.group(1) == read.scripts["rows-data"]


def test_nothing_of_a_corpus_becomes_an_element_of_a_notebook(notebook: str, built: CalibrationSet) -> None:
    shown, plain = Page(notebook), Page(built._repr_html_())
    tags = [tag for tag, _ in shown.elements]
    assert set(tags) <= {tag for tag, _ in plain.elements}
    assert (tags.count("script"), tags.count("style"), tags.count("svg")) == (0, 1, 8)
    names = {name for _, attributes in shown.elements for name in attributes}
    assert names <= {name for _, attributes in plain.elements for name in attributes}
    assert not names & {"href", "src", "style", "id"}
    assert not any(name.startswith("on") for name in names)
    classes = {str(attributes["class"]) for _, attributes in shown.elements if "class" in attributes}
    assert classes <= {
        *{str(a["class"]) for _, a in plain.elements if "class" in a},
        "note",
        "terms",
        "spelled",
        "spelled beyond",
    }
    assert notebook.count("<!--") == 0


def test_what_can_steer_a_notebook_is_spelled_out(notebook: str) -> None:
    assert (
        re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", notebook)
        == []
    )
    notebook.encode("utf-8")


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_shows_itself_in_a_notebook(notebook: str, attack: str) -> None:
    assert Page(notebook).text.count(printable(attack)) >= 20


def test_two_tables_alone_are_as_safe(material: tuple[Manifest, str]) -> None:
    page = Page(notebook_html(material[0], (), None))
    assert {tag for tag, _ in page.elements} == {"p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert all(not attributes for _, attributes in page.elements)
    assert all(printable(attack) in page.text for attack in ATTACKS)


def _texts(page: Page) -> list[str]:
    return ["".join(text for _, _, pieces in row[3] for _, text in pieces) for row in page.rows]

"""The page as a reader has it: from a file, in a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from calibset.core.text import printable
from tests.dataset.report.hostile import TEXTS
from tests.heavy.report.conftest import Open

WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")


def shown(page: Page) -> str:
    """Return the text of the row that is shown, without the mark at what is not read."""
    return "".join(
        page.evaluate(
            """[...document.querySelectorAll("#row .text")].flatMap((one) => [...one.childNodes])
               .filter((node) => node.className !== "cut").map((node) => node.textContent)"""
        )
    )


def rows_of(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text("ascii").splitlines()]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_opens_in_silence_and_fits(report: Path, visit: Open, width: int, scheme: str) -> None:
    with visit(report, width=width, scheme=scheme) as found:
        expect(found.page.locator("#browser")).to_be_visible()
        assert found.page.evaluate("document.documentElement.scrollWidth") == width
        background = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}[scheme]
        assert found.seen == []


def test_every_row_can_be_paged_to(report: Path, file: Path, visit: Open) -> None:
    rows = rows_of(file)
    with visit(report) as found:
        page = found.page
        expect(page.locator("#previous")).to_be_disabled()
        for number, row in enumerate(rows, 1):
            assert shown(page) == row["text"]
            expect(page.locator("#status")).to_contain_text(
                f"Row {number} · {row['source']} · {row['tokens']} tokens"
            )
            if number < len(rows):
                page.click("#next")
        expect(page.locator("#next")).to_be_disabled()
        page.click("#previous")
        assert shown(page) == rows[-2]["text"]
        assert found.seen == []


def test_rows_are_found_by_source_and_number(report: Path, file: Path, visit: Open) -> None:
    rows = rows_of(file)
    english = [number for number, row in enumerate(rows, 1) if row["source"] == "english"]
    with visit(report) as found:
        page = found.page
        page.select_option("#source", label=f"english ({len(english)})")
        seen = []
        for place in range(1, len(english) + 1):
            seen.append(int(page.input_value("#number")))
            expect(page.locator("#status")).to_contain_text(f"{place} of {len(english)} of this source")
            page.click("#next", force=True)
        assert seen == english
        other = next(number for number, row in enumerate(rows, 1) if row["source"] != "english")
        page.fill("#number", str(other))
        page.press("#number", "Enter")
        assert shown(page) == rows[other - 1]["text"]
        assert page.input_value("#source") == "-1"
        for typed, there in (("9999", len(rows)), ("-3", 1), ("", 1)):
            page.fill("#number", typed)
            page.press("#number", "Enter")
            assert shown(page) == rows[there - 1]["text"]
        assert found.seen == []


def test_a_source_is_gone_to_by_the_keyboard(report: Path, file: Path, visit: Open) -> None:
    rows = rows_of(file)
    with visit(report) as found:
        page = found.page
        page.fill("#number", str(len(rows)))
        page.press("#number", "Enter")
        choice = page.get_by_label("Go to source")
        choice.focus()
        for name in dict.fromkeys(row["source"] for row in rows):
            page.keyboard.press("ArrowDown")
            first = next(number for number, row in enumerate(rows, 1) if row["source"] == name)
            expect(page.get_by_role("status")).to_contain_text(f"Row {first} · {name} · ")
        last = page.get_by_label("Go to row").input_value()
        choice.select_option(label="all sources")
        assert page.get_by_label("Go to row").input_value() == last


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_need_no_scrolling_sideways(report: Path, visit: Open, width: int) -> None:
    with visit(report, width=width) as found:
        page = found.page
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        wide = page.evaluate(
            """[...document.querySelectorAll(".scroll, .card")]
               .filter((one) => one.scrollWidth > one.clientWidth)
               .map((one) => one.getAttribute("aria-label"))"""
        )
        assert wide == []
        row = page.get_by_role("region", name="Mixture by group").get_by_role("row").nth(1)
        name = page.get_by_role("rowheader", name="slovak", exact=True).first
        assert row.get_by_role("cell").count() == 5
        before = row.get_by_role("cell").first.evaluate("(one) => getComputedStyle(one, '::before').content")
        assert before == ('"share asked for"' if width == 390 else "none")
        expect(name).to_be_visible()


def test_what_is_not_read_is_set_apart(report: Path, file: Path, visit: Open) -> None:
    rows = rows_of(file)
    longest = max(range(len(rows)), key=lambda number: rows[number]["tokens"])
    with visit(report) as found:
        found.page.fill("#number", str(longest + 1))
        found.page.press("#number", "Enter")
        beyond = "".join(found.page.locator("#row .beyond").all_text_contents())
        assert rows[longest]["text"].endswith(beyond)
        assert len(beyond.encode()) in (rows[longest]["tokens"] - 255 + extra for extra in (-1, 0, 1))
        expect(found.page.locator("#row .cut")).to_have_count(1)


def test_control_tokens_are_set_apart(report: Path, file: Path, visit: Open) -> None:
    rows = rows_of(file)
    number = next(number for number, row in enumerate(rows, 1) if "</s>" in row["text"])
    with visit(report) as found:
        found.page.fill("#number", str(number))
        found.page.press("#number", "Enter")
        assert found.page.locator("#row .control").all_text_contents() == ["</s>"] * rows[number - 1][
            "text"
        ].count("</s>")


def test_without_scripts_all_but_the_rows_is_there(report: Path, visit: Open) -> None:
    with visit(report, script=False) as found:
        page = found.page
        expect(page.get_by_text("Paging through the rows needs JavaScript")).to_be_visible()
        expect(page.locator("#browser")).to_be_hidden()
        expect(page.locator("svg")).to_have_count(8)
        summary = page.get_by_text("Documents read, by characters and source")
        table = page.get_by_role("region", name="Documents read by characters and source")
        expect(table).to_be_hidden()
        summary.click()
        expect(table).to_be_visible()
        assert found.seen == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_hostile_corpus_only_shows_itself(hostile: Path, visit: Open, width: int) -> None:
    with visit(hostile, width=width) as found:
        page = found.page
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for number, text in enumerate(TEXTS):
            assert shown(page) == printable(text)
            page.locator("#row .text").first.hover()
            if number + 1 < len(TEXTS):
                page.click("#next")
        for place in range(1, len(TEXTS) + 1):
            page.select_option("#source", index=place)
            assert shown(page) == printable(TEXTS[place - 1])
        assert page.evaluate("window.__pwned") is None
        assert (
            page.evaluate("document.querySelectorAll('img, iframe, link, object, embed, base').length") == 0
        )
        assert page.evaluate("document.scripts.length") == 2
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert found.seen == []


def test_the_policy_keeps_other_scripts_and_places_out(report: Path, visit: Open) -> None:
    with visit(report) as found:
        found.page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.__pwned = 1";
              document.body.append(script);
              const image = document.createElement("img");
              image.src = "https://example.org/x.png";
              document.body.append(image);
            }"""
        )
        assert found.page.evaluate("window.__pwned") is None
        said = [line for line in found.seen if line.startswith("console")]
        assert len(said) == 2
        assert all("violates the following Content Security Policy" in line for line in said)


def test_of_thousands_of_rows_one_is_drawn(thousands: Path, visit: Open) -> None:
    with visit(thousands, width=390) as found:
        page = found.page
        expect(page.locator("#browser")).to_be_visible()
        assert page.evaluate("document.querySelectorAll('#row .segment').length") < 10
        page.fill("#number", "4999")
        page.press("#number", "Enter")
        expect(page.locator("#status")).to_contain_text("Row 4999 ·")
        assert page.evaluate("document.querySelectorAll('#row .segment').length") < 10
        assert found.seen == []


def test_the_buttons_behind_a_row_go_back_to_its_beginning(report: Path, file: Path, visit: Open) -> None:
    with visit(report, width=390) as found:
        found.page.get_by_role("button", name="Next row").click()
        assert shown(found.page) == rows_of(file)[1]["text"]
        expect(found.page.locator("#status")).to_be_in_viewport()

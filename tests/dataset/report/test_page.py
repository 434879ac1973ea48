from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from calibset.dataset.report import report_html
from calibset.tokenizers import load_tokenizer
from tests.dataset.report.expected import expected_figures
from tests.dataset.report.reading_pages import Page


def test_every_figure_is_what_the_manifest_and_the_rows_say(file: Path, page: Page) -> None:
    tokenizer = load_tokenizer(str(file.parent / "tokenizer.json"))
    expected = expected_figures(file, tokenizer)
    found = page.values()
    assert found.keys() == expected.keys()
    assert {
        key: (value, expected[key]) for key, value in found.items() if value != pytest.approx(expected[key])
    } == {}


def test_the_material_has_something_of_everything(page: Page) -> None:
    kinds = {
        "repaired": r"sources\..*\.personal_data\.e-mail",
        "rejected": r"sources\..*\.rejections\.no column 'text'",
        "missing": r"computed\.sources\.scarce\.missing",
        "duplicates": r"sources\.english\.duplicates\..*\.similarity",
        "contaminated": r"sources\.english\.contaminated\..*\.words",
        "languages": r"computed\.languages\.sk\.share",
        "conversations": r"computed\.unidentified\.conversation\.parts",
        "curve": r"selection\.curve\.24\.chosen",
        "holdout": r"other\.nsamples",
        "evaluations": r"evaluations\.exam\.matched",
    }
    keys = list(page.figures)
    assert [kind for kind, key in kinds.items() if not any(re.fullmatch(key, one) for one in keys)] == []


def test_a_figure_is_shown_as_its_value(page: Page) -> None:
    for key, found in page.figures.items():
        ((value, shown),) = found
        number = float(shown.replace(",", "").removesuffix("%"))
        digits = len(shown.removesuffix("%").partition(".")[2])
        if shown.endswith("%"):
            number, digits = number / 100, digits + 2
        assert abs(number - float(value)) <= 0.5 * 10**-digits + 1e-12, key


def test_no_number_of_the_page_is_not_a_figure(page: Page) -> None:
    said = page.said.replace("SHA-256", "")
    assert re.findall(r".{0,30}\d.{0,30}", said) == []


def test_sums_add_up(page: Page) -> None:
    values = page.values()
    assert values["computed.tokens_given"] == values["nsamples"] * values["seqlen"]
    assert values["computed.tokens"] == values["computed.tokens_read"] + values["computed.waste_tokens"]
    of_source = r"computed\.sources\..*\.waste_tokens"
    of_language = r"computed\.(languages|unidentified)\.\w+\.share"
    cut = [value for key, value in values.items() if re.fullmatch(of_source, key)]
    assert values["computed.waste_tokens"] == sum(cut)
    assert values["computed.waste"] == pytest.approx(sum(cut) / values["computed.tokens"])
    assert (
        values["computed.rejected_and_filtered"] == values["computed.rejected"] + values["computed.filtered"]
    )
    shares = [value for key, value in values.items() if re.fullmatch(of_language, key)]
    assert len(shares) > 2
    assert sum(shares) == pytest.approx(1)


def test_one_is_not_many(page: Page) -> None:
    said = " ".join(page.text.split())
    assert "1 document holds a part of an evaluation set" in said
    many = "rows|tokens|documents|records|were|are|duplicates|samples|characters"
    assert re.findall(rf"(?<![\d,.])1 (?:{many})\b", said) == []


def test_selection_and_rows_agree_on_what_is_covered(page: Page) -> None:
    values = page.values()
    assert values["computed.coverage.24.distinct"] == values["selection.distinct_tokens"]
    assert values["selection.curve.24.chosen"] == values["selection.distinct_tokens"]


def test_the_same_file_gives_the_same_bytes(file: Path, html: str) -> None:
    assert report_html(file) == html


def test_the_rows_are_those_of_the_file(file: Path, page: Page) -> None:
    manifest = json.loads(file.with_suffix(".manifest.json").read_text("utf-8"))
    lines = [json.loads(line) for line in file.read_text("ascii").splitlines()]
    assert len(page.rows) == len(lines)
    names = list(dict.fromkeys(line["source"] for line in lines))
    for line, sample, (number, tokens, source, segments) in zip(
        lines, manifest["samples"], page.rows, strict=True
    ):
        assert lines[number - 1] is line
        assert (tokens, names[source]) == (line["tokens"], line["source"])
        assert "".join(text for _, _, pieces in segments for _, text in pieces) == line["text"]
        assert [name for name, kind, _ in segments if kind] == [
            span["document"] for span in sample["documents"]
        ]
        assert [kind for _, kind, _ in segments if kind] == [
            1 if span["whole"] else 2 for span in sample["documents"]
        ]


def test_what_is_not_read_and_control_tokens_are_marked(page: Page) -> None:
    # A token is a byte here and BOS stands before the text, so 255 bytes are read, perhaps half a letter.
    control = set()
    for _, _, _, segments in page.rows:
        pieces = [piece for _, _, pieces in segments for piece in pieces]
        read = (1 if flags & 1 else len(text.encode()) for flags, text in pieces if not flags & 2)
        assert sum(read) in (254, 255, 256)
        control |= {text for flags, text in pieces if flags & 1}
    assert control == {"</s>"}


def test_the_policy_lets_nothing_in_but_what_is_there(html: str, page: Page) -> None:
    policy = next(
        a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
    )
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None

    def digest(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy == (
        f"default-src 'none'; style-src {digest(style.group(1))}; script-src {digest(page.scripts['code'])}; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [a for _, a in page.elements if "style" in a or any(name.startswith("on") for name in a)] == []
    links = [a[name] for _, a in page.elements for name in ("href", "src", "data", "action") if name in a]
    assert all(link is not None and link.startswith("#") for link in links)
    assert {link[1:] for link in links if link} <= set(page.ids)


def test_ids_are_unique_and_each_plot_says_what_it_shows(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    plots = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(plots) == 8
    assert all(plot["role"] == "img" and plot["aria-label"] for plot in plots)


def test_the_script_puts_text_nowhere_but_into_text(page: Page) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|Function", page.scripts["code"]
    )


def test_a_holdout_has_a_page_of_its_own(file: Path) -> None:
    holdout = Page(report_html(file.with_name("material.holdout.jsonl")))
    assert "Holdout of a calibration set" in holdout.said
    assert len(holdout.rows) == 4
    tokenizer = load_tokenizer(str(file.parent / "tokenizer.json"))
    expected = expected_figures(file.with_name("material.holdout.jsonl"), tokenizer)
    assert holdout.values() == pytest.approx(expected)

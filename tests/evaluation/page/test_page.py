"""The page says what the comparison found, and untrusted text stays text in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from calibset.core.errors import TokenizerError
from calibset.core.text import printable
from calibset.evaluation.comparing import Compared
from calibset.evaluation.page import page_html, write_page
from calibset.evaluation.page.worst import LEVELS, find_common_tokens, find_worst_windows
from calibset.tokenizers import Tokenizer
from tests.dataset.report.hostile import ATTACKS
from tests.dataset.report.reading_pages import Page


@pytest.fixture(scope="module")
def html(compared: Compared, tokenizer: Tokenizer) -> str:
    return page_html(compared, tokenizer)


@pytest.fixture(scope="module")
def read(html: str) -> Page:
    return Page(html)


def test_no_text_becomes_an_element(read: Page) -> None:
    tags = {tag for tag, _ in read.elements}
    assert tags.isdisjoint({"script", "b", "i", "u", "iframe", "img", "link", "object", "form"})
    for _, attributes in read.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert all(printable(attack) in read.text for attack in ATTACKS[:3])


def test_the_policy_allows_its_style_alone(read: Page) -> None:
    (policy,) = [
        values["content"] for tag, values in read.elements if tag == "meta" and "http-equiv" in values
    ]
    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[^']+'; script-src 'none'; base-uri 'none'; "
        r"form-action 'none'",
        policy,
    )


def test_links_lead_to_sections(read: Page) -> None:
    targets = [values["href"] for tag, values in read.elements if tag == "a"]
    assert targets == ["#domains", "#positions", "#generation", "#recipes", "#windows", "#method"]
    assert {target.removeprefix("#") for target in targets if target} <= set(read.ids)


def test_lower_bounds_are_marked_wherever_they_stand(compared: Compared, html: str, read: Page) -> None:
    kld = compared.comparison.others[0].domains[0].kld
    assert kld is not None
    assert f"≥{kld.mean.value:.4f}" in read.text
    assert "from the 4 likeliest tokens of each model" in read.text
    assert not re.search(rf"(?<!≥){kld.mean.value:.4f}", html)


def test_the_same_comparison_gives_the_same_bytes(
    compared: Compared, tokenizer: Tokenizer, html: str
) -> None:
    assert page_html(compared, tokenizer) == html


def test_the_worst_windows_come_first_with_their_whole_text(compared: Compared, tokenizer: Tokenizer) -> None:
    pair = next(iter(compared.pairs.values()))
    assert pair.divergence is not None
    found = list(find_worst_windows(compared.positions, pair, tokenizer))
    means = [
        pair.divergence.values[compared.positions.window == number].mean()
        for number in range(len(compared.positions.windows))
    ]
    assert [one.kld for one in found] == pytest.approx(sorted(means, reverse=True)[:6])
    worst = found[0]
    assert "".join(piece.text for piece in worst.pieces) == tokenizer.decode(worst.window.ids.tolist())
    assert not worst.is_cut
    scored = [piece for piece in worst.pieces if piece.kld is not None]
    # Letters of two bytes are a piece of two tokens.
    assert 0.7 * len(worst.window.scored) < len(scored) <= len(worst.window.scored)
    assert all(piece.level == sum(piece.kld >= level for level in LEVELS) for piece in scored)
    assert [token.kld for token in worst.tokens] == sorted((one.kld for one in scored), reverse=True)[:8]
    token = worst.tokens[0]
    assert len(token.base) == len(token.other) == 3
    assert 1 > token.base[0].share >= token.base[1].share > 0


def test_a_long_window_is_shown_where_it_broke(compared: Compared, tokenizer: Tokenizer, monkeypatch) -> None:
    monkeypatch.setattr("calibset.evaluation.page.worst._LONGEST", 10)
    pair = next(iter(compared.pairs.values()))
    worst = next(find_worst_windows(compared.positions, pair, tokenizer))
    assert worst.is_cut
    shown = "".join(piece.text for piece in worst.pieces).strip("\ufffd")
    assert 5 <= len(shown) <= 10
    assert shown in tokenizer.decode(worst.window.ids.tolist())


def test_common_tokens_share_all_of_the_divergence(compared: Compared, tokenizer: Tokenizer) -> None:
    pair = next(iter(compared.pairs.values()))
    assert pair.divergence is not None
    found = list(find_common_tokens(compared.positions, pair, tokenizer))
    assert sum(one.share for one in found) <= 1 + 1e-9
    assert [one.share for one in found] == sorted((one.share for one in found), reverse=True)
    whole = pair.divergence.values.sum()
    assert all(one.mean * one.count / whole == pytest.approx(one.share) for one in found)


def test_a_tokenizer_that_changed_is_an_error(compared: Compared, tmp_path: Path) -> None:
    from dataclasses import replace

    changed = replace(compared, tokenizer_sha256="0" * 64)
    with pytest.raises(
        TokenizerError, match="is not what it was when the models were measured; give --tokenizer"
    ):
        write_page(changed, tmp_path / "out.html")
    with pytest.raises(
        TokenizerError,
        match=rf"^--tokenizer {re.escape(compared.tokenizer)}: is not what the models were measured with "
        rf"\({re.escape(compared.tokenizer)}\): its vocabulary or its chat template is another; give that "
        r"one, unchanged$",
    ):
        write_page(changed, tmp_path / "out.html", tokenizer=compared.tokenizer)
    gone = replace(compared, tokenizer=str(tmp_path / "gone"))
    with pytest.raises(TokenizerError, match="so say where it is with --tokenizer"):
        write_page(gone, tmp_path / "out.html")
    write_page(gone, tmp_path / "out.html", tokenizer=compared.tokenizer)
    assert (tmp_path / "out.html").exists()

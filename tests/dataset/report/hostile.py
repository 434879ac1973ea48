"""A file in which everything that a corpus or a recipe may name tries to be more than text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from calibset.core.documents import Sample, Span
from calibset.dataset.calibration_file import EncodedRow
from calibset.dataset.manifest import Manifest, SampleReport
from calibset.dataset.report.browser_rows import write_browser_rows
from calibset.dataset.report.figures import compute_figures
from calibset.dataset.report.notebook import notebook_html
from calibset.dataset.report.page import render_page
from calibset.dataset.report.rows import read_rows
from calibset.hygiene.decontamination import Contamination
from calibset.hygiene.deduplication import Duplicate
from calibset.tokenizers import ControlTokens, load_tokenizer
from tests.dataset.report.material import build_material

ATTACKS = (
    "<script>window.__pwned = 1; alert(1)</script>",
    "</script><script>window.__pwned = 2</script><!-- <script>",
    "--><img src=x onerror='window.__pwned=3; alert(3)'>",
    '"><svg onload="window.__pwned=4"><a href="javascript:window.__pwned=5">x</a>',
    "' onmouseover='window.__pwned=6' x='",
    "</style><style>*{display:none}</style></title></textarea></noscript></details></table>",
    "{{ 7 * 7 }}{% raw %}${7*7} $\\frac{1}{2}$",
    "<iframe src='https://example.org/'></iframe><link rel=stylesheet href='//example.org/x.css'>",
    "\x00\x07\x1b[2J\x7f\x9b \u202eright\u202c \u2066isolated\u2069 \u2028line\u2029 \u061c\u200f",
    "half a \ud800 character \udfff",
    "]]>&lt;&amp;&#x3c;script&#x3e; \\u003cscript\\u003e \ufffe\uffff 日本語 العربية",
)
"""Each of them must only show itself."""


TEXTS = [f"{attack} and what follows {attack} " + "x" * 300 for attack in ATTACKS]
"""The rows."""


def _manifest(built: Manifest, folder: Path) -> Manifest:
    tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
    names = [f"{attack} {number}" for number, attack in enumerate(ATTACKS)]
    samples = tuple(
        SampleReport.model_construct(
            source=name, tokens=len(tokenizer.encode(text, parse_special=True)), documents=_spans(text, name)
        )
        for text, name in zip(TEXTS, names, strict=True)
    )
    everywhere = "".join(ATTACKS)
    counts = dict.fromkeys(ATTACKS, 3)
    sources = tuple(
        built.sources[0].model_copy(
            update={
                "name": name,
                "group": everywhere,
                "type": name,
                "location": name,
                "revision": name,
                "licence": name,
                "tokens": sample.tokens,
                "tokens_read": sample.tokens - 1,
                "rejections": counts,
                "filtered": counts,
                "repaired": counts,
                "conversations_repaired": counts,
                "personal_data": counts,
                "duplicates": (
                    Duplicate(document=name, source=name, kept=name, similarity=0.9, exact=False),
                ),
                "contaminated": (_contamination(name),),
                "tool_names": {name: {name: name}},
            }
        )
        for name, sample in zip(names, samples, strict=True)
    )
    group = built.groups[0].model_copy(update={"name": everywhere})
    evaluation = built.evaluations[0].model_copy(
        update={"name": everywhere, "location": everywhere, "type": everywhere}
    )
    assert built.selection is not None
    update: Mapping[str, Any] = {
        "name": everywhere,
        "recipe": {
            "name": everywhere,
            "description": everywhere,
            everywhere: [everywhere, {everywhere: everywhere}],
        },
        "versions": {everywhere: everywhere},
        "quantizer": everywhere,
        "groups": (group,),
        "sources": sources,
        "evaluations": (evaluation,),
        "selection": replace(
            built.selection, method=everywhere, terms_met=ATTACKS, terms_missed=ATTACKS, curve=()
        ),
        "samples": samples,
    }
    return built.model_copy(update=update)


def hostile_page(folder: Path) -> tuple[Manifest, str]:
    """Return the manifest and the page of a file whose every text and name is an attack.

    Half a character could stand in no file, but in a set in memory.
    """
    manifest = _manifest(build_material(folder).manifest, folder)
    tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
    control_tokens = ControlTokens.of(tokenizer.special_tokens)
    encoded = [
        EncodedRow(
            number=number,
            text=text,
            encoded=tokenizer.encode_with_ends(text.rstrip(), parse_special=True),
            report=None,
        )
        for number, text in enumerate(TEXTS, 1)
    ]
    rows = read_rows(encoded, manifest, tokenizer)
    figures = compute_figures(manifest, rows, control_tokens)
    return manifest, render_page("".join(ATTACKS), figures, write_browser_rows(rows, control_tokens), ATTACKS)


def hostile_notebook(folder: Path) -> str:
    """Return what a notebook shows of such a set."""
    manifest = _manifest(build_material(folder).manifest, folder)
    tokenizer = load_tokenizer(str(folder / "tokenizer.json"))
    samples = [
        Sample(
            text=text,
            token_ids=tuple(tokenizer.encode(text, parse_special=True)),
            source=report.source,
            documents=tuple(
                Span(document=s.document, start=s.start, end=s.end, whole=s.whole, filler=s.filler)
                for s in report.documents
            ),
        )
        for text, report in zip(TEXTS, manifest.samples, strict=True)
    ]
    return notebook_html(manifest, samples, tokenizer, ATTACKS)


def _spans(text: str, name: str) -> tuple[Span, ...]:
    # Spans of a manifest that someone altered may lie anywhere.
    places = ((0, 40), (45, 90), (60, 50), (-5, 120), (110, 10_000))
    return tuple(
        Span(document=name, start=start, end=end, whole=start == 0, filler=start == 110)
        for start, end in places
    )


def _contamination(name: str) -> Contamination:
    return Contamination(
        document=name,
        exclude=name,
        others=(),
        passage=name,
        words=20,
        containment=0.5,
        excerpt="".join(ATTACKS),
    )

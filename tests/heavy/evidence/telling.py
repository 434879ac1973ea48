"""What was measured, as data, tables and plots."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from calibset import verify
from calibset.evaluation.comparison import Comparison
from tests.heavy.evidence.running import AGAIN, FIGURES, WIKITEXT
from tests.heavy.evidence.settings import MAIN, Run, SetSpec, Setting

# The domains in the order of the tables, each as the holdout's groups and data sets name it.
DOMAINS = {
    "slovak": "Slovak",
    "insurance": "insurance",
    "tools": "tool calls",
    "general": "Pile",
    WIKITEXT: "WikiText-2",
}
_NAMES = {
    "none": "none (round to nearest)",
    "pile-10k": "pile-10k alone",
    "script": "the 7,000-character script",
    "recipe": "calibset, the Slovak recipe",
    "coverage": "the same, selected by coverage",
    "general-10": "the same with 10 % Pile",
    "general-20": "the same with 20 % Pile",
    "general-30": "the same with 30 % Pile",
    "letters": "the same, tool calls spelled as letters",
    "rows-32": "32 rows",
    "rows-64": "64 rows",
    "rows-256": "256 rows",
    "rows-512": "512 rows",
    "short-rows": "512 rows of 512 tokens",
}


@dataclass(frozen=True)
class Figure:
    """What a model that was quantized with one set costs in one domain.

    Attributes:
        set: The calibration set's name.
        run: Which of the set's runs it is, from 0.
        bits: The width of the weights.
        domain: The domain.
        windows: How many windows it has.
        positions: How many tokens of it were scored.
        kld: The mean KL divergence from the model, over the whole vocabulary, in nats.
        kld_low: The lower end of its 95 % interval over documents.
        kld_high: The upper end.
        perplexity: The quantized model's perplexity.
        change: Its relative change.
        same_top: The share of tokens at which both models find the same token likeliest.
    """

    set: str
    run: int
    bits: int
    domain: str
    windows: int
    positions: int
    kld: float
    kld_low: float | None
    kld_high: float | None
    perplexity: float
    change: float
    same_top: float | None


def tell(setting: Setting, folder: Path, model: Path, out: Path) -> None:
    """Write the figures as JSON, plots of them, and the tables in docs/explanation/evidence.md."""
    out.mkdir(parents=True, exist_ok=True)
    figures = list(read_figures(folder / FIGURES))
    (out / "figures.json").write_text(json.dumps([asdict(one) for one in figures], indent=1) + "\n", "ascii")
    kept = {
        one.name: [
            count_kept(folder / Run(one.name, seed, one.bits[0]).file, one, model) for seed in one.seeds
        ]
        for one in setting.sets
        if one.made_by
    }
    (out / "rows.json").write_text(json.dumps(kept, indent=1) + "\n", "ascii")
    again = list(read_figures(folder / AGAIN))
    main = [one.name for one in MAIN]
    tables = {
        "main": table(figures, main, 4),
        "three-bits": table(figures, main, 3),
        "general": table(figures, ("recipe", "general-10", "general-20", "general-30", "pile-10k"), 4),
        "rows": table(figures, ("rows-32", "rows-64", "recipe", "rows-256", "rows-512", "short-rows"), 4),
        "letters": table(figures, ("recipe", "letters"), 4),
        "perplexity": table(figures, main, 4, "change"),
        "again": table(again, main, 4),
        "kept": kept_table(kept, setting),
    }
    page = out.parent / "explanation" / "evidence.md"
    if page.exists():
        text = page.read_text("utf-8")
        for name, lines in tables.items():
            pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
            text = re.sub(
                pattern, lambda found, new=lines: f"{found[1]}{new}{found[2]}", text, flags=re.DOTALL
            )
        page.write_text(text, "utf-8")
    from tests.heavy.evidence.plotting import plot_domains, plot_general, plot_rows

    plot_domains(figures, out / "domains.svg")
    plot_rows(figures, out / "rows.svg")
    plot_general(figures, out / "general.svg")


def read_figures(folder: Path) -> Iterator[Figure]:
    """Yield the figures of every comparison in a folder."""
    for path in sorted(folder.glob("*.json")):
        name, bits, data = re.fullmatch(r"(.+)-w(\d)\.(.+)\.json", path.name).groups()  # type: ignore[union-attr]
        for run, other in enumerate(Comparison.read(path).others):
            for domain in other.domains:
                named = WIKITEXT if data == WIKITEXT and domain.kind == "all" else domain.name
                if named not in DOMAINS or domain.kind == "source" or domain.kld is None:
                    continue
                kld, ppl = domain.kld.mean, domain.perplexity
                yield Figure(
                    set=name, run=run, bits=int(bits), domain=named, windows=domain.windows,
                    positions=domain.positions, kld=kld.value, kld_low=kld.low, kld_high=kld.high,
                    perplexity=ppl.other, change=ppl.change.value,
                    same_top=domain.same_top.value if domain.same_top else None,
                )  # fmt: skip


def count_kept(path: Path, spec: SetSpec, model: Path) -> int:
    """Return how many rows of a file AutoRound keeps."""
    return verify(path, tokenizer=str(model), seqlen=spec.seqlen, nsamples=spec.nsamples).kept


def values_of(figures: Sequence[Figure], name: str, bits: int, domain: str, key: str = "kld") -> list[float]:
    """Return the figures of a set's runs in a domain."""
    return [getattr(one, key) for one in figures if (one.set, one.bits, one.domain) == (name, bits, domain)]


def table(figures: Sequence[Figure], names: Sequence[str], bits: int, key: str = "kld") -> str:
    """Return mean and standard deviation over seeds by set and domain, as Markdown."""
    lines = [
        f"| calibration set | runs | {' | '.join(DOMAINS.values())} |",
        "|---|---|" + "---|" * len(DOMAINS),
    ]
    for name in names:
        cells = [values_of(figures, name, bits, domain, key) for domain in DOMAINS]
        if any(cells):
            shown = " | ".join(show(values, key) for values in cells)
            lines.append(f"| {_NAMES[name]} | {max(map(len, cells))} | {shown} |")
    return "".join(f"{line}\n" for line in lines)


def show(values: Sequence[float], key: str) -> str:
    """Return the mean of values, and what they deviate by if there are several."""
    if not values:
        return "–"
    scale, digits, unit = (100, 1, " %") if key == "change" else (1, 3, "")
    deviation = f" ± {statistics.stdev(values) * scale:.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values) * scale:.{digits}f}{deviation}{unit}"


def kept_table(kept: dict[str, list[int]], setting: Setting) -> str:
    """Return how many rows of each set AutoRound keeps, as Markdown."""
    lines = ["| calibration set | rows | kept by AutoRound |", "|---|---|---|"]
    for name, counts in kept.items():
        lines.append(f"| {_NAMES[name]} | {setting.spec(name).nsamples} | {', '.join(map(str, counts))} |")
    return "".join(f"{line}\n" for line in lines)

"""Every figure of a report, computed once more, from a manifest's JSON and the file's lines."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from calibset.hygiene.language import identify_language
from calibset.tokenizers import Tokenizer

_COUNTS = (
    "asked", "achieved", "pool", "tokens", "tokens_read", "documents_read", "documents_used",
)  # fmt: skip
_WHERE_ANY = (
    "repeated", "boilerplate_lines", "control_tokens_neutralised", "leading_bos_removed", "blanks_shortened",
    "conversations_shortened", "conversations_incomplete", "thoughts_dropped",
)  # fmt: skip
_BY_NAME = (
    "document_lengths",
    "rejections",
    "filtered",
    "repaired",
    "conversations_repaired",
    "personal_data",
)

Figure = tuple[str, float]


def expected_figures(
    file: Path, tokenizer: Tokenizer, *, listed: int = 200, rows_shown: int = 0
) -> dict[str, float]:
    """Return what the page about a file must say, by figure.

    Args:
        file: The calibration file.
        tokenizer: What measured it.
        listed: Duplicates of a source that are named.
        rows_shown: Rows whose tokens stand above them.
    """
    manifest = json.loads(file.with_suffix(".manifest.json").read_text("utf-8"))
    rows = [json.loads(line)["text"] for line in file.read_text("ascii").splitlines()]
    found = dict(_of_manifest(manifest))
    found |= dict(_of_sums(manifest, tokenizer))
    found |= dict(_of_sources(manifest))
    found |= dict(_of_left_out(manifest, listed))
    found |= dict(_of_kept(manifest))
    found |= dict(_of_lengths(manifest))
    found |= dict(_of_coverage(manifest, rows, tokenizer))
    found |= dict(_of_languages(manifest, rows, tokenizer))
    for place, sample in enumerate(manifest["samples"][:rows_shown]):
        found |= {f"computed.rows.{place}.number": place + 1, f"samples.{place}.tokens": sample["tokens"]}
    return found


def _of_manifest(manifest: dict[str, Any]) -> Iterator[Figure]:
    for key in ("nsamples", "seqlen", "kept"):
        yield key, manifest[key]
    if manifest["turns"]:
        for key in ("turns", "complete_turns", "filler"):
            yield key, manifest[key]
    for group in manifest["groups"]:
        key = f"groups.{group['name']}"
        for field in ("asked", "achieved", "tokens"):
            yield f"{key}.{field}", group[field]
        if group["share"] is not None:
            yield f"{key}.share", group["share"]
        rows = sum(other["achieved"] for other in manifest["groups"])
        yield f"computed.{key}.achieved", group["achieved"] / rows
    if manifest["other"]:
        yield "other.nsamples", manifest["other"]["nsamples"]


def _of_sums(manifest: dict[str, Any], tokenizer: Tokenizer) -> Iterator[Figure]:
    sources = manifest["sources"]
    for one in manifest["evaluations"]:
        for field in ("documents", "words", "matched"):
            yield f"evaluations.{one['name']}.{field}", one[field]
    tokens, read = (sum(source[field] for source in sources) for field in ("tokens", "tokens_read"))
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    if around:
        yield "computed.tokens_given", read + around * manifest["nsamples"]
    yield "computed.waste_tokens", tokens - read
    yield "computed.waste", (tokens - read) / tokens
    for field in ("asked", "pool", "tokens", "tokens_read", "documents_used", "documents_read"):
        yield f"computed.{field}", sum(source[field] for source in sources)
    for licence in {source["licence"] for source in sources}:
        own = [source for source in sources if source["licence"] == licence]
        yield f"computed.licences.{licence}.rows", sum(source["achieved"] for source in own)
        yield f"computed.licences.{licence}.tokens", sum(source["tokens_read"] for source in own)


def _of_sources(manifest: dict[str, Any]) -> Iterator[Figure]:
    for source in manifest["sources"]:
        key = f"sources.{source['name']}"
        yield from ((f"{key}.{field}", source[field]) for field in _COUNTS)
        yield from ((f"{key}.{field}", source[field]) for field in _WHERE_ANY if source[field])
        for field in _BY_NAME:
            yield from ((f"{key}.{field}.{name}", count) for name, count in source[field].items())
        if source["tool_names"]:
            yield f"{key}.tool_names.count", len(source["tool_names"])
        cut = source["tokens"] - source["tokens_read"]
        yield f"computed.{key}.share", source["achieved"] / len(manifest["samples"])
        yield f"computed.{key}.waste_tokens", cut
        yield f"computed.{key}.waste", cut / source["tokens"] if source["tokens"] else 0
        if source["asked"] > source["achieved"]:
            yield f"computed.{key}.missing", source["asked"] - source["achieved"]
        own = [sample for sample in manifest["samples"] if sample["source"] == source["name"]]
        if own:
            tokens = [sample["tokens"] for sample in own]
            yield f"computed.{key}.least", min(tokens)
            yield f"computed.{key}.middle", statistics.median(tokens)
            yield f"computed.{key}.most", max(tokens)
            documents = [span for sample in own for span in sample["documents"] if not span["filler"]]
            yield f"computed.{key}.documents", len(documents) / len(own)


def _of_left_out(manifest: dict[str, Any], listed: int) -> Iterator[Figure]:
    rejected = sum(count for source in manifest["sources"] for count in source["rejections"].values())
    aside = sum(count for source in manifest["sources"] for count in source["filtered"].values())
    yield "computed.rejected_and_filtered", rejected + aside
    yield "computed.rejected", rejected
    yield "computed.filtered", aside
    for source in manifest["sources"]:
        name, found = source["name"], source["duplicates"]
        for one in found[:listed]:
            yield f"sources.{name}.duplicates.{one['document']}.similarity", one["similarity"]
        if found:
            yield f"computed.duplicates.{name}.count", len(found)
            yield f"computed.duplicates.{name}.same_words", sum(one["exact"] for one in found)
        if len(found) > listed:
            yield f"computed.duplicates.{name}.more", len(found) - listed


def _of_kept(manifest: dict[str, Any]) -> Iterator[Figure]:
    repeats: Counter[tuple[str, str]] = Counter()
    least: dict[tuple[str, str], float] = {}
    for source in manifest["sources"]:
        name = source["name"]
        for one in source["duplicates"]:
            kept = (one["source"], one["kept"])
            repeats[kept] += 1
            least[kept] = min(least.get(kept, 1), one["similarity"])
        if source["contaminated"]:
            yield f"computed.contaminated.{name}.count", len(source["contaminated"])
        for one in source["contaminated"]:
            yield f"sources.{name}.contaminated.{one['document']}.words", one["words"]
            yield f"sources.{name}.contaminated.{one['document']}.containment", one["containment"]
    if repeats:
        yield "computed.duplicates", repeats.total()
    for place, kept in enumerate(sorted(repeats, key=lambda kept: (-repeats[kept], kept))[:10]):
        yield f"computed.most_repeated.{place}.repeats", repeats[kept]
        yield f"computed.most_repeated.{place}.least_similarity", least[kept]


def _of_lengths(manifest: dict[str, Any]) -> Iterator[Figure]:
    counts: Counter[int] = Counter()
    for source in manifest["sources"]:
        counts.update({int(least): count for least, count in source["document_lengths"].items()})
    for place, least in enumerate(sorted(counts)):
        yield f"computed.document_lengths.{place}.least", least
        yield f"computed.document_lengths.{place}.most", max(least, 2 * least - 1)
        yield f"computed.document_lengths.{place}.count", counts[least]
    tokens = [sample["tokens"] for sample in manifest["samples"]]
    width = -(-(max(tokens) - min(tokens) + 1) // 16)
    yield from _bins(
        "row_tokens", tokens, [(at, at + width - 1) for at in range(min(tokens), max(tokens) + 1, width)]
    )
    documents = [sum(not span["filler"] for span in sample["documents"]) for sample in manifest["samples"]]
    doubling = [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32), (33, 64), (65, 128), (129, 256)]
    held = [i for i, (least, most) in enumerate(doubling) if any(least <= one <= most for one in documents)]
    yield from _bins("row_documents", documents, doubling[held[0] : held[-1] + 1])


def _bins(name: str, values: list[int], bins: list[tuple[int, int]]) -> Iterator[Figure]:
    for place, (least, most) in enumerate(bins):
        yield f"computed.{name}.{place}.least", least
        if most != least:
            yield f"computed.{name}.{place}.most", most
        yield f"computed.{name}.{place}.count", sum(least <= value <= most for value in values)


def _of_coverage(manifest: dict[str, Any], rows: list[str], tokenizer: Tokenizer) -> Iterator[Figure]:
    chosen = manifest["selection"] or {"curve": []}
    for point in chosen["curve"]:
        yield f"selection.curve.{point['rows']}.chosen", point["chosen"]
        yield f"selection.curve.{point['rows']}.random_mean", point["random_mean"]
    if manifest["selection"]:
        for field in ("pool", "distinct_tokens", "random_mean", "random_sd", "pool_tokens", "attainable"):
            yield f"selection.{field}", chosen[field]
        for field in ("terms_met", "terms_missed", "terms_absent"):
            yield f"selection.{field}.count", len(chosen[field])
    marks = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}
    marks |= {len(rows) * i // 32 for i in range(1, 33)} | {point["rows"] for point in chosen["curve"]}
    seen = set(tokenizer.prefix) | set(tokenizer.suffix)
    around = len(tokenizer.prefix) + len(tokenizer.suffix)
    for number, text in enumerate(rows, 1):
        seen |= set(tokenizer.encode(text, parse_special=True)[: manifest["seqlen"] - around])
        if number in marks:
            yield f"computed.coverage.{number}.rows", number
            yield f"computed.coverage.{number}.distinct", len(seen)
    yield "computed.distinct", len(seen)


def _of_languages(manifest: dict[str, Any], rows: list[str], tokenizer: Tokenizer) -> Iterator[Figure]:
    parts: Counter[str] = Counter()
    letters: Counter[str] = Counter()
    for text, sample in zip(rows, manifest["samples"], strict=True):
        for span in sample["documents"]:
            part = text[span["start"] : span["end"]]
            if any(spelling in part for spelling in tokenizer.special_tokens):
                keys = ["unidentified.conversation"]
            elif sum(letter.isalpha() for letter in part) < 150:
                keys = ["unidentified.short"]
            elif identify_language(part).score < 0.5:
                keys = ["unidentified.uncertain"]
            else:
                code = identify_language(part).code
                keys = [f"languages.{code}", f"languages_by_source.{sample['source']}.{code}"]
            for key in keys:
                parts[key] += 1
                letters[key] += len(part)
    # Each of a source's is one of a language's too.
    everything = sum(count for key, count in letters.items() if not key.startswith("languages_by_source."))
    for key in parts:
        yield f"computed.{key}.parts", parts[key]
        yield f"computed.{key}.characters", letters[key]
        if not key.startswith("languages_by_source."):
            yield f"computed.{key}.share", letters[key] / everything
    if "unidentified.short" in parts:
        yield "computed.least_letters", 150

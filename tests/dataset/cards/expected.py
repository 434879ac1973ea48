"""Every number of a card, computed once more, from the JSON of manifests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

Data = dict[str, Any]
Line = tuple[str, list[float]]
"""How a line begins, and its numbers in order; those of percentages as parts of a whole."""


def expected_tables(manifest: Data) -> list[list[float]]:
    """Return the numbers of each row of the tables of sources, of groups and of evaluation sets."""
    sources, groups = manifest["sources"], manifest["groups"]
    rows = len(manifest["samples"])
    asked, read = (sum(source[key] for source in sources) for key in ("asked", "tokens_read"))
    own = Counter(sample["source"] for sample in manifest["samples"])
    by_group = {group["name"]: [s for s in sources if s["group"] == group["name"]] for group in groups}
    tables = []
    for source in sources:
        name, tokens = source["name"], source["tokens_read"]
        weight = manifest["recipe"]["sources"][name]["weight"]
        tables.append(
            [
                weight,
                source["asked"],
                source["asked"] / asked,
                own[name],
                own[name] / rows,
                tokens,
                tokens / read,
            ]
        )
    for name, members in by_group.items():
        share = manifest["recipe"]["groups"].get(name)
        achieved = sum(own[source["name"]] for source in members)
        of_group = [sum(source[key] for source in members) for key in ("asked", "tokens_read")]
        figures = [of_group[0], achieved, achieved / rows, of_group[1] / read]
        tables.append(figures if share is None else [share, *figures])
    for one in manifest["evaluations"]:
        found = [match for source in sources for match in source["contaminated"]]
        tables.append([one["documents"], sum(one["name"] in (f["exclude"], *f["others"]) for f in found)])
    return tables


def expected_card(manifest: Data, holdout: Data) -> list[Line]:
    """Return the lines of a dataset card that have a number, bar those of tables."""
    rows, seqlen = len(manifest["samples"]), manifest["seqlen"]
    return [
        (f"{rows} rows of", [rows, seqlen]),
        ("The tables count", [len(holdout["samples"])]),
        *_method(manifest, holdout),
        ("Give the quantizer", [rows, seqlen]),
    ]


def expected_section(manifest: Data, holdout: Data) -> list[Line]:
    """Return the same of the section of a model's card."""
    rows, seqlen = len(manifest["samples"]), manifest["seqlen"]
    return [("Quantization was calibrated with", [rows, seqlen]), *_method(manifest, holdout)]


def expected_attribution(manifest: Data, holdout: Data) -> list[Line]:
    """Return the same of the attribution, which is of both files."""
    found: list[Line] = []
    for source, other in zip(manifest["sources"], holdout["sources"], strict=True):
        rows = [
            row for one in (manifest, holdout) for row in one["samples"] if row["source"] == source["name"]
        ]
        if not rows:
            continue
        used = {span["document"] for row in rows for span in row["documents"]}
        found.append(("used:", [len(used), len(rows)]))
        mended = [sum(other[key].values()) for key in ("repaired", "personal_data")]
        mended += [other[key] for key in ("boilerplate_lines", "control_tokens_neutralised")]
        mended += [other["conversations_shortened"], *other["conversations_repaired"].values()]
        mended = [number for number in [*mended, other["thoughts_dropped"]] if number]
        renamed = len(source["tool_names"]) + len(other["tool_names"])
        changes = [*([renamed] if renamed else []), *([other["documents_read"], *mended] if mended else [])]
        if changes:
            found.append(("changed:", changes))
    return found


def _method(manifest: Data, holdout: Data) -> Iterator[Line]:
    sources, recipe, chosen = manifest["sources"], manifest["recipe"], manifest["selection"]
    rows, seqlen = len(manifest["samples"]), manifest["seqlen"]
    yield "Rows:", [rows, manifest["kept"], seqlen]
    turns = [manifest["turns"], manifest["complete_turns"]] if manifest["turns"] else []
    yield "Packing:", [seqlen, manifest["waste"], manifest["filler"], *turns]
    used = sum(source["documents_used"] for source in sources)
    yield "Documents:", [sum(source["documents_read"] for source in sources), used]
    if recipe["control_tokens"] == "neutralise":
        yield "Control tokens", [sum(source["control_tokens_neutralised"] for source in sources)]
    for label, key in (
        ("Filtered:", "filtered"), ("Rejected", "rejections"),
        ("Documents repaired:", "repaired"), ("Conversations repaired:", "conversations_repaired"),
        ("Personal data", "personal_data"),
    ):  # fmt: skip
        counts: Counter[str] = Counter()
        for source in sources:
            counts.update(source[key])
        if counts:
            yield label, sorted(counts.values(), reverse=True)
    if lines := sum(source["boilerplate_lines"] for source in sources):
        yield "Boilerplate:", [lines]
    documents = {(s["name"], match["document"]) for s in sources for match in s["contaminated"]}
    yield "Decontamination:", [len(documents), recipe["decontamination"]["run"]]
    fields = ("pool", "distinct_tokens", "random_mean", "random_sd", "pool_tokens")
    yield "Selection:", [chosen[key] for key in fields]
    yield "The holdout set,", [len(holdout["samples"])]
    yield "Seed:", [recipe["seed"]]

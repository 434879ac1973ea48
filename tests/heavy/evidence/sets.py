"""The calibration sets and the holdout, written as files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from calibset import Conversation, Document, Recipe, build, parse_recipe
from calibset.core.control_tokens import ControlTokens
from calibset.pipeline.readers import open_readers, open_storage
from calibset.selection.holdout import HeldOut
from calibset.selection.quotas import apportion
from tests.heavy.benchmarks.plain_script import joined
from tests.heavy.evidence.settings import (
    HOLDOUT_SEED,
    HOLDOUT_SHARE,
    LETTERS,
    PILE,
    SCRIPT,
    SetSpec,
    Setting,
)
from tests.heavy.hub import FLAGSHIP

GROUPS = {"slovak": Fraction(4, 10), "insurance": Fraction(3, 10), "tools": Fraction(3, 10)}
GENERAL = "general"
# Of the rows that are measured; the three groups are about as the recipe has them.
MEASURED = {"slovak": 0.36, "insurance": 0.22, "tools": 0.26, GENERAL: 0.16}
HOLDOUT = "holdout.jsonl"


@dataclass(frozen=True)
class Corpora:
    """Where the corpora are.

    Attributes:
        data: The folder of those that are looked up there.
        mirrors: Where those on other servers are.
        model: The model's folder, whose tokenizer and chat template the rows are for.
    """

    data: Path
    mirrors: tuple[str, ...]
    model: Path

    def write_holdout(self, setting: Setting, folder: Path) -> None:
        """Write the rows that are measured: documents that are in no calibration set."""
        recipe = self._recipe(1, 16, setting.context, MEASURED, holdout=setting.holdout)
        made = build(recipe, data=self.data, mirrors=self.mirrors)
        assert made.holdout is not None
        made.holdout.write(folder / HOLDOUT)

    def write_set(self, spec: SetSpec, seed: int, path: Path) -> None:
        """Write a calibration set."""
        if spec.made_by == SCRIPT:
            write_rows(path, self._script_rows(spec, seed))
            return
        if spec.made_by == PILE:
            shares = {GENERAL: 1.0}
        else:
            own = 1 - Fraction(str(spec.general))
            shares = {group: float(share * own) for group, share in GROUPS.items()}
            shares |= {GENERAL: spec.general} if spec.general else {}
        selection = "coverage" if spec.coverage else "random"
        recipe = self._recipe(seed, spec.nsamples, spec.seqlen, shares, selection=selection)
        made = build(recipe, data=self.data, mirrors=self.mirrors)
        made.write(path)
        if spec.made_by == LETTERS:
            tools = {name for name, source in recipe.sources.items() if source.group == "tools"}
            spell = ControlTokens.of(made.tokenizer.special_tokens).neutralise
            rows = (spell(one.text) if one.source in tools else one.text for one in made)
            write_rows(path, rows)

    def _recipe(
        self,
        seed: int,
        nsamples: int,
        seqlen: int,
        shares: dict[str, float],
        *,
        selection: str = "random",
        holdout: int = 1,
    ) -> Recipe:
        """Return the flagship's recipe for the model, with other shares of its groups."""
        text = FLAGSHIP.read_text("utf-8")
        head, sources = text.split("[sources.fineweb2-sk]")
        sources = f"[sources.fineweb2-sk]{sources}"
        head = head[: head.index("[groups]")] + "[groups]\n" + head[head.index("# Texts that evaluate") :]
        groups = "".join(f"{group} = {share}\n" for group, share in shares.items())
        head = head.replace("[groups]\n", f"[groups]\n{groups}\n")
        if GENERAL in shares:
            head = head.replace('fill = "general"\nshortage = "fill"\n', "")
        if shares.keys() == {GENERAL}:
            sources = sources[sources.index("[sources.pile-10k]") :]
        changes = (
            f"tokenizer={json.dumps(str(self.model))}", f"seed={seed}", f"nsamples={nsamples}",
            f"seqlen={seqlen}", f"selection.method={selection}", f"holdout.nsamples={holdout}",
            f"holdout.share={HOLDOUT_SHARE}", f"holdout.seed={HOLDOUT_SEED}",
        )  # fmt: skip
        return parse_recipe(f"{head}\n{sources}", origin=str(FLAGSHIP), overrides=changes)

    def _script_rows(self, spec: SetSpec, seed: int) -> Iterator[str]:
        """Yield the rows of a script that joins texts to 7,000 characters, in the recipe's mixture."""
        recipe = self._recipe(seed, spec.nsamples, spec.seqlen, {g: float(s) for g, s in GROUPS.items()})
        weights: dict[str, Fraction] = {}
        for group, share in GROUPS.items():
            own = {name: source.weight for name, source in recipe.sources.items() if source.group == group}
            weights |= {
                name: share * Fraction(repr(w)) / Fraction(repr(sum(own.values()))) for name, w in own.items()
            }
        quotas = apportion(spec.nsamples, weights)
        storage = open_storage(recipe, self.data, self.mirrors)
        assert recipe.holdout is not None
        held_out = HeldOut.of(recipe.holdout, recipe.nsamples, recipe.seed)
        missing = 0
        for name, reader in open_readers(recipe, storage, names=[*quotas, "pile-10k"]).items():
            quota = quotas.get(name, missing)
            records = recipe.sources[name].read_shuffled(reader, seed=seed)
            read = (one for one in records if isinstance(one, Document | Conversation))
            kept = (one for one in read if not held_out.holds(name, one.id))
            for row in joined(filter(None, map(as_letters, kept))):
                if quota == 0:
                    break
                yield row
                quota -= 1
            missing += quota


def as_letters(record: Document | Conversation) -> str:
    """Return a record as the script writes it: turns on lines of their own, calls as JSON."""
    if isinstance(record, Document):
        return record.text
    turns = []
    if record.tools:
        turns.append("\n".join(f"{tool.name}: {tool.description}" for tool in record.tools))
    for message in record.messages:
        calls = (f'{{"name": "{call.name}", "arguments": {call.arguments}}}' for call in message.tool_calls)
        turns += [message.content, *calls]
    return "\n".join(filter(None, turns))


def write_rows(path: Path, rows: Iterator[str]) -> None:
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows), "ascii")

"""The flagship recipe over a folder of corpora, in this process: what its sources let in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from calibset import Recipe, load_recipe, load_tokenizer
from calibset.core.documents import Document
from calibset.hygiene.stats import ReadStats
from calibset.pipeline.cost_estimates import count_wanted_rows
from calibset.pipeline.evaluation_sets import index_evaluation_sets
from calibset.pipeline.readers import open_readers, open_storage
from calibset.pipeline.source_stream import open_source_stream
from calibset.tokenizers.chat_templates.base import RenderedConversation
from tests.heavy.hub import FLAGSHIP

_PLACES = {
    "sources.fineweb2-sk": "ivykopal/fineweb2-slovak",
    "sources.insurance-definitions": "codexstanford/insurance-contract-definitions/data.json",
    "sources.actuarial-ontology": "Actuarial-Notes/Actuarial-Ontology/actuarial-ontology.ttl",
    "sources.bitext-insurance": "bitext/Bitext-insurance-llm-chatbot-training-dataset",
    "sources.hermes": "NousResearch/hermes-function-calling-v1",
    "sources.toolace": "Team-ACE/ToolACE",
    "sources.when2call": "nvidia/When2Call",
    "sources.pile-10k": "NeelNanda/pile-10k",
}
_WIKITEXT = (
    'exclude=[{name = "wikitext-2", type = "parquet", where = "Salesforce/wikitext", '
    'files = ["wikitext-2-raw-v1/test-*.parquet"]}]'
)


@dataclass(frozen=True)
class Admitted:
    """What a source lets in, and the stats of the rest.

    Attributes:
        items: Documents, and conversations as the model reads them, in order.
        stats: What was met.
    """

    items: tuple[Document | RenderedConversation, ...]
    stats: ReadStats

    @property
    def texts(self) -> dict[str, str]:
        """The texts by id."""
        return {item.id: item.text for item in self.items}


def flagship(*overrides: str) -> Recipe:
    """Return the recipe with its places below a folder of corpora, and further overrides."""
    places = (f"{key}.where={place}" for key, place in _PLACES.items())
    return load_recipe(FLAGSHIP, overrides=[*places, _WIKITEXT, *overrides])


def admitted(recipe: Recipe, corpora: Path, names: Iterable[str] = ()) -> dict[str, Admitted]:
    """Read sources to their end, all of them if none is named."""
    storage = open_storage(recipe, corpora, ())
    tokenizer = load_tokenizer(recipe.tokenizer)
    readers = open_readers(recipe, storage)
    screens, _ = index_evaluation_sets(recipe, readers)
    wanted = count_wanted_rows(recipe)
    found = {}
    for name in names or recipe.sources:
        supply = open_source_stream(name, recipe, readers[name], tokenizer, screens, rows=wanted[name])
        found[name] = Admitted(tuple(supply.items), supply.stats)
    return found

"""What a set is made of, as a card tells it: tables of sources and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibset.dataset.cards.markdown import escaped, link, place_link, table
from calibset.dataset.manifest import Manifest
from calibset.dataset.source_reports import SourceReport
from calibset.recipe.licences.policy import permitted
from calibset.recipe.licences.spdx import Licence, read_licence


def recipe_value(manifest: Manifest, *keys: str) -> Any:
    """Return what stands at a path of keys in the manifest's recipe, None if nothing does."""
    found: Any = manifest.recipe
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def licences_used(*manifests: Manifest) -> dict[str, Licence]:
    """Return, by source, the licences of those that gave a row to any of several files of one build.

    Of alternatives there are those that the recipe lets in.
    """
    return {
        source.name: permitted(
            source.licence,
            _names(manifest, "allow_licences") or None,
            _names(manifest, "deny_licences"),
        )
        for manifest in manifests
        for source in manifest.sources
        if source.achieved
    }


def licence_link(text: str) -> str:
    """Return a licence as a recipe names it, with links to the texts of its parts where SPDX has them."""
    identifiers = sorted(set().union(*read_licence(text).alternatives))
    known = [one for one in identifiers if not one.startswith("LicenseRef-")]
    if len(identifiers) == 1:
        return link(text, _text_of(known[0])) if known else escaped(text)
    texts = ", ".join(link(one, _text_of(one)) for one in known)
    return f"{escaped(text)} ({texts})" if texts else escaped(text)


def source_table(manifest: Manifest) -> str:
    """Return the sources: where they are, their licences, what was asked of them and what they gave."""
    asked = sum(source.asked for source in manifest.sources)
    rows = sum(source.achieved for source in manifest.sources)
    tokens = sum(source.tokens_read for source in manifest.sources)
    header = (
        "source", "domain", "read from", "revision", "licence", ">weight", ">rows asked", ">share asked",
        ">rows", ">share of rows", ">tokens read", ">share of tokens",
    )  # fmt: skip
    return table(
        header,
        [
            [
                escaped(source.name),
                escaped(source.group),
                place_link(source.location, source.revision),
                escaped((source.revision or "")[:12]),
                licence_link(source.licence),
                _weight(manifest, source),
                f"{source.asked:,}",
                _share(source.asked, asked),
                f"{source.achieved:,}",
                _share(source.achieved, rows),
                f"{source.tokens_read:,}",
                _share(source.tokens_read, tokens),
            ]
            for source in manifest.sources
        ],
    )


def group_table(manifest: Manifest) -> str:
    """Return the domains: the shares asked for, and those achieved in rows and in tokens."""
    rows = sum(group.achieved for group in manifest.groups)
    tokens = sum(group.tokens for group in manifest.groups)
    header = ("domain", ">share asked", ">rows asked", ">rows", ">share of rows", ">share of tokens")
    return table(
        header,
        [
            [
                escaped(group.name),
                "fills up" if group.share is None else f"{group.share:.1%}",
                f"{group.asked:,}",
                f"{group.achieved:,}",
                _share(group.achieved, rows),
                _share(group.tokens, tokens),
            ]
            for group in manifest.groups
        ],
    )


def evaluation_table(manifest: Manifest) -> str:
    """Return the evaluation sets that were kept out."""
    header = ("evaluation set", "read from", "licence", ">documents", ">left out for it")
    return table(
        header,
        [
            [
                escaped(one.name),
                place_link(one.location, one.revision),
                licence_link(one.licence),
                f"{one.documents:,}",
                f"{one.matched:,}",
            ]
            for one in manifest.evaluations
        ],
    )


def _names(manifest: Manifest, key: str) -> list[str]:
    found = recipe_value(manifest, key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list | tuple) else []


def _text_of(identifier: str) -> str:
    return f"https://spdx.org/licenses/{identifier}.html"


def _weight(manifest: Manifest, source: SourceReport) -> str:
    weight = recipe_value(manifest, "sources", source.name, "weight")
    return f"{weight:g}" if isinstance(weight, int | float) else ""


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "0.0%"

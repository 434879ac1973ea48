"""Templates of cards, filled in so that no text of a manifest becomes Markdown."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from calibset.dataset.cards.licence_summary import NO_ADVICE
from calibset.dataset.cards.markdown import Markdown, counted, escaped, fenced, licence_link, location_link
from calibset.dataset.cards.overwrite import WRITTEN
from calibset.dataset.manifest import Manifest

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, manifest: Manifest, **values: Any) -> str:
    """Fill in a template of this package; everything that is not `Markdown` is escaped."""
    return (
        environment()
        .get_template(template)
        .render(
            values, manifest=manifest, recipe=partial(recipe_value, manifest), total=partial(_total, manifest)
        )
    )


def recipe_value(manifest: Manifest, *keys: str) -> Any:
    """Return the value at a path of keys in the manifest's recipe, or None if there is none."""
    value: Any = manifest.recipe
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _total(manifest: Manifest, field: str) -> list[tuple[str, int]]:
    """Return counts by reason, of all sources together, the highest first."""
    counts: Counter[str] = Counter()
    for source in manifest.sources:
        counts.update(getattr(source, field))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


@cache
def environment(package: str = "calibset.dataset.cards") -> Environment:
    """Return the Jinja environment of the templates of a package.

    The text of a macro or a block would be escaped twice, so templates include each other instead.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701  (what is filled in is escaped as Markdown)
        loader=PackageLoader(package),
        finalize=lambda value: value if isinstance(value, Markdown) else escaped(value),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count="{:,}".format,
        counted=counted,
        licence=licence_link,
        percent="{:.1%}".format,
        fine_percent="{:.2%}".format,
        quoted=shlex.quote,
        rounded="{:,.0f}".format,
    )
    environment.globals.update(
        command=partial(fenced, language="console"),
        location=location_link,
        no_advice=NO_ADVICE,
        share=lambda part, whole: f"{part / whole:.1%}" if whole else "0.0%",
        written=Markdown(WRITTEN),
    )
    return environment

"""The YAML block of a dataset card, as the Hugging Face hub reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from calibset.dataset.cards.licence_summary import LicenceSummary
from calibset.dataset.cards.markdown import HUB, Markdown, flat
from calibset.dataset.cards.templating import recipe_value
from calibset.dataset.manifest import Manifest

_LANGUAGE = re.compile("[a-z]{2,3}")
_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
)  # fmt: skip


def front_matter(
    manifest: Manifest,
    licences: LicenceSummary,
    files: Mapping[str, str],
    *,
    rows: int,
    languages: Iterable[str],
    repo_id: str | None,
) -> Markdown:
    """Return the YAML block, with its fences.

    Args:
        manifest: The record of the build.
        licences: What the sources' licences require together.
        files: The files in the repository, by split.
        rows: The number of rows in all files.
        languages: ISO 639 codes; anything else is left out.
        repo_id: ``OWNER/NAME`` of the repository that the card is for, to link the licence.
    """
    from huggingface_hub import DatasetCardData

    # The hub takes no path of a repository here, bar that of a file named LICENSE.
    linked = f"{HUB}/datasets/{repo_id}/blob/main/ATTRIBUTION.md" if repo_id and licences.name else None
    data = DatasetCardData(
        language=sorted({code for code in languages if _LANGUAGE.fullmatch(code)}) or None,
        license=licences.licence,
        pretty_name=flat(manifest.name, 100),
        size_categories=next((name for most, name in _SIZES if rows < most), "1M<n<10M"),
        task_categories=["text-generation"],
        license_name=licences.name,
        license_link=linked,
        tags=["calibration", "quantization", "calibset"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": flat(path)} for split, path in files.items()],
            }
        ],
    )
    return Markdown(f"---\n{data.to_yaml()}\n---")


def recipe_languages(manifest: Manifest) -> tuple[str, ...]:
    """Return the languages that the recipe keeps in the sources that gave a row."""
    languages: set[str] = set()
    for source in manifest.sources:
        codes = recipe_value(manifest, "sources", source.name, "hygiene", "languages")
        if source.achieved and isinstance(codes, list | tuple):
            languages.update(code for code in codes if isinstance(code, str))
    return tuple(sorted(languages))

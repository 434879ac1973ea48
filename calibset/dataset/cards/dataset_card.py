"""A Hugging Face dataset card of a calibration file: the README of its repository."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from calibset.core.errors import OutputError
from calibset.dataset.cards.attribution import attribution
from calibset.dataset.cards.front_matter import front_matter, recipe_languages
from calibset.dataset.cards.licence_summary import obligation_lines, summarise_licences, used_licences
from calibset.dataset.cards.templating import render
from calibset.dataset.manifest import Manifest

# What stands for the bytes of a name that are not UTF-8.
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFiles:
    """The names of the files that a card mentions, in its folder or repository.

    Attributes:
        file: The calibration file.
        manifest: Its manifest.
        holdout: The holdout, if there is one.
        recipe: The recipe, if it is included.
        lock: The recipe's lock, if it is included.

    Raises:
        OutputError: A name is not valid Unicode.
    """

    file: str
    manifest: str
    holdout: str | None = None
    recipe: str | None = None
    lock: str | None = None

    def __post_init__(self) -> None:
        for name in (self.file, self.manifest, self.holdout, self.recipe, self.lock):
            if name is not None and _LONE.search(name):
                raise OutputError(f"{name}: its name is not UTF-8, so that no card can name it; rename it")


def dataset_card(
    manifest: Manifest,
    files: CardFiles,
    *,
    holdout: Manifest | None = None,
    languages: Sequence[str] | None = None,
    repo_id: str | None = None,
) -> str:
    """Return the text of a dataset card, with its YAML block.

    Args:
        manifest: The calibration file's manifest.
        files: The files that the card names.
        holdout: The holdout's manifest, if the holdout is in the same folder.
        languages: ISO 639 codes of the texts; those that the recipe keeps if None.
        repo_id: ``OWNER/NAME`` of the repository on the hub that the card is for, if known.
    """
    manifests = [manifest] if holdout is None else [manifest, holdout]
    licences = summarise_licences(used_licences(*manifests))
    splits = {"test" if manifest.is_holdout else "train": files.file}
    if files.holdout:
        splits["test"] = files.holdout
    head = front_matter(
        manifest,
        licences,
        splits,
        rows=sum(len(each.samples) for each in manifests),
        languages=recipe_languages(manifest) if languages is None else languages,
        repo_id=repo_id,
    )
    return render(
        "dataset_card.md",
        manifest,
        files=files,
        front_matter=head,
        holdout=holdout,
        obligations=obligation_lines(licences),
    )


def card_files(
    manifest: Manifest, files: CardFiles, *, holdout: Manifest | None = None, repo_id: str | None = None
) -> dict[str, bytes]:
    """Return the card and the attribution of a calibration file, by their file names.

    Args:
        manifest: The calibration file's manifest.
        files: The files that the card names.
        holdout: The holdout's manifest, if the holdout is in the same folder.
        repo_id: ``OWNER/NAME`` of the repository on the hub that they are for, if known.
    """
    card = dataset_card(manifest, files, holdout=holdout, repo_id=repo_id)
    return {
        "README.md": card.encode("utf-8"),
        "ATTRIBUTION.md": attribution(manifest, holdout=holdout).encode("utf-8"),
    }

"""What the package's page says: the README, whose links to files of the checkout lead nowhere there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# A picture, or a link with its text; neither to a URL.
_TARGET = r"\((?![a-z]+:)[^)]+\)"
_RELATIVE = re.compile(rf"!\[[^\]]*\]{_TARGET}|\[((?:`[^`]*`|[^\]`])+)\]{_TARGET}")
_WHERE = "\nThe pages that are named here are in the folder `docs` of the source distribution.\n"


class PlainReadme(MetadataHookInterface):
    """Takes the links out of the README, and says where its pages are."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the description of the package."""
        text = (Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": _RELATIVE.sub(r"\1", text) + _WHERE,
        }

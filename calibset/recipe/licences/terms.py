"""The terms of common data licences for whoever passes the data on: facts, by SPDX identifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Duty(StrEnum):
    """Something that a licence requires; the value is its name on cards."""

    ATTRIBUTION = "attribution"
    NOTICE = "notice"
    SHARE_ALIKE = "share-alike"
    NON_COMMERCIAL = "non-commercial"
    NO_DERIVATIVES = "no derivatives"
    UNKNOWN = "unknown terms"


@dataclass(frozen=True, slots=True)
class Terms:
    """The requirements of a licence.

    Attributes:
        duties: What it requires; nothing if a work is dedicated to the public domain.
        shared_under: For a share-alike licence, the licences under which a derived work may be passed on.
    """

    duties: frozenset[Duty]
    shared_under: frozenset[str] = frozenset()


PUBLIC_DOMAIN = "LicenseRef-public-domain"
"""The identifier of works in which nobody has rights, for which SPDX has none."""

ALIASES: Mapping[str, str] = {
    "bsd": "BSD-3-Clause",
    "bsd-style": "BSD-3-Clause",
    "cc-zero": "CC0-1.0",
    "cc0": "CC0-1.0",
    "gfdl": "GFDL-1.3-or-later",
    "odbl": "ODbL-1.0",
    "odc-by": "ODC-By-1.0",
    "pddl": "PDDL-1.0",
    "psf": "PSF-2.0",
    "public-domain": PUBLIC_DOMAIN,
}
"""Common spellings that are not SPDX identifiers, in lower case; among them those of the hub."""

_CREATIVE_COMMONS = re.compile(
    r"CC-BY(?P<nc>-NC)?(?P<nd>-ND)?(?P<sa>-SA)?-(?P<version>\d+\.\d+)(-[A-Z0-9]+)?"
)

_FREE: frozenset[Duty] = frozenset()
_ATTRIBUTION = frozenset({Duty.ATTRIBUTION})
_NOTICE = frozenset({Duty.NOTICE})
_ATTRIBUTION_AND_NOTICE = _ATTRIBUTION | _NOTICE
_SHARE_ALIKE = _NOTICE | {Duty.SHARE_ALIKE}
_ATTRIBUTION_AND_SHARE_ALIKE = _SHARE_ALIKE | _ATTRIBUTION

_DUTIES: Mapping[str, frozenset[Duty]] = {
    "0BSD": _FREE,
    "AGPL-3.0-only": _SHARE_ALIKE,
    "AGPL-3.0-or-later": _SHARE_ALIKE,
    "Apache-2.0": _NOTICE,
    "BSD-2-Clause": _NOTICE,
    "BSD-3-Clause": _NOTICE,
    "CC-PDDC": _FREE,
    "CC-PDM-1.0": _FREE,
    "CC0-1.0": _FREE,
    "CDLA-Permissive-1.0": _ATTRIBUTION_AND_NOTICE,
    "CDLA-Permissive-2.0": _NOTICE,
    "CDLA-Sharing-1.0": _ATTRIBUTION_AND_SHARE_ALIKE,
    "DL-DE-BY-2.0": _ATTRIBUTION,
    "DL-DE-ZERO-2.0": _FREE,
    "GFDL-1.1-only": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GFDL-1.1-or-later": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GFDL-1.2-only": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GFDL-1.2-or-later": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GFDL-1.3-only": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GFDL-1.3-or-later": _ATTRIBUTION_AND_SHARE_ALIKE,
    "GPL-2.0-only": _SHARE_ALIKE,
    "GPL-2.0-or-later": _SHARE_ALIKE,
    "GPL-3.0-only": _SHARE_ALIKE,
    "GPL-3.0-or-later": _SHARE_ALIKE,
    "ISC": _NOTICE,
    "MIT": _NOTICE,
    "MIT-0": _FREE,
    "NLOD-2.0": _ATTRIBUTION,
    "ODC-By-1.0": _ATTRIBUTION_AND_NOTICE,
    "ODbL-1.0": _ATTRIBUTION_AND_SHARE_ALIKE,
    "OGL-UK-3.0": _ATTRIBUTION,
    "PDDL-1.0": _FREE,
    "PSF-2.0": _NOTICE,
    "Python-2.0": _NOTICE,
    "Unlicense": _FREE,
    "WTFPL": _FREE,
    "etalab-2.0": _ATTRIBUTION,
    PUBLIC_DOMAIN: _FREE,
}

# Licences that say "or any later version" or may be combined with another, as the GPL's third version with
# the AGPL's. A work under any other share-alike licence is passed on under that licence itself.
_SHARED_UNDER: Mapping[str, frozenset[str]] = {
    "AGPL-3.0-only": frozenset({"GPL-3.0"}),
    "AGPL-3.0-or-later": frozenset({"GPL-3.0"}),
    "GFDL-1.1-only": frozenset({"GFDL-1.1"}),
    "GFDL-1.1-or-later": frozenset({"GFDL-1.1", "GFDL-1.2", "GFDL-1.3"}),
    "GFDL-1.2-only": frozenset({"GFDL-1.2"}),
    "GFDL-1.2-or-later": frozenset({"GFDL-1.2", "GFDL-1.3"}),
    "GFDL-1.3-only": frozenset({"GFDL-1.3"}),
    "GFDL-1.3-or-later": frozenset({"GFDL-1.3"}),
    "GPL-2.0-only": frozenset({"GPL-2.0"}),
    "GPL-2.0-or-later": frozenset({"GPL-2.0", "GPL-3.0"}),
    "GPL-3.0-only": frozenset({"GPL-3.0"}),
    "GPL-3.0-or-later": frozenset({"GPL-3.0"}),
}

# Licences whose identifier on the hub is not the SPDX one in lower case.
_ON_THE_HUB: Mapping[str, str] = {
    "AGPL-3.0-only": "agpl-3.0", "AGPL-3.0-or-later": "agpl-3.0", "GPL-2.0-only": "gpl-2.0",
    "GPL-2.0-or-later": "gpl-2.0", "GPL-3.0-only": "gpl-3.0", "GPL-3.0-or-later": "gpl-3.0",
    "GFDL-1.1-only": "gfdl", "GFDL-1.1-or-later": "gfdl", "GFDL-1.2-only": "gfdl",
    "GFDL-1.2-or-later": "gfdl", "GFDL-1.3-only": "gfdl", "GFDL-1.3-or-later": "gfdl",
    "ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl",
}  # fmt: skip
_SAME_ON_THE_HUB = frozenset({
    "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0",
    "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0",
    "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0", "cdla-sharing-1.0", "cdla-permissive-1.0", "cdla-permissive-2.0", "etalab-2.0",
    "isc", "mit", "unlicense", "wtfpl",
})  # fmt: skip


def terms_of(identifier: str) -> Terms:
    """Return the terms of a licence, or unknown terms if this module has no facts about it.

    Args:
        identifier: An SPDX identifier, in SPDX's own spelling.

    Examples:
        >>> [duty.value for duty in Duty if duty in terms_of("CC-BY-NC-SA-4.0").duties]
        ['attribution', 'share-alike', 'non-commercial']
    """
    match = _CREATIVE_COMMONS.fullmatch(identifier)
    if match is not None:
        return _creative_commons_terms(match)
    duties = _DUTIES.get(identifier, frozenset({Duty.UNKNOWN}))
    shared = _SHARED_UNDER.get(identifier, frozenset({identifier}))
    return Terms(duties, shared if Duty.SHARE_ALIKE in duties else frozenset())


def hub_licence(identifier: str) -> str | None:
    """Return the identifier of a licence on the Hugging Face hub, or None if it has none.

    Examples:
        >>> hub_licence("ODC-By-1.0"), hub_licence("CC-BY-4.0"), hub_licence("PSF-2.0")
        ('odc-by', 'cc-by-4.0', None)
    """
    lower = identifier.lower()
    return _ON_THE_HUB.get(identifier) or (lower if lower in _SAME_ON_THE_HUB else None)


def _creative_commons_terms(match: re.Match[str]) -> Terms:
    parts = {"nc": Duty.NON_COMMERCIAL, "nd": Duty.NO_DERIVATIVES, "sa": Duty.SHARE_ALIKE}
    duties = frozenset({Duty.ATTRIBUTION, *(duty for part, duty in parts.items() if match[part])})
    if Duty.SHARE_ALIKE not in duties:
        return Terms(duties)
    # From 2.0 on a later version will do as well, and that of another jurisdiction.
    kind = "CC-BY-NC-SA" if match["nc"] else "CC-BY-SA"
    return Terms(duties, frozenset({f"{kind}-1.0" if match["version"].startswith("1.") else kind}))

"""What common licences of data ask of whoever passes the data on: facts, by SPDX identifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ALIASES", "PUBLIC_DOMAIN", "Duty", "Terms", "hub_licence", "terms_of"]


class Duty(StrEnum):
    """Something that a licence asks for; the value is how cards name it."""

    ATTRIBUTION = "attribution"
    NOTICE = "notice"
    SHARE_ALIKE = "share-alike"
    NON_COMMERCIAL = "non-commercial"
    NO_DERIVATIVES = "no derivatives"
    UNKNOWN = "unknown terms"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a licence asks for.

    Attributes:
        duties: All of them; none for a dedication to the public domain.
        family: Licences of one family take each other's adaptations, at least in a later version.
    """

    duties: frozenset[Duty]
    family: str


PUBLIC_DOMAIN = "LicenseRef-public-domain"
"""What stands for works that nobody has rights in, which SPDX has no identifier for."""

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
"""Usual spellings that are no SPDX identifiers, in lower case; the hub's own are among them."""

_CREATIVE_COMMONS = re.compile(r"CC-BY(?P<nc>-NC)?(?P<nd>-ND)?(?P<sa>-SA)?-\d+\.\d+(-[A-Z0-9]+)?")

_FREE: frozenset[Duty] = frozenset()
_ATTRIBUTION = frozenset({Duty.ATTRIBUTION})
_NOTICE = frozenset({Duty.NOTICE})
_ATTRIBUTION_AND_NOTICE = _ATTRIBUTION | _NOTICE
_SHARE_ALIKE = _NOTICE | {Duty.SHARE_ALIKE}
_ATTRIBUTION_AND_SHARE_ALIKE = _SHARE_ALIKE | _ATTRIBUTION

_TERMS: Mapping[str, Terms] = {
    "0BSD": Terms(_FREE, "0BSD"),
    "AGPL-3.0-only": Terms(_SHARE_ALIKE, "GPL"),
    "AGPL-3.0-or-later": Terms(_SHARE_ALIKE, "GPL"),
    "Apache-2.0": Terms(_NOTICE, "Apache"),
    "BSD-2-Clause": Terms(_NOTICE, "BSD"),
    "BSD-3-Clause": Terms(_NOTICE, "BSD"),
    "CC-PDDC": Terms(_FREE, "public domain"),
    "CC-PDM-1.0": Terms(_FREE, "public domain"),
    "CC0-1.0": Terms(_FREE, "CC0"),
    "CDLA-Permissive-1.0": Terms(_ATTRIBUTION_AND_NOTICE, "CDLA-Permissive"),
    "CDLA-Permissive-2.0": Terms(_NOTICE, "CDLA-Permissive"),
    "CDLA-Sharing-1.0": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "CDLA-Sharing"),
    "DL-DE-BY-2.0": Terms(_ATTRIBUTION, "DL-DE"),
    "DL-DE-ZERO-2.0": Terms(_FREE, "DL-DE"),
    "GFDL-1.1-only": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GFDL-1.1-or-later": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GFDL-1.2-only": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GFDL-1.2-or-later": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GFDL-1.3-only": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GFDL-1.3-or-later": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "GFDL"),
    "GPL-2.0-only": Terms(_SHARE_ALIKE, "GPL"),
    "GPL-2.0-or-later": Terms(_SHARE_ALIKE, "GPL"),
    "GPL-3.0-only": Terms(_SHARE_ALIKE, "GPL"),
    "GPL-3.0-or-later": Terms(_SHARE_ALIKE, "GPL"),
    "ISC": Terms(_NOTICE, "ISC"),
    "MIT": Terms(_NOTICE, "MIT"),
    "MIT-0": Terms(_FREE, "MIT"),
    "NLOD-2.0": Terms(_ATTRIBUTION, "NLOD"),
    "ODC-By-1.0": Terms(_ATTRIBUTION_AND_NOTICE, "ODC-By"),
    "ODbL-1.0": Terms(_ATTRIBUTION_AND_SHARE_ALIKE, "ODbL"),
    "OGL-UK-3.0": Terms(_ATTRIBUTION, "OGL-UK"),
    "PDDL-1.0": Terms(_FREE, "PDDL"),
    "PSF-2.0": Terms(_NOTICE, "PSF"),
    "Python-2.0": Terms(_NOTICE, "PSF"),
    "Unlicense": Terms(_FREE, "Unlicense"),
    "WTFPL": Terms(_FREE, "WTFPL"),
    "etalab-2.0": Terms(_ATTRIBUTION, "etalab"),
    PUBLIC_DOMAIN: Terms(_FREE, "public domain"),
}

# Where the hub's identifier is not the SPDX one in lower case.
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
    """Return what a licence asks for; unknown terms where this module has no facts about it.

    Args:
        identifier: Of SPDX, in SPDX's own spelling.

    Examples:
        >>> [duty.value for duty in Duty if duty in terms_of("CC-BY-NC-SA-4.0").duties]
        ['attribution', 'share-alike', 'non-commercial']
    """
    found = _CREATIVE_COMMONS.fullmatch(identifier)
    if found is None:
        return _TERMS.get(identifier, Terms(frozenset({Duty.UNKNOWN}), identifier))
    duties = {Duty.ATTRIBUTION}
    duties |= {Duty.NON_COMMERCIAL} if found["nc"] else set()
    duties |= {Duty.NO_DERIVATIVES} if found["nd"] else set()
    duties |= {Duty.SHARE_ALIKE} if found["sa"] else set()
    family = "CC-BY" + "".join(found[part] or "" for part in ("nc", "nd", "sa"))
    return Terms(frozenset(duties), family)


def hub_licence(identifier: str) -> str | None:
    """Return the hub's identifier of a licence, or None if it has none.

    Examples:
        >>> hub_licence("ODC-By-1.0"), hub_licence("CC-BY-4.0"), hub_licence("PSF-2.0")
        ('odc-by', 'cc-by-4.0', None)
    """
    lower = identifier.lower()
    return _ON_THE_HUB.get(identifier) or (lower if lower in _SAME_ON_THE_HUB else None)

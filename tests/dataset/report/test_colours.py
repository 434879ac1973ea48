"""The page's colours: contrast in both schemes, and apart for readers who see few colours."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import pytest

FOLDER = files("calibset.dataset.report").joinpath("templates")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", FOLDER.joinpath(name).read_text("utf-8")))
    for name in ("light.css", "dark.css")
)

TEXT = [
    ("ink", "paper"), ("ink", "raised"), ("muted", "paper"), ("muted", "raised"), ("link", "paper"),
    ("two", "paper"), ("control-ink", "control"), ("spelled-ink", "spelled"),
]  # fmt: skip
"""What is written on what."""

# How red, green and blue are seen without one kind of cone (Machado, Oliveira and Fernandes, 2009).
CONES = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.1523, 1.0526, -0.2049), (0.1145, 0.7863, 0.0992), (-0.0039, -0.0481, 1.0520)),
    "no green": ((0.3673, 0.8606, -0.2280), (0.2801, 0.6725, 0.0474), (-0.0118, 0.0429, 0.9689)),
    "no blue": ((1.2555, -0.0767, -0.1788), (-0.0784, 0.9308, 0.1476), (0.0047, 0.6914, 0.3039)),
}  # fmt: skip


def linear(colour: str) -> tuple[float, ...]:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return tuple(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2."""
    lights = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(x), strict=True)) for x in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def seen(colour: str, cones: str) -> tuple[float, ...]:
    """Return a colour in OKLab, as it is seen."""
    r, g, b = (max(0.0, sum(w * c for w, c in zip(row, linear(colour), strict=True))) for row in CONES[cones])
    long, middle, short = (
        (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3),
        (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3),
        (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3),
    )
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_stand_out(scheme: dict[str, str]) -> None:
    assert LIGHT.keys() == DARK.keys()
    assert {
        pair: contrast(*map(scheme.__getitem__, pair))
        for pair in TEXT
        if contrast(*map(scheme.__getitem__, pair)) < 4.5
    } == {}
    assert [name for name in ("one", "two", "three") if contrast(scheme[name], scheme["paper"]) < 3] == []


@pytest.mark.parametrize("cones", CONES)
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_series_are_told_apart(scheme: dict[str, str], cones: str) -> None:
    for one, other in combinations(("one", "two", "three"), 2):
        apart = zip(seen(scheme[one], cones), seen(scheme[other], cones), strict=True)
        assert sum((a - b) ** 2 for a, b in apart) ** 0.5 > 0.08, (one, other)

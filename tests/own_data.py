"""Data as people have it: German contracts, an Excel-made CSV, a table of instructions, chats, a model."""

from __future__ import annotations

import json
from itertools import cycle, islice
from pathlib import Path

from tests.chatml import write_chatml

_CLAUSES = (
    "Der Versicherungsnehmer hat jede Gefahrerhöhung unverzüglich in Textform anzuzeigen.",
    "Der Versicherer leistet nicht für Schäden, die vorsätzlich herbeigeführt wurden.",
    "Die Prämie ist jährlich im Voraus zu entrichten; der Einzug erfolgt zur Fälligkeit.",
    "Überschreitet der Schaden die Versicherungssumme, so trägt der Kunde den übrigen Teil.",
    "Die Kündigung muss spätestens drei Monate vor Ablauf der Frist zugegangen sein.",
    "Für Gebäude gilt der gleitende Neuwert, für den Hausrat der Wiederbeschaffungswert.",
    "Ansprüche aus diesem Vertrag verjähren nach drei Jahren zum Schluss des Jahres.",
)
_PLACES = (
    "in Köln zuletzt", "für das Haus an der Mühle", "bei Hagel und Sturm", "je Wohnung höchstens",
    "für den Keller", "nach dem Gutachten über", "auf der Baustelle", "im Lager am Hafen", "für die Scheune",
    "außerhalb Europas", "je Kopf",
)  # fmt: skip
_TIMES = (
    "im Januar", "vor der Ernte", "nach Ostern", "am Stichtag", "binnen zweier Wochen", "im ersten Jahr",
    "je Quartal", "bis zur Übergabe", "ohne Abzug", "mit Abzug der Selbstbeteiligung", "auf Nachweis",
    "in Raten", "zum Zeitwert",
)  # fmt: skip


def write_own_data(folder: Path) -> Path:
    """Write ``data`` with files of several kinds and ``model``, a ChatML model's folder; return ``data``."""
    data = folder / "data"
    contracts = data / "vertraege"
    contracts.mkdir(parents=True)
    for number in range(24):
        ending = "txt" if number % 2 else "md"
        (contracts / f"vertrag-{number:02}.{ending}").write_text(_contract(number), "utf-8")
    for name in ("alt-1.docx", "alt-2.docx"):
        (contracts / name).write_bytes(b"PK\x03\x04word/document.xml")
    _write_csv(data / "fragen.csv")
    _write_parquet(data / "anweisungen.parquet")
    _write_chats(data / "chats.jsonl")
    (folder / "model").mkdir()
    write_chatml(folder / "model")
    return data


def say(number: int, sentences: int) -> str:
    """Return so many sentences, of which another number gives others."""
    clauses = islice(cycle(_CLAUSES), number, number + sentences)
    return " ".join(
        f"{clause[:-1]}, {_PLACES[(number * 7 + index) % 11]} {number * 37 + index} Euro "
        f"{_TIMES[(number * 5 + index) % 13]}."
        for index, clause in enumerate(clauses)
    )


def _contract(number: int) -> str:
    return f"# Vertrag {number}\n\n" + "\n\n".join(f"§ {i} {say(number * 9 + i, 3)}" for i in range(9)) + "\n"


def _write_csv(path: Path) -> None:
    rows = [f'{i};"Was gilt bei Schaden {i}?";"{say(i, 2)} Das sind {i},5 €."' for i in range(80)]
    path.write_bytes("\r\n".join(["Nr;Frage;Antwort", *rows, ""]).encode("cp1252"))


def _write_parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [
        {"instruction": f"Fasse den Fall {i} zusammen.", "input": say(i + 100, 2), "output": say(i + 200, 1)}
        for i in range(80)
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _write_chats(path: Path) -> None:
    chats = [
        [
            {"role": "user", "content": f"Guten Tag, es geht um die Police {i}."},
            {"role": "assistant", "content": say(i + 300, 2)},
        ]
        for i in range(80)
    ]
    path.write_text("".join(json.dumps({"messages": chat}) + "\n" for chat in chats), "utf-8")

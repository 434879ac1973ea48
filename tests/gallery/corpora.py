"""What the recipes of the gallery read: small, of our own writing, in the files and columns of the corpora.

The names of files and columns are those that the recipe's comment names the page of.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from calibset.core.documents import Conversation, Message, Tool, ToolCall
from tests.gallery.evaluation_sets import benchmark_text, write_evaluation_sets
from tests.gallery.files import Repository, array, lines, parquet
from tests.gallery.sentences import tell
from tests.prose import prose
from tests.sources.chat_formats.row_writers import write_hermes, write_toolace, write_when2call
from tests.tokenizers.chat_templates.families.family import FAMILIES, write_family

Row = dict[str, Any]

_MODELS = {
    "Qwen/Qwen3-8B": "qwen3",
    "unsloth/gemma-3-12b-it": "gemma3",
    "unsloth/Meta-Llama-3.1-8B-Instruct": "llama31",
}
_FINEWEB2 = {
    "deu_Latn": "de",
    "fra_Latn": "fr",
    "spa_Latn": "es",
    "cmn_Hani": "zh",
    "arb_Arab": "ar",
    "hin_Deva": "hi",
}


def write_repositories(rows: int, long_rows: int = 0) -> dict[str, Repository]:
    """Return the repositories of models and corpora, by name, each with its files.

    Args:
        rows: How many rows each corpus has.
        long_rows: How many long documents there are, each of more than 32,768 letters.
    """
    numbers = range(rows)
    return {
        **{name: _write_model(family) for name, family in _MODELS.items()},
        "HuggingFaceH4/ultrachat_200k": _ultrachat(2 * rows),
        "databricks/databricks-dolly-15k": {
            "databricks-dolly-15k.jsonl": lines(
                {
                    "instruction": tell("en", 1_000 + n, 1),
                    "context": tell("en", 2_000 + n, 2) if n % 3 else "",
                    "response": tell("en", 3_000 + n, 5),
                    "category": "closed_qa",
                }
                for n in numbers
            )
        },
        "HuggingFaceFW/fineweb-edu": {
            "sample/10BT/000_00000.parquet": parquet(
                {
                    "text": _quote(tell("en", 4_000 + n, 24), n, "english"),
                    "id": f"<urn:uuid:{n}>",
                    "dump": "CC-MAIN-2024-10",
                    "url": f"https://example.org/{n}",
                    "language": "en",
                    "language_score": 0.97,
                    "token_count": 400,
                    "score": 3.1,
                    "int_score": 3,
                }
                for n in numbers
            )
        },
        "ise-uiuc/Magicoder-OSS-Instruct-75K": {
            "data-oss_instruct-decontaminated.jsonl": lines(
                {
                    "lang": "python",
                    "raw_index": n,
                    "index": n,
                    "seed": f"value_{n} = {n}",
                    "openai_fingerprint": "fp_0",
                    "problem": f"{tell('en', 5_000 + n, 3)} Write a function for it.",
                    "solution": _code(n),
                }
                for n in numbers
            )
        },
        "bigcode/self-oss-instruct-sc2-exec-filter-50k": {
            "data/train-00000-of-00001.parquet": parquet(
                {
                    "fingerprint": None,
                    "sha1": f"{n:040x}",
                    "seed": f"def f{n}(): ...",
                    "response": _code(10_000 + n),
                    "concepts": ["lists"],
                    "prompt": "",
                    "instruction": f"{tell('en', 6_000 + n, 2)} Return the sum.",
                    "id": n,
                }
                for n in numbers
            )
        },
        "NousResearch/hermes-function-calling-v1": {
            "func-calling-singleturn.json": array(_hermes(n, "single") for n in numbers),
            "func-calling.json": array(_hermes(n, "several") for n in numbers),
            "glaive-function-calling-5k.json": array(_hermes(n, "glaive") for n in numbers),
            "json-mode-agentic.json": array([]),
        },
        "Team-ACE/ToolACE": {
            "data.json": array(write_toolace(_call(n, "toolace", calls=2)) for n in numbers)
        },
        "nvidia/When2Call": {
            "train/when2call_train_sft.jsonl": lines(write_when2call(_refuse(n)) for n in numbers),
            "test/when2call_test_mcq.jsonl": lines([{"question": "not read"}]),
            "train/when2call_train_pref.jsonl": lines(
                {
                    **write_when2call(_refuse(n, chosen=False)),
                    "chosen_response": {"role": "assistant", "content": tell("en", 7_500 + n, 3)},
                    "rejected_response": {"role": "assistant", "content": "No."},
                }
                for n in range(rows, 2 * rows)
            ),
        },
        "open-r1/OpenR1-Math-220k": {
            "data/train-00000-of-00001.parquet": parquet(
                {
                    "problem": tell("en", 8_000 + n, 3),
                    "solution": tell("en", 8_500 + n, 3),
                    "answer": str(n),
                    "uuid": f"math-{n:08}",
                    "generations": [_thought(n)],
                    "messages": _messages(("user", tell("en", 8_000 + n, 3)), ("assistant", _thought(n))),
                }
                for n in numbers
            ),
            "extended/train-00000-of-00001.parquet": parquet([{"messages": []}]),
        },
        "nvidia/OpenCodeReasoning": {
            "split_0/train-00000-of-00001.parquet": parquet(
                {
                    "id": f"code-{n:08}",
                    "input": tell("en", 9_000 + n, 4),
                    "output": _thought(50_000 + n),
                    "source": "code_contests",
                    "license": "cc-by-4.0",
                    "dataset": "code_contests",
                    "split": "train",
                    "difficulty": "7",
                    "solution": _code(n),
                }
                for n in numbers
            )
        },
        "HuggingFaceFW/fineweb-2": {
            f"data/{code}/train/000_00000.parquet": parquet(_page(language, n) for n in numbers)
            for code, language in _FINEWEB2.items()
        },
        "CohereForAI/aya_dataset": {
            "data/train-00000-of-00001.parquet": parquet(
                {
                    "inputs": tell(language, 20_000 + n, 2),
                    "targets": _quote(tell(language, 21_000 + n, 6), n, "german"),
                    "language": language,
                    "language_code": language,
                    "annotation_type": "original-annotations",
                    "user_id": f"u{n}",
                }
                for n in numbers
                for language in ("fr", "hi", "en")
            ),
            "demographics/train-00000-of-00001.parquet": parquet([{"user_id": "u0", "country": "FR"}]),
        },
        "wikimedia/wikipedia": {
            "20231101.de/train-00000-of-00001.parquet": parquet(
                {
                    "id": str(n),
                    "url": f"https://de.wikipedia.org/wiki/{n}",
                    "title": f"Artikel {n}",
                    "text": tell("de", 30_000 + n, 30),
                }
                for n in numbers
            )
        },
        "storytracer/LoC-PD-Books": {
            "data/train-00000-of-00001.parquet": parquet(
                {
                    "lccn": f"{n:08}",
                    "title": f"Book {n}",
                    "author": "A. Writer",
                    "year": 1899,
                    "page_count": 300,
                    "text": tell("en", 40_000 + n, 900),
                }
                for n in range(long_rows)
            )
        },
        "common-pile/pubmed_filtered": {
            "documents/00000_pubmed.jsonl.gz": gzip.compress(
                lines(
                    {
                        "id": f"PMC{n}",
                        "text": _quote(tell("en", 41_000 + n, 500), n, "english"),
                        "source": "pubmed",
                        "added": "2025-01-01",
                        "created": "2020-01-01",
                        "metadata": {"license": "CC BY"},
                    }
                    for n in range(2 * long_rows)
                ),
                mtime=0,
            )
        },
        **write_evaluation_sets(),
    }


def write_own(folder: Path, rows: int) -> None:
    """Write the contracts and questions that german_legal.toml reads beside itself."""
    contracts = folder / "vertraege"
    contracts.mkdir()
    for n in range(rows):
        (contracts / f"vertrag-{n:03}.txt").write_text(tell("de", 60_000 + n, 30), "utf-8")
    questions = [f'"{tell("de", 61_000 + n, 1)}";"{tell("de", 62_000 + n, 4)}"' for n in range(2 * rows)]
    (folder / "fragen.csv").write_text("\n".join(["Frage;Antwort", *questions]), "utf-8")


def _quote(text: str, n: int, name: str) -> str:
    """Return a text; each fourth document holds a part of an evaluation set."""
    return text if n % 4 else f"{text} {benchmark_text(name)}"


def _write_model(name: str) -> Repository:
    (family,) = (one for one in FAMILIES if one.name == name)
    with TemporaryDirectory() as folder:
        write_family(family, Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _ultrachat(rows: int) -> Repository:
    def row(n: int) -> Row:
        turns = [
            (role, _quote(tell("en", 10 * n + turn + 100_000, 2 + 3 * (turn % 2)), n, "english"))
            for turn, role in enumerate(("user", "assistant") * 3)
        ]
        return {"prompt": turns[0][1], "prompt_id": f"{n:064x}", "messages": _messages(*turns)}

    return {
        "data/train_sft-00000-of-00001.parquet": parquet(map(row, range(rows))),
        "data/train_gen-00000-of-00001.parquet": parquet([{"prompt": "", "prompt_id": "0", "messages": []}]),
        "data/test_sft-00000-of-00001.parquet": parquet([row(rows + 1)]),
    }


def _page(language: str, n: int) -> Row:
    text = tell(language, 25_000 + n, 30)
    return {
        "text": _quote(text, n, "german") if language == "de" else text,
        "id": f"<urn:uuid:{language}-{n}>",
        "dump": "CC-MAIN-2024-10",
        "url": f"https://example.org/{language}/{n}",
        "language_score": 0.2 if n % 11 == 5 else 0.98,
        "language_script": "Latn",
        "minhash_cluster_size": 1,
        "top_langs": "{}",
    }


def _thought(n: int) -> str:
    return f"<think>\n{tell('en', 70_000 + n, 20)}\n</think>\n\n{tell('en', 71_000 + n, 4)}"


def _code(n: int) -> str:
    names = prose(80_000 + n, 16).lower().replace(".", "").split()
    body = "\n".join(f"    {name}_{n} = {name}_{n + place} + {place}" for place, name in enumerate(names))
    return f"Here is one way.\n\n```python\ndef f{n}(x):\n{body}\n    return x\n```\n"


def _tools(n: int) -> tuple[Tool, ...]:
    return tuple(
        Tool(
            name=f"{name}_{n}",
            description=tell("en", 90_000 + 7 * n + place, 2),
            parameters=json.dumps(
                {
                    "type": "object",
                    "properties": {"place": {"type": "string", "description": tell("en", 91_000 + n, 1)}},
                    "required": ["place"],
                }
            ),
        )
        for place, name in enumerate(("find_tide", "book_berth"))
    )


def _call(n: int, kind: str, *, calls: int = 1, closes: bool = True) -> Conversation:
    """Return a conversation in which calls are made, side by side if there are several, and answered."""
    tools = _tools(n)
    made = [
        ToolCall(id=f"call{n:04}{place}", name=tool.name, arguments=json.dumps({"place": f"quay {n}"}))
        for place, tool in enumerate(tools[:calls])
    ]
    messages = [
        Message(role="user", content=f"{kind}: {tell('en', 92_000 + n + sum(kind.encode()) * 100, 2)}"),
        Message(role="assistant", content="", tool_calls=tuple(made)),
    ]
    if closes:
        answers = [
            Message(role="tool", content=json.dumps({"level": n, "at": call.name}), tool_call_id=call.id)
            for call in made
        ]
        messages += [*answers, Message(role="assistant", content=tell("en", 93_000 + n, 4))]
    return Conversation(id=f"{kind}-{n}", messages=tuple(messages), tools=tools)


def _refuse(n: int, *, chosen: bool = True) -> Conversation:
    asked = Message(role="user", content=tell("en", 94_000 + n, 2))
    said = Message(role="assistant", content=tell("en", 95_000 + n, 3))
    return Conversation(id=f"w-{n}", messages=(asked, said) if chosen else (asked,), tools=_tools(5_000 + n))


def _hermes(n: int, kind: str) -> Row:
    row = write_hermes(_call(n, kind, closes=kind != "single"))
    return {"id": f"{kind}-{n:08}", **row, "category": "Ports", "subcategory": "Tides", "task": "Ask"}


def _messages(*turns: tuple[str, str]) -> list[Row]:
    return [{"content": content, "role": role} for role, content in turns]

"""What the recipes of the gallery exclude, in the files and columns of the real evaluation sets."""

from __future__ import annotations

from tests.gallery.files import Repository, array, lines, parquet
from tests.prose import prose

_BENCHMARK = 900_000


def benchmark_text(name: str) -> str:
    """Return a text that an evaluation set holds, in words that no document has unless it quotes it."""
    return prose(_BENCHMARK + sum(name.encode()), 30)


def write_evaluation_sets() -> dict[str, Repository]:
    """Return the evaluation sets, each with one row of what is told of it."""
    quoted = benchmark_text("english")
    mmmlu = "," + ",".join(("Question", "A", "B", "C", "D", "Answer", "Subject")) + "\n"
    return {
        "Salesforce/wikitext": {
            "wikitext-2-raw-v1/test-00000-of-00001.parquet": parquet([{"text": ""}, {"text": quoted}])
        },
        "cais/mmlu": {
            "all/test-00000-of-00001.parquet": parquet(
                [
                    {
                        "question": quoted,
                        "subject": "anatomy",
                        "choices": ["One", "Two", "Three", "Four"],
                        "answer": 1,
                    }
                ]
            )
        },
        "openai/gsm8k": {
            "main/test-00000-of-00001.parquet": parquet([{"question": quoted, "answer": "#### 7"}])
        },
        "google/IFEval": {
            "ifeval_input_data.jsonl": lines(
                [{"key": 1, "prompt": quoted, "instruction_id_list": [], "kwargs": []}]
            )
        },
        "openai/openai_humaneval": {
            "openai_humaneval/test-00000-of-00001.parquet": parquet(
                [
                    {
                        "task_id": "HumanEval/0",
                        "prompt": quoted,
                        "canonical_solution": "return 1",
                        "test": "",
                        "entry_point": "f",
                    }
                ]
            )
        },
        "google-research-datasets/mbpp": {
            "full/test-00000-of-00001.parquet": parquet(
                [{"task_id": 11, "text": quoted, "code": "return 2", "test_list": ["assert f(1) == 1"]}]
            )
        },
        "gorilla-llm/Berkeley-Function-Calling-Leaderboard": {
            "BFCL_v3_simple.json": lines(
                [{"id": "simple_0", "question": [[{"role": "user", "content": quoted}]], "function": []}]
            ),
            "possible_answer/BFCL_v3_simple.json": lines([{"id": "simple_0", "ground_truth": []}]),
        },
        "Maxwell-Jia/AIME_2024": {
            "aime_2024_problems.parquet": parquet(
                [{"ID": "2024-I-1", "Problem": quoted, "Solution": "It is 7.", "Answer": 7}]
            )
        },
        "HuggingFaceH4/MATH-500": {
            "test.jsonl": lines(
                [
                    {
                        "problem": quoted,
                        "solution": "It is 7.",
                        "answer": "7",
                        "subject": "Algebra",
                        "level": 1,
                        "unique_id": "a",
                    }
                ]
            )
        },
        "openai/MMMLU": {
            f"test/mmlu_{code}.csv": (
                mmmlu + f'0,"{benchmark_text("german")}",Eins,Zwei,Drei,Vier,A,law\n'
            ).encode()
            for code in ("DE-DE", "FR-FR", "ES-LA", "ZH-CN", "AR-XY", "HI-IN")
        },
        "facebook/belebele": {
            f"data/{code}.jsonl": lines(
                [
                    {
                        "link": "",
                        "question_number": 1,
                        "flores_passage": benchmark_text("german"),
                        "question": "Warum?",
                        "mc_answer1": "A",
                    }
                ]
            )
            for code in ("deu_Latn", "fra_Latn", "spa_Latn", "zho_Hans", "arb_Arab", "hin_Deva", "eng_Latn")
        },
        "THUDM/LongBench-v2": {
            "data.json": array(
                [
                    {
                        "_id": "1",
                        "question": "Why?",
                        "choice_A": "A",
                        "choice_B": "B",
                        "choice_C": "C",
                        "choice_D": "D",
                        "context": quoted,
                    }
                ]
            )
        },
    }

"""Manifests of builds that nobody ran."""

from __future__ import annotations

from typing import Any

from calibset.dataset.manifest import (
    GroupReport,
    HoldoutReport,
    Manifest,
    SampleReport,
    TokenizerIdentity,
)
from calibset.dataset.source_reports import EvaluationReport, SourceReport
from calibset.hygiene.decontamination import Contamination
from calibset.selection.coverage_report import CoverageReport


def source(name: str, **changed: Any) -> SourceReport:
    """Return a source that was asked for four rows and gave them."""
    plain: dict[str, Any] = {
        "name": name, "group": "web", "type": "jsonl", "location": "hf://datasets/someone/texts",
        "revision": "0123456789abcdef0123456789abcdef01234567", "licence": "CC-BY-4.0",
        "gives": "texts", "from_beginning": False, "asked": 4, "pool": 4, "achieved": 4, "repeated": 0,
        "tokens": 410,
        "tokens_read": 400, "documents_read": 9, "documents_used": 7, "document_lengths": {},
        "rejections": {}, "filtered": {}, "control_tokens_neutralised": 0, "leading_bos_removed": 0,
        "rendered_texts": {},        "blanks_shortened": 0,
        "conversations_shortened": 0, "conversations_repaired": {},
        "conversations_incomplete": 0, "thoughts_dropped": 0, "repaired": {}, "boilerplate_lines": 0,
        "personal_data": {}, "duplicates": (), "contaminated": (), "tool_names": {},
    }  # fmt: skip
    return SourceReport(**{**plain, **changed})


def evaluation(name: str, *, matched: int) -> EvaluationReport:
    """Return an evaluation set of thirty documents."""
    return EvaluationReport(
        name=name, type="jsonl", location=f"{name}.jsonl", revision=None, licence="MIT", documents=30,
        words=900, too_short=0, rejections={}, filtered={}, matched=matched,
    )  # fmt: skip


def held_by(document: str, exclude: str, *others: str) -> Contamination:
    """Return a document that holds a part of one or more evaluation sets."""
    return Contamination(
        document=document, exclude=exclude, others=others, passage="1", words=13, containment=0.5,
        excerpt="once upon a time",
    )  # fmt: skip


def manifest(*sources: SourceReport, **changed: Any) -> Manifest:
    """Return the record of a file that these sources gave."""
    found = sources or (source("texts"),)
    names = dict.fromkeys(one.group for one in found)
    members = {name: [one for one in found if one.group == name] for name in names}
    plain: dict[str, Any] = {
        "name": "small-set",
        "recipe": {
            "description": "For tests.",
            "seed": 7,
            "control_tokens": "neutralise",
            "chat": {"format": "auto"},
            "hygiene": {"duplicates": "near"},
            "decontamination": {"run": 13},
            "sources": {one.name: {"weight": 2.0, "hygiene": {"languages": ["sk"]}} for one in found},
        },
        "versions": {"calibset": "0.1.0", "pyarrow": "26.0.1"},
        "tokenizer": TokenizerIdentity(name="mistral-small-3.2", sha256="ab" * 32),
        "quantizer": "AutoRound 0.12.3 to 0.16.1",
        "nsamples": sum(one.asked for one in found),
        "seqlen": 100,
        "kept": sum(one.achieved for one in found),
        "waste": 0.0123,
        "filler": 0.0045,
        "turns": 10,
        "complete_turns": 9,
        "groups": tuple(
            GroupReport(
                name=name,
                share=1 / len(names),
                asked=sum(one.asked for one in members[name]),
                achieved=sum(one.achieved for one in members[name]),
                tokens=sum(one.tokens_read for one in members[name]),
            )
            for name in names
        ),
        "sources": found,
        "evaluations": (evaluation("exam", matched=2),),
        "selection": CoverageReport(
            method="coverage", pool=16, distinct_tokens=90, random_mean=80.5, random_sd=2.5, pool_tokens=120,
            attainable=95, closed=0.24, closed_of_attainable=0.66,
            terms_met=(), terms_missed=(), terms_absent=(), curve=(),
        ),
        "other": HoldoutReport(role="holdout", nsamples=2, sha256="cd" * 32),
        "samples": tuple(
            SampleReport(source=one.name, tokens=102, documents=())
            for one in found
            for _ in range(one.achieved)
        ),
        "sha256": "ef" * 32,
    }  # fmt: skip
    return Manifest(**{**plain, **changed})

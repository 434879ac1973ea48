from __future__ import annotations

from dataclasses import replace

import pytest

from calibset.quantizers.autoround.job import Job, TokenizerPlan
from calibset.quantizers.autoround.model_files import ModelFacts
from calibset.quantizers.autoround.pitfall import Effect, Pitfall, Way
from calibset.quantizers.autoround.pitfalls import pitfalls_of
from tests.quantizers.autoround.jobs import MULTIMODAL, PLAIN, job

ALWAYS = {"defaults", "remote code"}


def names(found: Job) -> set[str]:
    return {trap.name for trap in pitfalls_of(found)} - ALWAYS


def the(name: str, found: Job) -> Pitfall:
    (trap,) = (trap for trap in pitfalls_of(found) if trap.name == name)
    return trap


@pytest.mark.parametrize("version", ["0.12.3", "0.16.1"])
def test_a_plain_run_meets_those_that_are_always_met(version: str) -> None:
    assert names(job(version)) == set()
    assert {trap.name for trap in pitfalls_of(job(version))} == ALWAYS
    assert all(trap.avoided for trap in pitfalls_of(job(version)))


@pytest.mark.parametrize(
    ("file", "about"),
    [
        ("my set.jsonl", "the file's path holds a space, which it removes"),
        (
            "a,b:c d.jsonl",
            "the file's path holds a space, which it removes; a comma, which separates datasets; a colon, "
            "which begins options",
        ),
    ],
)
def test_characters_that_autoround_misreads(file: str, about: str) -> None:
    trap = the("path characters", job(file=file))
    assert trap.about == about
    assert (trap.effect, trap.avoided, trap.ways) == (Effect.STOPS, False, frozenset(Way))


def test_an_ending_that_it_does_not_read() -> None:
    assert names(job(file="x.txt")) == {"file ending"}
    assert names(job(file="x.json")) == set()


def test_exact_ids_have_no_path_that_it_reads() -> None:
    assert names(job(file="my set.txt", ids="x.parquet")) == {"ids"}


def test_exact_ids_are_for_the_python_code() -> None:
    trap = the("ids", job(ids="x.parquet"))
    assert (trap.effect, trap.avoided, trap.ways) == (Effect.STOPS, False, {Way.COMMAND})


@pytest.mark.parametrize(
    ("version", "model", "met"),
    [
        ("0.12.3", MULTIMODAL, True),
        ("0.15.9", MULTIMODAL, True),
        ("0.16.0", MULTIMODAL, False),
        ("0.16.1", MULTIMODAL, False),
        ("0.12.3", PLAIN, False),
        ("0.12.3", ModelFacts(path="org/x"), True),
    ],
)
def test_a_text_file_for_a_multimodal_model(version: str, model: ModelFacts, met: bool) -> None:
    found = job(version, model)
    assert ("multimodal file" in names(found)) is met
    assert found.dataset == ("out/x.jsonl:num=512" if met else "out/x.jsonl")


@pytest.mark.parametrize("version", ["0.12.3", "0.16.1"])
@pytest.mark.parametrize("name", ["Mistral-Small-3.2-24B", "Magistral-Small-2509", "Devstral-Small-2507"])
def test_a_path_with_one_of_mistral_s_names(version: str, name: str) -> None:
    trap = the("Mistral path", job(version, replace(MULTIMODAL, path=f"models/{name}")))
    assert (trap.effect, trap.avoided, trap.ways) == (Effect.STOPS, False, {Way.COMMAND})


def test_a_folder_with_a_tekken_json() -> None:
    trap = the("tokenizer folder", job(model=replace(PLAIN, has_tekken=True)))
    assert "reads control tokens in text as letters" in trap.about
    assert (trap.effect, trap.ways) == (Effect.CHANGES, {Way.COMMAND})


def test_a_folder_without_a_tokenizer_that_parses_control_tokens() -> None:
    bare = replace(PLAIN, has_fast_tokenizer=False)
    assert names(job(model=bare)) == {"tokenizer folder"}
    assert names(job(model=bare, tokenizer=TokenizerPlan(location="models/small"))) == set()


def test_a_multimodal_model_s_processor_is_loaded() -> None:
    assert names(job(model=MULTIMODAL)) == {"processor"}
    assert "whose files this folder lacks" in the("processor", job(model=MULTIMODAL)).about
    whole = replace(MULTIMODAL, has_processor=True)
    assert "lacks" not in the("processor", job(model=whole)).about


def test_a_model_of_unknown_kind() -> None:
    assert the("kind of model", job(model=ModelFacts(path="org/x"))).effect is Effect.NOTE


@pytest.mark.parametrize(("positions", "met"), [(2047, True), (2048, False), (None, False)])
def test_a_model_with_fewer_positions(positions: int | None, met: bool) -> None:
    assert ("positions" in names(job(model=replace(PLAIN, positions=positions)))) is met


def test_a_tokenizer_that_takes_shorter_texts() -> None:
    trap = the("longest text", job(model=replace(PLAIN, longest_text=256)))
    assert (trap.about, trap.ways) == (
        "the tokenizer's model_max_length is 256, and AutoRound lowers seqlen to it",
        {Way.COMMAND},
    )
    trap = the("longest text", job(tokenizer=TokenizerPlan(location="x", longest_text=256)))
    assert trap.ways == {Way.PYTHON}
    assert names(job(model=replace(PLAIN, longest_text=2048))) == set()


def test_bits_that_a_format_cannot_hold_are_told() -> None:
    trap = the("format and bits", job(scheme="W5A16"))
    assert (trap.about, trap.effect) == ("format auto_gptq holds 2, 3, 4, 8 or 16 bits, not 5", Effect.STOPS)


@pytest.mark.parametrize(
    ("version", "model", "nsamples", "asked", "taken", "effect"),
    [
        ("0.12.3", PLAIN, 512, 4, 4, None),
        ("0.12.3", PLAIN, 513, 4, 3, Effect.STOPS),
        ("0.12.3", PLAIN, 13, 4, 1, Effect.STOPS),
        ("0.12.3", PLAIN, 7, 3, 1, Effect.STOPS),
        ("0.12.3", PLAIN, 14, 4, 4, None),
        ("0.12.3", PLAIN, 1, 4, 1, Effect.STOPS),
        ("0.12.3", PLAIN, 3, 4, 4, None),
        ("0.12.3", MULTIMODAL, 14, 4, 2, Effect.CHANGES),
        ("0.12.3", MULTIMODAL, 13, 4, 1, Effect.STOPS),
        ("0.12.3", MULTIMODAL, 12, 4, 4, None),
        ("0.16.1", PLAIN, 513, 4, 4, None),
        ("0.16.1", MULTIMODAL, 513, 4, 4, None),
    ],
)
def test_rows_that_do_not_divide_into_batches(
    version: str, model: ModelFacts, nsamples: int, asked: int, taken: int, effect: Effect | None
) -> None:
    found = job(version, model, nsamples=nsamples, batch_size=asked)
    assert found.batch_size == taken
    assert ("short batch" in names(found)) is (effect is not None)
    if effect is not None:
        trap = the("short batch", found)
        assert (trap.effect, trap.avoided, trap.remedy) == (effect, True, f"batch_size is {taken}")


def test_tensors_of_ids_have_as_many_rows_as_a_batch() -> None:
    trap = the("batches of ids", job(model=MULTIMODAL, ids="x.parquet"))
    assert (trap.remedy, trap.ways) == ("each tensor has 4 rows", {Way.PYTHON})
    assert "batches of ids" not in names(job("0.12.3", MULTIMODAL, ids="x.parquet"))
    assert "batches of ids" not in names(job(model=PLAIN, ids="x.parquet"))


@pytest.mark.parametrize(
    ("version", "options", "expected"),
    [
        ("0.12.3", {"format": "mlx"}, {"unknown format"}),
        ("0.16.1", {"format": "mlx"}, set()),
        ("0.16.1", {"format": "gptq"}, {"unknown format"}),
        ("0.12.3", {"scheme": "W5A16"}, {"unknown scheme", "format and bits"}),
        ("0.16.1", {"scheme": "w5a16"}, {"format and bits"}),
        ("0.16.1", {"scheme": "W9A9"}, {"unknown scheme"}),
        ("0.16.1", {"scheme": "GGUF:Q4_K_M", "format": "gguf:q4_k_m"}, set()),
        ("0.16.1", {"scheme": "W8A16"}, set()),
        ("0.16.1", {"scheme": "W8A16", "bits": 8}, set()),
        ("0.16.1", {"scheme": "W8A16", "bits": 4}, {"bits and scheme"}),
        ("0.16.1", {"bits": 3}, {"bits and scheme"}),
        ("0.16.1", {"sym": False}, {"asymmetric GPTQ"}),
        ("0.16.1", {"scheme": "W3A16", "format": "auto_awq"}, {"format and bits"}),
        ("0.12.3", {"scheme": "W8A16", "bits": 8, "format": "auto_awq"}, {"format and bits"}),
        ("0.16.1", {"scheme": "W5A16", "format": "auto_awq"}, set()),
        ("0.16.1", {"scheme": "NVFP4"}, {"format and scheme"}),
        ("0.16.1", {"scheme": "MXFP4", "format": "auto_round"}, set()),
        ("0.16.1", {"group_size": 0}, {"group size"}),
        ("0.16.1", {"scheme": "FP8_STATIC", "group_size": 0, "format": "auto_round"}, set()),
        ("0.16.1", {"group_size": -1}, set()),
        ("0.16.1", {"sym": False, "format": "auto_round"}, set()),
    ],
)
def test_options_that_do_not_go_together(
    version: str, options: dict[str, object], expected: set[str]
) -> None:
    assert names(job(version, **options)) == expected


def test_a_path_that_switches_an_option_off() -> None:
    assert names(job(model=replace(PLAIN, path="models/bloom"))) == {"bloom path"}
    assert names(job(model=replace(PLAIN, path="models/bloom"), low_gpu_mem_usage=False)) == set()


def test_remote_code() -> None:
    assert "whatever is asked" not in the("remote code", job()).about
    assert "whatever is asked" in the("remote code", job(model=MULTIMODAL)).about
    assert "remote code" not in {trap.name for trap in pitfalls_of(job(trust_remote_code=True))}


def test_another_version_is_told() -> None:
    trap = the("other version", job("0.14.0"))
    assert trap.about == "what is said here was looked at in 0.12.3 and 0.16.1, not in 0.14.0"


def test_what_stops_comes_first() -> None:
    effects = [trap.effect for trap in pitfalls_of(job("0.14.0", MULTIMODAL, file="a b.jsonl", nsamples=513))]
    assert effects == sorted(effects, key=list(Effect).index)
    assert len(effects) > 4

from __future__ import annotations

from dataclasses import replace

import pytest

from calibset.quantizers.autoround import option_pitfalls
from calibset.quantizers.autoround.command import quantize_command
from calibset.quantizers.autoround.model_files import ModelInfo
from calibset.quantizers.autoround.pitfall import Interface, Pitfall, Severity
from calibset.quantizers.autoround.pitfalls import find_pitfalls
from calibset.quantizers.autoround.run import QuantizationRun, TokenizerLocation
from calibset.quantizers.token_faults import MissingEmbeddings
from tests.quantizers.autoround.runs import MULTIMODAL, PLAIN, plain_run

ALWAYS = {"defaults", "remote code"}


def names(run: QuantizationRun) -> set[str]:
    return {pitfall.name for pitfall in find_pitfalls(run)} - ALWAYS


def the(name: str, run: QuantizationRun) -> Pitfall:
    (pitfall,) = (pitfall for pitfall in find_pitfalls(run) if pitfall.name == name)
    return pitfall


@pytest.mark.parametrize("version", ["0.12.3", "0.16.1"])
def test_a_plain_run_meets_those_that_are_always_met(version: str) -> None:
    assert names(plain_run(version)) == set()
    assert {pitfall.name for pitfall in find_pitfalls(plain_run(version))} == ALWAYS
    assert all(pitfall.avoided for pitfall in find_pitfalls(plain_run(version)))


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
    pitfall = the("path characters", plain_run(file=file))
    assert pitfall.about == about
    assert (pitfall.severity, pitfall.avoided, pitfall.only) == (Severity.STOPS, False, None)


def test_an_ending_that_it_does_not_read() -> None:
    assert names(plain_run(file="x.txt")) == {"file ending"}
    assert names(plain_run(file="x.json")) == set()


def test_exact_ids_have_no_path_that_it_reads() -> None:
    assert names(plain_run(file="my set.txt", ids="x.parquet")) == {"ids"}


def test_exact_ids_are_for_the_python_code() -> None:
    pitfall = the("ids", plain_run(ids="x.parquet"))
    assert (pitfall.severity, pitfall.avoided, pitfall.only) == (
        Severity.STOPS,
        False,
        Interface.COMMAND_LINE,
    )


@pytest.mark.parametrize(
    ("version", "model", "met"),
    [
        ("0.12.3", MULTIMODAL, True),
        ("0.15.9", MULTIMODAL, True),
        ("0.16.0", MULTIMODAL, False),
        ("0.16.1", MULTIMODAL, False),
        ("0.12.3", PLAIN, False),
        ("0.12.3", ModelInfo(path="org/x"), True),
    ],
)
def test_a_text_file_for_a_multimodal_model(version: str, model: ModelInfo, met: bool) -> None:
    run = plain_run(version, model)
    assert ("multimodal file" in names(run)) is met
    assert run.dataset == ("out/x.jsonl:num=512" if met else "out/x.jsonl")


@pytest.mark.parametrize("version", ["0.12.3", "0.16.1"])
@pytest.mark.parametrize("name", ["Mistral-Small-3.2-24B", "Magistral-Small-2509", "Devstral-Small-2507"])
def test_a_path_with_one_of_mistral_s_names(version: str, name: str) -> None:
    pitfall = the("Mistral path", plain_run(version, replace(MULTIMODAL, path=f"models/{name}")))
    assert (pitfall.severity, pitfall.avoided, pitfall.only) == (
        Severity.STOPS,
        False,
        Interface.COMMAND_LINE,
    )


def test_a_folder_with_a_tekken_json() -> None:
    pitfall = the("tokenizer folder", plain_run(model=replace(PLAIN, has_tekken=True)))
    assert "its tokenizer reads control tokens as plain text" in pitfall.about
    assert (pitfall.severity, pitfall.only) == (Severity.CHANGES, Interface.COMMAND_LINE)


def test_a_folder_without_a_tokenizer_that_parses_control_tokens() -> None:
    bare = replace(PLAIN, has_fast_tokenizer=False)
    assert names(plain_run(model=bare)) == {"tokenizer folder"}
    assert names(plain_run(model=bare, tokenizer=TokenizerLocation(path="models/small"))) == set()


def test_a_multimodal_model_s_processor_is_loaded() -> None:
    assert names(plain_run(model=MULTIMODAL)) == {"processor"}
    assert "whose files this folder lacks" in the("processor", plain_run(model=MULTIMODAL)).about
    whole = replace(MULTIMODAL, has_processor=True)
    assert "lacks" not in the("processor", plain_run(model=whole)).about


def test_a_model_of_unknown_kind() -> None:
    assert the("kind of model", plain_run(model=ModelInfo(path="org/x"))).severity is Severity.NOTE


@pytest.mark.parametrize(("positions", "met"), [(2047, True), (2048, False), (None, False)])
def test_a_model_with_fewer_positions(positions: int | None, met: bool) -> None:
    assert ("positions" in names(plain_run(model=replace(PLAIN, max_positions=positions)))) is met


def test_a_tokenizer_that_takes_shorter_texts() -> None:
    pitfall = the("longest text", plain_run(model=replace(PLAIN, model_max_length=256)))
    assert (pitfall.about, pitfall.only) == (
        "the tokenizer's model_max_length is 256, and AutoRound lowers seqlen to it",
        Interface.COMMAND_LINE,
    )
    pitfall = the("longest text", plain_run(tokenizer=TokenizerLocation(path="x", model_max_length=256)))
    assert pitfall.only == Interface.PYTHON
    assert names(plain_run(model=replace(PLAIN, model_max_length=2048))) == set()


def test_bits_that_a_format_cannot_hold_are_told() -> None:
    pitfall = the("format and bits", plain_run(scheme="W5A16"))
    assert (pitfall.about, pitfall.severity) == (
        "format auto_gptq holds 2, 3, 4, 8 or 16 bits, not 5",
        Severity.STOPS,
    )


@pytest.mark.parametrize(
    ("version", "model", "nsamples", "wanted", "taken", "severity"),
    [
        ("0.12.3", PLAIN, 512, 4, 4, None),
        ("0.12.3", PLAIN, 513, 4, 3, Severity.STOPS),
        ("0.12.3", PLAIN, 13, 4, 1, Severity.STOPS),
        ("0.12.3", PLAIN, 7, 3, 1, Severity.STOPS),
        ("0.12.3", PLAIN, 14, 4, 4, None),
        ("0.12.3", PLAIN, 1, 4, 1, Severity.STOPS),
        ("0.12.3", PLAIN, 3, 4, 4, None),
        ("0.12.3", MULTIMODAL, 14, 4, 2, Severity.CHANGES),
        ("0.12.3", MULTIMODAL, 13, 4, 1, Severity.STOPS),
        ("0.12.3", MULTIMODAL, 12, 4, 4, None),
        ("0.16.1", PLAIN, 513, 4, 4, None),
        ("0.16.1", MULTIMODAL, 513, 4, 4, None),
    ],
)
def test_rows_that_do_not_divide_into_batches(
    version: str, model: ModelInfo, nsamples: int, wanted: int, taken: int, severity: Severity | None
) -> None:
    run = plain_run(version, model, nsamples=nsamples, batch_size=wanted)
    assert run.batch_size == taken
    assert ("short batch" in names(run)) is (severity is not None)
    if severity is not None:
        pitfall = the("short batch", run)
        assert (pitfall.severity, pitfall.avoided, pitfall.remedy) == (
            severity,
            True,
            f"batch_size is {taken}",
        )


def test_tensors_of_ids_have_as_many_rows_as_a_batch() -> None:
    pitfall = the("batches of ids", plain_run(model=MULTIMODAL, ids="x.parquet"))
    assert (pitfall.remedy, pitfall.only) == ("each tensor has 4 rows", Interface.PYTHON)
    assert "batches of ids" not in names(plain_run("0.12.3", MULTIMODAL, ids="x.parquet"))
    assert "batches of ids" not in names(plain_run(model=PLAIN, ids="x.parquet"))


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
    assert names(plain_run(version, **options)) == expected


@pytest.mark.parametrize(
    ("version", "option", "name", "severity", "about"),
    [
        ("0.16.1", "format", "new", Severity.NOTE, "format new is not known to this version of calibset"),
        ("0.12.3", "format", "mlx", Severity.STOPS, "AutoRound 0.12.3 knows no format mlx"),
        ("0.12.3", "scheme", "w9a9", Severity.NOTE, "scheme W9A9 is not known to this version of calibset"),
        ("0.12.3", "scheme", "MXFP6", Severity.STOPS, "AutoRound 0.12.3 knows no scheme MXFP6"),
    ],
)
def test_without_autoround_a_name_may_be_newer_than_calibset(
    version: str, option: str, name: str, severity: Severity, about: str
) -> None:
    pitfall = the(f"unknown {option}", plain_run(version, **{"format": "auto_round", option: name}))
    assert (pitfall.severity, pitfall.about) == (severity, about)


def test_the_installed_autoround_knows_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    supported = {"format": frozenset({"new"}), "scheme": frozenset({"W9A9"})}
    monkeypatch.setattr(option_pitfalls, "read_supported_names", lambda version: supported)
    assert names(plain_run(format="new", scheme="W9A9")) == set()
    pitfall = the("unknown format", plain_run(format="mlx"))
    assert (pitfall.severity, pitfall.about) == (Severity.STOPS, "AutoRound 0.16.1 knows no format mlx")
    assert "unknown scheme" in names(plain_run(scheme="W5A16"))
    # What every known version has is looked up for another one alone.
    assert names(plain_run(format="auto_round")) == set()
    assert names(plain_run("0.17.0", format="auto_round")) == {
        "unknown format", "unknown scheme", "other version"
    }  # fmt: skip


def test_a_path_that_switches_an_option_off() -> None:
    assert names(plain_run(model=replace(PLAIN, path="models/bloom"))) == {"bloom path"}
    assert names(plain_run(model=replace(PLAIN, path="models/bloom"), low_gpu_mem_usage=False)) == set()


def test_remote_code() -> None:
    assert "with multimodal models always" not in the("remote code", plain_run()).about
    assert "with multimodal models always" in the("remote code", plain_run(model=MULTIMODAL)).about
    assert "remote code" not in {pitfall.name for pitfall in find_pitfalls(plain_run(trust_remote_code=True))}


def test_another_version_is_told() -> None:
    pitfall = the("other version", plain_run("0.14.0"))
    assert pitfall.about == "these notes were checked against 0.12.3 and 0.16.1, not 0.14.0"


def test_what_stops_comes_first() -> None:
    severities = [
        pitfall.severity
        for pitfall in find_pitfalls(plain_run("0.14.0", MULTIMODAL, file="a b.jsonl", nsamples=513))
    ]
    assert severities == sorted(severities, key=list(Severity).index)
    assert len(severities) > 4


def test_tokens_that_the_model_or_an_older_loader_reads_otherwise() -> None:
    missing = MissingEmbeddings(embedding_count=258, tokens={258: "<|im_end|>"}, rows=3, rows_read=3)
    run = plain_run(missing_embeddings=missing, older_loader="it is read otherwise")
    found = {pitfall.name: pitfall for pitfall in find_pitfalls(run)}
    assert (found["embeddings"].severity, found["embeddings"].about) == (Severity.STOPS, missing.about)
    assert found["older transformers"].severity is Severity.CHANGES
    assert "\nauto-round " in quantize_command(run).command
    unused = plain_run(missing_embeddings=replace(missing, rows=0))
    assert [p.severity for p in find_pitfalls(unused) if p.name == "embeddings"] == [Severity.NOTE]


def test_a_file_that_is_not_there_yet_is_said() -> None:
    (pitfall,) = (p for p in find_pitfalls(plain_run(file_exists=False)) if p.name == "file")
    assert pitfall.about == "there is no file out/x.jsonl here yet"
    assert pitfall.remedy == "write it with `calibset build`, or name another with --file"
    (pitfall,) = (p for p in find_pitfalls(plain_run(file_exists=False, ids="x.parquet")) if p.name == "file")
    assert (pitfall.about, pitfall.remedy) == (
        "there is no file x.parquet here yet", "write it with `calibset export`",
    )  # fmt: skip


def test_only_what_the_recipe_sets_is_called_the_recipes() -> None:
    remedies = [
        next(p.remedy for p in find_pitfalls(run) if p.name == "defaults")
        for run in (plain_run(), plain_run(iters=7))
    ]
    assert remedies == [
        "nsamples and seqlen are set as in the recipe, and iters to 1000",
        "nsamples and seqlen are set as in the recipe, and iters as well",
    ]

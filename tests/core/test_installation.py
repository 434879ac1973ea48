"""How calibset was installed decides which command adds to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from calibset.core.installation import choose_command


def url(address: str, **about: object) -> str:
    return json.dumps({"url": address, **about})


@pytest.mark.parametrize(
    ("installer", "direct_url", "command"),
    [
        ("pip\n", "", "pip install 'calibset[report]'"),
        ("uv\n", "", "uv pip install 'calibset[report]'"),
        ("pip", "{", "pip install 'calibset[report]'"),
        ("pip", url("https://example.org/c.whl", archive_info={}), "pip install 'calibset[report]'"),
        ("pip", url("file:///a%20b", dir_info={"editable": True}), "pip install -e '/a b[report]'"),
        ("uv", url("file:///a", dir_info={}), "uv pip install '/a[report]'"),
    ],
)
def test_the_program_that_installed_it_adds_to_it(
    tmp_path: Path, installer: str, direct_url: str, command: str
) -> None:
    assert choose_command("report", prefix=tmp_path, installer=installer, direct_url=direct_url) == command


def test_a_tool_of_pipx_is_injected_into(tmp_path: Path) -> None:
    (tmp_path / "pipx_metadata.json").write_text("{}")
    assert choose_command("report", "protobuf", prefix=tmp_path, installer="pip") == (
        "pipx inject calibset 'calibset[report]' protobuf"
    )


def test_a_tool_of_uv_keeps_its_extras(tmp_path: Path) -> None:
    (tmp_path / "uv-receipt.toml").write_text(
        '[tool]\nrequirements = [{ name = "calibset", extras = ["wikitext"] }]\n'
    )
    assert choose_command("report", "protobuf", prefix=tmp_path, installer="uv") == (
        "uv tool install --force 'calibset[report,wikitext]' --with protobuf"
    )
    (tmp_path / "uv-receipt.toml").write_text("[tool")
    assert choose_command("report", prefix=tmp_path) == "uv tool install --force 'calibset[report]'"

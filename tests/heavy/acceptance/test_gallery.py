"""The gallery at its full size: each recipe is copied and built, unmodified, as a stranger does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from calibset import Manifest
from calibset.recipe.gallery import list_gallery
from tests.gallery.corpora import write_own, write_repositories
from tests.heavy.hub import Hub
from tests.storage.loopback import serving

_OF_OTHER_TESTS = ("quickstart", "slovak_insurance")


@pytest.fixture(scope="module")
def gallery_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub of small corpora, of our own writing, that are large enough for whole files."""
    with serving() as loopback:
        loopback.repositories.update(write_repositories(900, long_rows=60))
        yield Hub(loopback.address, tmp_path_factory.mktemp("hf-home"))


@pytest.mark.parametrize("name", [name for name in list_gallery() if name not in _OF_OTHER_TESTS])
def test_a_recipe_is_copied_and_builds(name: str, gallery_hub: Hub, tmp_path: Path) -> None:
    recipe, file = tmp_path / f"{name}.toml", tmp_path / "rows.jsonl"
    assert gallery_hub.run("init", "--from", name, "--out", recipe).code == 0
    write_own(tmp_path, 450)
    ran = gallery_hub.run("build", recipe, "--out", file)
    assert ran.code == 0, ran.err
    manifest = Manifest.read(file)
    assert manifest is not None
    assert manifest.kept == manifest.nsamples == manifest.recipe["nsamples"]
    assert all(not source.rejections for source in manifest.sources)
    for group in manifest.groups:
        assert group.achieved == group.asked, group.name
    verified = gallery_hub.run("verify", file, "--json")
    assert verified.data["kept"] == len(file.read_text("ascii").splitlines())
    holdout = Manifest.read(tmp_path / "rows.holdout.jsonl")
    assert holdout is not None
    assert holdout.kept == holdout.nsamples

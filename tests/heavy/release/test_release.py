"""What would be released: the sdist, the wheel, and the wheel used where there is no checkout.

Nothing of calibset is imported here: the session `release` builds both files, installs the wheel into an
environment of its own, and says where they are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from email import message_from_bytes, policy
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
VERSION = PROJECT["version"]
INFO = f"calibset-{VERSION}.dist-info"


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder of the sdist and the wheel."""
    return Path(os.environ["CALIBSET_DIST"])


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    assert path.name == f"calibset-{VERSION}-py3-none-any.whl"
    return zipfile.ZipFile(path)


def run(folder: Path, program: str, *words: str) -> str:
    """Run a program of the fresh environment in a folder, with nothing of this process's Python."""
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    command = [str(Path(os.environ["CALIBSET_FRESH"]) / "bin" / program), *words]
    process = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_the_wheel_holds_the_modules_and_these_files(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if not name.endswith("/")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "calibset").rglob("*.py")}
    others = (HERE / "wheel.txt").read_text("utf-8").replace("INFO", INFO).split()
    assert names - modules == set(others)
    assert modules - names == set()
    assert sum(one.file_size for one in wheel.infolist()) < 4_000_000


def test_the_wheel_s_gallery_is_that_of_the_checkout(wheel: zipfile.ZipFile) -> None:
    for name in wheel.namelist():
        if name.startswith("calibset/gallery/"):
            assert wheel.read(name) == (ROOT / name.replace("calibset/gallery", "recipes")).read_bytes()


def test_the_sdist_holds_what_it_takes_to_test_and_to_document(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.split("/")[0] for name in names} == {
        ".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "PKG-INFO", "README.md", "calibset",
        "docs", "hatch_build.py", "mkdocs.yml", "noxfile.py", "pyproject.toml", "recipes", "tests",
    }  # fmt: skip
    assert "recipes/samples/_sources/make_parquet.py" in names
    readme = (ROOT / "README.md").read_text("utf-8")
    linked = {
        target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", readme) if "://" not in target
    }
    assert linked
    assert linked <= names
    assert [name for name in names if "__pycache__" in name or name.endswith(".pyc")] == []


def test_the_metadata_is_whole(wheel: zipfile.ZipFile) -> None:
    metadata = message_from_bytes(wheel.read(f"{INFO}/METADATA"), policy=policy.default)
    assert (metadata["Name"], metadata["Version"]) == ("calibset", VERSION)
    assert metadata["Summary"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    description = metadata.get_payload()
    assert description.startswith("# calibset\n")
    # A page of an index has no files beside it.
    assert [target for target in re.findall(r"\]\(([^)]+)\)", description) if "://" not in target] == []
    assert "The pages that are named here are in the folder `docs` of the source distribution." in description
    assert set(metadata.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    plain = [need for need in metadata.get_all("Requires-Dist") if "extra ==" not in need]
    assert len(plain) == len(PROJECT["dependencies"])
    assert "calibset = calibset.cli:main" in wheel.read(f"{INFO}/entry_points.txt").decode()


def test_the_changelog_has_a_section_of_this_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)
    section = next((one for one in sections if one.startswith(f"[{VERSION}] - ")), None)
    assert section is not None
    assert "\n### Added\n" in section


def test_the_wheel_alone_builds_the_quickstart_of_the_readme(tmp_path: Path) -> None:
    assert run(tmp_path, "calibset", "--version").strip() == f"calibset {VERSION}"
    run(tmp_path, "calibset", "init", "--from", "quickstart")
    summary = run(tmp_path, "calibset", "build", "quickstart.toml")
    shown = re.search(r"sha256 \w+", (ROOT / "README.md").read_text("utf-8"))
    assert shown is not None
    assert shown.group() in summary
    assert "keeps 32 of 32 rows" in run(tmp_path, "calibset", "verify", "quickstart.jsonl")
    run(tmp_path, "calibset", "export", "quickstart.jsonl", "--for", "llama.cpp")
    run(tmp_path, "calibset", "card", "quickstart.jsonl", "--out", "card")
    assert (tmp_path / "card" / "README.md").is_file()
    manifest = json.loads((tmp_path / "quickstart.manifest.json").read_text("utf-8"))
    assert str(ROOT) not in json.dumps(manifest)


def test_the_gallery_comes_along(tmp_path: Path) -> None:
    names = {path.stem for path in (ROOT / "recipes").glob("*.toml")}
    listed = run(tmp_path, "calibset", "recipes")
    assert [name for name in names if name not in listed] == []
    for name in sorted(names):
        (tmp_path / name).mkdir()
        run(tmp_path / name, "calibset", "init", "--from", name)


def test_programs_import_it_from_there_with_its_types(tmp_path: Path) -> None:
    code = "import calibset, pathlib; print(pathlib.Path(calibset.__file__).parent)"
    package = Path(run(tmp_path, "python", "-c", code).strip())
    assert package.is_relative_to(os.environ["CALIBSET_FRESH"])
    assert (package / "py.typed").is_file()
    assert "CalibrationSet" in run(
        tmp_path, "python", "-c", "import calibset; print(calibset.CalibrationSet)"
    )


def test_data_frames_and_datasets_need_nothing_more(tmp_path: Path) -> None:
    run(tmp_path, "calibset", "init", "--from", "quickstart")
    code = "import calibset; built = calibset.build('quickstart.toml'); print({})"
    assert run(tmp_path, "python", "-c", code.format("built.to_polars().height")).strip() == "32"
    assert run(tmp_path, "python", "-c", code.format("built.to_dataset().num_rows")).strip() == "32"


def test_it_weighs_no_more_than_it_did(tmp_path: Path) -> None:
    """Without bytecode and pip; docs/reference/dependencies.md says what weighs how much."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(tmp_path, "python", "-c", code).strip())
    files = (path for path in packages.rglob("*") if path.suffix != ".pyc" and path.is_file())
    weight = sum(path.stat().st_size for path in files if path.relative_to(packages).parts[0] != "pip")
    assert weight < 720_000_000

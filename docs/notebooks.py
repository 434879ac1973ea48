"""Runs the notebooks and makes pages of them with what they printed and drew, before MkDocs reads its files.

In the repository a notebook holds no output, so none can be stale; a cell that fails fails the site.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor, ExecutePreprocessor

_SECONDS_OF_A_CELL = 120


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put a page beside each notebook, and the pictures that it drew."""
    for file in [one for one in files if one.src_uri.endswith(".ipynb")]:
        name = file.src_uri.removesuffix(".ipynb")
        page, pictures = render(Path(str(file.abs_src_path)))
        files.append(File.generated(config, f"{name}.md", content=page))
        for picture, content in pictures.items():
            files.append(File.generated(config, f"{Path(name).parent.as_posix()}/{picture}", content=content))
    return files


def render(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return what a notebook says when it is run in an empty folder, and the pictures by their names.

    Raises:
        CellExecutionError: A cell fails.
    """
    notebook: Any = nbformat.read(path, as_version=4)
    # The commands of calibset are those beside this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:
        # Its only warning is that its port, to which none but this machine can speak, isn't encrypted.
        quiet = ["--log-level=ERROR"]
        run = ExecutePreprocessor(timeout=_SECONDS_OF_A_CELL, kernel_name="python3", extra_arguments=quiet)
        run.preprocess(notebook, {"metadata": {"path": folder}})
    names = {"unique_key": path.stem, "output_files_dir": path.stem}
    page, made = MarkdownExporter(preprocessors=[CoalesceStreamsPreprocessor]).from_notebook_node(
        notebook, names
    )
    return page, made.get("outputs", {})

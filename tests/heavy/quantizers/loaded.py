"""Modules of packages that can't be imported whole without a graphics card or built extensions."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def alone(package: str, path: str) -> ModuleType:
    """Return a module that imports nothing of its package, which isn't imported."""
    file = _file(package, path)
    spec = spec_from_file_location(f"alone_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def beneath(package: str, path: str) -> ModuleType:
    """Return a module with those beside it, while the packages above it are not run."""
    parts = Path(path).with_suffix("").parts
    for depth in range(1, len(parts)):
        name = ".".join(parts[:depth])
        if name not in sys.modules:
            above = ModuleType(name)
            above.__path__ = [str(_file(package, "/".join(parts[:depth])))]
            above.__spec__ = ModuleSpec(name, None, is_package=True)
            sys.modules[name] = above
    return importlib.import_module(".".join(parts))


def _file(package: str, path: str) -> Path:
    return Path(str(distribution(package).locate_file(path)))

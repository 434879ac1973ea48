"""transformers, imported without its warning that PyTorch is not installed."""

from __future__ import annotations

import os
from types import ModuleType

_VERBOSITY = "TRANSFORMERS_VERBOSITY"


def import_transformers() -> ModuleType:
    """Import transformers and leave the environment as it was.

    Raises:
        ImportError: transformers is not installed.
    """
    previous = os.environ.get(_VERBOSITY)
    os.environ.setdefault(_VERBOSITY, "error")
    try:
        import transformers
    finally:
        if previous is None:
            del os.environ[_VERBOSITY]
    return transformers

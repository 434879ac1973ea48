"""What each declared dependency weighs and costs to import, in the environment that runs this.

Sizes are of the files that a package installs, without compiled bytecode. What a package alone brings are
those packages that would not be there without it. Imports are timed in processor time, in fresh processes.
Of the extras that are installed it says what they add.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROUNDS = 3
PACKAGE = "calibset"


def main() -> None:
    declared = needs(PACKAGE)
    everything = reach(declared)
    print(f"a plain installation: {len(everything) + 1} packages, {megabytes({*everything, PACKAGE})} MB")
    bare = seconds("pass")
    modules = importable()
    print("| package | own MB | alone brings MB | import s |\n|---|--:|--:|--:|")
    for name in sorted((canonicalize_name(need.name) for need in declared), key=lambda name: -size(name)):
        others = (need for need in declared if canonicalize_name(need.name) != name)
        alone = everything - reach(others) - {name}
        took = max(0.0, seconds(f"import {modules[name]}") - bare)
        brings = ", ".join(sorted(alone, key=size, reverse=True)[:4])
        more = f"{megabytes(alone)} ({brings})" if alone else ""
        print(f"| {name} | {megabytes({name})} | {more} | {took:.2f} |", flush=True)
    print("| extra | adds MB |\n|---|--:|")
    for extra in distribution(PACKAGE).metadata.get_all("Provides-Extra") or ():
        try:
            added = megabytes(reach(needs(PACKAGE, [extra])) - everything)
        except PackageNotFoundError:
            added = "not installed here"
        print(f"| {extra} | {added} |")


def needs(name: str, extras: Iterable[str] = ()) -> list[Requirement]:
    """Return what a package requires here, with some of its extras."""
    chosen = [{"extra": extra} for extra in ("", *extras)]
    parsed = map(Requirement, distribution(name).requires or ())
    return [need for need in parsed if need.marker is None or any(map(need.marker.evaluate, chosen))]


def reach(declared: Iterable[Requirement]) -> set[str]:
    """Return packages with all that they require."""
    found: set[tuple[str, frozenset[str]]] = set()
    ahead = list(declared)
    while ahead:
        need = ahead.pop()
        one = (canonicalize_name(need.name), frozenset(need.extras))
        if one not in found:
            found.add(one)
            ahead += needs(*one)
    return {name for name, _ in found}


def size(name: str) -> int:
    """Return the bytes of a package's files."""
    files = distribution(name).files or ()
    paths = (Path(str(file.locate())) for file in files if file.suffix != ".pyc")
    return sum(path.stat().st_size for path in paths if path.is_file())


def megabytes(names: Iterable[str]) -> str:
    return f"{sum(map(size, names)) / 1e6:.1f}"


def importable() -> dict[str, str]:
    """Return the module to import of each package."""
    modules: dict[str, str] = {}
    for module, owners in sorted(packages_distributions().items()):
        for owner in owners:
            name = canonicalize_name(owner)
            if not module.startswith("_") and (name not in modules or module == name.replace("-", "_")):
                modules[name] = module
    return modules


def seconds(code: str) -> float:
    """Return the processor time that a fresh process takes to run some code: the least of a few."""
    times = []
    for _ in range(ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


if __name__ == "__main__":
    main()

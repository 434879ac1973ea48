"""What it costs to import calibset and to ask it for help, against one pydantic model.

Each is timed in fresh processes, in turn, and the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 7
PEER = "from pydantic import BaseModel\nclass Model(BaseModel):\n    x: int\n"
MEASURED = {
    "one pydantic model": ["-c", PEER],
    "import calibset": ["-c", "import calibset"],
    "calibset --help": ["-m", "calibset", "--help"],
}


def main() -> None:
    seconds: dict[str, list[float]] = {name: [] for name in MEASURED}
    for _ in range(ROUNDS):
        for name, words in MEASURED.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    peer = medians["one pydantic model"]
    for name, median in medians.items():
        print(f"{name:<20} {median / peer:5.2f} x one pydantic model")


if __name__ == "__main__":
    main()

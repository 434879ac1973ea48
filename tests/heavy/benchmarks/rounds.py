"""Ways to do the same, measured in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.heavy.measured_process import Cost, Ran

ROUNDS = 3


def best_of_rounds(
    ways: Mapping[str, Callable[[], tuple[Ran, Cost]]], *, rounds: int = ROUNDS, cold: bool = False
) -> dict[str, Cost]:
    """Return the least that each way took in some rounds; all ways have their turn in each.

    What else the machine does only adds to a cost, so that the least is nearest to what a way takes alone.

    Args:
        ways: What runs a command, by its name.
        rounds: How many count.
        cold: Whether the first round counts, which fills caches; else there is one more before.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for number in range(rounds + (not cold)):
        for name, run in ways.items():
            ran, cost = run()
            if ran.code:
                raise SystemExit(f"{name}: {ran.err}")
            if number or cold:
                costs[name].append(cost)
    return {
        name: Cost(
            min(cost.seconds for cost in own),
            min(cost.processor for cost in own),
            max(cost.peak for cost in own),
        )
        for name, own in costs.items()
    }

"""Options of the commands that compare runs over seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from slr_tune.ablation.budget import Budget

LEAST_SEEDS = 3
"""Of two, the test finds what is not there in up to 8 of 100 studies."""
SEEDS = 5
"""By default: with five the test holds in every setting that was simulated."""


class SeedCount(click.ParamType[int]):
    """A number of seeds, from three."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; too few are refused with the reason."""
        try:
            count = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        if count < LEAST_SEEDS:
            self.fail(
                f"{count} is too few: with two seeds up to 8 of 100 studies show a difference "
                f"that does not exist, and one seed shows nothing. Give --seeds {LEAST_SEEDS} or "
                f"more, {SEEDS} if you can.",
                param,
                ctx,
            )
        return count


class BudgetType(click.ParamType["Budget"]):
    """A budget as `read_budget` reads it."""

    name = "budget"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Budget:
        """The budget; anything else is refused."""
        from slr_tune.ablation.budget import Budget, read_budget

        if isinstance(value, Budget):
            return value
        try:
            return read_budget(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)

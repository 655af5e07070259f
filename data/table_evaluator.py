"""A table as an evaluator: what was measured before, asked for by architecture."""

from collections.abc import Sequence

import numpy as np

from dagsmith.data.evaluations import Evaluation
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import Architecture


class TableEvaluator:
    """Answers from an `EvaluatedTable`; an architecture that is not in it is a failure.

    Args:
        table: the measurements. Where an architecture stands in several rows, the first counts.
        fidelity: what the evaluations are called.

    Example:
        >>> from dagsmith.space import Edge, Node
        >>> net = Architecture((Node.of("image"), Node.of("conv", kernel=3)), (Edge(0, 1),))
        >>> table = EvaluatedTable.of([net], {"accuracy": [0.93]})
        >>> TableEvaluator(table).evaluate([net])[0].metrics
        {'accuracy': 0.93}
    """

    def __init__(self, table: EvaluatedTable, fidelity: str = "table") -> None:
        self.table = table
        self.fidelity = fidelity
        self.row: dict[str, int] = {}
        for row in range(len(table)):
            self.row.setdefault(table.population.architecture(row).key, row)

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        """Look each one up; numbers that were not measured are left out."""
        return [self._evaluate(architecture) for architecture in architectures]

    def _evaluate(self, architecture: Architecture) -> Evaluation:
        row = self.row.get(architecture.key)
        if row is None:
            reason = f"architecture {architecture.key[:12]} is not in the table"
            return Evaluation(architecture, {}, {}, self.fidelity, 0, 0.0, reason)
        metrics, costs = (
            {name: float(values[row]) for name, values in group.items() if np.isfinite(values[row])}
            for group in (self.table.metrics, self.table.costs)
        )
        return Evaluation(architecture, metrics, costs, self.fidelity, 0, 0.0, "")

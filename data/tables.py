"""Tables of evaluated architectures: graphs as arrays, and what was measured of each by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dagsmith.data.duplicates import architecture_numbers, averages
from dagsmith.data.errors import DatasetError
from dagsmith.data.kind_inference import infer_kinds
from dagsmith.space import Architecture, Population, Vocabulary
from dagsmith.space.errors import nearest

Columns = Mapping[str, NDArray[np.float64]]
"""Numbers by name, ``[rows]`` each; NaN where something was not measured."""
Measurements = ArrayLike | Sequence[float | None]
"""``[rows]`` numbers; None or NaN where something was not measured."""


@dataclass(frozen=True, eq=False)
class EvaluatedTable:
    """Architectures and what is known of each: what a predictor learns from.

    The story of a table: ``load_table`` reads it, ``merge_duplicates`` makes every architecture
    one row, ``measured`` keeps the rows that have a label, ``split`` sets some aside to train on.

    Attributes:
        population: The architectures, one per row.
        metrics: Quality, such as ``{"accuracy": [...]}``.
        costs: Cost, such as ``{"latency_ms": [...]}``.
        fidelities: Cheaper hints at the quality: the accuracy after a few epochs, zero-cost scores.

    Raises:
        DatasetError: For a column of another length, one that is infinite or no number, or a name
            that two columns have.

    Example:
        >>> from dagsmith.space import Architecture, Edge, Node
        >>> nets = [
        ...     Architecture((Node.of("image"), Node.of("conv", kernel=size)), (Edge(0, 1),))
        ...     for size in (3, 5, 7)
        ... ]
        >>> table = EvaluatedTable.of(nets, {"accuracy": [0.71, 0.74, None]})
        >>> len(table.measured("accuracy")), table.kinds
        (2, Vocabulary(conv, image))
    """

    population: Population
    metrics: Columns
    costs: Columns = field(default_factory=dict)
    fidelities: Columns = field(default_factory=dict)

    def __post_init__(self) -> None:
        names: list[str] = []
        for group in ("metrics", "costs", "fidelities"):
            columns = getattr(self, group)
            checked = {name: _numbers(name, columns[name], len(self)) for name in columns}
            object.__setattr__(self, group, checked)
            names += checked
        for name in names:
            if names.count(name) > 1:
                raise DatasetError(f"two columns have the name {name!r}; expected different names")

    @staticmethod
    def of(
        architectures: Sequence[Architecture],
        metrics: Mapping[str, Measurements],
        costs: Mapping[str, Measurements] | None = None,
        fidelities: Mapping[str, Measurements] | None = None,
        kinds: Vocabulary | None = None,
    ) -> "EvaluatedTable":
        """Make a table of architectures in memory.

        Args:
            architectures: Graphs over any component kinds.
            metrics: Numbers by name, ``[rows]`` each; None or NaN where not measured.
            costs: Likewise.
            fidelities: Likewise.
            kinds: The component kinds; None infers them from the graphs (``infer_kinds``).

        Raises:
            DatasetError: See the class.
            ArchitectureError: For an architecture that does not fit the kinds.
        """
        population = Population.from_architectures(
            architectures, infer_kinds(architectures) if kinds is None else kinds
        )
        groups = (metrics, costs or {}, fidelities or {})
        return EvaluatedTable(
            population,
            *(
                {name: _numbers(name, values, len(population)) for name, values in group.items()}
                for group in groups
            ),
        )

    def __len__(self) -> int:
        return len(self.population)

    def __repr__(self) -> str:
        groups = (
            f"{group}: {', '.join(columns)}"
            for group in ("metrics", "costs", "fidelities")
            if (columns := getattr(self, group))
        )
        return f"EvaluatedTable({'; '.join([f'{len(self):,} rows, {self.kinds}', *groups])})"

    @property
    def kinds(self) -> Vocabulary:
        """The component kinds of the architectures."""
        return self.population.vocabulary

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns: metrics, costs, fidelities."""
        return (*self.metrics, *self.costs, *self.fidelities)

    def column(self, name: str) -> NDArray[np.float64]:
        """The numbers of that name, ``[rows]``; NaN where something was not measured.

        Raises:
            DatasetError: If there is no such column.
        """
        for group in (self.metrics, self.costs, self.fidelities):
            if name in group:
                return group[name]
        raise DatasetError(f"the table has no column {name!r}; {nearest(name, self.names)}")

    def take(
        self, rows: Sequence[int] | NDArray[np.integer] | NDArray[np.bool_] | slice
    ) -> "EvaluatedTable":
        """The table of these rows: indices in any order, a mask ``[rows]``, or a slice."""
        chosen = rows if isinstance(rows, slice) else np.asarray(rows)
        if isinstance(chosen, np.ndarray) and not chosen.size:
            chosen = chosen.astype(bool if chosen.dtype == bool else np.int64)
        return self._map(self.population[chosen], lambda _, values: values[chosen])

    def measured(self, *names: str) -> "EvaluatedTable":
        """The rows in which all of these columns were measured.

        Raises:
            DatasetError: If there is no such column.
        """
        missing = [np.isnan(self.column(name)) for name in names]
        return self.take(~np.any([np.zeros(len(self), bool), *missing], axis=0))

    def split(self, train: int, seed: int) -> "tuple[EvaluatedTable, EvaluatedTable]":
        """Draw rows to train on; the rest keep their order.

        An architecture in several rows may come to lie on both sides: ``merge_duplicates`` first.

        Args:
            train: Number of rows to draw, without repetition.
            seed: Seed of the draw.

        Returns:
            The drawn rows in random order, so that its first ``n`` are a draw of ``n``; the rest.

        Raises:
            DatasetError: If the table has fewer rows.
        """
        if not 0 <= train <= len(self):
            raise DatasetError(f"{train} rows to train on; expected 0 to {len(self)}")
        order = np.random.default_rng(seed).permutation(len(self))
        return self.take(order[:train]), self.take(np.sort(order[train:]))

    def merge_duplicates(self) -> "MergedTable":
        """Make every architecture one row, by its canonical key.

        Rows stand in the order of their first appearance. A column's values are averaged over the
        rows in which it was measured.
        """
        row_of = architecture_numbers(self.population)
        first = np.unique(row_of, return_index=True)[1]
        differing: dict[str, int] = {}

        def merge(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
            merged, differs = averages(values, row_of, len(first))
            differing[name] = int(differs.sum())
            return merged

        table = self._map(self.population[first], merge)
        return MergedTable(table, np.bincount(row_of, minlength=len(first)), row_of, differing)

    def _map(
        self,
        population: Population,
        change: Callable[[str, NDArray[np.float64]], NDArray[np.float64]],
    ) -> "EvaluatedTable":
        groups = (self.metrics, self.costs, self.fidelities)
        return EvaluatedTable(
            population,
            *({name: change(name, group[name]) for name in group} for group in groups),
        )


@dataclass(frozen=True, eq=False)
class MergedTable:
    """A table without repetitions, and what was merged.

    Attributes:
        table: One row per architecture.
        counts: Rows that each row was made of, ``[merged rows]``.
        row_of: Row of each original row in ``table``, ``[rows]``.
        differing: Column -> number of architectures whose rows had different values, which were
            averaged.
    """

    table: EvaluatedTable
    counts: NDArray[np.int64]
    row_of: NDArray[np.int64]
    differing: Mapping[str, int]

    def __str__(self) -> str:
        repeated = int((self.counts > 1).sum())
        text = f"{len(self.row_of)} rows, {len(self.table)} architectures, {repeated} repeated"
        averaged = [f"{name} of {count}" for name, count in self.differing.items() if count]
        return f"{text}; averaged: {', '.join(averaged) if averaged else 'nothing, rows agree'}"


def _numbers(name: str, values: Measurements, count: int) -> NDArray[np.float64]:
    try:
        column = np.asarray(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DatasetError(f"column {name!r} has values that are no numbers") from None
    if column.shape != (count,):
        raise DatasetError(
            f"column {name!r} has shape {column.shape}; expected [{count}], one per architecture"
        )
    infinite = np.flatnonzero(np.isinf(column))
    if infinite.size:
        raise DatasetError(
            f"column {name!r} is {column[infinite[0]]} for architecture {infinite[0]}; expected "
            "a finite number, or NaN where it was not measured"
        )
    return column

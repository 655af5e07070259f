"""What the columns of a table of architectures mean, declared."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError
from dagsmith.space import Genotypes, Value

GROUPS = ("metrics", "costs", "fidelities")
"""The groups of columns of a table."""


@dataclass(frozen=True)
class SlotColumn:
    """A column that says which choice a slot takes.

    Attributes:
        column: Its name.
        codes: What each value of the column means; None: its values are the choices themselves.

    Example:
        >>> SlotColumn("e_0_1", {0: "none", 1: "skip_connect"}).codes[1]
        'skip_connect'
    """

    column: str
    codes: Mapping[Any, Value] | None = None


@dataclass(frozen=True)
class GenotypeColumns:
    """Columns that a function turns into genotypes, all rows at once.

    Attributes:
        columns: Their names.
        genotypes: Column name -> its values ``[rows]`` in, genotypes ``[rows, slots]`` out. It
            may complain with a ``SpaceError``.
    """

    columns: tuple[str, ...]
    genotypes: Callable[[Mapping[str, NDArray[Any]]], Genotypes]


@dataclass(frozen=True)
class TableMapping:
    """Which columns of a table are the architecture, and which are measurements.

    Attributes:
        metrics: Column names; or name in the table -> column.
        costs: Likewise.
        fidelities: Likewise.
        slots: Slot -> column; slots that are not named, or all, are columns of the slots' names.
            A slot with a single choice needs none. Or a function of columns.
        key: The column that says which rows of several files belong together.

    Raises:
        DatasetError: If two columns get the same name.

    Example:
        >>> mapping = TableMapping({"accuracy": "val_acc"}, costs=["flops"], slots={"width": "w"})
        >>> mapping.named("metrics"), mapping.named("costs")
        ({'accuracy': 'val_acc'}, {'flops': 'flops'})
    """

    metrics: Mapping[str, str] | Sequence[str]
    costs: Mapping[str, str] | Sequence[str] = ()
    fidelities: Mapping[str, str] | Sequence[str] = ()
    slots: Mapping[str, str | SlotColumn] | GenotypeColumns | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for group in GROUPS:
            columns = getattr(self, group)
            if isinstance(columns, str):  # which is a sequence of its letters, too
                raise DatasetError(f"{group} are {columns!r}; expected a list, [{columns!r}]")
            for name in columns:
                if name in seen:
                    raise DatasetError(f"two columns have the name {name!r} in the mapping")
                seen.add(name)

    def named(self, group: str) -> dict[str, str]:
        """The columns of a group, by their name in the table."""
        columns = getattr(self, group)
        return dict(columns) if isinstance(columns, Mapping) else {name: name for name in columns}

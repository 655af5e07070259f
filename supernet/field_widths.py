"""How wide each field's vectors are: equally, or as its values need."""

import math
from collections.abc import Sequence

from dagsmith.data import SparseField


def field_widths(fields: Sequence[SparseField], dim: int, factor: float | None) -> tuple[int, ...]:
    """Coordinates that each field's vectors use of `dim`.

    Args:
        fields: the categorical fields.
        dim: width of the vectors as the operators above see them.
        factor: a field with ``V`` ids uses ``factor V^(1/4)`` of them, rounded up, as far as there
            are so many (6 in DCN, arXiv 1708.05123); None is all of them.
    """
    if factor is None:
        return (dim,) * len(fields)
    return tuple(min(dim, math.ceil(factor * field.cardinality**0.25)) for field in fields)

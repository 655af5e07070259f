"""Beginning with the embeddings of a model that is trained already."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from dagsmith.supernet.model import ClickModel


def principal(table: Tensor, widths: Sequence[int] = ()) -> Tensor:
    """Embedding vectors ``[rows, dim]`` turned so that their coordinates go from large to small.

    ``E V`` with ``E^T E = V L V^T``, L descending: inner products of vectors stay what they are,
    and the first coordinates are the best approximation in so many dimensions.

    Args:
        table: the vectors.
        widths: how many coordinates each field uses (`field_widths`). Those that the same fields
            use are turned among themselves, so that no field comes to use others.
    """
    wide = table.to(torch.float64, copy=True)
    ends = sorted({*widths, table.shape[1]})
    for begin, end in pairwise([0, *ends]):
        part = wide[:, begin:end]
        _, vectors = torch.linalg.eigh(part.T @ part)
        wide[:, begin:end] = part @ vectors.flip(1)
    return wide.to(table.dtype)


@torch.no_grad()
def warm_start(model: ClickModel, table: Tensor) -> None:
    """Begin with the vectors of `table`, ``[rows, dim]``, as far as the model's dimension goes.

    Coordinates beyond the table's, and weights of single ids, keep their initial values.

    Raises:
        ValueError: a table of other rows.
    """
    if model.embedding is None:
        return
    own = model.embedding.weight
    if len(own) != len(table):
        raise ValueError(f"a table of {len(table)} rows; the model has {len(own)}")
    first = model.embedding.first
    dim = min(table.shape[1], own.shape[1] - first)
    own[:, first : first + dim] = table[:, :dim].to(own)
    model.embedding.clear_unused()

"""Beginning with the embeddings of a model that is trained already."""

import torch
from torch import Tensor

from dagsmith.supernet.model import ClickModel


def principal(table: Tensor) -> Tensor:
    """Embedding vectors ``[rows, dim]`` turned so that their coordinates go from large to small.

    ``E V`` with ``E^T E = V L V^T``, L descending: inner products of vectors stay what they are,
    and the first coordinates are the best approximation in so many dimensions.
    """
    wide = table.double()
    _, vectors = torch.linalg.eigh(wide.T @ wide)
    turned: Tensor = wide @ vectors.flip(1)
    return turned.to(table.dtype)


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

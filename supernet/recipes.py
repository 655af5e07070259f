"""Training recipes: everything that a stand-alone training does, as data."""

import math
from dataclasses import dataclass, replace
from typing import Literal

from dagsmith.supernet.precision import Precision


@dataclass(frozen=True)
class Recipe:
    """How a stand-alone model is trained.

    Args:
        name: the recipe's name.
        epochs: most passes over the training rows.
        batch_size: rows per step.
        optimizer: ``"adagrad"`` or ``"adam"``.
        lr: peak learning rate.
        eps: the optimizer's denominator constant.
        schedule: ``"cosine"`` (linear warm-up over 10 % of the steps, then cosine to 0),
            ``"plateau"`` (tenfold drop after an epoch without a better validation score) or
            ``"constant"``.
        rowwise: update embeddings by row-wise Adagrad on sparse gradients, whose cost follows the
            rows touched, instead of by Adam on the whole table.
        embedding_l2: lambda of ``lambda/2 |E|^2`` added to the loss (dense updates only).
        embedding_std: of the initial embeddings; None is Xavier-normal (see `EmbeddingTable`).
        width_factor: a field of ``V`` ids uses so many times ``V^(1/4)`` coordinates of its
            vectors (see `field_widths`); None is all of them.
        normalise: batch-normalise the embeddings (see `EmbeddingTable`).
        dropout: share of dense-operator outputs dropped while training.
        clip: limit of the joint gradient norm; None for no limit.
        average: decay of an exponential moving average of all weights, which is what is evaluated
            and kept; 0 is off.
        monitor: validation metric that chooses the epoch, or None to take the last.
        patience: epochs without a better validation score before training stops.
        calibrate: fit a scale and an offset of the logit on the validation rows at the end (see
            `fit_platt`).
        precision: of the matrix products while training, and while choosing the epoch; what is
            reported is always measured in float32.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["adagrad", "adam"]
    lr: float
    eps: float
    schedule: Literal["cosine", "plateau", "constant"]
    rowwise: bool
    embedding_l2: float = 0.0
    embedding_std: float | None = None
    width_factor: float | None = None
    normalise: bool = False
    dropout: float = 0.0
    clip: float | None = None
    average: float = 0.0
    monitor: Literal["auc", "logloss"] | None = None
    patience: int = 2
    calibrate: bool = False
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        if self.rowwise and self.embedding_l2:
            raise ValueError("embedding_l2 needs dense embedding updates (rowwise=False)")
        if min(self.epochs, self.batch_size) < 1 or self.lr <= 0:
            raise ValueError("epochs and batch_size must be at least 1, lr above 0")
        if self.width_factor is not None and not 0 < self.width_factor < math.inf:
            raise ValueError("width_factor must be above 0; None is all coordinates")


NASREC = Recipe(
    "nasrec",
    epochs=1,
    batch_size=256,
    optimizer="adagrad",
    lr=0.1,
    eps=1e-2,
    schedule="cosine",
    rowwise=True,
)
"""NASRec's protocol: one epoch of Adagrad, no regularisation (arXiv 2207.07187 and its code)."""

BARS = Recipe(
    "bars",
    epochs=100,
    batch_size=4096,
    optimizer="adam",
    lr=1e-3,
    eps=1e-8,
    schedule="plateau",
    rowwise=False,
    embedding_l2=0.05,
    embedding_std=1e-4,
    dropout=0.2,
    clip=10.0,
    monitor="auc",
    patience=2,
)
"""The protocol of the BARS benchmark (Zhu et al., SIGIR 2022), with its settings for Frappe."""

DEFAULT = Recipe(
    "default",
    epochs=8,
    batch_size=2048,
    optimizer="adam",
    lr=2e-3,
    eps=1e-8,
    schedule="cosine",
    rowwise=False,
    embedding_l2=0.01,
    embedding_std=1e-4,
    width_factor=6.0,
    dropout=0.2,
    clip=10.0,
    average=0.99,
    monitor="logloss",
    patience=2,
)
"""A few epochs of Adam, an averaged model, an L2 penalty chosen by `choose_penalty`, and narrow
vectors for fields of few values."""


def sized_for(recipe: Recipe, rows: int) -> Recipe:
    """The recipe with a batch size that gives an epoch of `rows` about 130 steps.

    Small logs need many small steps before the embeddings have moved, large ones amortise the
    cost of a step over more rows. The size is a power of two from 256 to 4,096.
    """
    size = 2 ** round(math.log2(max(1.0, rows / 128)))
    return replace(recipe, batch_size=min(4096, max(256, size)))


RECIPES = {recipe.name: recipe for recipe in (DEFAULT, NASREC, BARS)}
"""The named recipes."""

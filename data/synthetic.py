"""A click log made by a known law, so that the best possible log loss is known too."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dagsmith.data.errors import DatasetError
from dagsmith.data.prepare import prepare_sources
from dagsmith.data.raw_rows import Progress
from dagsmith.data.reading import FrameSource
from dagsmith.data.schema import CategoricalFeature, DenseFeature, Feature, Label, Schema
from dagsmith.data.splits import ColumnSplit
from dagsmith.data.store import Dataset

CHUNK_ROWS = 16_384
PILOT_ROWS = 40_000


@dataclass(frozen=True)
class ClickLaw:
    """The law of the synthetic click log.

    Categories of field ``f`` are drawn with ``p(rank) ~ 1 / (rank + 1)**zipf``, the dense
    features from a log-normal distribution. With category effects ``w``, latent vectors ``u``
    and ``z`` the standardised logarithm of a dense feature, a row is clicked with probability
    ``sigmoid(logit)``,

    ``logit = bias + linear * (sum_f w_f + sum_d a_d z_d) + second * (sum over pairs of fields
    <u_f, u_g> + sum over pairs of a dense feature and a field z_d v_f) + third * sum over
    triples of fields sum_k u_fk u_gk u_hk``

    where each of the four sums of interactions is scaled to unit variance, and ``bias`` is
    chosen to meet the click rate.

    Attributes:
        cardinalities: Number of categories of each field.
        dense: Number of dense features.
        zipf: Exponent of the frequencies.
        latent: Length of the latent vectors.
        linear: Standard deviation of the part of the logit that a linear model can have.
        second: Of the interactions of second order.
        third: Of those of third order.
        click_rate: Share of clicks.
        seed: Of the law and of the rows.
    """

    cardinalities: tuple[int, ...] = (8, 12, 20, 30, 50, 80, 150, 300, 600, 1200)
    dense: int = 6
    zipf: float = 1.05
    latent: int = 3
    linear: float = 0.8
    second: float = 1.6
    third: float = 0.8
    click_rate: float = 0.28
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.cardinalities) < 6 or min(self.cardinalities) < 2:
            raise DatasetError("the synthetic law needs at least six fields of two categories")
        if self.dense < 1 or not 0 < self.click_rate < 1:
            raise DatasetError("the synthetic law needs a dense feature and a rate within (0, 1)")

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The pairs of fields that interact."""
        fields = len(self.cardinalities)
        return (*((i, (i + 3) % fields) for i in range(0, fields, 2)), (1, 2), (3, 4))

    @property
    def mixed(self) -> tuple[tuple[int, int], ...]:
        """The pairs of a dense feature and a field that interact."""
        return tuple((d, (2 * d + 1) % len(self.cardinalities)) for d in range(min(3, self.dense)))

    @property
    def triples(self) -> tuple[tuple[int, int, int], ...]:
        """The triples of fields that interact."""
        return ((0, 2, 4), (1, 3, 5))

    def rows(self, first: int, count: int) -> tuple[pl.DataFrame, NDArray[np.float64]]:
        """Rows ``first .. first + count - 1`` of the endless log, ``first`` a chunk's begin.

        Returns:
            Columns ``label``, ``d0..``, ``c0..``; and the true click probabilities.
        """
        rng = np.random.default_rng([self.seed, 1, first // CHUNK_ROWS])
        ids, z = self._draw(rng, count)
        probability = 1 / (1 + np.exp(-(self._bias + self._logit(ids, z))))
        label = (rng.random(count) < probability).astype(np.int8)
        columns: dict[str, Any] = {"label": label}
        for d in range(self.dense):
            columns[f"d{d}"] = np.round(np.expm1(2.5 + z[d]).clip(0), 4)
        for f, values in enumerate(ids):
            columns[f"c{f}"] = values.astype(np.int32)
        return pl.DataFrame(columns), probability

    @cached_property
    def _frequencies(self) -> list[NDArray[np.float64]]:
        cumulative = []
        for size in self.cardinalities:
            weights = 1 / np.arange(1, size + 1) ** self.zipf
            cumulative.append(np.cumsum(weights / weights.sum()))
        return cumulative

    @cached_property
    def _weights(self) -> Mapping[str, list[NDArray[np.float64]]]:
        rng = np.random.default_rng([self.seed, 0])
        sizes = self.cardinalities
        return {
            "effects": [rng.normal(size=size) for size in sizes],
            "latent": [rng.normal(size=(size, self.latent)) for size in sizes],
            "slopes": [rng.normal(size=size) for size in sizes],
            "dense": [rng.normal(size=self.dense)],
        }

    def _draw(
        self, rng: np.random.Generator, count: int
    ) -> tuple[list[NDArray[np.intp]], NDArray[np.float64]]:
        ids = [
            np.minimum(np.searchsorted(table, rng.random(count)), len(table) - 1)
            for table in self._frequencies
        ]
        return ids, rng.normal(size=(self.dense, count))

    def _terms(
        self, ids: Sequence[NDArray[np.intp]], z: NDArray[np.float64]
    ) -> list[NDArray[np.float64]]:
        """The sums of the law: linear, pairs, mixed pairs, triples; each ``[rows]``."""
        w = self._weights
        u = [table[values] for table, values in zip(w["latent"], ids, strict=True)]
        linear = sum(table[values] for table, values in zip(w["effects"], ids, strict=True))
        linear = linear + w["dense"][0] @ z
        pairs = np.sum([(u[f] * u[g]).sum(axis=1) for f, g in self.pairs], axis=0)
        mixed = np.sum([z[d] * w["slopes"][f][ids[f]] for d, f in self.mixed], axis=0)
        triples = np.sum([(u[f] * u[g] * u[h]).sum(axis=1) for f, g, h in self.triples], axis=0)
        return [np.asarray(linear), pairs, mixed, triples]

    @cached_property
    def _scales(self) -> tuple[list[float], list[float], float]:
        """Mean and scale of each sum, and the bias, from rows of their own."""
        rng = np.random.default_rng([self.seed, 2])
        terms = self._terms(*self._draw(rng, PILOT_ROWS))
        means = [float(term.mean()) for term in terms]
        wanted = (self.linear, self.second / math.sqrt(2), self.second / math.sqrt(2), self.third)
        scales = [size / float(term.std()) for size, term in zip(wanted, terms, strict=True)]
        logit = np.sum([s * (t - m) for s, t, m in zip(scales, terms, means, strict=True)], axis=0)
        low, high = -20.0, 20.0
        for _ in range(60):
            middle = (low + high) / 2
            rate = float((1 / (1 + np.exp(-(logit + middle)))).mean())
            low, high = (middle, high) if rate < self.click_rate else (low, middle)
        return means, scales, (low + high) / 2

    @property
    def _bias(self) -> float:
        return self._scales[2]

    def _logit(
        self, ids: Sequence[NDArray[np.intp]], z: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        means, scales, _ = self._scales
        terms = self._terms(ids, z)
        total = np.zeros(len(terms[0]))
        for scale, term, mean in zip(scales, terms, means, strict=True):
            total += scale * (term - mean)
        return total


def synthetic_click_log(
    rows: int = 120_000, *, seed: int = 0, law: ClickLaw | None = None
) -> Iterator[tuple[pl.DataFrame, NDArray[np.float64]]]:
    """Make a click log, chunk by chunk.

    Args:
        rows: How many.
        seed: Of the default law.
        law: Another law.

    Yields:
        Rows (columns ``label``, ``d0..``, ``c0..``) and their true click probabilities.
        The first rows of a longer log are those of a shorter one.

    Example:
        >>> frame, probability = next(synthetic_click_log(100, seed=3))
        >>> frame.shape, probability.shape
        ((100, 17), (100,))
    """
    law = law or ClickLaw(seed=seed)
    for first in range(0, rows, CHUNK_ROWS):
        frame, probability = law.rows(first, CHUNK_ROWS)
        count = min(CHUNK_ROWS, rows - first)
        yield frame.head(count), probability[:count]


def prepare_synthetic(
    out: str | Path,
    *,
    rows: int = 120_000,
    seed: int = 0,
    valid: float = 0.15,
    test: float = 0.15,
    law: ClickLaw | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Prepare the synthetic click log as a data set.

    Its metadata has ``bayes_logloss``, the mean entropy of the true click probabilities of
    the test rows, which no model can beat in expectation; and ``bayes_logloss_realised``, the
    log loss of the true probabilities on the labels that were drawn: the fairer one to compare
    a model's test log loss with, since both share the luck of the draw.

    Args:
        out: Folder of the data set.
        rows: How many.
        seed: Of the default law.
        valid: Share of the validation rows.
        test: Share of the test rows.
        law: Another law.
        overwrite: Replace a data set that was prepared with other arguments.
        progress: As of ``prepare``.
    """
    law = law or ClickLaw(seed=seed)
    starts = (round(rows * (1 - valid - test)), round(rows * (1 - test)))
    if not 0 < starts[0] < starts[1] < rows:
        raise DatasetError(f"{rows} rows cannot be split with shares {valid} and {test}")

    def frames() -> Iterator[pl.DataFrame]:
        first = 0
        for frame, _ in synthetic_click_log(rows, law=law):
            places = np.searchsorted(starts, np.arange(first, first + len(frame)), side="right")
            yield frame.with_columns(split=pl.Series(np.array(["train", "valid", "test"])[places]))
            first += len(frame)

    features: list[Feature] = [DenseFeature(f"d{d}", "log-standardise") for d in range(law.dense)]
    features += [CategoricalFeature(f"c{f}") for f in range(len(law.cardinalities))]
    identity = {"synthetic": _listed(asdict(law)), "rows": rows, "valid": valid, "test": test}
    return prepare_sources(
        {"train": FrameSource(frames, identity, rows)},
        Path(out),
        Schema(Label("label"), tuple(features)),
        ColumnSplit("split"),
        overwrite=overwrite,
        progress=progress,
        metadata=_bayes(law, rows, starts[1]),
    )


def _bayes(law: ClickLaw, rows: int, first_test_row: int) -> dict[str, Any]:
    entropy = realised = 0.0
    for first in range(first_test_row // CHUNK_ROWS * CHUNK_ROWS, rows, CHUNK_ROWS):
        frame, p = law.rows(first, CHUNK_ROWS)
        inside = slice(max(0, first_test_row - first), min(CHUNK_ROWS, rows - first))
        p, y = p[inside], frame["label"].to_numpy()[inside]
        entropy -= float((p * np.log(p) + (1 - p) * np.log1p(-p)).sum())
        realised -= float(np.log(np.where(y == 1, p, 1 - p)).sum())
    count = rows - first_test_row
    return {"bayes_logloss": entropy / count, "bayes_logloss_realised": realised / count}


def _listed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}

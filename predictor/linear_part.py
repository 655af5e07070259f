"""The linear part of a predictor: ridge regression beside a network, as far as it is right."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.predictor.ridge import Ridge
from dagsmith.predictor.target_scale import TargetScale

_STEP = 0.1
"""Shares are multiples of this: finer than that, a few left-out labels cannot tell."""
_LEAST_GAIN = 0.05
"""Part of the squared error that must go, else the network answers alone."""
SCORE_DECIMALS = 6
"""Decimals of a score: architectures of equal features are equal, whatever the order of sums."""


@dataclass(frozen=True)
class LinearPart:
    r"""One ridge regression per member and output, on graph features and the targets' own scale.

    Costs are sums over the operations of a graph. There a linear model needs few labels and errs
    little, while a network on normal scores has to bend to the scale first; for accuracies it is
    the other way round. So each answer is

    .. math:: w\, s_{network} + (1 - w)\, s_{linear}

    on the learning scale, and the share w, one per output, is that of smallest squared error over
    labels that the members left out. Each member's linear part leaves out what the member does.

    Args:
        centre: of each member's features, ``[members, features]``.
        factor: likewise.
        slope: ``[members, features, outputs]``.
        offset: ``[members, outputs]``.
        share: w, the network's, ``[outputs]``.
    """

    centre: NDArray[np.float64]
    factor: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    share: NDArray[np.float64]

    @staticmethod
    def fit(
        features: NDArray[np.float64],
        targets: NDArray[np.float64],
        scales: tuple[TargetScale, ...],
        network: NDArray[np.float64],
        left_out: NDArray[np.bool_],
        weights: NDArray[np.float64],
    ) -> "LinearPart | None":
        """Fit and weigh; None where the network alone is best for every output.

        Args:
            features: ``[batch, features]``.
            targets: in their units, ``[batch, outputs]``.
            scales: of each output.
            network: the trained members' scores, ``[members, batch, outputs]``.
            left_out: which member left out which label, ``[members, batch]``.
            weights: how much each label counts, ``[batch]``.
        """
        rows = left_out.any(axis=0)
        if not rows.any() or not features.shape[1]:
            return None
        penalty = Ridge.fit(features, targets, weights).penalty
        ridges = [
            Ridge.fit(features, targets, np.where(left, 0.0, weights), penalty) for left in left_out
        ]
        part = LinearPart(
            np.stack([ridge.centre for ridge in ridges]),
            np.stack([ridge.factor for ridge in ridges]),
            np.stack([ridge.slope for ridge in ridges]),
            np.stack([ridge.offset for ridge in ridges]),
            np.zeros(targets.shape[1]),
        )
        linear = part.scores(features[rows], scales)
        strangers = left_out[:, rows]
        share = [
            _share(
                scale.to_scores(targets[rows, i]), network[:, rows, i], linear[..., i], strangers
            )
            for i, scale in enumerate(scales)
        ]
        if min(share) == 1.0:
            return None
        return LinearPart(part.centre, part.factor, part.slope, part.offset, np.array(share))

    def scores(
        self, features: NDArray[np.float64], scales: tuple[TargetScale, ...]
    ) -> NDArray[np.float64]:
        """What the linear parts alone say, on the learning scale, ``[members, batch, outputs]``."""
        standardised = (features - self.centre[:, None]) * self.factor[:, None]
        targets = standardised @ self.slope + self.offset[:, None]
        columns = [scale.to_scores(targets[..., i]) for i, scale in enumerate(scales)]
        return np.asarray(np.stack(columns, axis=-1).round(SCORE_DECIMALS), np.float64)

    def blend(
        self,
        network: NDArray[np.float64],
        features: NDArray[np.float64],
        scales: tuple[TargetScale, ...],
    ) -> NDArray[np.float64]:
        """Both together, ``[members, batch, outputs]``."""
        linear = self.scores(features, scales)
        return np.asarray(self.share * network + (1.0 - self.share) * linear)

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors; `restore` reads them back."""
        names = ("centre", "factor", "slope", "offset", "share")
        return {f"linear.{name}": torch.from_numpy(getattr(self, name)) for name in names}

    @staticmethod
    def restore(tensors: Mapping[str, Tensor]) -> "LinearPart | None":
        """Read what `tensors` gave, None if there is nothing; KeyError for one that is missing."""
        if "linear.share" not in tensors:
            return None
        names = ("centre", "factor", "slope", "offset", "share")
        return LinearPart(*(tensors[f"linear.{name}"].numpy() for name in names))


def _share(
    truth: NDArray[np.float64],
    network: NDArray[np.float64],
    linear: NDArray[np.float64],
    strangers: NDArray[np.bool_],
) -> float:
    """The network's share, by the answers of those members that a label is new to."""

    def answers(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        heard = np.where(strangers, samples, np.nan)
        among, members = int(strangers.sum(axis=0)[0]), len(samples)
        variance = float(np.nanvar(heard, axis=0, ddof=1).mean()) if among > 1 else 0.0
        # The mean of all members has less of their variance in it than the mean of a few.
        return truth - np.nanmean(heard, axis=0), variance * (1 / among - 1 / members)

    (error_network, excess), (error_linear, _) = answers(network), answers(linear)
    square_network = max(float((error_network**2).mean()) - excess, 1e-12)
    square_linear = float((error_linear**2).mean())
    both = float((error_network * error_linear).mean())
    curvature = square_network + square_linear - 2.0 * both
    if curvature <= 0:
        return 1.0 if square_network <= square_linear else 0.0
    best = min(max((square_linear - both) / curvature, 0.0), 1.0)
    share = round(round(best / _STEP) * _STEP, 6)
    gain = square_network - (
        share**2 * square_network
        + 2 * share * (1 - share) * both
        + (1 - share) ** 2 * square_linear
    )
    return share if gain > _LEAST_GAIN * square_network else 1.0

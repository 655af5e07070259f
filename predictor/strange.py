"""What was never fitted: found, named, and answered with nothing but ignorance."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.space import Population


def strange_rows(population: Population, features: NodeFeatures) -> NDArray[np.bool_]:
    """Which architectures have a kind or choice that was never fitted, ``[batch]``."""
    tokens = Tokens.of(population, features)
    return tokens.rows_with(features.strange(tokens.features))


def refuse_strange(population: Population, features: NodeFeatures, advice: str) -> None:
    """Raise PredictorError if there are any, naming what they have; `advice` says what to do."""
    tokens = Tokens.of(population, features)
    rows = tokens.rows_with(features.strange(tokens.features))
    if rows.any():
        never = (tokens.features != 0).any(axis=0) & ~features.seen
        named = [name for name, found in zip(features.columns, never, strict=True) if found]
        raise PredictorError(
            f"{int(rows.sum())} architectures, the first in row {int(np.argmax(rows))}, have "
            f"what no fitted one had: {', '.join(named)}; {advice}"
        )


def ignorance(members: int) -> NDArray[np.float64]:
    """Answers of mean 0 whose mean has the variance 1 of the fitted scores, ``[members]``."""
    levels = norm.ppf((np.arange(members) + 0.5) / members)
    spread = levels.std(ddof=1) if members > 1 else 1.0
    return np.asarray(levels * np.sqrt(members) / spread)

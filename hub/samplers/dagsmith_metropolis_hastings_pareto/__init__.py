"""Multi-objective Metropolis-Hastings Evolutionary Search with a Graph Neural Predictor."""

from dagsmith.search import (
    CostLimit,
    MetropolisHastingsSettings,
    ParetoMetropolisHastingsSampler,
)
from dagsmith.space import ParameterSpace

__all__ = [
    "CostLimit",
    "MetropolisHastingsSettings",
    "ParameterSpace",
    "ParetoMetropolisHastingsSampler",
]

"""Metropolis-Hastings Evolutionary Search with a Graph Neural Predictor."""

from dagsmith.search import CostLimit, MetropolisHastingsSampler, MetropolisHastingsSettings
from dagsmith.space import ParameterSpace

__all__ = ["CostLimit", "MetropolisHastingsSampler", "MetropolisHastingsSettings", "ParameterSpace"]

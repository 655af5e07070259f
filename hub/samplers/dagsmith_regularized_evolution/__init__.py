"""Regularized (Ageing) Evolution."""

from dagsmith.search import EvolutionSettings, RegularizedEvolutionSampler
from dagsmith.space import ParameterSpace

__all__ = ["EvolutionSettings", "ParameterSpace", "RegularizedEvolutionSampler"]

"""Parameters without a graph: the search space of an Optuna script, as it stands."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dagsmith.space.architecture import Architecture
from dagsmith.space.component import (
    Attribute,
    Categorical,
    ComponentKind,
    Flag,
    Number,
    Value,
    Vocabulary,
)
from dagsmith.space.errors import SpaceError
from dagsmith.space.population import Population
from dagsmith.space.search_space import Genotype, Genotypes, SearchSpace, Slot

_RESULT = "result"
_MOST = 1000
"""Choices of a range; more are a number that wants another sampler."""
_DECADE = 8.0
"""From this ratio of the largest to the smallest choice on, numbers count by their logarithm."""


class ParameterSpace(SearchSpace):
    """The parameters of an Optuna script, each a node that the result reads.

    For those who have no graph: the samplers and predictors work on what ``trial.suggest_...`` asks
    for, and the objective stays as it is. Each parameter is a component kind of its own, its value
    a choice, a number (on a log scale where choices span a factor of 8 or the distribution says
    so) or a flag.

    Args:
        parameters: for each name its choices, as in ``suggest_categorical``, or its distribution:
            a finished trial's ``distributions`` will do. Ranges need a step.
        name: recorded in studies.

    Raises:
        SpaceError: no parameters, one called "result", a range without a step, or of more than
            1,000 values.

    Example:
        >>> space = ParameterSpace({"layers": IntDistribution(1, 4), "act": ["relu", "gelu"]})
        >>> space.size(), [node.kind for node in space.decode(np.array([2, 0])).nodes]
        (8, ['layers', 'act', 'result'])
    """

    def __init__(
        self,
        parameters: Mapping[str, Sequence[Value] | BaseDistribution],
        name: str = "parameters",
    ) -> None:
        if not parameters or _RESULT in parameters:
            raise SpaceError(
                f"parameters are {list(parameters)}; expected at least one, and none called "
                f"{_RESULT!r}"
            )
        self.name = name
        self._distributions = {
            key: given
            if isinstance(given, BaseDistribution)
            else CategoricalDistribution(tuple(given))
            for key, given in parameters.items()
        }
        self.slots = tuple(
            Slot(key, _choices(key, distribution))
            for key, distribution in self._distributions.items()
        )
        kinds = [
            ComponentKind(slot.name, (_attribute(slot, self._distributions[slot.name]),), ports=())
            for slot in self.slots
        ]
        self.kinds = Vocabulary((*kinds, ComponentKind(_RESULT)))
        self._values = [_encoded(kind, slot) for kind, slot in zip(kinds, self.slots, strict=True)]

    def decode(self, genotype: Genotype) -> Architecture:
        """The parameters as nodes, and the result that reads them all."""
        return self.decode_many(np.asarray(genotype)[None]).architecture(0)

    def decode_many(self, genotypes: Genotypes) -> Population:
        """Likewise for ``[batch, slots]``, by array operations."""
        batch, count = genotypes.shape
        kind = np.tile(np.arange(count + 1, dtype=np.int16), (batch, 1))
        attributes = np.full((batch, count + 1, 1), np.nan, np.float32)
        for column, values in enumerate(self._values):
            attributes[:, column, 0] = values[genotypes[:, column]]
        edges = np.zeros((batch, count + 1, count + 1), np.uint16)
        edges[:, count, :count] = self.kinds.port_bit["in"]
        names = (*(slot.name for slot in self.slots), _RESULT)
        return Population(self.kinds, kind, attributes, edges, names)

    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions as they were given, so that ``suggest_int`` fits as well."""
        return dict(self._distributions)

    def suggest(self, trial: optuna.Trial) -> Architecture:
        """Ask an Optuna trial for every parameter; a script that asks by itself needs no such."""
        params: dict[str, Value] = {
            name: trial._suggest(name, distribution)
            for name, distribution in self._distributions.items()
        }
        return self.decode(self.from_params(params))


def _choices(name: str, distribution: BaseDistribution) -> tuple[Value, ...]:
    if isinstance(distribution, CategoricalDistribution):
        return cast(tuple[Value, ...], distribution.choices)
    if not isinstance(distribution, IntDistribution | FloatDistribution):
        raise SpaceError(f"parameter {name!r} is {distribution}; expected one of Optuna's")
    if distribution.step is None:
        raise SpaceError(f"parameter {name!r} is {distribution}; give it a step, or choices")
    count = round((distribution.high - distribution.low) / distribution.step) + 1
    if count > _MOST:
        raise SpaceError(
            f"parameter {name!r} has {count} values; expected at most {_MOST}: "
            "give it a larger step, or choices"
        )
    return tuple(distribution.low + index * distribution.step for index in range(count))


def _attribute(slot: Slot, distribution: BaseDistribution) -> Attribute:
    choices = slot.choices
    if all(isinstance(choice, bool) for choice in choices):
        return Flag("value")
    numbers = [c for c in choices if isinstance(c, int | float) and not isinstance(c, bool)]
    if len(numbers) < len(choices):
        return Categorical("value", tuple(map(str, choices)))
    wide = min(numbers) > 0 and max(numbers) >= _DECADE * min(numbers)
    return Number("value", "log" if getattr(distribution, "log", False) or wide else "linear")


def _encoded(kind: ComponentKind, slot: Slot) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """What populations store for each choice, ``[choices]``."""
    by_name = isinstance(kind.attributes[0], Categorical)
    values = [str(choice) if by_name else choice for choice in slot.choices]
    return np.array([kind.encode({"value": value})[0] for value in values], np.float32)

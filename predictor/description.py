"""What a network is told of a graph beside its nodes and edges: graph features, and extras."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.extras import Extras, extra_columns
from dagsmith.predictor.graph_features import GraphFeatures
from dagsmith.predictor.node_features import NodeFeatures, Tokens
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.space import Population, Vocabulary


@dataclass(frozen=True)
class Description:
    """Numbers of whole graphs, on the scales of the fitted ones.

    With few labels a network finds paths and counts in graph features that it would need many more
    labels to make out by itself. That holds for cells of a few operations. Where there are many
    different nodes, as in NASRec, hundreds of features stand against a few dozen labels: there they
    made the ranking worse (Kendall's tau .51 instead of .56 with 50 labels) and scoring half as
    fast, so that they are used up to `GraphFeatures.MOST_PATH_TOKENS` different nodes only.

    Args:
        features: the graph features; None for none.
        centre: their means, ``[features]``.
        spread: their standard deviations, likewise.
        extras: the scale of each extra, by name.
    """

    features: GraphFeatures | None
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    extras: Mapping[str, TargetScale]

    @staticmethod
    def fit(
        population: Population,
        extras: Mapping[str, NDArray[np.float64]],
        graph_features: bool,
        start: "Description | None" = None,
    ) -> "Description":
        """Learn the scales.

        Args:
            population: ``[batch]`` architectures.
            extras: further numbers of each by name, ``[batch]``.
            graph_features: whether to describe graphs by `GraphFeatures`.
            start: takes the graph features and their scales from there.

        Raises:
            PredictorError: an extra that never varies.
        """
        for name, column in extras.items():
            if np.ptp(column) == 0:
                raise PredictorError(f"extra {name!r} is {column[0]} everywhere; leave it out")
        scales = {name: TargetScale.fit(column) for name, column in extras.items()}
        none = np.zeros(0, np.float32)
        if not graph_features:
            return Description(None, none, none, scales)
        if start is not None:
            return Description(start.features, start.centre, start.spread, scales)
        tokens = Tokens.of(population, NodeFeatures.fit(population)).features
        if len(tokens) > GraphFeatures.MOST_PATH_TOKENS:
            return Description(None, none, none, scales)
        features = GraphFeatures.fit(population)
        rows = features.transform(population)
        return Description(features, rows.mean(axis=0), rows.std(axis=0), scales)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.centre) + len(self.extras)

    def shared(self, other: "Description") -> list[tuple[int, int]]:
        """Columns that mean the same here and in `other`, by their places in both."""
        graph = len(self.centre) if self.features is other.features else 0
        own, others = list(self.extras), list(other.extras)
        extras = [
            (len(self.centre) + own.index(name), len(other.centre) + place)
            for place, name in enumerate(others)
            if name in self.extras
        ]
        return [(column, column) for column in range(graph)] + extras

    def extra_inputs(self, population: Population, extras: Extras | None) -> Tensor:
        """The extras on their scales, ``[batch, extras]``.

        Raises:
            PredictorError: other extras than were fitted, or values that are not finite.
        """
        columns = extra_columns(population, extras, tuple(self.extras))
        for column, scale in enumerate(self.extras.values()):
            columns[:, column] = scale.to_scores(columns[:, column])
        return torch.from_numpy(columns.astype(np.float32))

    def of(self, population: Population, extra_inputs: Tensor) -> Tensor:
        """Describe a population, ``[batch, width]``: graph features standardised, then extras.

        Args:
            population: ``[batch]`` architectures.
            extra_inputs: what `extra_inputs` gave for them.
        """
        if self.features is None:
            return extra_inputs
        rows = (self.features.transform(population) - self.centre) / self.spread
        return torch.cat([torch.from_numpy(rows), extra_inputs], dim=1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything as named tensors; `restore` reads them back."""
        found: dict[str, Tensor] = {}
        for name, scale in self.extras.items():
            found[f"extra.{name}.values"] = torch.from_numpy(scale.values)
            found[f"extra.{name}.scores"] = torch.from_numpy(scale.scores)
        if self.features is None:
            return found
        arrays = {
            "centre": self.centre,
            "spread": self.spread,
            "tokens": self.features.tokens,
            "token_kind": self.features.token_kind,
            "token_pairs": self.features.token_pairs,
            "kind_pairs": self.features.kind_pairs,
            "kept": self.features.kept,
            "nodes.centre": self.features.nodes.centre,
            "nodes.spread": self.features.nodes.spread,
            "nodes.seen": self.features.nodes.seen,
        }
        named = {f"graph.{name}": torch.from_numpy(array) for name, array in arrays.items()}
        return found | named

    @staticmethod
    def restore(tensors: Mapping[str, Tensor], kinds: Vocabulary) -> "Description":
        """Read what `tensors` gave; raise KeyError for one that is missing."""
        names = sorted(
            name.removeprefix("extra.").removesuffix(".scores")
            for name in tensors
            if name.startswith("extra.") and name.endswith(".scores")
        )
        extras = {
            name: TargetScale(
                tensors[f"extra.{name}.values"].numpy(), tensors[f"extra.{name}.scores"].numpy()
            )
            for name in names
        }
        if "graph.centre" not in tensors:
            none = np.zeros(0, np.float32)
            return Description(None, none, none, extras)

        def array(name: str) -> NDArray[np.generic]:
            return np.asarray(tensors[f"graph.{name}"].numpy())

        nodes = NodeFeatures(
            kinds,
            array("nodes.centre").astype(np.float32),
            array("nodes.spread").astype(np.float32),
            array("nodes.seen").astype(np.bool_),
        )
        features = GraphFeatures(
            nodes,
            array("tokens").astype(np.float32),
            array("token_kind").astype(np.int16),
            array("token_pairs").astype(np.int64),
            array("kind_pairs").astype(np.int64),
            array("kept").astype(np.bool_),
        )
        return Description(
            features,
            array("centre").astype(np.float32),
            array("spread").astype(np.float32),
            extras,
        )

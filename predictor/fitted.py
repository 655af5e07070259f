"""What fitting leaves behind: a network, the encoding it was trained with, the target's scale."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dagsmith.predictor.calibration import Calibration
from dagsmith.predictor.description import Description
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.graphs import Graphs
from dagsmith.predictor.linear_part import LinearPart
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.settings import GNNSettings
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.space import Population, Vocabulary


@dataclass(frozen=True)
class Fitted:
    """A trained network with its encoding and one scale per output.

    Args:
        network: the ensemble.
        features: encoding of nodes that the network was trained with.
        scales: scale of each output's target.
        calibrations: of each output's intervals.
        description: what the network is told of whole graphs.
        several: whether the targets came as ``[batch, targets]``, and go as such.
        linear: what answers beside the network; None if the network is better alone.
    """

    network: GraphNetwork
    features: NodeFeatures
    scales: tuple[TargetScale, ...]
    calibrations: tuple[Calibration, ...]
    description: Description
    several: bool
    linear: LinearPart | None

    def score(self, population: Population, extra_inputs: Tensor) -> NDArray[np.float64]:
        """All members' answers on the learning scale, ``[members, batch, outputs]``.

        Args:
            population: ``[batch]`` architectures.
            extra_inputs: what ``description.extra_inputs`` gave for them.
        """
        described = self.description.of(population, extra_inputs)
        with torch.inference_mode():
            graphs = Graphs.of(population, self.features, self.network.members)
            scores: NDArray[np.float64] = self.network(graphs, described).double().numpy()
        if self.linear is None:
            return scores
        return self.linear.blend(scores, described.double().numpy(), self.scales)

    def to_targets(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map ``[..., outputs]`` on the learning scale to the shape and units of the targets."""
        columns = [scale.to_targets(scores[..., i]) for i, scale in enumerate(self.scales)]
        return np.stack(columns, axis=-1) if self.several else columns[0]

    def quantile(self, samples: NDArray[np.float64], level: float) -> NDArray[np.float64]:
        """The quantile of each target by the members' scores, ``[members, batch, outputs]``."""
        scores = [each.quantile(samples[..., i], level) for i, each in enumerate(self.calibrations)]
        return self.to_targets(np.stack(scores, axis=-1))

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Everything as named tensors; `restore` reads them back."""
        found = {
            "features.centre": torch.from_numpy(self.features.centre),
            "features.spread": torch.from_numpy(self.features.spread),
            "features.seen": torch.from_numpy(self.features.seen),
            "calibration.noise": torch.tensor(
                [each.noise for each in self.calibrations], dtype=torch.float64
            ),
            "calibration.residuals": torch.from_numpy(
                np.stack([each.residuals for each in self.calibrations])
            ),
            "several": torch.tensor(self.several),
        }
        for index, scale in enumerate(self.scales):
            found[f"scale.{index}.values"] = torch.from_numpy(scale.values)
            found[f"scale.{index}.scores"] = torch.from_numpy(scale.scores)
        found |= self.description.tensors()
        found |= self.linear.tensors() if self.linear else {}
        found |= {f"network.{name}": value for name, value in self.network.state_dict().items()}
        # Copies: a file of tensors refuses two that share memory, as encodings may.
        return {f"{prefix}.{name}": value.clone() for name, value in found.items()}

    @staticmethod
    def restore(
        tensors: Mapping[str, Tensor],
        prefix: str,
        kinds: Vocabulary,
        settings: GNNSettings,
    ) -> "Fitted | None":
        """Read what `tensors` gave, or None if there is nothing under `prefix`.

        Raises:
            PredictorError: a tensor is missing or has another shape.
        """
        own = {
            name.removeprefix(f"{prefix}."): value
            for name, value in tensors.items()
            if name.startswith(f"{prefix}.")
        }
        if not own:
            return None
        try:
            features = NodeFeatures(
                kinds,
                own["features.centre"].numpy(),
                own["features.spread"].numpy(),
                own["features.seen"].numpy(),
            )
            noises = own["calibration.noise"].reshape(-1)
            residuals = own["calibration.residuals"].reshape(len(noises), -1).numpy()
            calibrations = tuple(map(Calibration, noises.tolist(), residuals))
            outputs = sum(bool(re.fullmatch(r"scale\.\d+\.scores", name)) for name in own)
            description = Description.restore(own, kinds)
            scales = tuple(
                TargetScale(
                    own[f"scale.{index}.values"].numpy(), own[f"scale.{index}.scores"].numpy()
                )
                for index in range(outputs)
            )
            network = GraphNetwork.build(
                features,
                settings,
                outputs=outputs,
                described=description.width,
                typical_size=1.0,
                seed=0,
            )
            network.load_state_dict(
                {
                    name.removeprefix("network."): value
                    for name, value in own.items()
                    if name.startswith("network.")
                }
            )
        except (KeyError, RuntimeError) as error:
            line = " ".join(str(error).split())
            raise PredictorError(f"a saved predictor does not fit its settings: {line}") from None
        return Fitted(
            network,
            features,
            scales,
            calibrations,
            description,
            bool(own["several"]),
            LinearPart.restore(own),
        )

"""What fitting leaves behind: a network, the encoding it was trained with, the target's scale."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dagsmith.predictor.calibration import Calibration
from dagsmith.predictor.description import Description
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.network import GraphNetwork
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.settings import GNNSettings
from dagsmith.predictor.target_scale import TargetScale
from dagsmith.space import Vocabulary


@dataclass(frozen=True)
class Fitted:
    """A trained network with its encoding and one scale per output.

    Args:
        network: the ensemble.
        features: encoding of nodes that the network was trained with.
        scales: scale of each output's target.
        calibration: of the first output's intervals.
        description: what the network is told of whole graphs.
    """

    network: GraphNetwork
    features: NodeFeatures
    scales: tuple[TargetScale, ...]
    calibration: Calibration
    description: Description

    def tensors(self, prefix: str) -> dict[str, Tensor]:
        """Everything as named tensors; `restore` reads them back."""
        found = {
            "features.centre": torch.from_numpy(self.features.centre),
            "features.spread": torch.from_numpy(self.features.spread),
            "features.seen": torch.from_numpy(self.features.seen),
            "calibration.noise": torch.tensor(self.calibration.noise, dtype=torch.float64),
            "calibration.residuals": torch.from_numpy(self.calibration.residuals),
        }
        for index, scale in enumerate(self.scales):
            found[f"scale.{index}.values"] = torch.from_numpy(scale.values)
            found[f"scale.{index}.scores"] = torch.from_numpy(scale.scores)
        found |= self.description.tensors()
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
            calibration = Calibration(
                float(own["calibration.noise"]), own["calibration.residuals"].numpy()
            )
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
        return Fitted(network, features, scales, calibration, description)

"""A fitted predictor as an ONNX file: for programs without torch, and without dagsmith."""

import json
import os
import warnings
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dagsmith.predictor.dense_graphs import DenseGraphs
from dagsmith.predictor.description import Description
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.fitted import Fitted
from dagsmith.predictor.linear_part import SCORE_DECIMALS, LinearPart
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.target_scale import TargetScale, end_slopes
from dagsmith.space import Population

INPUTS = ("features", "present", "edges", "described")
OUTPUTS = ("mean", "std", "low", "high")


def onnx_inputs(
    population: Population,
    features: NodeFeatures,
    description: Description,
    extra_inputs: Tensor,
) -> dict[str, NDArray[np.float32]]:
    """The dense batch that an exported predictor takes, by name.

    Args:
        population: ``[batch]`` architectures.
        features: encoding of their nodes.
        description: what is told of whole graphs.
        extra_inputs: what ``description.extra_inputs`` gave for them.

    Returns:
        ``features`` ``[batch, nodes, width]``, ``present`` ``[batch, nodes]``, ``edges``
        ``[batch, ports, target, source]`` (0 and 1), ``described`` ``[batch, described]``.
    """
    present = population.present
    rows = np.zeros((*present.shape, features.width), np.float32)
    attributes = np.nan_to_num(population.attributes[present], nan=0.0)
    rows[present] = features.transform(population.kind[present], attributes)
    ports = np.arange(len(population.vocabulary.ports))[:, None, None]
    return {
        "features": rows,
        "present": present.astype(np.float32),
        "edges": ((population.edges[:, None] >> ports) & 1).astype(np.float32),
        "described": description.of(population, extra_inputs).numpy(),
    }


def write_onnx(path: Path, fitted: Fitted, level: float) -> None:
    """Write the file under a temporary name, then rename it.

    Raises:
        PredictorError: a level outside (0, 1), a path that is a folder, or onnx and onnxscript are
            not installed.
    """
    if not 0.0 < level < 1.0:
        raise PredictorError(f"level is {level}; expected between 0 and 1")
    if path.is_dir():
        raise PredictorError(f"{path} is a folder; expected the name of a file")
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise PredictorError(
            "exporting needs onnx and onnxscript: pip install 'dagsmith[onnx]'"
        ) from None
    batch, nodes = torch.export.Dim("batch"), torch.export.Dim("nodes")
    kinds, width = fitted.features.kinds, fitted.description.width
    example = (
        torch.zeros(2, 3, fitted.features.width),
        torch.ones(2, 3),
        torch.zeros(2, len(kinds.ports), 3, 3),
        torch.zeros(2, width),
    )
    shapes = ({0: batch, 1: nodes}, {0: batch, 1: nodes}, {0: batch, 2: nodes, 3: nodes})
    with warnings.catch_warnings(), torch.no_grad():
        # Of the exporter about itself; nothing that a caller could mend.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Exported(fitted, level).eval(),
            example,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_shapes=(*shapes, {0: batch}),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update(
        {
            "format": "dagsmith.predictor.onnx/1",
            "level": str(level),
            "columns": json.dumps(fitted.features.columns),
            "ports": json.dumps(kinds.ports),
            "extras": json.dumps(list(fitted.description.extras)),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        program.save(str(temporary), external_data=False)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


class _Scale(nn.Module):
    """`TargetScale` in operations that ONNX has; float64 as there."""

    def __init__(self, scale: TargetScale) -> None:
        super().__init__()
        self.values: Tensor
        self.scores: Tensor
        self.register_buffer("values", torch.from_numpy(scale.values))
        self.register_buffer("scores", torch.from_numpy(scale.scores))
        self.into = end_slopes(scale.values, scale.scores)
        self.back = end_slopes(scale.scores, scale.values)

    def to_scores(self, targets: Tensor) -> Tensor:
        return _interpolate(targets, self.values, self.scores, self.into)

    def to_targets(self, scores: Tensor) -> Tensor:
        return _interpolate(scores, self.scores, self.values, self.back)


def _interpolate(x: Tensor, knots: Tensor, values: Tensor, slopes: tuple[float, float]) -> Tensor:
    below, above = (x - knots[0]).clamp(max=0.0), (x - knots[-1]).clamp(min=0.0)
    inside = x.clamp(knots[0], knots[-1])
    # Counting is what ONNX has for a search among the knots.
    right = (inside[..., None] >= knots[1:-1]).sum(dim=-1) + 1
    left = right - 1
    part = (inside - knots[left]) / (knots[right] - knots[left])
    return (
        values[left] + part * (values[right] - values[left]) + slopes[0] * below + slopes[1] * above
    )


class _Linear(nn.Module):
    """`LinearPart` likewise."""

    centre: Tensor
    factor: Tensor
    slope: Tensor
    offset: Tensor
    share: Tensor

    def __init__(self, part: LinearPart) -> None:
        super().__init__()
        for name, tensor in part.tensors().items():
            self.register_buffer(name.removeprefix("linear."), tensor)

    def forward(self, network: Tensor, described: Tensor, scales: list[_Scale]) -> Tensor:
        standardised = (described - self.centre[:, None]) * self.factor[:, None]
        targets = standardised @ self.slope + self.offset[:, None]
        scores = [scale.to_scores(targets[..., i]) for i, scale in enumerate(scales)]
        linear = torch.stack(scores, dim=-1)
        linear = torch.round(linear * 10**SCORE_DECIMALS) / 10**SCORE_DECIMALS
        blend: Tensor = self.share * network + (1.0 - self.share) * linear
        return blend


class _Exported(nn.Module):
    """From a dense batch to mean, std, and the ends of an interval, in the targets' units."""

    def __init__(self, fitted: Fitted, level: float) -> None:
        super().__init__()
        self.network = fitted.network
        self.scales = nn.ModuleList(_Scale(scale) for scale in fitted.scales)
        self.linear = None if fitted.linear is None else _Linear(fitted.linear)
        self.several = fitted.several
        self.noise = [each.noise for each in fitted.calibrations]
        self.reach = [each.reach(0.5 + level / 2) for each in fitted.calibrations]

    def forward(
        self, features: Tensor, present: Tensor, edges: Tensor, described: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        members = self.network.members
        graphs = DenseGraphs(features, present, edges, members)
        scores = self.network(graphs, described).double()
        scales = [scale for scale in self.scales if isinstance(scale, _Scale)]
        if self.linear is not None:
            scores = self.linear(scores, described.double(), scales)
        columns = []
        for i, scale in enumerate(scales):
            own = scores[..., i]
            # Sums: an operation called "mean" would clash with the output of that name.
            samples, centre = scale.to_targets(own), own.sum(dim=0) / members
            mean = samples.sum(dim=0) / members
            std = ((samples - mean).square().sum(dim=0) / members).sqrt()
            variance = (own - centre).square().sum(dim=0) / max(members - 1, 1)
            spread = (self.noise[i] + variance / members).sqrt()
            low = scale.to_targets(centre - self.reach[i] * spread)
            high = scale.to_targets(centre + self.reach[i] * spread)
            columns.append((mean, std, low, high))
        if not self.several:
            return columns[0]
        mean, std, low, high = (torch.stack(each, dim=-1) for each in zip(*columns, strict=True))
        return mean, std, low, high

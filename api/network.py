"""Weights of a trained network on disk, and a network that serves from them."""

from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dagsmith.data import Batch, Encoders, Split
from dagsmith.errors import ModelError
from dagsmith.space import Architecture
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.checkpoint import load_checkpoint, save_checkpoint
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.network import Network
from dagsmith.supernet.scratch import predict

WEIGHTS = "model.safetensors"
FORMAT = "dagsmith.network/1"
AnyModel = TypeVar("AnyModel", bound=ClickModel)


def save_weights(path: Path, model: ClickModel, key: str) -> None:
    """Write the model's weights to `path`; `key` says of which architecture."""
    save_checkpoint(path, FORMAT, model.state_dict(), {"key": key})


def load_network(path: Path, architecture: Architecture, encoders: Encoders) -> Network:
    """The trained network of `architecture` from the weights at `path`, ready to serve.

    Raises:
        CheckpointError: the file is missing, truncated or foreign.
        ModelError: the weights are those of another architecture or of other encoders.
    """
    tensors, _ = load_checkpoint(path, FORMAT)
    normalise = "embedding.norm.running_mean" in tensors
    network = Network(architecture, encoders.fields, normalise=normalise, analog=Analog())
    return restore(path, network, architecture.key)


def restore(path: Path, network: AnyModel, key: str) -> AnyModel:
    """Fill a network with the weights at `path`, ready to serve.

    Raises:
        CheckpointError: the file is missing, truncated or foreign.
        ModelError: the weights are those of another architecture than `key`, or of other encoders.
    """
    tensors, description = load_checkpoint(path, FORMAT)
    if description.get("key") != key:
        raise ModelError(
            f"{path}: weights of architecture {str(description.get('key'))[:12]}; "
            f"expected {key[:12]}"
        )
    if "platt" in tensors:
        network.platt = tensors["platt"]
    expected = network.state_dict()
    for name, tensor in expected.items():
        if name not in tensors or tensors[name].shape != tensor.shape:
            raise ModelError(f"{path}: no tensor {name} of shape {tuple(tensor.shape)}")
    network.load_state_dict({name: tensors[name] for name in expected})
    network.eval()
    return network


def probabilities(network: ClickModel, batch: Batch) -> NDArray[np.float64]:
    """Click probabilities of encoded rows, ``[rows]``."""
    device = next(network.parameters()).device
    rows = Split(batch.dense, batch.sparse, batch.label)
    return predict(network, rows, device).astype(np.float64)

"""The plain graph convolutional predictor, built with PyTorch Geometric: an honest baseline."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.node_features import NodeFeatures
from dagsmith.predictor.prediction import (
    Architectures,
    Prediction,
    as_population,
    check_targets,
)
from dagsmith.predictor.pyg import to_pyg
from dagsmith.predictor.settings import check_counts, check_positive
from dagsmith.predictor.threads import one_thread
from dagsmith.predictor.training import check_converged
from dagsmith.space import Vocabulary


@dataclass(frozen=True, slots=True)
class GCNSettings:
    """Size and training of a `GCNPredictor`.

    Args:
        members: networks in the ensemble, which differ by their seed.
        dim: hidden width.
        layers: graph convolutions.
        epochs: passes over the labels.
        batch: architectures per step.
        learning_rate: of Adam.
    """

    members: int = 1
    dim: int = 64
    layers: int = 3
    epochs: int = 150
    batch: int = 32
    learning_rate: float = 3e-3

    def __post_init__(self) -> None:
        check_counts(self, "members", "dim", "layers", "epochs", "batch")
        check_positive(self, "learning_rate")


class GCNPredictor:
    """Graph convolutions, the mean of the nodes, a linear output; squared error.

    Each layer is ``h' = relu(D^-1/2 (A + I) D^-1/2 h W)`` (Kipf and Welling, ICLR 2017, arXiv
    1609.02907), with edges taken both ways and without their ports. The features of a node are
    those of `GNNPredictor`, so that what differs is the network and its training.

    Args:
        kinds: the component kinds of the architectures.
        settings: size and training.
        seed: of initial weights and batches.

    Raises:
        PredictorError: see `Predictor`.
    """

    def __init__(
        self, kinds: Vocabulary, settings: GCNSettings | None = None, seed: int = 0
    ) -> None:
        self.kinds = kinds
        self.settings = settings or GCNSettings()
        self.seed = seed
        self._features: NodeFeatures | None = None
        self._networks: list[_Network] = []
        self._centre, self._spread = 0.0, 1.0

    def fit(self, architectures: Architectures, targets: ArrayLike) -> Self:
        """Train every member from its seed on the standardised targets."""
        population = as_population(architectures, self.kinds)
        values = check_targets(population, targets)
        centre, spread = float(values.mean()), float(values.std())
        features = NodeFeatures.fit(population)
        graphs = to_pyg(population, features)
        labels = torch.from_numpy(((values - centre) / spread).astype(np.float32))
        with one_thread():
            networks = [
                self._train(graphs, labels, features.width, [self.seed, member])
                for member in range(self.settings.members)
            ]
        self._features, self._networks = features, networks
        self._centre, self._spread = centre, spread
        return self

    def predict(self, architectures: Architectures) -> Prediction:
        """Answer with the mean and spread of the members."""
        from torch_geometric.data import Batch

        if self._features is None:
            raise PredictorError("this predictor was not fitted; call fit first")
        population = as_population(architectures, self.kinds)
        graphs = to_pyg(population, self._features)
        scores = [torch.zeros(len(self._networks), 0)]
        with one_thread(), torch.inference_mode():
            for start in range(0, len(graphs), 256):
                batch = Batch.from_data_list(graphs[start : start + 256])
                members = [network(batch) for network in self._networks]
                scores.append(torch.stack(members))
        samples = torch.cat(scores, dim=1).double().numpy()
        return Prediction.of(samples * self._spread + self._centre)

    def _train(self, graphs: list[Any], labels: Tensor, width: int, seed: list[int]) -> "_Network":
        from torch_geometric.data import Batch

        settings, rng = self.settings, np.random.default_rng(seed)
        # PyTorch Geometric draws initial weights from torch's global generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            network = _Network(width, settings.dim, settings.layers)
        optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        steps = max(1, round(len(graphs) / settings.batch))
        for _ in range(settings.epochs):
            for rows in np.array_split(rng.permutation(len(graphs)), steps):
                batch = Batch.from_data_list([graphs[row] for row in rows])
                loss = nn.functional.mse_loss(network(batch), labels[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        check_converged(network, settings.learning_rate)
        return network


class _Network(nn.Module):
    """From a ``torch_geometric.data.Batch`` to one score per graph, ``[batch]``."""

    def __init__(self, width: int, dim: int, layers: int) -> None:
        from torch_geometric.nn import GCNConv

        super().__init__()
        sizes = [width, *[dim] * layers]
        self.layers = nn.ModuleList(GCNConv(before, after) for before, after in pairwise(sizes))
        self.output = nn.Linear(dim, 1)

    def forward(self, batch: Any) -> Tensor:
        from torch_geometric.nn import global_mean_pool
        from torch_geometric.utils import to_undirected

        edges = to_undirected(batch.edge_index, num_nodes=batch.num_nodes)
        hidden = batch.x
        for layer in self.layers:
            hidden = nn.functional.relu(layer(hidden, edges))
        scores: Tensor = self.output(global_mean_pool(hidden, batch.batch, batch.num_graphs))
        return scores[:, 0]

"""The weight-sharing supernet."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dagsmith.data import SparseField
from dagsmith.space import Architecture, ArchitectureError, ClickSpace
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.bank import WeightBank
from dagsmith.supernet.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.network import Network
from dagsmith.supernet.plan import Plan, compile_plan, features, logits
from dagsmith.supernet.recipes import Recipe

FORMAT = "dagsmith.supernet/1"


class Supernet:
    """All subnets of a space over one set of weights, applied by slicing.

    A subnet runs at its own size: its weights are prefixes of the bank's, its normalisation sees
    its own width only, and what it does not use is not computed (no masks). `extract` copies the
    slices into a `Network` that gives the same numbers.

    Args:
        space: the search space.
        fields: the categorical fields of the data.
        seed: seed of the initial weights.
        row_cap: most rows per embedding table while searching (None: all).
        normalise: batch-normalise the embeddings (see `EmbeddingTable`).
        std: standard deviation of the initial embeddings (see `EmbeddingTable`).
        width_factor: how many coordinates each field's vectors use (see `field_widths`).
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ...
    """

    def __init__(
        self,
        space: ClickSpace,
        fields: Sequence[SparseField],
        *,
        seed: int = 0,
        row_cap: int | None = None,
        normalise: bool = False,
        std: float | None = None,
        width_factor: float | None = None,
        device: str = "auto",
    ) -> None:
        self.space = space
        self.fields = tuple(fields)
        self.device = pick_device(device)
        self.bank = WeightBank.covering(space.envelope(), seed + 1, self.device)
        table = EmbeddingTable(
            fields,
            max(space.embedding_dims),
            seed=seed,
            row_cap=row_cap,
            normalise=normalise,
            std=std,
            first_order=space.first_order,
            width_factor=width_factor,
        )
        self.embedding = table.to(self.device)

    @classmethod
    def untrained(
        cls,
        space: ClickSpace,
        fields: Sequence[SparseField],
        recipe: Recipe,
        seed: int = 0,
        device: str = "auto",
    ) -> "Supernet":
        """A supernet whose embeddings are those that trainings by `recipe` begin with."""
        return cls(
            space,
            fields,
            seed=seed,
            normalise=recipe.normalise,
            std=recipe.embedding_std,
            width_factor=recipe.width_factor,
            device=device,
        )

    def plan(self, architecture: Architecture) -> Plan:
        """Compile an architecture, checked to fit this supernet.

        Raises:
            ArchitectureError: it reads other inputs than the supernet's, or needs a weight that the
                supernet does not have.
        """
        self._check_inputs(architecture)
        plan = compile_plan(architecture)
        for name, weight in plan.weights.items():
            full = self.bank.tensors.get(name)
            if full is None or any(
                need > have for need, have in zip(weight.shape, full.shape, strict=True)
            ):
                raise ArchitectureError(
                    f"weight {name} {weight.shape} is not in the supernet of {self.space.name!r}: "
                    "the architecture is of another space"
                )
        return plan

    def _check_inputs(self, architecture: Architecture) -> None:
        # Smaller inputs would fit the weights by slicing, but not the data.
        space = self.space
        dims = space.embedding_dims
        for node in architecture.nodes:
            expected = dict(node.values)
            if node.kind == "dense_input":
                expected = {"width": space.dense_width}
            elif node.kind == "sparse_input":
                dim = node["dim"] if node["dim"] in dims else max(dims)
                expected = {"rows": space.sparse_fields, "dim": dim}
            elif node.kind == "first_order":
                expected = {"fields": space.sparse_fields}
            if node.values != expected:
                raise ArchitectureError(
                    f"{node.kind} is {node.values}; the supernet of {space.name!r} has {expected}"
                )

    def forward(
        self,
        plan: Plan,
        weights: Mapping[str, Tensor],
        dense: Tensor,
        ids: Tensor,
        training: bool = False,
    ) -> Tensor:
        """Logits ``[batch]`` of the subnet with these slices (see `WeightBank.slices`).

        Batch normalisation is by the batch: running averages would be those of other subnets.
        While `training`, an architecture's dropout is applied.
        """
        rows = self.embedding(ids)
        tops = features(plan, weights, dense, rows, first=self.embedding.first, training=training)
        return logits(plan, weights, *tops)

    def extract(self, architecture: Architecture, analog: Analog | None = None) -> Network:
        """A stand-alone network with copies of the subnet's weights and of the embedding table.

        Args:
            architecture: the subnet.
            analog: the imperfections of the crossbars that it is mapped to, see `Network`.

        Raises:
            CheckpointError: the tables are capped, so that there is no table to copy.
        """
        if len(self.embedding.weight) != sum(field.cardinality for field in self.fields):
            raise CheckpointError("the supernet's embedding tables are capped; nothing to extract")
        plan = self.plan(architecture)
        network = Network(
            architecture,
            self.fields,
            normalise=self.embedding.norm is not None,
            width_factor=self.embedding.width_factor,
            analog=analog,
        )
        with torch.no_grad():
            for name, leaf in self.bank.slices(plan).items():
                network.weights[name].copy_(leaf)
            if network.embedding is not None:
                self._copy_table(network.embedding)
        return network.to(self.device)

    def _copy_table(self, table: EmbeddingTable) -> None:
        """Fill a table with the columns that it has of the supernet's."""
        first, own = self.embedding.first, self.embedding.weight
        vectors = own[:, first : first + table.dim]
        table.weight.copy_(torch.cat([own[:, : table.first], vectors], dim=1))
        if table.norm is not None and self.embedding.norm is not None:
            for name, statistic in self.embedding.norm.named_buffers():
                size = table.norm.get_buffer(name).shape
                # Of a smaller dimension they are a prefix; the count of batches is a single number.
                table.norm.get_buffer(name).copy_(statistic[: size[0]] if size else statistic)

    def state(self) -> dict[str, Tensor]:
        """All weights by name."""
        shared = {f"bank/{name}": tensor for name, tensor in self.bank.tensors.items()}
        table = self.embedding.state_dict(prefix="embedding/")
        return shared | dict(table)

    @torch.no_grad()
    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy weights in; raise CheckpointError naming what does not fit."""
        for name, tensor in self.state().items():
            if name not in tensors or tensors[name].shape != tensor.shape:
                raise CheckpointError(f"the checkpoint has no tensor {name} {tuple(tensor.shape)}")
            tensor.copy_(tensors[name])

    def save(self, path: Path, description: Mapping[str, Any] | None = None) -> None:
        """Write the weights, atomically."""
        save_checkpoint(
            path, FORMAT, self.state(), {"space": self.space.name} | dict(description or {})
        )

    def load(self, path: Path) -> dict[str, Any]:
        """Read weights that `save` wrote; return their description.

        Raises:
            CheckpointError: the file is damaged, or of a supernet of another space or size.
        """
        tensors, description = load_checkpoint(path, FORMAT)
        if description["space"] != self.space.name:
            raise CheckpointError(
                f"{path}: a supernet of space {description['space']!r}; "
                f"expected {self.space.name!r}"
            )
        self.load_state(tensors)
        return description

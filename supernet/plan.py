"""A plan: an architecture made ready to run, and the one forward pass that all networks share.

The supernet and a stand-alone network differ only in where the weights come from, so the same
plan runs both; that is why a subnet inside the supernet and the same subnet extracted give the
same numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Architecture, ArchitectureError, Node
from dagsmith.space.errors import nearest
from dagsmith.space.pim import HARDWARE
from dagsmith.supernet.operators import OPERATORS, Operator, Source, Weight


@dataclass(frozen=True)
class Step:
    """One operator at its place: which earlier outputs it reads, and which weights it needs.

    Args:
        node: the architecture's node.
        operator: what runs.
        inputs: per port, the indices of the tensors read.
        sources: per port, where they come from and their sizes.
        weights: full name of each weight, by its name within the operator.
    """

    node: Node
    operator: Operator
    inputs: Mapping[str, tuple[int, ...]]
    sources: Mapping[str, tuple[Source, ...]]
    weights: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """An architecture compiled to steps.

    Args:
        steps: index in the tensor list (as in the architecture's nodes) and step, in order.
        weights: shape and initialisation of every weight needed, by full name.
        dense_input: position of the raw dense input, or None where it is not read.
        sparse_input: position of the embedding stack, or None where it is not read.
        head_dense: positions of the dense tensors that the logit reads.
        head_sparse: positions of the sparse tensors that the logit reads.
    """

    steps: tuple[tuple[int, Step], ...]
    weights: Mapping[str, Weight]
    dense_input: int | None
    sparse_input: int | None
    head_dense: tuple[int, ...]
    head_sparse: tuple[int, ...]

    def parameter_count(self) -> int:
        """Number of scalar weights, embedding tables not counted."""
        return sum(_count(weight.shape) for weight in self.weights.values())


def compile_plan(architecture: Architecture) -> Plan:
    """Work out sizes, weights and order of every node.

    Raises:
        ArchitectureError: a kind or operator that no CTR network has, or no single head.
    """
    outputs: list[Source] = []
    steps: list[tuple[int, Step]] = []
    weights: dict[str, Weight] = {}
    dense_input = sparse_input = None
    head: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    for index, node in enumerate(architecture.nodes):
        place = node.name or f"node{index}"
        block = place.split(".")[0]
        inputs: dict[str, tuple[int, ...]] = {}
        for edge in architecture.inputs(index):
            if architecture.nodes[edge.source].kind not in HARDWARE:
                inputs[edge.port] = (*inputs.get(edge.port, ()), edge.source)
        if node.kind in HARDWARE:
            outputs.append(Source(block, 0))
        elif node.kind == "dense_input":
            dense_input = index
            outputs.append(Source(block, int(node["width"])))
        elif node.kind == "sparse_input":
            sparse_input = index
            outputs.append(Source(block, int(node["rows"]), int(node["dim"])))
        elif node.kind == "head":
            if index != len(architecture.nodes) - 1:
                raise ArchitectureError("the head of a CTR network must be its last node")
            head = (inputs.get("dense", ()), inputs.get("sparse", ()))
            weights |= {
                f"head/{name}": weight
                for name, weight in _head_weights([outputs[i] for i in head[0] + head[1]]).items()
            }
        else:
            operator = _operator(node)
            sources = {port: tuple(outputs[i] for i in ids) for port, ids in inputs.items()}
            needed = operator.weights(node, sources)
            full = {name: f"{place.replace('.', '/')}/{node['operator']}/{name}" for name in needed}
            weights |= {full[name]: weight for name, weight in needed.items()}
            steps.append((index, Step(node, operator, inputs, sources, full)))
            size = operator.output(node, sources)
            outputs.append(Source(block, size.size, size.dim))
    if head is None:
        raise ArchitectureError("a CTR network needs a node of kind 'head'")
    return Plan(tuple(steps), weights, dense_input, sparse_input, *head)


def features(
    plan: Plan,
    weights: Mapping[str, Tensor],
    dense: Tensor,
    sparse: Tensor,
    dropout: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Run everything below the logit.

    Args:
        plan: the compiled architecture.
        weights: a tensor per name in ``plan.weights``, of exactly that shape.
        dense: ``[batch, width]``.
        sparse: ``[batch, dim, rows]``.
        dropout: share of each dense operator's output that is dropped.

    Returns:
        The tensors that the logit reads: dense ``[batch, width]`` and sparse
        ``[batch, dim, rows]``, either with size 0 where there is none.
    """
    tensors: dict[int, Tensor] = {}
    if plan.dense_input is not None:
        tensors[plan.dense_input] = dense
    if plan.sparse_input is not None:
        tensors[plan.sparse_input] = sparse
    for index, step in plan.steps:
        inputs = {port: [tensors[i] for i in ids] for port, ids in step.inputs.items()}
        own = {name: weights[full] for name, full in step.weights.items()}
        output = step.operator.forward(step.node, step.sources, inputs, own)
        if dropout and step.node.kind == "dense_op":
            output = functional.dropout(output, dropout)
        tensors[index] = output
    batch = len(dense)
    head_dense = [tensors[i] for i in plan.head_dense]
    head_sparse = [tensors[i] for i in plan.head_sparse]
    return (
        torch.cat(head_dense, dim=1) if head_dense else dense.new_zeros(batch, 0),
        torch.cat(head_sparse, dim=2)
        if head_sparse
        else sparse.new_zeros(batch, sparse.shape[1], 0),
    )


def logits(weights: Mapping[str, Tensor], dense: Tensor, sparse: Tensor) -> Tensor:
    """The logit of the last block's outputs, ``[batch]``."""
    # A product and a sum, which autocast leaves in full precision: logits rounded to half
    # precision would tie and blur every ranking made of them.
    result = weights["head/bias"]
    if dense.shape[1]:
        result = result + (dense.float() * weights["head/dense"]).sum(dim=1)
    if sparse.shape[2]:
        result = result + (sparse.float() * weights["head/sparse"]).sum(dim=(1, 2))
    return result.expand(len(dense))


def _head_weights(sources: list[Source]) -> dict[str, Weight]:
    dense = sum(source.size for source in sources if not source.dim)
    rows = sum(source.size for source in sources if source.dim)
    dim = max((source.dim for source in sources), default=0)
    fan = (dense + dim * rows, 1)
    weights = {"bias": Weight((1,))}
    if dense:
        weights["dense"] = Weight((dense,), fan)
    if rows:
        weights["sparse"] = Weight((dim, rows), fan)
    return weights


def _operator(node: Node) -> Operator:
    name = str(node.values.get("operator", node.kind))
    if name not in OPERATORS:
        raise ArchitectureError(
            f"node {node.name or node.kind!r}: no CTR operator {name!r}; {nearest(name, OPERATORS)}"
        )
    return OPERATORS[name]


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count

"""A plan: an architecture made ready to run, and the one forward pass that all networks share.

The supernet and a stand-alone network differ only in where the weights come from, so the same
plan runs both; that is why a subnet inside the supernet and the same subnet extracted give the
same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dagsmith.space import Architecture, ArchitectureError, Node
from dagsmith.space.errors import nearest
from dagsmith.space.pim import CROSSBAR, HARDWARE, MAPPING, MEMORY
from dagsmith.supernet.analog import Analog
from dagsmith.supernet.batch_norm import RunningStatistics, batch_norm
from dagsmith.supernet.dropout import drop
from dagsmith.supernet.operators import OPERATORS, Operator, Source, Weight
from dagsmith.supernet.operators.weight import Arithmetic, MappedWeights, full
from dagsmith.supernet.quantisation import Mapping as HardwareMapping
from dagsmith.supernet.quantisation import Quantised, fake_quantise


@dataclass(frozen=True)
class Step:
    """One operator at its place: which earlier outputs it reads, and which weights it needs.

    Args:
        node: the architecture's node.
        place: where it sits; its weights begin with it.
        operator: what runs.
        inputs: per port, the indices of the tensors read.
        sources: per port, where they come from and their sizes.
        weights: full name of each weight, by its name within the operator.
        mapping: the hardware that runs it, where it is mapped to any.
    """

    node: Node
    place: str
    operator: Operator
    inputs: Mapping[str, tuple[int, ...]]
    sources: Mapping[str, tuple[Source, ...]]
    weights: Mapping[str, str]
    mapping: HardwareMapping | None = None

    @property
    def batch_normalised(self) -> bool:
        """Whether its output is normalised over the batch."""
        return self.node.values.get("norm") == "batch"


@dataclass(frozen=True)
class Top:
    """One tensor that the logit reads.

    Args:
        index: the tensor.
        port: ``"dense"`` or ``"sparse"`` (weighted), ``"pooled"`` (summed over the embedding
            dimension, then weighted) or ``"logit"`` (added as it is).
        weight: full name of its weights; empty for a logit.
    """

    index: int
    port: str
    weight: str


@dataclass(frozen=True)
class Plan:
    """An architecture compiled to steps.

    Args:
        steps: index in the tensor list (as in the architecture's nodes) and step, in order.
        weights: shape and initialisation of every weight needed, by full name.
        dense_input: position of the raw dense input, or None where it is not read.
        sparse_input: position of the embedding stack, or None where it is not read.
        dim: embedding dimension; 0 where the stack is not read.
        first_order: position of the weights of the ids, or None where they are not read.
        tops: what the logit reads.
        head_mapping: the hardware that computes the logit, where it is mapped to any.
        embedding_bits: bits of the embeddings' coordinates, where a memory says so.
    """

    steps: tuple[tuple[int, Step], ...]
    weights: Mapping[str, Weight]
    dense_input: int | None
    sparse_input: int | None
    dim: int
    first_order: int | None
    tops: tuple[Top, ...]
    head_mapping: HardwareMapping | None = None
    embedding_bits: int | None = None

    def parameter_count(self) -> int:
        """Number of scalar weights, embedding tables not counted."""
        return sum(_count(weight.shape) for weight in self.weights.values())

    @property
    def mapped(self) -> bool:
        """Whether any of it runs on crossbars."""
        return self.head_mapping is not None or any(step.mapping for _, step in self.steps)

    @property
    def batch_norms(self) -> dict[str, int]:
        """Width of every layer that is normalised over the batch, by place."""
        return {
            step.place: int(step.node["width"]) for _, step in self.steps if step.batch_normalised
        }

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the head's weights, without the bias, in the order of `features`."""
        return tuple(top.weight for top in self.tops if top.weight)

    @property
    def has_offset(self) -> bool:
        """Whether some inputs of the head are logits already."""
        return any(not top.weight for top in self.tops)


def compile_plan(architecture: Architecture) -> Plan:
    """Work out sizes, weights and order of every node.

    Raises:
        ArchitectureError: a kind or operator that no CTR network has, or no single head.
    """
    outputs: list[Source] = []
    steps: list[tuple[int, Step]] = []
    weights: dict[str, Weight] = {}
    inputs_at: dict[str, int] = {}
    tops: tuple[Top, ...] | None = None
    for index, node in enumerate(architecture.nodes):
        place = node.name or f"node{index}"
        block = place.split(".")[0]
        inputs: dict[str, tuple[int, ...]] = {}
        for edge in architecture.inputs(index):
            if architecture.nodes[edge.source].kind not in HARDWARE:
                inputs[edge.port] = (*inputs.get(edge.port, ()), edge.source)
        if node.kind in HARDWARE:
            outputs.append(Source(block, 0))
        elif node.kind in ("dense_input", "sparse_input", "first_order"):
            inputs_at[node.kind] = index
            outputs.append(_input_size(node, block))
        elif node.kind == "head":
            if index != len(architecture.nodes) - 1:
                raise ArchitectureError("the head of a CTR network must be its last node")
            tops, needed = _head(inputs, outputs)
            weights |= needed
        else:
            operator = _operator(node)
            sources = {port: tuple(outputs[i] for i in ids) for port, ids in inputs.items()}
            needed = operator.weights(node, sources)
            name = str(node.values.get("operator", node.kind))
            full = {own: f"{place.replace('.', '/')}/{name}/{own}" for own in needed}
            weights |= {full[own]: weight for own, weight in needed.items()}
            place = place.replace(".", "/")
            mapping = _mapping(architecture, index)
            steps.append((index, Step(node, place, operator, inputs, sources, full, mapping)))
            size = operator.output(node, sources)
            outputs.append(Source(size.place or block, size.size, size.dim))
    if tops is None:
        raise ArchitectureError("a CTR network needs a node of kind 'head'")
    sparse = inputs_at.get("sparse_input")
    return Plan(
        tuple(steps),
        weights,
        inputs_at.get("dense_input"),
        sparse,
        0 if sparse is None else outputs[sparse].dim,
        inputs_at.get("first_order"),
        tops,
        _mapping(architecture, len(architecture.nodes) - 1),
        None if sparse is None else _embedding_bits(architecture, sparse),
    )


def features(
    plan: Plan,
    weights: Mapping[str, Tensor],
    dense: Tensor,
    sparse: Tensor,
    *,
    first: int = 0,
    training: bool = False,
    dropout: float = 0.0,
    running: RunningStatistics | None = None,
    kept: list[Tensor] | None = None,
    analog: Analog | None = None,
) -> tuple[list[Tensor], Tensor | None]:
    """Run everything below the logit.

    Args:
        plan: the compiled architecture.
        weights: a tensor per name in ``plan.weights``, of exactly that shape.
        dense: ``[batch, width]``.
        sparse: what the embedding table gives, ``[batch, first + dim, rows]``; more dimensions
            than the plan's are not read.
        first: columns of the table before the vectors: 1 with weights of the ids alone, else 0.
        training: drop out, and normalise over the batch.
        dropout: share of each NASRec dense operator's output that is dropped in training; a layer
            says its own.
        running: statistics of batch normalisation; without them a batch is normalised by itself.
        kept: gets the output of every step, in order.
        analog: the imperfections of mapped operators' crossbars; None is crossbars without any.

    Returns:
        What the logit weighs, each ``[batch, features]`` in the order of ``plan.head``, and the
        sum of what is a logit already, ``[batch]`` or None.
    """
    by_batch = training or (running is not None and running.estimating)
    tensors: dict[int, Tensor] = {}
    if plan.dense_input is not None:
        tensors[plan.dense_input] = dense
    if plan.sparse_input is not None:
        vectors = sparse[:, first : first + plan.dim]
        if plan.embedding_bits is not None:
            vectors = fake_quantise(vectors, plan.embedding_bits, dim=1)
        tensors[plan.sparse_input] = vectors
    if plan.first_order is not None:
        tensors[plan.first_order] = sparse[:, 0]
    for index, step in plan.steps:
        inputs = {port: [tensors[i] for i in ids] for port, ids in step.inputs.items()}
        own: Mapping[str, Tensor] = {name: weights[full] for name, full in step.weights.items()}
        if step.mapping is not None:
            own = MappedWeights(own, arithmetic(step.place, step.mapping, analog))
        output = step.operator.forward(step.node, step.sources, inputs, own)
        if step.batch_normalised:
            known = running is not None and (by_batch or running.known)
            statistics = running.of(step.place) if running is not None and known else None
            momentum = 0.0 if running is None else running.momentum
            scale, shift = own["batch_norm/scale"], own["batch_norm/shift"]
            output = functional.relu(
                batch_norm(output, scale, shift, statistics, by_batch, momentum)
            )
        if training:
            share = dropout if step.node.kind == "dense_op" else step.node.values.get("dropout", 0)
            output = drop(output, float(share)) if share else output
        tensors[index] = output
        if kept is not None:
            kept.append(output)
    if by_batch and running is not None and running.used and len(dense) > 1:
        running.count()
    tops, offset = [], None
    for top in plan.tops:
        tensor = tensors[top.index]
        if top.port == "logit":
            term = full(tensor).sum(dim=1)
            offset = term if offset is None else offset + term
        else:
            tops.append(tensor.sum(dim=1) if top.port == "pooled" else tensor.flatten(1))
    return tops, offset


def arithmetic(place: str, mapping: HardwareMapping, analog: Analog | None) -> Arithmetic:
    """How the operator at `place` multiplies on its hardware."""
    return Quantised(mapping) if analog is None else analog.arithmetic(place, mapping)


def head_product(
    inputs: Tensor, weights: Tensor, mapping: HardwareMapping, analog: Analog | None = None
) -> Tensor:
    """What the head's crossbars give, ``[batch]``, of inputs ``[batch, K]`` and weights ``[K]``."""
    with torch.autocast(inputs.device.type, enabled=False):
        found = arithmetic("head", mapping, analog).product("head", inputs, weights[None])
    return found[:, 0]


def logits(
    plan: Plan,
    weights: Mapping[str, Tensor],
    tops: Sequence[Tensor],
    offset: Tensor | None,
    analog: Analog | None = None,
) -> Tensor:
    """The logit of what `features` gives, ``[batch]``."""
    if plan.head_mapping is not None and tops:
        read = torch.cat([top.float() for top in tops], dim=1)
        own = torch.cat([weights[name].flatten() for name in plan.head])
        mapped = weights["head/bias"] + head_product(read, own, plan.head_mapping, analog)
        return mapped if offset is None else mapped + offset
    result = weights["head/bias"] if offset is None else weights["head/bias"] + offset
    # In full precision: logits rounded to half of it would tie and blur every ranking made of them.
    with torch.autocast(result.device.type, enabled=False):
        for name, top in zip(plan.head, tops, strict=True):
            result = result + full(top) @ weights[name].flatten()
    return result


def _input_size(node: Node, block: str) -> Source:
    if node.kind == "dense_input":
        return Source(block, int(node["width"]))
    if node.kind == "first_order":
        return Source("first_order", int(node["fields"]))
    return Source(block, int(node["rows"]), int(node["dim"]))


def _head(
    inputs: Mapping[str, tuple[int, ...]], outputs: Sequence[Source]
) -> tuple[tuple[Top, ...], dict[str, Weight]]:
    """What the logit reads, and the weights of each: one vector per place, so that any set fits."""
    tops = [
        Top(index, port, "" if port == "logit" else f"head/{port}/{outputs[index].place}")
        for port in ("dense", "sparse", "pooled", "logit")
        for index in inputs.get(port, ())
    ]
    if not tops:
        raise ArchitectureError("the head of a CTR network reads nothing")
    shapes = {}
    for top in tops:
        source = outputs[top.index]
        if top.weight:
            shapes[top.weight] = (
                (source.dim, source.size) if top.port == "sparse" else (source.size,)
            )
    fan = (sum(map(_count, shapes.values())), 1)
    weights = {"head/bias": Weight((1,))}
    return tuple(tops), weights | {name: Weight(shape, fan) for name, shape in shapes.items()}


def _tied(architecture: Architecture, index: int, port: str) -> int | None:
    sources = [edge.source for edge in architecture.inputs(index) if edge.port == port]
    return sources[0] if sources else None


def _mapping(architecture: Architecture, index: int) -> HardwareMapping | None:
    """The hardware that a node is tied to, or None."""
    found = _tied(architecture, index, MAPPING.name)
    if found is None:
        return None
    mapping, at = architecture.nodes[found], _tied(architecture, found, CROSSBAR.name)
    if at is None:
        raise ArchitectureError(f"{mapping.name or MAPPING.name!r} is not tied to a crossbar")
    bits = {name: int(mapping[name]) for name in ("weight_bits", "activation_bits")}
    crossbar = architecture.nodes[at]
    array = {name: int(crossbar[name]) for name in ("size", "cell_bits", "dac_bits", "adc_bits")}
    return HardwareMapping(**bits, **array)


def _embedding_bits(architecture: Architecture, index: int) -> int | None:
    at = _tied(architecture, index, MEMORY.name)
    return None if at is None else int(architecture.nodes[at]["embedding_bits"])


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

"""Models on their hardware: costs part by part, as the result document has them."""

from collections.abc import Mapping
from typing import Any

from dagsmith.hardware.pim import PIM_COSTS, Technology, pim_cost
from dagsmith.space import Architecture, Population, Vocabulary
from dagsmith.space.component import Value
from dagsmith.space.pim import CROSSBAR, HARDWARE, MEMORY

Document = dict[str, Any]


def hardware_of(
    architecture: Architecture, kinds: Vocabulary, technology: Technology, table_rows: float
) -> Document:
    """What one model costs on its hardware, operator by operator.

    Args:
        architecture: with hardware nodes, or without: then on the default hardware.
        kinds: the vocabulary of its space.
        technology: the figures.
        table_rows: rows of all embedding tables.
    """
    population = Population.from_architectures([architecture], kinds)
    cost = pim_cost(population, technology=technology, table_rows=table_rows)
    nodes = []
    for index, node in enumerate(architecture.nodes):
        if node.kind in HARDWARE or node.kind == "dense_input":
            continue
        tied = [edge.source for edge in architecture.inputs(index) if edge.port == "mapping"]
        nodes.append(
            {
                "name": node.name or node.kind,
                "operator": str(node.values.get("operator", _TITLES.get(node.kind, node.kind))),
                "mapping": architecture.nodes[tied[0]].values if tied else {},
                "crossbars": float(cost.crossbars[0, index]),
                "cells": float(cost.cells[0, index]),
                "latency_ns": float(cost.node_latency_ns[0, index]),
                "energy_pj": _parts(cost.energy_pj, index),
                "area_mm2": _parts(cost.area_mm2, index),
            }
        )
    return {
        "knobs": _knobs(architecture),
        "costs": {name: float(value(cost)[0]) for name, (_, value) in PIM_COSTS.items()},
        "crossbars_per_tile": technology["tile.crossbars"],
        "technology": technology.name,
        "nodes": nodes,
    }


_TITLES = {"sparse_input": "look-up", "head": "logit"}


def _parts(parts: Mapping[str, Any], index: int) -> dict[str, float]:
    return {name: float(part[0, index]) for name, part in parts.items()}


def _knobs(architecture: Architecture) -> dict[str, Value]:
    """The knobs that the whole chip shares."""
    shared: dict[str, Value] = {}
    for node in architecture.nodes:
        if node.kind in (CROSSBAR.name, MEMORY.name):
            shared |= node.values
    return shared

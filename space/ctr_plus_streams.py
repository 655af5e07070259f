"""The streams of ctr-plus: nodes and edges of whole populations, from the choices of the slots."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagsmith.space.graph_arrays import GraphArrays, Rows

READS = ("flat", "cross", "pairs", "mask", "flat+cross", "flat+pairs", "flat+mask")
TOWERS = ("left", "right")
DEPTH = 4
"""Most layers of a tower, cross layers and mask blocks; 3 of the other streams."""

Genes = Mapping[str, NDArray[Any]]
"""The choice of every slot, by its name, each ``[batch]``."""
Outputs = list[tuple[str, Rows]]
"""Nodes, and in which rows they are an output."""


def layout(blocks: int) -> tuple[str, ...]:
    """Names of the node positions, in topological order."""
    parts = ("dense", "sparse", "fm", "dense_to_sparse")
    return (
        "input.dense",
        "input.sparse",
        *(f"block{number}.{part}" for number in range(1, blocks + 1) for part in parts),
        "input.first_order",
        "flat",
        "fm",
        *_numbered("cin", 3),
        *_numbered("attention.", 3),
        *_numbered("cross.", DEPTH),
        *_numbered("bottom.", 3),
        "pairs",
        "field_norm",
        "normed",
        *_numbered("mask", DEPTH),
        *(f"{tower}.gate" for tower in TOWERS),
        *(name for tower in TOWERS for name in _numbered(f"{tower}.", DEPTH)),
        "fusion",
        "head",
    )


def _numbered(name: str, most: int) -> list[str]:
    return [f"{name}{number}" for number in range(1, most + 1)]


def put_cin(graph: GraphArrays, genes: Genes) -> None:
    """Compressed interaction layers over the embeddings; each is pooled into the logit."""
    before = "input.sparse"
    for number, node in enumerate(_numbered("cin", 3), 1):
        on = genes["cin.depth"] >= number
        graph.put(node, "cin", on, rows=genes["cin.rows"])
        graph.link(node, "input.sparse", "base", on)
        graph.link(node, before, "sparse", on)
        graph.link("head", node, "pooled")
        before = node


def put_attention(graph: GraphArrays, genes: Genes) -> None:
    """Attention layers one above the other; the last feeds the head."""
    before = "input.sparse"
    for number, node in enumerate(_numbered("attention.", 3), 1):
        on = genes["attention.depth"] >= number
        width, heads = genes["attention.width"], genes["attention.heads"]
        graph.put(node, "field_attention", on, width=width, heads=heads)
        graph.link(node, before, "sparse", on)
        graph.link("head", node, "sparse", genes["attention.depth"] == number)
        before = node


def put_cross(graph: GraphArrays, genes: Genes) -> Outputs:
    """Cross layers one above the other; the last is the output."""
    before, outputs = "flat", []
    for number, node in enumerate(_numbered("cross.", DEPTH), 1):
        on = genes["cross.depth"] >= number
        graph.put(node, "cross", on, rank=genes["cross.rank"])
        graph.link(node, "flat", "base", on)
        graph.link(node, before, "dense", on)
        outputs.append((node, genes["cross.depth"] == number))
        before = node
    return outputs


def put_pairs(graph: GraphArrays, genes: Genes) -> Outputs:
    """The pairs, and beside them the bottom tower, whose last layer is as wide as a vector."""
    graph.put("pairs", "pairs", genes["pairs"])
    graph.link("pairs", "input.sparse", "sparse", genes["pairs"])
    before, outputs = "input.dense", [("pairs", genes["pairs"])]
    for number, node in enumerate(_numbered("bottom.", 3), 1):
        on = genes["pairs"] & (genes["bottom.depth"] >= number)
        last = on & (genes["bottom.depth"] == number)
        width = np.where(last, genes["dim"], genes["bottom.width"])
        graph.put(node, "layer", on, width=width, norm=genes["norm"], dropout=genes["dropout"])
        graph.link(node, before, "dense", on)
        graph.link("pairs", node, "dense", last)
        outputs.append((node, last))
        before = node
    return outputs


def put_masks(graph: GraphArrays, genes: Genes) -> Outputs:
    """Mask blocks over the normalised features: all are outputs in parallel, in a row the last."""
    graph.put("field_norm", "field_norm")
    graph.link("field_norm", "input.sparse", "sparse")
    graph.put("normed", "flat")
    graph.link("normed", "input.dense", "dense")
    graph.link("normed", "field_norm", "sparse")
    serial = genes["mask.order"] == "serial"
    before, outputs = "normed", []
    for number, node in enumerate(_numbered("mask", DEPTH), 1):
        on = genes["mask.blocks"] >= number
        graph.put(node, "mask_block", on, width=genes["mask.width"], hidden=genes["mask.hidden"])
        graph.link(node, "flat", "base", on)
        graph.link(node, before, "dense", on & serial)
        graph.link(node, "normed", "dense", on & ~serial)
        outputs.append((node, on & (~serial | (genes["mask.blocks"] == number))))
        before = node
    return outputs


def put_tower(
    graph: GraphArrays, genes: Genes, tower: str, streams: Mapping[str, Outputs]
) -> dict[str, Rows]:
    """A tower with its gate; returns in which rows it reads each stream."""
    depth = genes[f"{tower}.depth"]
    chosen, gate = genes[f"{tower}.reads"], genes[f"{tower}.gate"]
    reads = {
        stream: (depth > 0)
        & np.isin(chosen, [text for text in READS if stream in text.split("+")])
        & np.any([on for _, on in outputs], axis=0)
        for stream, outputs in streams.items()
    }
    wants_flat = np.isin(chosen, [text for text in READS if "flat" in text.split("+")])
    # What is read may be absent, and a tower reads something.
    flat = (depth > 0) & (wants_flat | ~np.any(list(reads.values()), axis=0))
    gated = flat & (gate >= 0)
    context = np.maximum(gate, 0)
    graph.put(
        f"{tower}.gate", "field_gate", gated, context=context, width=genes[f"{tower}.gate_width"]
    )
    graph.link(f"{tower}.gate", "flat", "dense", gated)
    graph.link(f"{tower}.gate", "input.sparse", "sparse", gated & (context > 0))
    before = ""
    for number, node in enumerate(_numbered(f"{tower}.", DEPTH), 1):
        on = depth >= number
        width = genes[f"{tower}.{number}.width"]
        graph.put(node, "layer", on, width=width, norm=genes["norm"], dropout=genes["dropout"])
        if number > 1:
            graph.link(node, before, "dense", on)
        before = node
    first = f"{tower}.1"
    graph.link(first, "flat", "dense", flat & ~gated)
    graph.link(first, f"{tower}.gate", "dense", gated)
    for stream, outputs in streams.items():
        for node, on in outputs:
            graph.link(first, node, "dense", on & reads[stream])
    return reads


def put_fusion(graph: GraphArrays, genes: Genes) -> None:
    """Both towers feed the head, and where it is chosen their bilinear form is added."""
    heads, depths = genes["fusion.heads"], [genes[f"{tower}.depth"] for tower in TOWERS]
    on = (heads > 0) & (depths[0] > 0) & (depths[1] > 0)
    graph.put("fusion", "fusion", on, heads=heads)
    for tower, depth in zip(TOWERS, depths, strict=True):
        for number, node in enumerate(_numbered(f"{tower}.", DEPTH), 1):
            graph.link("head", node, "dense", depth == number)
            graph.link("fusion", node, tower, on & (depth == number))
    graph.link("head", "fusion", "logit")

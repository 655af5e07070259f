"""Component kinds of in-memory-computing hardware, and of CTR models that are mapped onto it.

A hardware node is tied to what it runs by an edge: the memory to the embeddings that it holds, a
mapping to the operators that it places on crossbars, and the crossbar to its mappings. Hardware and
model are one graph, and every kind is encoded by what it is.
"""

from dataclasses import replace

from dagsmith.space.component import Categorical, ComponentKind, Number, Vocabulary
from dagsmith.space.ctr import KINDS, PLUS_KINDS

TIERS = ("dram", "hbm", "reram")
"""Where embedding tables may live; ``reram`` is ReRAM in memory mode, on the chip itself."""

CROSSBAR = ComponentKind(
    "crossbar",
    (
        Number("size", "log"),
        Number("cell_bits", "log"),
        Number("dac_bits", "log"),
        Number("adc_bits"),
        Number("adcs", "log"),
    ),
    (),
)
MAPPING = ComponentKind(
    "mapping",
    (Number("weight_bits"), Number("activation_bits"), Number("replication", "log")),
    ("crossbar",),
)
MEMORY = ComponentKind("memory", (Categorical("tier", TIERS), Number("embedding_bits")), ())
HARDWARE = (CROSSBAR.name, MAPPING.name, MEMORY.name)
"""Kinds that run a model and compute nothing of it."""

_NASREC = ("dense_op", "sparse_op", "merger", "head")
_LAYERS = ("layer", "field_gate", "cross", "pairs", "fm_logit", "cin", "field_attention")
RUNS = {"sparse_input": "memory"}
RUNS |= dict.fromkeys((*_NASREC, *_LAYERS, "mask_block", "fusion"), "mapping")
"""The port by which a kind is tied to its hardware; what is not here only passes numbers on."""


def _with_hardware(kinds: Vocabulary) -> Vocabulary:
    tied = (
        replace(kind, ports=(*kind.ports, RUNS[kind.name])) if kind.name in RUNS else kind
        for kind in kinds.kinds
    )
    return Vocabulary((*tied, CROSSBAR, MAPPING, MEMORY))


PIM_KINDS = _with_hardware(KINDS)
"""The kinds of NASRec, each with a port for the hardware that runs it, and the hardware."""
PLUS_PIM_KINDS = _with_hardware(PLUS_KINDS)
"""The same of ctr-plus."""

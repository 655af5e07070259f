"""Component kinds of in-memory-computing hardware, and of CTR models that are mapped onto it.

A hardware node is tied to what it runs by an edge: the memory to the embeddings that it holds, a
mapping to the operators that it places on crossbars, and the crossbar to its mappings. Hardware and
model are one graph, and every kind is encoded by what it is.
"""

from dataclasses import replace

from dagsmith.space.component import Categorical, ComponentKind, Number, Vocabulary
from dagsmith.space.ctr import KINDS

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

_RUNS = {"sparse_input": "memory", "dense_op": "mapping", "sparse_op": "mapping"}
_RUNS |= {"merger": "mapping", "head": "mapping"}

PIM_KINDS = Vocabulary(
    (
        *(
            replace(kind, ports=(*kind.ports, _RUNS[kind.name])) if kind.name in _RUNS else kind
            for kind in KINDS.kinds
        ),
        CROSSBAR,
        MAPPING,
        MEMORY,
    )
)
"""The kinds of CTR models, each with a port for the hardware that runs it, and the hardware."""

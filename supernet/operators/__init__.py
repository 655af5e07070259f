"""The operators of the CTR spaces, one file each, by the name an architecture gives them."""

from dagsmith.supernet.operators.addition import Sum
from dagsmith.supernet.operators.attention import Attention
from dagsmith.supernet.operators.cin import CompressedInteraction
from dagsmith.supernet.operators.cross import Cross
from dagsmith.supernet.operators.dot_product import DotProduct, balanced_rows
from dagsmith.supernet.operators.efc import EmbeddedFullyConnected
from dagsmith.supernet.operators.fc import FullyConnected
from dagsmith.supernet.operators.field_attention import FieldAttention
from dagsmith.supernet.operators.field_gate import FieldGate
from dagsmith.supernet.operators.field_norm import FieldNorm
from dagsmith.supernet.operators.flat import Flat
from dagsmith.supernet.operators.fm_logit import FMLogit
from dagsmith.supernet.operators.fusion import Fusion
from dagsmith.supernet.operators.gating import SigmoidGating
from dagsmith.supernet.operators.layer import Layer
from dagsmith.supernet.operators.mask_block import MaskBlock
from dagsmith.supernet.operators.mergers import Add, DenseToSparse, FactorizationMachine
from dagsmith.supernet.operators.pairs import Pairs
from dagsmith.supernet.operators.weight import Operator, Source, Weight

OPERATORS: dict[str, Operator] = {
    "fc": FullyConnected(),
    "dot_product": DotProduct(),
    "gating": SigmoidGating(),
    "sum": Sum(),
    "efc": EmbeddedFullyConnected(),
    "attention": Attention(),
    "fm": FactorizationMachine(),
    "dense_to_sparse": DenseToSparse(),
    "add": Add(),
    "flat": Flat(),
    "field_norm": FieldNorm(),
    "field_gate": FieldGate(),
    "layer": Layer(),
    "cross": Cross(),
    "pairs": Pairs(),
    "fm_logit": FMLogit(),
    "cin": CompressedInteraction(),
    "field_attention": FieldAttention(),
    "mask_block": MaskBlock(),
    "fusion": Fusion(),
}
"""Every operator, by the value of a node's `operator` attribute, or by its kind without one."""

__all__ = [
    "OPERATORS",
    "Add",
    "Attention",
    "CompressedInteraction",
    "Cross",
    "DenseToSparse",
    "DotProduct",
    "EmbeddedFullyConnected",
    "FMLogit",
    "FactorizationMachine",
    "FieldAttention",
    "FieldGate",
    "FieldNorm",
    "Flat",
    "FullyConnected",
    "Fusion",
    "Layer",
    "MaskBlock",
    "Operator",
    "Pairs",
    "SigmoidGating",
    "Source",
    "Sum",
    "Weight",
    "balanced_rows",
]

"""The operators of the CTR spaces, one file each, by the name an architecture gives them."""

from dagsmith.supernet.operators.addition import Sum
from dagsmith.supernet.operators.attention import Attention
from dagsmith.supernet.operators.dot_product import DotProduct, balanced_rows
from dagsmith.supernet.operators.efc import EmbeddedFullyConnected
from dagsmith.supernet.operators.fc import FullyConnected
from dagsmith.supernet.operators.gating import SigmoidGating
from dagsmith.supernet.operators.mergers import Add, DenseToSparse, FactorizationMachine
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
}
"""Every operator, by the value of a node's `operator` attribute."""

__all__ = [
    "OPERATORS",
    "Add",
    "Attention",
    "DenseToSparse",
    "DotProduct",
    "EmbeddedFullyConnected",
    "FactorizationMachine",
    "FullyConnected",
    "Operator",
    "SigmoidGating",
    "Source",
    "Sum",
    "Weight",
    "balanced_rows",
]

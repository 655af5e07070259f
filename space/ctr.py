"""The parts of a CTR model: its component kinds, its operators, and the decisions of one block.

Two kinds of tensors flow: dense ``[batch, width]`` and sparse ``[batch, dim, rows]`` (a stack of
`rows` embedding vectors). `KINDS` are the operators of NASRec (Zhang et al., WWW 2023, arXiv
2207.07187); `PLUS_KINDS` adds the layers that hand-made models are built of.
"""

from dataclasses import dataclass

from dagsmith.space.component import Categorical, ComponentKind, Number, Vocabulary

DENSE_OPERATORS = ("fc", "dot_product", "gating", "sum")
SPARSE_OPERATORS = ("efc", "attention")
MERGERS = ("fm", "dense_to_sparse", "add")
PAIRED = ("gating", "sum")
"""Dense operators that read one left and one right input instead of a set."""

KINDS = Vocabulary(
    (
        ComponentKind("dense_input", (Number("width", "log"),), ()),
        ComponentKind("sparse_input", (Number("rows", "log"), Number("dim", "log")), ()),
        ComponentKind(
            "dense_op",
            (Categorical("operator", DENSE_OPERATORS), Number("width", "log")),
            ("dense", "sparse", "left", "right"),
        ),
        ComponentKind(
            "sparse_op",
            (Categorical("operator", SPARSE_OPERATORS), Number("rows", "log")),
            ("sparse",),
        ),
        ComponentKind("merger", (Categorical("operator", MERGERS),), ("dense", "sparse")),
        ComponentKind("head", (), ("dense", "sparse")),
    )
)

NORMS = ("none", "layer", "batch")
"""How a layer's outputs are normalised before its ReLU."""

PLUS_KINDS = Vocabulary(
    (
        *(kind for kind in KINDS.kinds if kind.name != "head"),
        # The logit: weights times what is dense, sparse, or sparse and summed over the embedding
        # dimension (pooled); terms that are logits already are added.
        ComponentKind("head", (), ("dense", "sparse", "pooled", "logit")),
        # One weight per id, as in a logistic regression; a dense tensor of one column per field.
        ComponentKind("first_order", (Number("fields", "log"),), ()),
        ComponentKind("flat", (), ("dense", "sparse")),
        ComponentKind("field_norm", (), ("sparse",)),
        ComponentKind(
            "field_gate", (Number("context"), Number("width", "log")), ("dense", "sparse")
        ),
        ComponentKind(
            "layer",
            (Number("width", "log"), Categorical("norm", NORMS), Number("dropout")),
            ("dense",),
        ),
        ComponentKind("cross", (Number("rank"),), ("base", "dense")),
        ComponentKind("pairs", (), ("dense", "sparse")),
        ComponentKind("fm_logit", (), ("sparse",)),
        ComponentKind("cin", (Number("rows", "log"),), ("base", "sparse")),
        ComponentKind(
            "field_attention", (Number("width", "log"), Number("heads", "log")), ("sparse",)
        ),
        ComponentKind(
            "mask_block", (Number("width", "log"), Number("hidden", "log")), ("base", "dense")
        ),
        ComponentKind("fusion", (Number("heads", "log"),), ("left", "right")),
    )
)
"""The kinds of `dagsmith.space.ctr_plus`; the operators' files in the supernet have the formulas.

Numbers of 0: no context (the gate reads all fields; k is the k-th field), full rank.
"""


@dataclass(frozen=True, slots=True)
class Block:
    """The decisions of one choice block.

    More than one operator of a side means that their outputs are added; the search itself uses one.

    Args:
        dense_ops: names among `DENSE_OPERATORS`.
        sparse_ops: names among `SPARSE_OPERATORS`.
        width: width of the dense output.
        rows: rows of the sparse output (before the dense-to-sparse merger adds its own).
        dense_inputs: indices of earlier blocks (0 is the raw input) read by FC and dot product.
        sparse_inputs: indices read by the sparse operator and by dot product.
        left: index read at the left of gating and sum.
        right: index read at their right.
        fm: add an FM of the sparse output to the dense output.
        dense_to_sparse: append 8 rows made from the dense output to the sparse output.
    """

    dense_ops: tuple[str, ...]
    sparse_ops: tuple[str, ...]
    width: int
    rows: int
    dense_inputs: tuple[int, ...] = (0,)
    sparse_inputs: tuple[int, ...] = (0,)
    left: int = 0
    right: int = 0
    fm: bool = False
    dense_to_sparse: bool = False

"""Hand-made CTR models as points of ctr-plus, and NASRec's published networks, by name."""

from collections.abc import Mapping, Sequence

from dagsmith.space.architecture import Architecture
from dagsmith.space.component import Value
from dagsmith.space.ctr_plus import TOWER_WIDTHS, CTRPlusSpace
from dagsmith.space.ctr_plus_streams import DEPTH
from dagsmith.space.errors import SpaceError, nearest
from dagsmith.space.nasrec import nasrec_full
from dagsmith.space.published import published_nets

_DEEP: Mapping[str, Value] = {"norm": "batch", "left.depth": 3}
WIDTH = 400
"""Of a tower's layers where nothing else is said, as in BARS's configurations for Frappe."""
DROPOUT = 0.2
"""Of a tower's layers where nothing else is said."""

HANDMADE: Mapping[str, Mapping[str, Value]] = {
    "lr": {"linear": True},
    "fm": {"linear": True, "fm": True},
    "dnn": _DEEP,
    "deepfm": {**_DEEP, "linear": True, "fm": True},
    "dcnv2": {**_DEEP, "cross.depth": 3},
    "dlrm": {
        "pairs": True,
        "bottom.depth": 2,
        "bottom.width": 64,
        "left.depth": 3,
        "left.reads": "pairs",
    },
    "autoint": {"attention.depth": 3, "attention.width": 16, "attention.heads": 2},
    "xdeepfm": {**_DEEP, "linear": True, "cin.depth": 3, "cin.rows": 16},
    "finalmlp": {
        "norm": "batch",
        "left.depth": 1,
        "right.depth": 1,
        "right.1.width": 100,
        "left.gate": 1,
        "left.gate_width": 400,
        "right.gate": 2,
        "right.gate_width": 400,
        "fusion.heads": 5,
    },
    "masknet": {
        **_DEEP,
        "mask.blocks": 3,
        "mask.width": 128,
        "mask.hidden": 128,
        "left.reads": "mask",
    },
}
"""Models by name: the choices of `CTRPlusSpace` that they make; everything else is absent.

`lr` and `fm` (Rendle, ICDM 2010); `dnn`; `deepfm` (Guo et al., IJCAI 2017); `dcnv2` in parallel
(Wang et al., WWW 2021); `dlrm` (Naumov et al., 2019); `autoint` (Song et al., CIKM 2019);
`xdeepfm` (Lian et al., KDD 2018); `finalmlp` (Mao et al., AAAI 2023), whose gates see the first and
the second field, user and item in many logs; `masknet` in parallel (Wang, She and Zhang, 2021).
"""

NAMED = (*HANDMADE, *(f"nasrec-{name}" for name in published_nets()))
"""Every name that `named_architecture` knows."""


def named_architecture(
    name: str,
    dense_features: int,
    sparse_fields: int,
    *,
    embedding_dim: int = 16,
    dropout: float = DROPOUT,
    hidden: Sequence[int] | None = None,
    norm: str | None = None,
) -> Architecture:
    """A hand-made model, or a published network of NASRec, over the features of a data set.

    Args:
        name: one of `NAMED`.
        dense_features: numeric features of the data.
        sparse_fields: categorical fields of the data.
        embedding_dim: width of an embedding vector.
        dropout: of the towers' layers; NASRec's networks take that of the recipe.
        hidden: widths of the (left) tower's layers, at most 4, where it has one; None has
            the model's own.
        norm: how the towers' layers are normalised, one of `NORMS`; None has the model's own.

    Raises:
        SpaceError: no such name or normalisation, more layers than a tower has, or no field to
            build on.

    Example:
        >>> net = named_architecture("dcnv2", 13, 26)
        >>> [node.name for node in net.nodes if node.kind == "cross"]
        ['cross.1', 'cross.2', 'cross.3']
    """
    if name not in NAMED:
        raise SpaceError(f"no model is called {name!r}; {nearest(name, NAMED)}")
    if name not in HANDMADE:
        trunk = nasrec_full(dense_features, sparse_fields, embedding_dim=embedding_dim)
        return trunk.assemble(published_nets()[name.removeprefix("nasrec-")].blocks)
    params = dict(HANDMADE[name])
    if hidden is not None:
        if not 0 < len(hidden) <= DEPTH:
            raise SpaceError(f"a tower of {len(hidden)} layers; expected 1 to {DEPTH}")
        if "left.depth" in params:
            params["left.depth"] = len(hidden)
    if norm is not None:
        params["norm"] = norm
    widths = hidden or (WIDTH,) * DEPTH
    for layer, width in enumerate(widths, 1):
        params[f"left.{layer}.width"] = width
    for tower in ("left", "right"):
        if f"{tower}.gate" in params:
            # A gate cannot see a field that is not there.
            params[f"{tower}.gate"] = min(int(params[f"{tower}.gate"]), sparse_fields)
    space = CTRPlusSpace(
        dense_features,
        sparse_fields,
        blocks=1,
        widths=tuple(dict.fromkeys((*TOWER_WIDTHS, *widths))),
        embedding_dims=(embedding_dim,),
        dropouts=(dropout,),
    )
    return space.decode(space.point(params))

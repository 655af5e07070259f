"""The six best networks that NASRec's authors published, as blocks of our spaces.

They tie this room to the world: each lies in its space, and its FLOPs are the published ones.
Source: the configurations in the public repository of Zhang et al., "NASRec: Weight Sharing
Neural Architecture Search for Recommender Systems", WWW 2023, arXiv 2207.07187.
"""

from dataclasses import dataclass

from dagsmith.space.architecture import Architecture
from dagsmith.space.ctr import Block
from dagsmith.space.nasrec import NASRecSpace, nasrec_full, nasrec_small


@dataclass(frozen=True)
class PublishedNet:
    """A network found by NASRec's search, with what was published of it.

    Args:
        space: the space it was found in, at the field counts of its data set.
        blocks: its decisions, dead blocks included.
        mega_flops: published cost, in millions of multiply-accumulates per sample.
        logloss: published test log loss.
        auc: published test area under the ROC curve.
    """

    space: NASRecSpace
    blocks: tuple[Block, ...]
    mega_flops: float
    logloss: float
    auc: float

    @property
    def architecture(self) -> Architecture:
        """The live part of the network."""
        return self.space.assemble(self.blocks)


def published_nets() -> dict[str, PublishedNet]:
    """The published networks by name: ``criteo-small``, ``criteo-full``, ``avazu-small``, ...

    Avazu has no numeric feature; a constant column of width 1 stands in for it.

    Example:
        >>> net = published_nets()["kdd-full"]
        >>> net.architecture == net.space.decode(net.space.from_blocks(net.blocks))
        True
    """
    return {
        "criteo-small": PublishedNet(nasrec_small(13, 26), _CRITEO_SMALL, 2.20, 0.4399, 0.8118),
        "criteo-full": PublishedNet(nasrec_full(13, 26), _CRITEO_FULL, 1.45, 0.4408, 0.8107),
        "avazu-small": PublishedNet(nasrec_small(0, 23), _AVAZU_SMALL, 3.08, 0.3747, 0.7887),
        "avazu-full": PublishedNet(nasrec_full(0, 23), _AVAZU_FULL, 1.87, 0.3737, 0.7903),
        "kdd-small": PublishedNet(nasrec_small(3, 10), _KDD_SMALL, 3.48, 0.1495, 0.8135),
        "kdd-full": PublishedNet(nasrec_full(3, 10), _KDD_FULL, 1.09, 0.1491, 0.8154),
    }


_CRITEO_SMALL = (
    Block(("fc",), ("efc",), 256, 48, (0,), (0,), dense_to_sparse=True),
    Block(("dot_product",), ("efc",), 1024, 48, (1,), (0, 1), fm=True, dense_to_sparse=True),
    Block(("fc",), ("efc",), 128, 16, (0, 2), (0, 1, 2), dense_to_sparse=True),
    Block(("fc",), ("efc",), 16, 48, (2,), (0, 2), fm=True),
    Block(("dot_product",), ("efc",), 128, 32, (0, 2, 3, 4), (2, 4)),
    Block(("fc",), ("efc",), 16, 64, (0, 1, 2, 5), (1, 2, 5), dense_to_sparse=True),
    Block(("fc",), ("efc",), 1024, 64, (0, 3, 5), (0, 1, 2, 5)),
)
_CRITEO_FULL = (
    Block(("gating",), ("attention",), 128, 64, (0,), (0,), left=0, right=0, dense_to_sparse=True),
    Block(("dot_product",), ("efc",), 32, 64, (0,), (0,)),
    Block(("dot_product",), ("efc",), 768, 32, (1, 2), (0, 1, 2), fm=True),
    Block(
        ("gating",), ("efc",), 768, 48, (0, 3), (0, 1, 2, 3), left=2, right=0, dense_to_sparse=True
    ),
    Block(("fc",), ("efc",), 16, 16, (0, 2, 3, 4), (0, 1, 2, 3), fm=True),
    Block(("fc",), ("attention",), 768, 16, (0, 3, 4, 5), (1, 4), dense_to_sparse=True),
    Block(("fc",), ("attention",), 128, 48, (0, 2, 3), (1, 3), fm=True),
)
_AVAZU_SMALL = (
    Block(("dot_product",), ("efc",), 512, 64, (0,), (0,), dense_to_sparse=True),
    Block(("fc",), ("efc",), 1024, 48, (0, 1), (0,), dense_to_sparse=True),
    Block(("fc",), ("efc",), 512, 16, (0, 2), (0,), fm=True),
    Block(("dot_product",), ("efc",), 768, 48, (3,), (0, 3), fm=True, dense_to_sparse=True),
    Block(("fc",), ("efc",), 128, 16, (0, 2, 3), (0, 1), fm=True, dense_to_sparse=True),
    Block(("fc",), ("efc",), 128, 64, (1, 3, 4), (0, 1, 3), dense_to_sparse=True),
    Block(("fc",), ("efc",), 512, 32, (5,), (1, 2, 6), fm=True, dense_to_sparse=True),
)
_AVAZU_FULL = (
    Block(("dot_product",), ("attention",), 32, 48, (0,), (0,), dense_to_sparse=True),
    Block(("dot_product",), ("efc",), 768, 64, (0, 1), (0, 1), dense_to_sparse=True),
    Block(("fc",), ("efc",), 512, 48, (0,), (0,), dense_to_sparse=True),
    Block(
        ("sum",),
        ("attention",),
        768,
        16,
        (0, 1, 2, 3),
        (3,),
        left=1,
        right=0,
        fm=True,
        dense_to_sparse=True,
    ),
    Block(("dot_product",), ("efc",), 768, 64, (2, 3, 4), (2,)),
    Block(
        ("gating",), ("efc",), 1024, 64, (0, 1, 2, 5), (0, 4), left=0, right=3, dense_to_sparse=True
    ),
    Block(
        ("gating",),
        ("attention",),
        768,
        16,
        (1, 2, 3, 5),
        (2, 3),
        left=0,
        right=2,
        dense_to_sparse=True,
    ),
)
_KDD_SMALL = (
    Block(("fc",), ("efc",), 768, 48, (0,), (0,), fm=True, dense_to_sparse=True),
    Block(("dot_product",), ("efc",), 128, 64, (0, 1), (0, 1), dense_to_sparse=True),
    Block(("dot_product",), ("efc",), 32, 48, (0, 1, 2), (0, 1), fm=True, dense_to_sparse=True),
    Block(("fc",), ("efc",), 256, 64, (0, 1, 2, 3), (0, 2, 3)),
    Block(("fc",), ("efc",), 1024, 64, (3, 4), (0, 1, 2, 4)),
    Block(("dot_product",), ("efc",), 768, 64, (1, 2, 5), (4, 5)),
    Block(("dot_product",), ("efc",), 1024, 48, (2, 3, 4, 6), (0, 1, 2, 4), dense_to_sparse=True),
)
_KDD_FULL = (
    Block(("dot_product",), ("attention",), 128, 48, (0,), (0,), dense_to_sparse=True),
    Block(("gating",), ("attention",), 768, 64, (1,), (1,), left=0, right=0, dense_to_sparse=True),
    Block(("gating",), ("efc",), 16, 48, (1,), (1, 2), left=1, right=0),
    Block(("sum",), ("attention",), 64, 16, (0, 2, 3), (1,), left=2, right=2, dense_to_sparse=True),
    Block(("sum",), ("efc",), 64, 48, (0, 1, 2, 4), (0, 2), left=0, right=2),
    Block(("fc",), ("efc",), 128, 32, (3, 4), (0, 1, 4, 5), fm=True),
    Block(
        ("gating",),
        ("efc",),
        768,
        16,
        (1, 3, 5, 6),
        (1, 3, 4, 5),
        left=5,
        right=5,
        dense_to_sparse=True,
    ),
)

"""What every stand-alone CTR model is: an embedding table below, a logit above."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from dagsmith.supernet.embedding import EmbeddingTable


class ClickModel(nn.Module, ABC):
    """A model from dense features and ids to the logit of a click.

    Attributes:
        embedding: the fused table, or None for a model that reads no ids.
        dropout: share of hidden dense outputs dropped while training; a recipe sets it.
        ideal: compute without the imperfections of hardware, as while an epoch is chosen.
        platt: scale and offset of the logit, ``[2]`` (see `fit_platt`), or None.
    """

    embedding: EmbeddingTable | None
    dropout: float = 0.0
    ideal: bool = False
    platt: Tensor | None

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("platt", None)

    @abstractmethod
    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """Logits ``[batch]`` of dense ``[batch, width]`` and ids ``[batch, columns]``."""

    def calibrated(self, logit: Tensor) -> Tensor:
        """The logit as it is answered, ``[batch]``."""
        return logit if self.platt is None else self.platt[0] * logit + self.platt[1]

    def parameter_count(self) -> int:
        """Number of scalar weights, the embedding table not counted."""
        table = self.embedding.weight if self.embedding is not None else None
        return sum(weight.numel() for weight in self.parameters() if weight is not table)

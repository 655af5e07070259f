"""The settings of the GNN predictor and of its training."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from dagsmith.predictor.errors import PredictorError

Unknown = Literal["error", "mean"]
"""What to do with a kind or choice that was never fitted: refuse it, or predict the mean."""
Order = Literal["pairwise", "listwise"]
"""What a ranking loss looks at."""


def check_counts(settings: object, *names: str) -> None:
    """Raise PredictorError for the first of these fields that is below 1."""
    for name in names:
        if getattr(settings, name) < 1:
            raise PredictorError(f"{name} is {getattr(settings, name)}; expected at least 1")


def check_positive(settings: object, *names: str) -> None:
    """Raise PredictorError for the first of these fields that is not above 0."""
    for name in names:
        if not getattr(settings, name) > 0:
            raise PredictorError(f"{name} is {getattr(settings, name)}; expected above 0")


def check_not_negative(settings: object, *names: str) -> None:
    """Raise PredictorError for the first of these fields that is not at least 0."""
    for name in names:
        if not getattr(settings, name) >= 0:
            raise PredictorError(f"{name} is {getattr(settings, name)}; expected at least 0")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How an ensemble is trained.

    Args:
        epochs: passes over the labels.
        batch: architectures per step; the ranking loss sees the pairs within a batch.
        learning_rate: its peak; it rises over the first tenth and falls as a cosine.
        weight_decay: decoupled, as in AdamW.
        regression: weight of the squared error.
        ranking: weight of the ranking loss.
        order: which one: ``"pairwise"``, the hinge over pairs, or ``"listwise"``, the likelihood of
            the order of a whole batch.
        margin: margin of the hinge, in standard deviations of the target.
        leave_out: whether each member leaves out some labels, on which the intervals are then
            calibrated; members differ by their initial weights in any case.
    """

    epochs: int = 100
    batch: int = 16
    learning_rate: float = 1e-2
    weight_decay: float = 5e-2
    regression: float = 1.0
    ranking: float = 4.0
    order: Order = "pairwise"
    margin: float = 0.5
    leave_out: bool = True

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            raise PredictorError(
                f"epochs is {self.epochs} and batch {self.batch}; "
                "expected at least 1 epoch and 2 architectures in a batch"
            )
        if self.order not in get_args(Order):
            raise PredictorError(
                f"order is {self.order!r}; expected one of {', '.join(get_args(Order))}"
            )
        check_positive(self, "learning_rate", "margin")
        check_not_negative(self, "weight_decay")
        if min(self.regression, self.ranking) < 0 or self.regression + self.ranking == 0:
            raise PredictorError(
                f"loss weights regression {self.regression} and ranking {self.ranking}; "
                "expected none below 0 and at least one above"
            )


@dataclass(frozen=True, slots=True)
class GNNSettings:
    """Size and training of a `GNNPredictor`. The defaults serve every space.

    Args:
        members: networks in the ensemble.
        dim: hidden width.
        rounds: rounds of message passing.
        graph_features: whether the network is also told `GraphFeatures` of every graph, where the
            graphs have few different nodes.
        linear_part: whether a linear model of what describes the graphs answers beside the
            network, as far as that is better on labels left out.
        training: how `fit` trains.
        pretraining: how `pretrain` trains.
    """

    members: int = 5
    dim: int = 32
    rounds: int = 3
    graph_features: bool = True
    linear_part: bool = True
    training: TrainingSettings = field(default_factory=TrainingSettings)
    pretraining: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(epochs=30, batch=64, leave_out=False)
    )

    def __post_init__(self) -> None:
        check_counts(self, "members", "dim", "rounds")

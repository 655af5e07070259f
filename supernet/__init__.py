"""The weight-sharing supernet, its subnets, and training from scratch."""

from dagsmith.supernet.analog import READOUTS, Analog
from dagsmith.supernet.bank import WeightBank
from dagsmith.supernet.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from dagsmith.supernet.distillation import mean_probabilities, soft_labels
from dagsmith.supernet.embedding import EmbeddingTable
from dagsmith.supernet.evaluator import SubnetScoring, SupernetEvaluator
from dagsmith.supernet.few_epochs import FewEpochsEvaluator
from dagsmith.supernet.inputs import pick_device
from dagsmith.supernet.latency import MeasuredLatency, WithLatency
from dagsmith.supernet.metrics import (
    Calibration,
    MetricError,
    auc,
    calibration,
    click_metrics,
    grouped_auc,
    logloss,
    normalised_entropy,
)
from dagsmith.supernet.model import ClickModel
from dagsmith.supernet.network import Network
from dagsmith.supernet.paths import MODES, PathSampler
from dagsmith.supernet.penalty import (
    PENALTIES,
    Losses,
    PenaltyChoice,
    choose_penalties,
    choose_penalty,
)
from dagsmith.supernet.platt import fit_platt
from dagsmith.supernet.precision import pick_precision
from dagsmith.supernet.ranks import LostRankError, Ranks, torchrun_ranks
from dagsmith.supernet.recipes import RECIPES, Recipe, sized_for
from dagsmith.supernet.scratch import TrainedModel, predict, train_scratch
from dagsmith.supernet.short_training import ShortTraining, ShortTrainingEvaluator, short_recipe
from dagsmith.supernet.supernet import Supernet
from dagsmith.supernet.table_optimizer import RowwiseAdagrad
from dagsmith.supernet.train_supernet import (
    NASREC_SUPERNET,
    SupernetRecipe,
    SupernetTraining,
    TrainingError,
    train_supernet,
)
from dagsmith.supernet.zero_cost import PROXIES, zero_cost_scores

__all__ = [
    "MODES",
    "NASREC_SUPERNET",
    "PENALTIES",
    "PROXIES",
    "READOUTS",
    "RECIPES",
    "Analog",
    "Calibration",
    "CheckpointError",
    "ClickModel",
    "EmbeddingTable",
    "FewEpochsEvaluator",
    "Losses",
    "LostRankError",
    "MeasuredLatency",
    "MetricError",
    "Network",
    "PathSampler",
    "PenaltyChoice",
    "Ranks",
    "Recipe",
    "RowwiseAdagrad",
    "ShortTraining",
    "ShortTrainingEvaluator",
    "SubnetScoring",
    "Supernet",
    "SupernetEvaluator",
    "SupernetRecipe",
    "SupernetTraining",
    "TrainedModel",
    "TrainingError",
    "WeightBank",
    "WithLatency",
    "auc",
    "calibration",
    "choose_penalties",
    "choose_penalty",
    "click_metrics",
    "fit_platt",
    "grouped_auc",
    "load_checkpoint",
    "logloss",
    "mean_probabilities",
    "normalised_entropy",
    "pick_device",
    "pick_precision",
    "predict",
    "save_checkpoint",
    "short_recipe",
    "sized_for",
    "soft_labels",
    "torchrun_ranks",
    "train_scratch",
    "train_supernet",
    "zero_cost_scores",
]

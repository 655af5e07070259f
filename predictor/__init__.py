"""GNN surrogates: they learn from evaluated architectures, and rank all others."""

from dagsmith.predictor.baselines import LinearPredictor, MeanPredictor
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.extras import Extras
from dagsmith.predictor.gcn import GCNPredictor, GCNSettings
from dagsmith.predictor.gnn import GNNPredictor
from dagsmith.predictor.graph_features import GraphFeatures
from dagsmith.predictor.metrics import METRICS, RankCorrelation, rank_correlation
from dagsmith.predictor.mlp import MLPPredictor, MLPSettings
from dagsmith.predictor.prediction import Architectures, Prediction, Predictor
from dagsmith.predictor.pyg import to_pyg
from dagsmith.predictor.reliability import Reliability, reliability
from dagsmith.predictor.settings import GNNSettings, TrainingSettings
from dagsmith.predictor.training import Progress
from dagsmith.predictor.transfer import TransferPredictor
from dagsmith.predictor.trees import (
    BoostingPredictor,
    BoostingSettings,
    ForestPredictor,
    ForestSettings,
)

__all__ = [
    "METRICS",
    "Architectures",
    "BoostingPredictor",
    "BoostingSettings",
    "Extras",
    "ForestPredictor",
    "ForestSettings",
    "GCNPredictor",
    "GCNSettings",
    "GNNPredictor",
    "GNNSettings",
    "GraphFeatures",
    "LinearPredictor",
    "MLPPredictor",
    "MLPSettings",
    "MeanPredictor",
    "Prediction",
    "Predictor",
    "PredictorError",
    "Progress",
    "RankCorrelation",
    "Reliability",
    "TrainingSettings",
    "TransferPredictor",
    "rank_correlation",
    "reliability",
    "to_pyg",
]

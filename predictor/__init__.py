"""GNN surrogates: they learn from evaluated architectures, and rank all others."""

from dagsmith.predictor.baselines import LinearPredictor, MeanPredictor
from dagsmith.predictor.errors import PredictorError
from dagsmith.predictor.gcn import GCNPredictor, GCNSettings
from dagsmith.predictor.gnn import GNNPredictor
from dagsmith.predictor.metrics import METRICS, RankCorrelation, rank_correlation
from dagsmith.predictor.prediction import Architectures, Prediction, Predictor
from dagsmith.predictor.pyg import to_pyg
from dagsmith.predictor.settings import GNNSettings, TrainingSettings
from dagsmith.predictor.training import Progress

__all__ = [
    "METRICS",
    "Architectures",
    "GCNPredictor",
    "GCNSettings",
    "GNNPredictor",
    "GNNSettings",
    "LinearPredictor",
    "MeanPredictor",
    "Prediction",
    "Predictor",
    "PredictorError",
    "Progress",
    "RankCorrelation",
    "TrainingSettings",
    "rank_correlation",
    "to_pyg",
]

"""Predictor-based architecture search for recommender models: the contents page.

What is named here is loaded when it is first used, so that ``import dagsmith`` costs nothing and
``dagsmith --help`` does not wait for torch.

Example:
    >>> import dagsmith
    >>> space = dagsmith.nasrec_small(dense_features=13, sparse_fields=26, blocks=3)
    >>> len(space.slots)
    19
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.champion_start import ChampionStart
    from dagsmith.dashboard import serve_dashboard
    from dagsmith.data import Dataset, Encoders, Schema, prepare, prepare_synthetic
    from dagsmith.data.evaluations import Evaluation, Evaluator
    from dagsmith.hardware import Activations, Flops, Parameters
    from dagsmith.model import Model, evaluate, load_model
    from dagsmith.pipeline import search_models
    from dagsmith.predictor import GNNPredictor
    from dagsmith.predictor_store import PredictorStore
    from dagsmith.progress import reporter
    from dagsmith.result import read_result, validate_result
    from dagsmith.retraining import RetrainSettings, retrain
    from dagsmith.scoring import score_file
    from dagsmith.search.evolution import RegularizedEvolutionSampler
    from dagsmith.search.loop import run_search
    from dagsmith.search.metropolis import MetropolisHastingsSampler
    from dagsmith.search.report import write_report
    from dagsmith.search.samplers import make_sampler
    from dagsmith.search.study import open_study
    from dagsmith.search.study_pages import StudyPages, study_figures
    from dagsmith.settings import SearchSettings
    from dagsmith.space import Architecture, SearchSpace, Slot, nasrec_full, nasrec_small
    from dagsmith.supernet import (
        FewEpochsEvaluator,
        Network,
        ShortTrainingEvaluator,
        Supernet,
        SupernetEvaluator,
        train_scratch,
        train_supernet,
    )
    from dagsmith.train_models import train_models
    from dagsmith.truth_start import TruthStart

_PLACES = {
    "Architecture": "dagsmith.space",
    "SearchSpace": "dagsmith.space",
    "Slot": "dagsmith.space",
    "nasrec_full": "dagsmith.space",
    "nasrec_small": "dagsmith.space",
    "Dataset": "dagsmith.data",
    "Encoders": "dagsmith.data",
    "Schema": "dagsmith.data",
    "prepare": "dagsmith.data",
    "prepare_synthetic": "dagsmith.data",
    "Evaluation": "dagsmith.data.evaluations",
    "Evaluator": "dagsmith.data.evaluations",
    "Activations": "dagsmith.hardware",
    "Flops": "dagsmith.hardware",
    "Parameters": "dagsmith.hardware",
    "GNNPredictor": "dagsmith.predictor",
    "MetropolisHastingsSampler": "dagsmith.search.metropolis",
    "RegularizedEvolutionSampler": "dagsmith.search.evolution",
    "make_sampler": "dagsmith.search.samplers",
    "open_study": "dagsmith.search.study",
    "run_search": "dagsmith.search.loop",
    "StudyPages": "dagsmith.search.study_pages",
    "study_figures": "dagsmith.search.study_pages",
    "serve_dashboard": "dagsmith.dashboard",
    "write_report": "dagsmith.search.report",
    "FewEpochsEvaluator": "dagsmith.supernet",
    "Network": "dagsmith.supernet",
    "ShortTrainingEvaluator": "dagsmith.supernet",
    "Supernet": "dagsmith.supernet",
    "SupernetEvaluator": "dagsmith.supernet",
    "train_scratch": "dagsmith.supernet",
    "train_supernet": "dagsmith.supernet",
    "SearchSettings": "dagsmith.settings",
    "search_models": "dagsmith.pipeline",
    "ChampionStart": "dagsmith.champion_start",
    "TruthStart": "dagsmith.truth_start",
    "PredictorStore": "dagsmith.predictor_store",
    "reporter": "dagsmith.progress",
    "RetrainSettings": "dagsmith.retraining",
    "retrain": "dagsmith.retraining",
    "score_file": "dagsmith.scoring",
    "train_models": "dagsmith.train_models",
    "read_result": "dagsmith.result",
    "validate_result": "dagsmith.result",
    "Model": "dagsmith.model",
    "evaluate": "dagsmith.model",
    "load_model": "dagsmith.model",
}
"""Where each public name lives."""

__all__ = [
    "Activations",
    "Architecture",
    "ChampionStart",
    "Dataset",
    "Encoders",
    "Evaluation",
    "Evaluator",
    "FewEpochsEvaluator",
    "Flops",
    "GNNPredictor",
    "MetropolisHastingsSampler",
    "Model",
    "Network",
    "Parameters",
    "PredictorStore",
    "RegularizedEvolutionSampler",
    "RetrainSettings",
    "Schema",
    "SearchSettings",
    "SearchSpace",
    "ShortTrainingEvaluator",
    "Slot",
    "StudyPages",
    "Supernet",
    "SupernetEvaluator",
    "TruthStart",
    "evaluate",
    "load_model",
    "make_sampler",
    "nasrec_full",
    "nasrec_small",
    "open_study",
    "prepare",
    "prepare_synthetic",
    "read_result",
    "reporter",
    "retrain",
    "run_search",
    "score_file",
    "search_models",
    "serve_dashboard",
    "study_figures",
    "train_models",
    "train_scratch",
    "train_supernet",
    "validate_result",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'dagsmith' has no {name!r}; {nearest(name, _PLACES)}")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]

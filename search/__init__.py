"""The search: samplers over a search space, and the loop that writes an Optuna study."""

from dagsmith.search.acquisition_sampler import AcquisitionSampler, AcquisitionSettings
from dagsmith.search.component_ranking import ComponentRanking, rank_by_component
from dagsmith.search.designs import DESIGNS, Design, choose_design
from dagsmith.search.errors import SearchError, StudyError
from dagsmith.search.evolution import EvolutionSettings, RegularizedEvolutionSampler
from dagsmith.search.finalists import Finalist, select_finalists
from dagsmith.search.limits import check_limits, parse_limits
from dagsmith.search.local_search import LocalSearchSampler
from dagsmith.search.loop import Progress, SearchSummary, run_search
from dagsmith.search.metropolis import MetropolisHastingsSampler
from dagsmith.search.metropolis_settings import MetropolisHastingsSettings
from dagsmith.search.metropolis_walk import MetropolisWalkSampler, MetropolisWalkSettings
from dagsmith.search.objectives import COSTS, METRICS, Objective, parse_objectives
from dagsmith.search.pareto import pareto_front
from dagsmith.search.pareto_sampler import ParetoMetropolisHastingsSampler
from dagsmith.search.proposing import SamplerFactory
from dagsmith.search.random_search import RandomArchitectureSampler
from dagsmith.search.rank_tracker import Forecast, RankTracker
from dagsmith.search.record import Record, RecordReader
from dagsmith.search.sampler import Proposals, SpaceSampler
from dagsmith.search.samplers import SAMPLERS, make_sampler
from dagsmith.search.storage import open_storage
from dagsmith.search.study import open_study, study_objectives
from dagsmith.search.surrogate import CostLimit, Costs, PredictorFactory

__all__ = [
    "COSTS",
    "DESIGNS",
    "METRICS",
    "SAMPLERS",
    "AcquisitionSampler",
    "AcquisitionSettings",
    "ComponentRanking",
    "CostLimit",
    "Costs",
    "Design",
    "EvolutionSettings",
    "Finalist",
    "Forecast",
    "LocalSearchSampler",
    "MetropolisHastingsSampler",
    "MetropolisHastingsSettings",
    "MetropolisWalkSampler",
    "MetropolisWalkSettings",
    "Objective",
    "ParetoMetropolisHastingsSampler",
    "PredictorFactory",
    "Progress",
    "Proposals",
    "RandomArchitectureSampler",
    "RankTracker",
    "Record",
    "RecordReader",
    "RegularizedEvolutionSampler",
    "SamplerFactory",
    "SearchError",
    "SearchSummary",
    "SpaceSampler",
    "StudyError",
    "check_limits",
    "choose_design",
    "make_sampler",
    "open_storage",
    "open_study",
    "pareto_front",
    "parse_limits",
    "parse_objectives",
    "rank_by_component",
    "run_search",
    "select_finalists",
    "study_objectives",
]

"""Figures of dagsmith in optuna-dashboard, beside those it draws itself."""

from importlib import import_module

import optuna

from dagsmith.search.errors import SearchError
from dagsmith.search.rank_figures import rank_figures
from dagsmith.search.rank_tracker import RankTracker
from dagsmith.space import SearchSpace


def show_ranking(
    study: optuna.Study, objective: str | None = None, space: SearchSpace | None = None
) -> tuple[str, ...]:
    """Write the figures of `RankTracker` into the study, where the dashboard shows them.

    Calling it again, after more trials, replaces them.

    Args:
        study: any study with predictions.
        objective: which of its values; the first that is measured, if None.
        space: see `RankTracker.from_study`.

    Returns:
        The figures' names in the dashboard.

    Raises:
        SearchError: optuna-dashboard is not installed, or the study has no such objective.
    """
    try:
        dashboard = import_module("optuna_dashboard")
    except ImportError:
        raise SearchError(
            "optuna-dashboard is not installed; pip install 'dagsmith[dashboard]'"
        ) from None
    figures = rank_figures(RankTracker.from_study(study, objective, space))
    return tuple(
        str(
            dashboard.save_plotly_graph_object(
                study, figure, graph_object_id=f"dagsmith-ranking-{name}"
            )
        )
        for name, figure in figures.items()
    )

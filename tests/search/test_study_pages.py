import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore

from dagsmith.search import (
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    Objective,
    SearchError,
    open_study,
    run_search,
)
from dagsmith.search.study_pages import StudyPages, study_figures
from dagsmith.space import SearchSpace

dashboard = pytest.importorskip("optuna_dashboard")

OBJECTIVES = (Objective("logloss", "minimize"), Objective("flops", "minimize", cost=True))
PANELS = {
    "dagsmith-progress-evaluations",
    "dagsmith-progress-seconds",
    "dagsmith-rank-by-round",
    "dagsmith-predicted-measured",
    "dagsmith-pareto",
    "dagsmith-shared-components",
}
Searched = Callable[..., optuna.Study]


@pytest.fixture
def searched(
    space: SearchSpace, evaluator: Callable, predictor: Callable, costs: Callable
) -> Searched:
    settings = MetropolisHastingsSettings(initial=10, warm_up=32, chains=8, steps=2)

    def sampler(seed: int) -> MetropolisHastingsSampler:
        return MetropolisHastingsSampler(
            space,
            predictor=predictor,
            settings=settings,
            seed=seed,
            objectives=OBJECTIVES,
            costs=costs,
        )

    def search(pictures: Path | None = None, *, pages: bool = True) -> optuna.Study:
        study = open_study(optuna.storages.InMemoryStorage(), "a", space, OBJECTIVES)
        run_search(
            study,
            space,
            evaluator(fail=(1, 2)),
            sampler=sampler,
            trials=26,
            initial=10,
            costs=costs,
            pages=StudyPages(study, pictures=pictures) if pages else None,
        )
        return study

    return search


def ask(study: optuna.Study, path: str, pictures: Path | None = None) -> tuple[str, bytes]:
    """What the dashboard's server answers."""
    store = FileSystemArtifactStore(str(pictures)) if pictures else None
    application = dashboard.wsgi(study._storage, artifact_store=store)
    said: list[str] = []
    path, _, query = path.partition("?")
    environment: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    body = application(environment, lambda status, headers, info=None: said.append(status))
    content = b"".join(body)
    getattr(body, "close", lambda: None)()
    return said[0], content


def page(study: optuna.Study) -> dict[str, Any]:
    status, body = ask(study, f"/api/studies/{study._study_id}?after=0")
    assert status.startswith("200")
    return dict(json.loads(body))


def test_the_dashboard_finds_figures_notes_and_pictures(searched: Searched, tmp_path: Path) -> None:
    study = searched(tmp_path)
    shown = page(study)
    figures = {
        each["id"]: json.loads(each["graph_object"]) for each in shown["plotly_graph_objects"]
    }
    assert set(figures) == PANELS
    assert all(figure["data"] for figure in figures.values())
    assert shown["objective_names"] == ["logloss", "flops"]
    for trial, row in zip(study.trials, shown["trials"], strict=True):
        note = row["note"]["body"]
        assert f"`{trial.user_attrs['key'][:12]}`" in note
        assert "Fidelity `table`" in note
        if trial.state == optuna.trial.TrialState.COMPLETE:
            assert f"| logloss | {trial.values[0]:.6g} |" in note
            assert "| flops |" in note
        else:
            assert "**Failed**: loss became NaN" in note
        if "predicted.logloss" in trial.user_attrs:
            assert f"{trial.user_attrs['predicted.logloss']:.5g} ± " in note
        (picture,) = row["artifacts"]
        path = f"/artifacts/{study._study_id}/{row['trial_id']}/{picture['artifact_id']}"
        status, body = ask(study, path, tmp_path)
        assert status.startswith("200")
        assert body.startswith(b"<svg")


def test_pages_change_nothing_about_the_trials(searched: Searched, tmp_path: Path) -> None:
    def story(study: optuna.Study) -> list[tuple[object, ...]]:
        return [
            (t.state, t.values, t.params, {k: v for k, v in t.user_attrs.items() if k != "seconds"})
            for t in study.trials
        ]

    assert story(searched(tmp_path)) == story(searched(pages=False))


def test_pictures_stay_small_and_isomorphic_architectures_share_one(
    searched: Searched, tmp_path: Path
) -> None:
    study = searched(tmp_path)
    files = sorted(file.name for file in tmp_path.iterdir())
    assert files == sorted({trial.user_attrs["key"] for trial in study.trials})
    assert all(file.stat().st_size < 40_000 for file in tmp_path.iterdir())


def test_an_update_too_soon_after_a_costly_one_is_left_out(searched: Searched) -> None:
    study = searched(pages=False)
    now = [0.0]

    def clock() -> float:
        now[0] += 1.0
        return now[0]

    pages = StudyPages(study, share=0.1, clock=clock)
    assert pages.update()
    # Each look at the clock is a second. The update began at 2 and took one: the next is at 12.
    assert [pages.update() for _ in range(9)] == [False] * 8 + [True]
    assert pages.update(final=True)


def test_a_note_that_somebody_wrote_stays(searched: Searched) -> None:
    study = searched(pages=False)
    first = study.trials[0]
    storage = study._storage
    storage.set_study_system_attr(
        study._study_id, f"dashboard:{first._trial_id}:note_str:0", "mine"
    )
    storage.set_study_system_attr(study._study_id, f"dashboard:{first._trial_id}:note_ver", 1)
    StudyPages(study).update()
    notes = [row["note"]["body"] for row in page(study)["trials"]]
    assert notes[0] == "mine"
    assert all("Fidelity" in note for note in notes[1:])


def test_an_empty_study_has_no_figures(space: SearchSpace) -> None:
    study = open_study(optuna.storages.InMemoryStorage(), "a", space, OBJECTIVES)
    assert study_figures(study) == {}
    StudyPages(study).update(final=True)
    assert page(study)["plotly_graph_objects"] == []


def test_what_is_missing_is_said_before_the_search(
    searched: Searched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = searched(pages=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(SearchError, match=r"artifacts folder .*file/pictures is not writable"):
        StudyPages(study, pictures=tmp_path / "file" / "pictures")
    with pytest.raises(SearchError, match="share is 0"):
        StudyPages(study, share=0)
    monkeypatch.setattr("dagsmith.search.study_pages.dashboard_installed", lambda: False)
    with pytest.raises(SearchError, match=r"pip install 'dagsmith\[dashboard\]'"):
        StudyPages(study)


def test_a_notebook_shows_a_figure_inline(searched: Searched) -> None:
    figure = study_figures(searched(pages=False))["progress-evaluations"]
    assert "Search progress against evaluations" in figure._repr_html_()

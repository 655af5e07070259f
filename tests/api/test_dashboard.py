"""The dashboard in a real browser, and what it says when it cannot be opened."""

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagsmith.cli import main
from dagsmith.dashboard import serve_dashboard
from dagsmith.data import Evaluation
from dagsmith.hardware import Flops, costs
from dagsmith.predictor import LinearPredictor
from dagsmith.search import (
    MetropolisHastingsSampler,
    MetropolisHastingsSettings,
    Objective,
    open_study,
    run_search,
)
from dagsmith.search.storage import open_storage
from dagsmith.search.study_pages import StudyPages
from dagsmith.space import Architecture, Population, nasrec_small

pytest.importorskip("optuna_dashboard")

SPACE = nasrec_small(4, 5, blocks=2, widths=(16, 32, 64), rows=(16, 32))
OBJECTIVES = (Objective("logloss", "minimize"), Objective("flops", "minimize", cost=True))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PANELS = (
    "Search progress against evaluations",
    "Search progress against seconds",
    "Rank correlation by round",
    "Predicted before the evaluation, against measured",
    "Quality against serving cost",
    "What the best tenth shares",
)


class Halting:
    """Evaluates until so many are done, then waits to be let on."""

    fidelity = "table"

    def __init__(self, halt: int) -> None:
        self._left = halt
        self.halted, self.go = threading.Event(), threading.Event()

    def evaluate(self, architectures: Sequence[Architecture]) -> list[Evaluation]:
        if self._left == 0:
            self.halted.set()
            assert self.go.wait(600)
        self._left -= 1
        return [
            Evaluation(each, {"logloss": 0.5 - 0.01 * len(each.nodes) + 0.001 * len(each.edges)})
            for each in architectures
        ]


def search(folder: Path, evaluator: Halting, trials: int = 30) -> None:
    study = open_study(folder / "study.db", "ours", SPACE, OBJECTIVES)

    def cost(population: Population) -> dict:
        return costs(population, [Flops()])

    def sampler(seed: int) -> MetropolisHastingsSampler:
        return MetropolisHastingsSampler(
            SPACE,
            predictor=lambda kinds, seed: LinearPredictor(kinds, members=3, seed=seed),
            settings=MetropolisHastingsSettings(initial=12, warm_up=32, chains=8, steps=2),
            seed=seed,
            objectives=OBJECTIVES,
            costs=cost,
        )

    run_search(
        study,
        SPACE,
        evaluator,
        sampler=sampler,
        trials=trials,
        initial=12,
        costs=cost,
        pages=StudyPages(study, pictures=folder / "pictures", share=1.0),
    )


@contextmanager
def opened(folder: Path) -> Iterator[str]:
    with serve_dashboard(folder / "study.db", folder / "pictures", port=0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/dashboard"
        finally:
            server.shutdown()
            thread.join()


def seen_by_browser(address: str) -> str:
    """The page as it stands when its scripts have run."""
    assert CHROMIUM
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1400,3000",
            "--virtual-time-budget=30000",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


@needs_chromium
def test_a_browser_finds_the_panels_of_a_finished_search(tmp_path: Path) -> None:
    search(tmp_path, Halting(-1))
    with opened(tmp_path) as address:
        main_page = seen_by_browser(f"{address}/studies/1")
        trial_page = seen_by_browser(f"{address}/studies/1/trials?numbers=20")
    for panel in PANELS:
        assert panel in main_page, panel
    assert "predicted before" in trial_page
    assert "architecture.svg" in trial_page
    key = open_storage(tmp_path / "study.db").get_all_trials(1)[20].user_attrs["key"]
    assert f"/artifacts/1/21/{key}" in trial_page


@needs_chromium
def test_a_browser_finds_the_panels_of_a_running_search(tmp_path: Path) -> None:
    evaluator = Halting(24)
    thread = threading.Thread(target=search, args=(tmp_path, evaluator))
    thread.start()
    try:
        assert evaluator.halted.wait(300)
        with opened(tmp_path) as address:
            shown = seen_by_browser(f"{address}/studies/1")
    finally:
        evaluator.go.set()
        thread.join()
    assert PANELS[0] in shown
    assert PANELS[2] in shown
    assert PANELS[5] in shown


def error_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["dashboard", *words]) in (1, 2)
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


def test_what_keeps_it_from_opening_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = str(tmp_path / "s.db")
    open_storage(storage)
    assert "expected the directory of a run, or --storage" in error_of(capsys)
    assert "is no run directory" in error_of(capsys, str(tmp_path))
    (tmp_path / "file").write_text("")
    assert "artifacts folder" in error_of(
        capsys, "--storage", storage, "--artifacts", str(tmp_path / "file" / "x")
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} is in use" in error_of(capsys, "--storage", storage, "--port", port)
    assert "port is 99999" in error_of(capsys, "--storage", storage, "--port", "99999")
    assert "folder" in error_of(capsys, "--storage", str(tmp_path / "none" / "s.db"))
    (tmp_path / "run").mkdir()
    document = {"format": "dagsmith.run/1", "configuration": {}}
    (tmp_path / "run" / "run.json").write_text(json.dumps(document))
    assert "has not begun yet" in error_of(capsys, str(tmp_path / "run"))
    monkeypatch.setattr("dagsmith.dashboard.dashboard_installed", lambda: False)
    assert "pip install 'dagsmith[dashboard]'" in error_of(capsys, "--storage", storage)


def test_it_listens_on_this_machine_alone(tmp_path: Path) -> None:
    open_storage(tmp_path / "s.db")
    with serve_dashboard(tmp_path / "s.db", port=0) as server:
        assert server.server_address[0] == "127.0.0.1"

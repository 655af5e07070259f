import json
import multiprocessing
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from dagsmith.errors import RunError
from dagsmith.run_directory import RunDirectory, read_configuration

SETTINGS = {"trials": 3, "seed": 0}


def test_the_same_settings_open_it_again_and_others_are_refused(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "run", SETTINGS).run("data", lambda: {})
    RunDirectory(tmp_path / "run", SETTINGS)
    assert read_configuration(tmp_path / "run") == SETTINGS
    with pytest.raises(RunError, match="made with seed=0, not 4"):
        RunDirectory(tmp_path / "run", {**SETTINGS, "seed": 4})
    with pytest.raises(RunError, match="made with seed=0, not unset"):
        RunDirectory(tmp_path / "run", {"trials": 3})


def test_trials_may_change_until_the_search_is_finished_and_jobs_at_any_time(
    tmp_path: Path,
) -> None:
    RunDirectory(tmp_path / "run", SETTINGS).run("data", lambda: {})
    longer = {**SETTINGS, "trials": 4}
    directory = RunDirectory(tmp_path / "run", longer)
    assert read_configuration(tmp_path / "run") == longer
    directory.run("search", lambda: {})
    with pytest.raises(RunError, match="made with trials=4, not 3"):
        RunDirectory(tmp_path / "run", SETTINGS)
    RunDirectory(tmp_path / "run", {**longer, "jobs": 2})
    assert read_configuration(tmp_path / "run") == {**longer, "jobs": 2}


def test_an_older_run_goes_on_with_the_default_of_a_setting_that_came_later(
    tmp_path: Path,
) -> None:
    RunDirectory(tmp_path / "run", SETTINGS).run("data", lambda: {})
    now, defaults = {**SETTINGS, "epochs": 4}, {"seed": 1, "epochs": 4}
    with pytest.raises(RunError, match="made with epochs=4, not 8"):
        RunDirectory(tmp_path / "run", {**now, "epochs": 8}, defaults)
    RunDirectory(tmp_path / "run", now, defaults)
    assert read_configuration(tmp_path / "run") == now


def test_a_first_try_that_finished_nothing_may_be_corrected(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", {"label": "clik"})

    def misspelt() -> dict[str, str]:
        raise ValueError("no column 'clik'")

    with pytest.raises(ValueError, match="clik"):
        directory.run("data", misspelt)
    with directory.lock(), pytest.raises(RunError, match="another process"):
        RunDirectory(tmp_path / "run", {"label": "click"})
    assert read_configuration(tmp_path / "run") == {"label": "clik"}
    corrected = RunDirectory(tmp_path / "run", {"label": "click"})
    assert read_configuration(tmp_path / "run") == {"label": "click"}
    assert corrected.seconds("data") == 0.0


def test_a_finished_stage_is_not_run_again(tmp_path: Path) -> None:
    calls = []

    def work() -> dict[str, str]:
        calls.append(1)
        return {"path": "x"}

    for _ in range(2):
        directory = RunDirectory(tmp_path / "run", SETTINGS)
        assert directory.run("data", work) == {"path": "x"}
    assert len(calls) == 1
    assert directory.output("data") == {"path": "x"}
    assert directory.output("search") is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_a_stage_that_ended_early_is_run_again_and_its_time_adds_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    directory = RunDirectory(tmp_path / "run", SETTINGS)
    clock = iter([0.0, 2.0, 10.0, 13.0])
    monkeypatch.setattr("dagsmith.run_directory.time.monotonic", lambda: next(clock))

    def broken() -> dict[str, str]:
        raise error

    with pytest.raises(error):
        directory.run("search", broken)
    assert directory.output("search") is None
    assert directory.run("search", lambda: {"n": 1}) == {"n": 1}
    assert directory.seconds("search") == 5.0


def test_a_full_disk_is_reported_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = RunDirectory(tmp_path / "run", SETTINGS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dagsmith.run_directory.write_text", full)

    def broken() -> dict[str, str]:
        raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        directory.run("search", broken)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match=r"not empty and holds no run\.json"):
        RunDirectory(tmp_path, SETTINGS)
    with pytest.raises(RunError, match="is a file"):
        RunDirectory(tmp_path / "letter.txt", SETTINGS)
    with pytest.raises(RunError, match="is no run directory"):
        read_configuration(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ('{"format": "x"}', "not a run of format"), ("[1]", "not a run of format")],
)
def test_a_damaged_or_foreign_record_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=message):
        RunDirectory(tmp_path, SETTINGS)


def test_a_damaged_stage_record_is_named(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run", SETTINGS)
    directory.run("data", lambda: {})
    (tmp_path / "run" / "stages" / "data.json").write_text("{")
    with pytest.raises(RunError, match=r"data\.json: damaged"):
        directory.output("data")


def _hold(path: Path, ready: Event, release: Event) -> None:
    with RunDirectory(path, SETTINGS).lock():
        ready.set()
        release.wait(30)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path / "run", ready, release))
    other.start()
    assert ready.wait(30)
    directory = RunDirectory(tmp_path / "run", SETTINGS)
    with pytest.raises(RunError, match="another process is at work"), directory.lock():
        pass
    release.set()
    other.join()
    with directory.lock():
        assert json.loads((tmp_path / "run" / "run.json").read_text())["configuration"] == SETTINGS

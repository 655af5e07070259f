"""What the README shows is true: its Python runs, its commands parse."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from dagsmith.arguments import Parser, add_settings
from dagsmith.settings import TRAIN_SETTINGS
from dagsmith.space import NAMED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_serving_as_shown(
    finished_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "synthetic").symlink_to(finished_run)
    exec(compile(PYTHON[0], "README.md", "exec"), {})
    assert re.fullmatch(r"\[0\.\d+ +0\.\d+ *\]\n", capsys.readouterr().out)


def test_the_sampler_as_shown() -> None:
    scope: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        # Random proposals only, and quiet: the example's length is not what is tested.
        patch.setattr(optuna.study.Study, "optimize", _few(optuna.study.Study.optimize))
        exec(compile(PYTHON[1], "README.md", "exec"), scope)
    assert len(scope["study"].trials) == 3


def _few(optimize: Callable[..., None]) -> Callable[..., None]:
    return lambda study, objective, n_trials: optimize(study, objective, n_trials=min(n_trials, 3))


def test_the_trainings_shown_are_understood() -> None:
    parser = Parser("dagsmith train", "")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--out")
    add_settings(parser, TRAIN_SETTINGS)
    guide = (ROOT / "docs" / "supernet.md").read_text(encoding="utf-8")
    commands = [
        shlex.split(line.split("#")[0])
        for line in (README + guide).splitlines()
        if line.startswith("dagsmith train")
    ]
    assert len(commands) == 2
    for command in commands:
        models = parser.parse(command[2:]).models
        assert {name for name in models if not name.endswith(".json")} <= set(NAMED)


def test_the_options_shown_exist() -> None:
    parser = Parser("dagsmith search", "")
    parser.add_argument("--out")
    add_settings(parser)
    commands = [
        shlex.split(line.split("#")[0].replace("...", ""))
        for line in README.splitlines()
        if line.startswith("dagsmith search")
    ]
    assert len(commands) >= 3
    for command in commands:
        parser.parse(command[2:])


def test_every_room_is_in_the_tour_and_every_link_leads_somewhere() -> None:
    for room in ("space", "data", "hardware", "supernet", "predictor", "search", "api"):
        assert f"| `{room}/` |" in README
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_commands_are_verbs_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for verb in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{verb}:", makefile, re.MULTILINE), verb

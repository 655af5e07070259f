"""The packages for OptunaHub: complete, importable as it imports them, and their examples run."""

import runpy
from pathlib import Path

import optuna
import pytest

ROOT = Path(__file__).parents[1]
HUB = ROOT / "hub"
PACKAGES = sorted(folder.parent for folder in HUB.glob("samplers/*/__init__.py"))
FRONT_MATTER = ("author", "title", "description", "tags", "optuna_versions", "license")


def front_matter(package: Path) -> dict[str, str]:
    text = (package / "README.md").read_text()
    _, head, _ = text.split("---\n", 2)
    pairs = [line.partition(": ") for line in head.strip().splitlines()]
    return {key: value for key, _, value in pairs}


def test_there_is_one_for_each_sampler() -> None:
    assert [package.name for package in PACKAGES] == [
        "dagsmith_metropolis_hastings",
        "dagsmith_metropolis_hastings_pareto",
        "dagsmith_regularized_evolution",
    ]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_it_holds_what_the_registry_asks_for(package: Path) -> None:
    found = front_matter(package)
    assert tuple(found) == FRONT_MATTER
    assert all(found.values())
    assert "sampler" in found["tags"].strip("[]").split(", ")
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (package / "requirements.txt").read_text().split() == ["dagsmith"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_readme_shows_the_example_and_names_what_there_is(package: Path) -> None:
    optunahub = pytest.importorskip("optunahub")
    module = optunahub.load_local_module(str(package.relative_to(HUB)), registry_root=str(HUB))
    text = (package / "README.md").read_text()
    names = text.split("## Class or Function Names\n")[1].split("##")[0]
    listed = [line.removeprefix("- ") for line in names.split("\n") if line.startswith("- ")]
    assert sorted(listed) == sorted(module.__all__)
    assert all(hasattr(module, name) for name in listed)
    shown = text.split("```python\n")[1].split("```")[0].strip()
    assert shown in (package / "example.py").read_text()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_example_runs(
    package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    optunahub = pytest.importorskip("optunahub")
    monkeypatch.setattr(
        optunahub,
        "load_module",
        lambda package: optunahub.load_local_module(package, registry_root=str(HUB)),
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    runpy.run_path(str(package / "example.py"))
    assert capsys.readouterr().out.strip()

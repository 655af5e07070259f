"""The package as a whole: what is packed, what may import what, and what its docstrings claim."""

import ast
import doctest
import importlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ROOMS = ("space", "data", "hardware", "supernet", "predictor", "search", "api")
MAY_IMPORT = {
    "space": set(),
    "data": {"space"},
    "hardware": {"space"},
    "supernet": {"space", "data"},
    "predictor": {"space", "data"},
    "search": {"space", "data", "hardware", "predictor"},
    "api": {"space", "data", "hardware", "supernet", "predictor", "search", "api"},
}
"""The table of rooms in docs/architecture.md; a room may always import itself."""


def folder_of(package: str) -> Path:
    """Where setuptools finds a package: the longest mapped prefix, then the rest as folders."""
    parts, rest = package.split("."), list[str]()
    while ".".join(parts) not in SETUPTOOLS["package-dir"]:
        rest.insert(0, parts.pop())
    return ROOT.joinpath(SETUPTOOLS["package-dir"][".".join(parts)], *rest)


def packages_on_disk() -> set[str]:
    found = set()
    for room in ROOMS:
        top = "dagsmith" if room == "api" else f"dagsmith.{room}"
        for init in (ROOT / room).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / room).parts
            found.add(".".join((top, *inner)))
    return found


def modules() -> Iterator[tuple[str, Path]]:
    for package in sorted(packages_on_disk()):
        for file in sorted(folder_of(package).glob("*.py")):
            if file.stem != "__main__":
                yield package if file.stem == "__init__" else f"{package}.{file.stem}", file


MODULES = dict(modules())
PACKAGES = sorted(packages_on_disk())


def test_every_folder_is_packed() -> None:
    assert sorted(SETUPTOOLS["packages"]) == PACKAGES


def test_every_folder_of_modules_is_a_package() -> None:
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            assert (file.parent / "__init__.py").exists(), f"{file.parent} has no __init__.py"


def test_no_room_is_importable_by_its_bare_name(tmp_path: Path) -> None:
    code = (
        "import importlib, sys\n"
        f"for name in {sorted(MODULES)!r}: importlib.import_module(name)\n"
        f"print(sorted(set({ROOMS!r}) & set(sys.modules)))\n"
    )
    # In an empty folder, as at a user's: the repository's own folders must not be found.
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == "[]"


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{file}:{node.lineno}: relative import; expected an absolute one"
            )
            assert node.module is not None
            # `from dagsmith import space` imports the room `space`, not only the top.
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def room_of(name: str) -> str | None:
    """The room that a dotted name belongs to; None for other people's packages."""
    top, _, rest = f"{name}.".partition(".")
    if top != "dagsmith":
        return None
    first = rest.split(".")[0]
    return first if first in ROOMS else "api"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downhill(room: str) -> None:
    uphill = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in sorted((ROOT / room).rglob("*.py"))
        for line, name in imports(file)
        if room_of(name) not in (None, room, *MAY_IMPORT[room])
    ]
    assert not uphill, f"{room} may import {sorted(MAY_IMPORT[room])}"


def test_spaces_and_costs_need_no_torch() -> None:
    for room in ("space", "hardware"):
        for file in (ROOT / room).rglob("*.py"):
            for line, name in imports(file):
                assert name.split(".")[0] not in ("torch", "torch_geometric"), f"{file}:{line}"


def test_downhill_is_judged_by_the_room() -> None:
    assert room_of("torch.nn") is None
    assert room_of("dagsmith.space.nasrec.Block") == "space"
    assert room_of("dagsmith.space") == "space"
    assert room_of("dagsmith.load_model") == "api"
    assert room_of("dagsmith") == "api"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_lists_its_contents(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__doc__
    names = module.__all__
    assert len(set(names)) == len(names)
    missing = [name for name in names if not hasattr(module, name)]
    assert not missing


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0

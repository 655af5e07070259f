import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dagsmith.cli import main
from dagsmith.job import Job, search_directory
from dagsmith.progress import SilentReporter
from dagsmith.settings import SearchSettings
from dagsmith.space import SPACES


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["serch"], "unknown command 'serch'; did you mean 'search'?"),
        (["data", "prep"], "unknown command 'data prep'; did you mean 'prepare'?"),
        (["search", "--trails", "3"], "unknown option --trails; did you mean --trials?"),
        (["search", "--trail=3"], "unknown option --trail; did you mean --trials?"),
        (["search"], "required: --out"),
        (["search", "--out", "x", "stray"], "unexpected argument 'stray'"),
        (
            ["search", "--out", "x", "--trials", "many"],
            "--trials is 'many'; expected a whole number",
        ),
        (
            ["search", "--out", "x", "--sampler", "mhh"],
            "--sampler has no choice 'mhh'; did you mean 'mh'",
        ),
        (["search", "--out", "x", "--widths", "a,b"], "--widths expects int values, not a,b"),
        (["space", "nasrec-smal"], "did you mean 'nasrec-small'?"),
        (["data", "prepare", "x.csv", "--out", "d", "--ratio", "1"], "expected three shares"),
        (
            ["data", "prepare", "x.csv", "--out", "d", "--valid-days", "2"],
            "--valid-days: not for a split without --time-column",
        ),
        (
            ["data", "prepare", "x.csv", "--out", "d", "--schema", "s.json", "--min-count", "3"],
            "--min-count: not for a schema",
        ),
        (["evaluate", "x"], "required: FILE"),
    ],
)
def test_a_mistake_in_the_command_line_gets_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    status, out, err = run(capsys, *words)
    assert status == 2
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["search", "--out", "new", "--trials", "0"], "trials is 0; expected at least 1"),
        (["search", "--out", "new", "--config", "none.json"], "no such settings file"),
        (["search", "--out", "new", "--objectives", "loglos"], "unknown objective 'loglos'"),
        (["search", "--out", "new", "--objectives", "flops"], "expected logloss or auc first"),
        (["search", "--out", "new", "--data", "none.csv"], "none.csv: no such file"),
        (["search", "--out", "log.csv"], "log.csv is a file; expected a directory"),
        (["search", "--out", "full"], "holds no run.json"),
        (["search", "--out", "new", "--data", "log.csv", "--label", "klick"], "'click'"),
        (["search", "--out", "new", "--data", "log.csv", "--drop", "usr"], "'user'"),
        (["data", "prepare", "log.csv", "--out", "store", "--label", "user"], "user"),
        (["data", "prepare", "ragged.csv", "--out", "store", "--label", "click"], "3"),
        (["evaluate", "nothing", "log.csv"], "nothing: no such model directory"),
        (["evaluate", "full", "log.csv"], "model.json: missing"),
        (["report", "full"], "full is no run directory"),
        (
            ["space", "nasrec-small", "--blocks", "0"],
            "blocks is 0; expected at least 1",
        ),
    ],
)
def test_bad_input_gets_one_line_and_status_1(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    rows = "".join(f"{i % 3 % 2},{i % 7},{i % 5}\n" for i in range(60))
    (tmp_path / "log.csv").write_text(f"click,user,item\n{rows}")
    (tmp_path / "ragged.csv").write_text(f"click,user,item\n1,2,3\n1,2\n{rows}")
    status, out, err = run(capsys, *words)
    assert status == 1, err
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in err


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run directory"):
        main(["report", str(tmp_path), "--debug"])


def test_a_storage_that_cannot_be_reached_is_refused_before_hours_of_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["search", "--out", "run", "--rows", "2000", "--storage", "sqlite:///none/study.db"]
    status, _, err = run(capsys, *words)
    assert status == 1
    assert "cannot open storage" in err.splitlines()[-1]
    assert "supernet: begins" not in err


def test_an_interruption_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dagsmith.pipeline.search_models", interrupted)
    status, _, err = run(capsys, "search", "--out", str(tmp_path / "run"))
    assert status == 130
    assert "the same command goes on" in err


def test_an_error_of_the_program_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("dagsmith.pipeline.search_models", broken)
    status, _, err = run(capsys, "search", "--out", str(tmp_path / "run"))
    assert (status, err) == (
        1,
        "error: unexpected ZeroDivisionError: division by zero (--debug shows where)\n",
    )


def test_a_full_disk_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "run/data")

    monkeypatch.setattr("dagsmith.pipeline.search_models", full)
    status, _, err = run(capsys, "search", "--out", str(tmp_path / "run"))
    assert (status, err) == (1, "error: run/data: No space left on device\n")


def test_options_stand_above_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(
        "dagsmith.pipeline.search_models", lambda settings, *_: seen.update(settings.to_dict())
    )
    config = tmp_path / "settings.json"
    config.write_text('{"data": "a.csv", "trials": 5, "seed": 7, "drop": ["a"]}')
    words = ["search", "--out", "x", "--config", str(config), "--trials", "9"]
    assert main([*words, "--widths", "16,32", "64", "--no-baselines"]) == 0
    assert (seen["trials"], seen["seed"], seen["drop"]) == (9, 7, ["a"])
    assert (seen["widths"], seen["no_baselines"]) == ([16, 32, 64], True)


def test_space_prints_its_size_and_the_counting_rule(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "space", "nasrec-full", "--slots")
    assert status == 0
    assert "genotypes" in out
    assert "isomorphic ones not merged" in out
    assert "block7.dense_op" in out


@pytest.mark.parametrize("name", SPACES)
def test_space_describes_what_a_search_would_search(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    settings = SearchSettings(space=name)
    job = Job(settings, search_directory(settings, tmp_path), SilentReporter())
    # All that a space takes from the data.
    job.__dict__["dataset"] = SimpleNamespace(dense_features=range(13), fields=range(26))
    assert run(capsys, "space", name) == (0, f"{job.space.describe()}\n", "")
    whole = f"{SPACES[name](13, 26, blocks=7).describe()}\n"
    assert run(capsys, "space", name, "--blocks", "7") == (0, whole, "")


def test_the_guides_state_the_sizes_that_space_prints(capsys: pytest.CaptureFixture[str]) -> None:
    docs = Path(__file__).parents[2] / "docs"
    hardware = (docs / "hardware.md").read_text(encoding="utf-8")
    shown = re.findall(r"^dagsmith space (\S+) +#.*: (\S+)$", hardware, re.MULTILINE)
    assert len(shown) == 2
    for name, size in shown:
        assert f" {size.replace('e', 'e+')} genotypes" in run(capsys, "space", name)[1]
    spaces = (docs / "search_spaces.md").read_text(encoding="utf-8")
    for name in ("ctr-plus", "ctr-plus-pim"):
        said = re.search(r"(\d+) slots .*, (\S+) genotypes", run(capsys, "space", name)[1])
        assert said is not None
        assert f"`{name}` {said[1]} slots and {said[2].replace('e+', 'e')} genotypes" in spaces


def test_data_prepare_then_the_same_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = "".join(f"{i % 3 % 2},u{i % 7},{i % 5}\n" for i in range(90))
    log = tmp_path / "log.csv"
    log.write_text(f"click,user,price\n{rows}")
    words = ["data", "prepare", str(log), "--out", str(tmp_path / "store"), "--label", "click"]
    for _ in range(2):
        status, out, err = run(capsys, *words, "--ratio", "0.6,0.2,0.2")
        assert status == 0, err
        assert "54 train, 18 valid, 18 test rows" in out
    status, _, err = run(capsys, *words, "--ratio", "0.8,0.1,0.1")
    assert status == 1
    assert "prepared with other arguments" in err


@pytest.mark.parametrize(
    "words",
    [["--help"], ["search", "--help"], ["space", "--help"], ["--version"], []],
)
def test_help_does_not_wait_for_torch(words: list[str]) -> None:
    code = (
        "import sys; from dagsmith.cli import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'polars', 'plotly'} & set(sys.modules);"
        "sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (0 if words else 2), done.stderr
    assert "dagsmith" in done.stdout


def test_every_option_of_search_is_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "search", "--help")
    assert status == 0
    for option in ("--data", "--valid", "--trials", "--storage", "--top", "--truth", "--device"):
        assert option in out

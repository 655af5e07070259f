"""The command line: ``dagsmith data prepare | search | train | evaluate | space | report | ...``.

Each command says in one line on standard error what is wrong and leaves with a status other than
0; ``--debug`` shows the traceback instead. Modules that need torch are imported inside the
commands that use it, so that help and mistakes are answered at once.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from dagsmith.arguments import Parser, add_settings, given_settings
from dagsmith.machine import cores
from dagsmith.settings import TRAIN_SETTINGS, SearchSettings
from dagsmith.space import NAMED, SPACES, usual_blocks
from dagsmith.space.errors import nearest

if TYPE_CHECKING:
    from dagsmith.progress import Reporter

INTERRUPTED = 130

USAGE = """usage: dagsmith COMMAND ...

  data prepare   turn a click log into a columnar store
  search         click log in, better models and a report out
  train          hand-made models, or an architecture's file, trained from scratch
  evaluate       score a file with a model that a search has kept
  space          the size of a search space, and how it is counted
  report         write the report of a finished search again
  dashboard      open optuna-dashboard on a search, running or finished
  predictor      retrain a predictor from studies, rank a file with it

`dagsmith COMMAND --help` lists the options of a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    limit_threads()
    try:
        return _dispatch(words)
    except SystemExit as left:
        return int(left.code or 0)
    except KeyboardInterrupt:
        # A search says itself how to go on; here is what holds for all commands.
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 1


def limit_threads() -> None:
    """Let OpenMP use the cores that this process may use, before torch is imported.

    Left alone, OpenMP counts the cores of the machine, also inside a container that may use two,
    and its idle threads spin. What the user has set stays.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def one_line(error: Exception) -> str:
    """What to tell the user of an error.

    Ours are written as one clear line. The operating system's get the file's name. Any other is
    an error in the program, and said to be one.
    """
    text = " ".join(str(error).split())
    if type(error).__module__.startswith("dagsmith."):
        return text
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"unexpected {type(error).__name__}: {text} (--debug shows where)"


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(USAGE)
        return 0 if words else 2
    if words[0] == "--version":
        print(f"dagsmith {version('dagsmith')}")
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        print(
            f"error: unknown command {words[0]!r}; {nearest(words[0], COMMANDS)}", file=sys.stderr
        )
        return 2
    return command(words[1:])


def _search(words: list[str]) -> int:
    parser = Parser("dagsmith search", "From a click log to better models and a report.")
    parser.add_argument("--out", required=True, metavar="DIR", help="directory of the run")
    parser.add_argument("--config", metavar="FILE", help="settings as JSON; options stand above it")
    add_settings(parser)
    values = parser.parse(words)
    from_file = SearchSettings.read(values.config) if values.config else {}
    settings = SearchSettings.from_dict(from_file | given_settings(parser, values))

    from dagsmith.supernet.ranks import own_rank

    if own_rank() > 0:
        from dagsmith.other_ranks import train_beside

        return _resumable(lambda _: train_beside(settings, values.out))
    from dagsmith.pipeline import search_models

    return _resumable(lambda progress: search_models(settings, values.out, progress))


def _train(words: list[str]) -> int:
    parser = Parser("dagsmith train", "Train models from scratch; DIR gets figures and models.")
    parser.add_argument(
        "models",
        nargs="+",
        metavar="MODEL",
        help=f"{', '.join(NAMED)}, or the file of an architecture (JSON)",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="directory of the run")
    add_settings(parser, TRAIN_SETTINGS)
    values = parser.parse(words)
    settings = SearchSettings.from_dict(given_settings(parser, values))

    from dagsmith.train_models import train_models

    return _resumable(lambda progress: train_models(values.models, settings, values.out, progress))


def _resumable(work: Callable[["Reporter"], object]) -> int:
    """Do a job that keeps what is finished, and say so where it is interrupted."""
    from dagsmith.progress import reporter

    progress = reporter()
    try:
        work(progress)
    except KeyboardInterrupt:
        progress.end()
        print(
            "\ninterrupted: what was finished is kept; the same command goes on from there",
            file=sys.stderr,
        )
        return INTERRUPTED
    return 0


def _report(words: list[str]) -> int:
    parser = Parser("dagsmith report", "Write DIR/report.html again from the study and the result.")
    parser.add_argument("directory", metavar="DIR", help="directory of a finished search")
    values = parser.parse(words)

    from dagsmith.pipeline import rewrite_report

    print(rewrite_report(values.directory))
    return 0


def _space(words: list[str]) -> int:
    parser = Parser("dagsmith space", "Print the size of a search space and how it is counted.")
    parser.add_argument("name", metavar="NAME", choices=tuple(SPACES), help=", ".join(SPACES))
    parser.add_argument(
        "--dense-features", type=int, default=13, help="numeric features of the data"
    )
    parser.add_argument(
        "--sparse-fields", type=int, default=26, help="categorical fields of the data"
    )
    parser.add_argument(
        "--blocks", type=int, help="choice blocks; else those of a search: 7, or 2 in ctr-plus"
    )
    parser.add_argument("--slots", action="store_true", help="list the slots and their choices")
    values = parser.parse(words)
    blocks = usual_blocks(values.name) if values.blocks is None else values.blocks
    space = SPACES[values.name](values.dense_features, values.sparse_fields, blocks=blocks)
    print(space.describe())
    if values.slots:
        for slot in space.slots:
            print(f"  {slot.name}: {', '.join(map(str, slot.choices))}")
    return 0


def _evaluate(words: list[str]) -> int:
    parser = Parser("dagsmith evaluate", "Score a file with a model that a search has kept.")
    parser.add_argument("model", metavar="DIR/models/1", help="directory of the model")
    parser.add_argument("file", metavar="FILE", help="rows to score: CSV, TSV or parquet")
    parser.add_argument("--predictions", metavar="FILE", help="also write them, as parquet")
    values = parser.parse(words)

    from dagsmith.model import evaluate

    scores = evaluate(values.model, values.file, predictions=values.predictions)
    print(json.dumps(scores, indent=2))
    return 0


def _data(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h"):
        print("usage: dagsmith data prepare SOURCE ... --out DIR (--help lists its options)")
        return 0 if words else 2
    if words[0] != "prepare":
        print(
            f"error: unknown command 'data {words[0]}'; {nearest(words[0], ['prepare'])}",
            file=sys.stderr,
        )
        return 2
    from dagsmith.data_command import prepare_command

    return prepare_command(words[1:])


def _dashboard(words: list[str]) -> int:
    from dagsmith.dashboard import dashboard_command

    return dashboard_command(words)


def _predictor(words: list[str]) -> int:
    from dagsmith.predictor_command import predictor_command

    return predictor_command(words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "data": _data,
    "search": _search,
    "train": _train,
    "evaluate": _evaluate,
    "space": _space,
    "report": _report,
    "dashboard": _dashboard,
    "predictor": _predictor,
}

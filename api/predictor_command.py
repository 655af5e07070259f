"""``dagsmith predictor retrain | score | history | rollback``."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dagsmith.arguments import Parser
from dagsmith.errors import StoreBusyError
from dagsmith.space.errors import nearest

PROMOTED, FAILED, KEPT, NOT_ENOUGH, BUSY = 0, 1, 3, 4, 5
"""Exit codes of ``retrain``."""

USAGE = """usage: dagsmith predictor COMMAND ...

  retrain    learn from all finished trials; promote what beats the champion
  score      rank a file of architectures with the champion
  history    the versions of a store, and who was champion when
  rollback   make an earlier version champion again

`dagsmith predictor COMMAND --help` lists the options of a command."""

_CODES = (
    "Prints one JSON line. Exit codes: 0 promoted, 3 kept the champion, 4 not enough data, "
    "5 another retraining is at work, 1 failed."
)


def predictor_command(words: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    if not words or words[0] in ("--help", "-h"):
        print(USAGE)
        return 0 if words else 2
    command = _COMMANDS.get(words[0])
    if command is None:
        guess = nearest(words[0], _COMMANDS)
        print(f"error: unknown command 'predictor {words[0]}'; {guess}", file=sys.stderr)
        return 2
    return command(list(words[1:]))


def _retrain(words: list[str]) -> int:
    parser = Parser(
        "dagsmith predictor retrain", f"Learn from all finished trials of studies. {_CODES}"
    )
    add: Callable[..., Any] = parser.add_argument
    add("--storage", required=True, metavar="URL", help="Optuna storage, or an SQLite file")
    add("--study", required=True, action="append", metavar="NAME", help="may be given repeatedly")
    add("--store", required=True, metavar="DIR", help="folder of the predictor's versions")
    add("--objective", metavar="NAME", help="what to predict; the first that is measured")
    add("--fidelity", metavar="NAME", help="learn from evaluations of this fidelity alone")
    add("--seed", type=int, default=0, metavar="N", help="of the challenger")
    add("--least", type=int, default=12, metavar="N", help="least new and least untouched trials")
    values = parser.parse(words)

    from dagsmith.progress import reporter
    from dagsmith.retraining import RetrainSettings, retrain
    from dagsmith.search.storage import open_storage, open_studies

    try:
        studies = open_studies(open_storage(values.storage, create=False), values.study)
        outcome = retrain(
            studies,
            values.store,
            objective=values.objective,
            fidelity=values.fidelity,
            settings=replace(RetrainSettings(), seed=values.seed, least=values.least),
            say=reporter().say,
        )
    except StoreBusyError as error:
        print(json.dumps({"verdict": "busy", "reason": str(error)}))
        return BUSY
    print(json.dumps(outcome.to_dict(), allow_nan=False))
    return {"promoted": PROMOTED, "kept": KEPT}.get(outcome.verdict, NOT_ENOUGH)


def _score(words: list[str]) -> int:
    parser = Parser(
        "dagsmith predictor score", "Rank architectures by the champion's prediction, best first."
    )
    add: Callable[..., Any] = parser.add_argument
    add("file", metavar="ARCHS.jsonl", help="an architecture on each line; .gz and .zst too")
    add("--store", required=True, metavar="DIR", help="folder of the predictor's versions")
    add("--version", type=int, metavar="N", help="instead of the champion")
    add("--top", type=int, metavar="K", help="print only the best K")
    values = parser.parse(words)

    from dagsmith.scoring import score_file

    for line in score_file(values.file, values.store, version=values.version, top=values.top):
        print(json.dumps(line, allow_nan=False))
    return 0


def _history(words: list[str]) -> int:
    parser = Parser("dagsmith predictor history", "The versions of a store, oldest first.")
    parser.add_argument("--store", required=True, metavar="DIR", help="folder of the versions")
    parser.add_argument("--json", action="store_true", help="a JSON line each, with provenance")
    values = parser.parse(words)

    from dagsmith.predictor_store import PredictorStore

    def warn(line: str) -> None:
        print(f"skipped: {line}", file=sys.stderr)

    store = PredictorStore(values.store)
    champion = store.champion()
    promotions = store.promotions()
    for version in store.versions(warn):
        reigns = champion is not None and version.number == champion.number
        times = [f"{p.why} {p.at}" for p in promotions if p.version == version.number]
        made = version.provenance
        if values.json:
            row = {"version": version.number, "champion": reigns, "promotions": times}
            print(json.dumps(row | dict(made)))
            continue
        trials = sum(map(len, made.get("trials", {}).values()))
        print(
            f"{'*' if reigns else ' '} {version.number}  made {made.get('made')}  {trials} trials"
            f"  {made.get('reason')}  [{'; '.join(times) or 'never champion'}]"
        )
    return 0


def _rollback(words: list[str]) -> int:
    parser = Parser("dagsmith predictor rollback", "Make an earlier version champion again.")
    parser.add_argument("--store", required=True, metavar="DIR", help="folder of the versions")
    parser.add_argument("--to", type=int, metavar="N", help="else the champion before this one")
    values = parser.parse(words)

    from dagsmith.predictor_store import PredictorStore

    version = PredictorStore(values.store).rollback(values.to)
    print(json.dumps({"champion": version.number, "made": version.provenance.get("made")}))
    return 0


_COMMANDS: dict[str, Callable[[list[str]], int]] = {
    "retrain": _retrain,
    "score": _score,
    "history": _history,
    "rollback": _rollback,
}

"""Rounds that several workers share: one of them draws the proposals, all of them take from it.

The study keeps the last round that was drawn, as a system attribute, so that nobody else needs to
fit a predictor for it, and a search that was interrupted goes on with the very same proposals.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

from dagsmith.search.rehearsal import Rehearsed
from dagsmith.search.sampler import Proposals
from dagsmith.search.workers import gone, worker_name

DRAWN = "dagsmith:drawn"
"""Study system attribute: the last round and its proposals."""
TURN = "dagsmith:drawing"
"""Study system attribute: who draws the next round, and since when."""
PATIENCE_S = 900.0
"""Seconds after which the turn of a worker on another machine is forfeit."""


@dataclass(frozen=True)
class DrawnRound:
    """The proposals of a round.

    Args:
        number: of the round; 0 is the initial design.
        rehearsed: the proposals, and what the sampler wants noted on each trial.
    """

    number: int
    rehearsed: Rehearsed


class DrawingTurn:
    """Reads and writes the last round of a study, and lets one worker at a time draw the next.

    The turn saves the others the work; it is not what makes evaluations unique. Should two workers
    draw the same round, the second one's proposals stand, and what was begun of the first one's is
    evaluated too.

    Args:
        study: the study.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._storage, self._study = study._storage, study._study_id

    def last(self) -> DrawnRound | None:
        """The last round that was drawn, or None."""
        written = self._attributes().get(DRAWN)
        return _from_json(written) if written else None

    def take(self, number: int, *, others: bool = False) -> bool:
        """Try to get the turn to draw round `number`; if not, another living worker has it.

        Storages have no compare-and-set for a study's attributes. So with others about, whoever
        writes waits for ten times as long as that took, and has the turn if his word then stands.

        Args:
            number: of the round.
            others: whether other workers take part in the search.
        """
        turn = self._attributes().get(TURN)
        if turn and turn["round"] == number and not _forfeit(turn):
            return bool(turn["worker"] == worker_name())
        began = time.perf_counter()
        mine: dict[str, Any] = {"round": number, "worker": worker_name(), "at": time.time()}
        self._storage.set_study_system_attr(self._study, TURN, mine)
        found = self._attributes()
        if others:
            time.sleep(min(max(10 * (time.perf_counter() - began), 0.05), 2.0))
            found = self._attributes()
        drawn = found.get(DRAWN)
        # Somebody may have drawn it between our two looks.
        return found.get(TURN) == mine and not (drawn and json.loads(drawn)["round"] >= number)

    def give_back(self) -> None:
        """Let another worker have the turn at once."""
        self._storage.set_study_system_attr(self._study, TURN, None)

    def write(self, drawn: DrawnRound) -> None:
        """Give the round to everybody; the turn is over with it."""
        self._storage.set_study_system_attr(self._study, DRAWN, _to_json(drawn))

    def _attributes(self) -> Mapping[str, Any]:
        return self._storage.get_study_system_attrs(self._study)


def _forfeit(turn: Mapping[str, Any]) -> bool:
    return gone(str(turn["worker"])) or time.time() - float(turn["at"]) > PATIENCE_S


def _to_json(drawn: DrawnRound) -> str:
    proposals = drawn.rehearsed.proposals
    return json.dumps(
        {
            "round": drawn.number,
            "genotypes": proposals.genotypes.tolist(),
            "keys": list(proposals.keys),
            "mean": None if proposals.mean is None else proposals.mean.tolist(),
            "std": None if proposals.std is None else proposals.std.tolist(),
            "notes": list(drawn.rehearsed.notes),
        }
    )


def _from_json(text: str) -> DrawnRound:
    found = json.loads(text)
    mean, std = (
        None if found[name] is None else np.array(found[name], float) for name in ("mean", "std")
    )
    genotypes = np.array(found["genotypes"], np.int16)
    return DrawnRound(
        int(found["round"]),
        Rehearsed(Proposals(genotypes, tuple(found["keys"]), mean, std), tuple(found["notes"])),
    )

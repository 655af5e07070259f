"""The retraining job: a challenger learns from all finished trials, and must beat the champion.

Which architectures test is decided by their canonical key alone, so no version of a store ever
learns from them, and all versions meet the same untouched split.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray

from dagsmith.errors import StoreError
from dagsmith.learned import describe_learned, held_out, learned_keys
from dagsmith.predictor import GNNPredictor, GNNSettings
from dagsmith.predictor.comparison import Comparison, compare_rankings, interval
from dagsmith.predictor_store import CONTEXT, PredictorStore, Version
from dagsmith.search.labels import Label, made_for, read_labels
from dagsmith.space import Architecture, ArchitectureError

Verdict = Literal["promoted", "kept", "not enough data"]


@dataclass(frozen=True)
class RetrainSettings:
    """How a challenger is trained and judged.

    Args:
        least: architectures that the untouched split needs at least, and new ones in all.
        share: part of all architectures that is the untouched split.
        blocks: pieces of the prequential record; before each a predictor is fitted anew.
        confidence: coverage of the intervals that decide.
        seed: of the challenger and of the bootstrap.
        predictor: size and training of the challenger.
    """

    least: int = 12
    share: float = 0.2
    blocks: int = 3
    confidence: float = 0.95
    seed: int = 0
    predictor: GNNSettings = field(default_factory=GNNSettings)

    def __post_init__(self) -> None:
        if self.least < 3 or self.blocks < 1 or self.seed < 0:
            raise StoreError(
                f"least is {self.least}, blocks {self.blocks} and seed {self.seed}; "
                "expected at least 3, 1 and 0"
            )
        if not (0 < self.share < 1 and 0 < self.confidence < 1):
            raise StoreError(
                f"share is {self.share} and confidence {self.confidence}; "
                "expected numbers between 0 and 1"
            )


@dataclass(frozen=True)
class Retraining:
    """What one retraining came to.

    Args:
        verdict: promoted, kept, or not enough data.
        reason: why, in words.
        champion: number of the champion afterwards, or None.
        challenger: number of the version that was made, or None.
        trials: labels that were read.
        split: comparison on the untouched split, or None.
        record: comparison on the prequential record, or None.
        gain: mean gain in tau of both, or None.
        low: lower end of its interval, or None.
        high: upper end of its interval, or None.
        seconds: the whole job.
        skipped: a line for each damaged or foreign version in the store.
    """

    verdict: Verdict
    reason: str
    champion: int | None
    challenger: int | None = None
    trials: int = 0
    split: Comparison | None = None
    record: Comparison | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float = 0.0
    skipped: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The line that the command prints."""
        document: dict[str, Any] = dict(self.__dict__)
        for name in ("split", "record"):
            found = getattr(self, name)
            document[name] = found.to_dict() if found else None
        return document | {"seconds": round(self.seconds, 1), "skipped": list(self.skipped)}


def retrain(
    studies: Sequence[optuna.Study],
    store: PredictorStore | str | Path,
    *,
    objective: str | None = None,
    fidelity: str | None = None,
    settings: RetrainSettings | None = None,
    say: Callable[[str], None] | None = None,
) -> Retraining:
    """Train a challenger on all finished trials; promote it only if it beats the champion.

    The challenger learns from what is not in the untouched split. It is compared with the champion
    by Kendall's tau, with a paired bootstrap, on two grounds: the untouched split, and the
    prequential record, which is the architectures that the champion was not fitted to. These are
    cut into blocks in the order of time, and each block is predicted by a predictor fitted to what
    was finished before it: what a search would have had if the predictor had been retrained then.
    It is promoted if the mean of the two gains has its whole interval above 0, and neither gain
    has its whole interval below. The first challenger has to beat chance.

    Every challenger is kept as a version with its provenance. The champion changes in one rename:
    killed at any moment, the job leaves the champion there was, or the new one.

    Args:
        studies: whose trials are read; a search may be writing them.
        store: where versions are kept.
        objective: see `read_labels`.
        fidelity: see `read_labels`.
        settings: training and judgement.
        say: told what is being done.

    Raises:
        StoreBusyError: another retraining is at work in the store.
        StoreError: a store for another objective, direction, fidelity, share or context (data).
        StudyError, SearchError: studies that cannot be learned from together.
        PredictorError: training failed.
    """
    settings, tell = settings or RetrainSettings(), say or (lambda text: None)
    if not isinstance(store, PredictorStore):
        store = PredictorStore(store)
    began = time.perf_counter()
    with store.lock():
        job = _Job(studies, store, objective, fidelity, settings, tell)
        outcome = job.run()
        return Retraining(
            **outcome, seconds=time.perf_counter() - began, skipped=tuple(job.skipped)
        )


class _Job:
    """One retraining, inside the store's lock."""

    def __init__(
        self,
        studies: Sequence[optuna.Study],
        store: PredictorStore,
        objective: str | None,
        fidelity: str | None,
        settings: RetrainSettings,
        tell: Callable[[str], None],
    ) -> None:
        self._store, self._settings, self._tell = store, settings, tell
        self.skipped: list[str] = []
        purpose = store.purpose or {}
        self._labels = read_labels(
            studies, objective or purpose.get("objective"), fidelity or purpose.get("fidelity")
        )
        self._made_for = [{"study": study.study_name, **made_for(study)} for study in studies]
        store.versions(self._skip)
        self._champion = store.champion(self._skip)

    def run(self) -> dict[str, Any]:
        """Train, compare, keep and perhaps promote."""
        labels, settings, champion = self._labels, self._settings, self._champion
        # Asked first: however much there is of other data, it is of no use here.
        self._store.check(self._purpose())
        test = [row for row in labels.rows if held_out(row.key, settings.share)]
        train = [row for row in labels.rows if not held_out(row.key, settings.share)]
        fresh = self._fresh(train)
        answer: dict[str, Any] = {
            "champion": champion.number if champion else None,
            "trials": len(labels.rows),
        }
        short = _short(test, train, fresh, settings.least, champion)
        if short:
            return answer | {"verdict": "not enough data", "reason": short}
        if CONTEXT not in (self._store.purpose or {CONTEXT: {}}):
            self._tell("the store does not say on what was measured: it is for these studies now")
        self._store.dedicate(self._purpose())
        self._tell(f"training on {len(train)} trials, {len(test)} are the untouched split")
        challenger = self._fit(train)
        reigning = champion.load() if champion else None
        split = self._compare(
            test, _answers(challenger, test), _answers(reigning, test) if reigning else None, 0
        )
        record = self._prequential(train, fresh, reigning) if reigning else None
        gain, low, high, better = _verdict(split, record, settings.confidence)
        verdict: Verdict = "promoted" if better else "kept"
        answer |= {
            "verdict": verdict,
            "reason": _reason(better, gain, low, high, champion),
            "split": split,
            "record": record,
            "gain": gain,
            "low": low,
            "high": high,
        }
        version = self._store.add(challenger, self._provenance(answer, train, test))
        answer["challenger"] = version.number
        if better:
            self._store.promote(version)
            answer["champion"] = version.number
        return answer

    def _purpose(self) -> dict[str, Any]:
        """What must be the same for values of other studies to compare with these."""
        return {
            "objective": self._labels.objective.name,
            "direction": self._labels.objective.direction,
            "fidelity": self._labels.fidelity,
            "share": self._settings.share,
            CONTEXT: dict(self._labels.context),
        }

    def _fit(self, rows: Sequence[Label]) -> GNNPredictor:
        predictor = GNNPredictor(
            self._labels.kinds, self._settings.predictor, self._settings.seed, unknown="mean"
        )
        return predictor.fit([row.architecture for row in rows], [row.value for row in rows])

    def _fresh(self, train: Sequence[Label]) -> list[Label]:
        """What the champion was not fitted to, oldest first, no architecture twice."""
        known: frozenset[str] = frozenset()
        if self._champion:
            known = learned_keys(self._champion.provenance, self._labels.rows, self._settings.share)
        fresh = {row.key: row for row in reversed(train) if row.key not in known}
        return list(reversed(fresh.values()))

    def _prequential(
        self, train: Sequence[Label], fresh: Sequence[Label], reigning: GNNPredictor
    ) -> Comparison:
        """Champion against predictors that were fitted to what came before each block."""
        blocks = np.array_split(np.arange(len(fresh)), self._settings.blocks)
        predicted = np.zeros(len(fresh))
        for block in [block for block in blocks if len(block)]:
            asked = [fresh[index] for index in block]
            keys = {row.key for row in fresh[block[0] :]}
            before = [
                row for row in train if row.finished <= asked[0].finished and row.key not in keys
            ]
            self._tell(f"prequential: {len(asked)} trials after the first {len(before)}")
            enough = len({row.value for row in before}) >= 3
            predicted[block] = _answers(self._fit(before), asked) if enough else 0.0
        return self._compare(fresh, predicted, _answers(reigning, fresh), 1)

    def _compare(
        self,
        rows: Sequence[Label],
        challenger: NDArray[np.float64],
        champion: NDArray[np.float64] | None,
        ground: int,
    ) -> Comparison:
        return compare_rankings(
            [row.value for row in rows],
            challenger,
            champion,
            confidence=self._settings.confidence,
            # Another draw per ground: equal ones would not be independent.
            seed=self._settings.seed + ground,
        )

    def _provenance(
        self, answer: Mapping[str, Any], train: Sequence[Label], test: Sequence[Label]
    ) -> dict[str, Any]:
        """What the version was made of, and how it did."""
        split, record = answer["split"], answer["record"]
        return {
            "verdict": answer["verdict"],
            "reason": answer["reason"],
            "against": answer["champion"],
            "split": split.to_dict(),
            "record": record.to_dict() if record else None,
            "gain": answer["gain"],
            "low": answer["low"],
            "high": answer["high"],
            "objective": str(self._labels.objective),
            "fidelity": self._labels.fidelity,
            "seed": self._settings.seed,
            "evaluation_seeds": sorted({row.seed for row in train if row.seed is not None}),
            "code": code_version(),
            "made_for": self._made_for,
            **describe_learned(train, test),
        }

    def _skip(self, line: str) -> None:
        if line not in self.skipped:
            self.skipped.append(line)
            self._tell(f"skipped: {line}")


def code_version() -> str:
    """The version of dagsmith and a digest of its source, which tells editable installs apart."""
    digest = hashlib.sha256()
    for room in ("space", "predictor"):
        module = __import__(f"dagsmith.{room}", fromlist=["__file__"])
        for file in sorted(Path(str(module.__file__)).parent.glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return f"{installed_version('dagsmith')}+{digest.hexdigest()[:12]}"


def _answers(predictor: GNNPredictor, rows: Sequence[Label]) -> NDArray[np.float64]:
    """Predicted values, ``[rows]``; what the predictor cannot express gets the mean of the rest."""
    architectures: list[Architecture] = []
    places: list[int] = []
    for place, row in enumerate(rows):
        try:
            row.architecture.validate(predictor.kinds)
        except ArchitectureError:
            continue
        architectures.append(row.architecture)
        places.append(place)
    answers = np.zeros(len(rows))
    if places:
        mean = predictor.predict(architectures).mean
        answers += mean.mean()
        answers[places] = mean
    return answers


def _short(
    test: Sequence[Label],
    train: Sequence[Label],
    fresh: Sequence[Label],
    least: int,
    champion: Version | None,
) -> str:
    """What there is too little of; empty if there is enough."""
    if champion and len(fresh) < least:
        return f"{len(fresh)} new architectures since version {champion.number}; expected {least}"
    if len(test) < least or len({row.value for row in test}) < 3:
        return f"{len(test)} trials fall into the untouched split; expected {least}"
    if len({row.value for row in train}) < 3:
        return f"{len(train)} trials to learn from have fewer than 3 different values"
    return ""


def _verdict(
    split: Comparison, record: Comparison | None, confidence: float
) -> tuple[float | None, float | None, float | None, bool]:
    """Mean gain over the grounds, its interval, and whether the challenger is better."""
    grounds = [ground for ground in (split, record) if ground is not None and ground.defined]
    if not split.defined:
        return None, None, None, False
    count = min(len(ground.gains) for ground in grounds)
    # The grounds share no architecture, so their resamples are independent.
    gains = np.mean([ground.gains[:count] for ground in grounds], axis=0)
    low, high = interval(gains, confidence)
    gain = float(np.mean([ground.gain for ground in grounds if ground.gain is not None]))
    worse = any(ground.high is not None and ground.high < 0 for ground in grounds)
    return gain, low, high, low > 0 and not worse


def _reason(
    better: bool,
    gain: float | None,
    low: float | None,
    high: float | None,
    champion: Version | None,
) -> str:
    against = f"version {champion.number}" if champion else "chance"
    if gain is None or low is None or high is None:
        return f"the gain over {against} is undefined"
    figures = f"tau gains {gain:+.3f} [{low:+.3f}, {high:+.3f}] over {against}"
    if better:
        return f"{figures}, more than noise"
    return f"{figures}, worse beyond noise on one ground" if low > 0 else f"{figures}, within noise"

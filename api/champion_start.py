"""A running search that learns from where the champion of a predictor store stands."""

import logging
from dataclasses import replace
from pathlib import Path

from dagsmith.errors import StoreError
from dagsmith.predictor import GNNPredictor, GNNSettings, PredictorError
from dagsmith.predictor_store import PredictorStore
from dagsmith.space import Vocabulary

GENTLY = 0.3
"""Share of the champion's learning rate with which a search goes on from it: at the full rate, the
few labels of a search wash out what the many of the champion have taught."""

_log = logging.getLogger(__name__)


def check_champion_store(store: str | Path | None) -> None:
    """Refuse a store that a search could never start from; None is no store.

    One that waits for its first champion will do: `retrain` makes the folder, whatever it finds.

    Raises:
        StoreError: there is no such folder, or it is no predictor store.
    """
    if store is None:
        return
    if not PredictorStore(store).path.exists():
        raise StoreError(
            f"predictor store {store}: there is no such folder; "
            "'dagsmith predictor retrain' makes one"
        )


class ChampionStart:
    """Makes predictors whose fit starts from the champion of a store: for a running search.

    It is a `PredictorFactory`, as `make_sampler` takes it. A search asks it for every round, and so
    picks up what was promoted meanwhile. Each round still learns from the search's own record;
    training begins with the champion's answers, put on the scale of the new labels. Without a
    champion that knows the same component kinds, it begins at random; the logger
    ``dagsmith.champion_start`` says so.

    Args:
        store: of `retrain`.

    Attributes:
        versions: numbers of the versions that were used, in order.
    """

    def __init__(self, store: PredictorStore | str | Path) -> None:
        self._store = store if isinstance(store, PredictorStore) else PredictorStore(store)
        self.versions: list[int] = []
        self._told = False

    def __call__(self, kinds: Vocabulary, seed: int) -> GNNPredictor:
        """A predictor that is not fitted yet."""
        predictor = GNNPredictor(kinds, seed=seed, unknown="mean")
        try:
            champion = self._store.champion(_log.warning)
            if champion is None:
                if not self._told:
                    where = self._store.path
                    _log.warning("the predictor starts at random: %s has no champion", where)
                    self._told = True
                return predictor
            start = champion.load()
            predictor = GNNPredictor(kinds, _gentle(start.settings), seed, "mean").start_from(start)
        except (StoreError, PredictorError) as error:
            # A search of hours is worth more than a good start.
            _log.warning("the predictor starts at random: %s", error)
            return GNNPredictor(kinds, seed=seed, unknown="mean")
        if champion.number not in self.versions:
            self.versions.append(champion.number)
            where = self._store.path
            _log.info("the predictor starts from version %d of %s", champion.number, where)
        return predictor


def _gentle(settings: GNNSettings) -> GNNSettings:
    training = settings.training
    return replace(
        settings, training=replace(training, learning_rate=GENTLY * training.learning_rate)
    )

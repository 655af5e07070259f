"""Where the predictor of a search begins: at a store's champion, at truth tables, or at random."""

from dagsmith.champion_start import ChampionStart
from dagsmith.data import truth_table
from dagsmith.errors import RunError
from dagsmith.job import Job
from dagsmith.settings import NOTHING, PREDICTING
from dagsmith.truth_start import TruthStart, tables_of

LEARNED = "predictor-start.safetensors"
"""What the truth tables have taught, in the run's directory."""


def tables_to_learn(job: Job) -> tuple[str, ...]:
    """The truth tables that were asked for, else those of the space that come with dagsmith."""
    settings = job.settings
    if settings.transfer:
        return () if settings.transfer == NOTHING else settings.transfer
    if settings.sampler not in PREDICTING or settings.predictor_store is not None:
        return ()
    return tables_of(settings.space)


def check_tables(job: Job) -> None:
    """Refuse tables that were asked for and are of no use, before anything is trained.

    Raises:
        DatasetError: one is not there, or damaged.
        RunError: its architectures are of other components than the search space has.
    """
    for name in tables_to_learn(job) if job.settings.transfer else ():
        if truth_table(name).table.kinds != job.space.kinds:
            raise RunError(
                f"truth table {name}: its architectures are of other components than "
                f"{job.space.name!r} has"
            )


def predictor_start(job: Job) -> ChampionStart | TruthStart | None:
    """What makes the predictors of a search; None is dagsmith's GNN from random weights."""
    if job.settings.predictor_store is not None:
        return ChampionStart(job.settings.predictor_store)
    tables = tables_to_learn(job)
    if not tables:
        return None
    return TruthStart(
        tables, job.path / LEARNED, seed=job.settings.seed, progress=job.progress.told
    )

"""What a search job is asked to do: the one list of its options.

The command line, a ``--config`` file, `run.json` and the configuration in `result.json` all have
these names and no other.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagsmith.errors import RunError
from dagsmith.space import SPACES
from dagsmith.space.errors import nearest

# The names of `dagsmith.search.SAMPLERS`, here as well so that `--help` need not import them.
SAMPLERS = (
    "mh",
    "mh-pareto",
    "mh-walk",
    "evolution",
    "local",
    "random",
    "tpe",
    "gp",
    "nsga2",
    "nsga3",
    "qmc",
    "bruteforce",
)
PREDICTING = ("mh", "mh-pareto")
"""Those that propose by a predictor."""
NOTHING = ("none",)
"""What a list is where even the default is not wanted."""
RECIPES = ("default", "nasrec", "bars")
PRECISIONS = ("auto", "float32", "bfloat16")
ENCODERS = ("vocabulary", "hashing")
FORMATS = ("auto", "table", "criteo", "avazu", "kdd2012", "movielens")
NUMBERS = ("auto", "dense", "buckets", "both")
ON_ERROR = ("raise", "skip")
DEVICES = ("auto", "cpu", "cuda")
NORMS = ("none", "layer", "batch")
EVALUATORS = ("auto", "supernet", "fine-tuning", "short-training", "few-epochs")

_LEAST = {"rows": 1000, "truth": 0, "seed": 0}
"""Smallest values of counts; it is 1 for the others."""

OF_ENCODING = ("encoder", "min_count", "numbers")
"""Settings that say how the columns of a table are encoded."""
OF_FILES = (
    "valid",
    "test",
    "label",
    "drop",
    "format",
    "schema",
    "time_column",
    "time_period",
    "on_error",
    *OF_ENCODING,
)
"""Settings that say how files become a data set."""

_RANGES: Mapping[str, tuple[Callable[[float], bool], str]] = {
    "dropout": (lambda share: 0 <= share < 1, "0 or more, below 1"),
    "learning_rate": (lambda rate: 0 < rate < math.inf, "above 0"),
    "embedding_l2": (lambda penalty: 0 <= penalty < math.inf, "0 or more"),
    "distil": (lambda share: 0 <= share <= 1, "0 (do not) to 1"),
    "time_period": (lambda units: 0 < units < math.inf, "above 0"),
    "width_factor": (lambda factor: 0 <= factor < math.inf, "0 (all coordinates) or more"),
}
"""What other numbers may be."""


def _option(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


@dataclass(frozen=True)
class SearchSettings:
    """The options of a search job; each has its description as metadata.

    Raises:
        RunError: a value outside its choices or range.
    """

    data: str = _option(
        "synthetic", "a click log (CSV, TSV, parquet, a glob), a prepared store, or 'synthetic'"
    )
    valid: str | None = _option(None, "validation file; without it, rows are split off")
    test: str | None = _option(None, "test file; without it, rows are split off")
    label: str | None = _option(None, "name of the label column")
    drop: tuple[str, ...] = _option((), "columns to leave out")
    format: str = _option("auto", "what the columns are", FORMATS)
    schema: str | None = _option(None, "JSON file that says what each column is")
    time_column: str | None = _option(
        None, "split by it: the last value tests, the one before validates"
    )
    time_period: float | None = _option(
        None, "of a time_column with numbers: how many of its units make a day, such as 86400"
    )
    encoder: str = _option("vocabulary", "how categories become ids", ENCODERS)
    min_count: int = _option(1, "training rows in which a category must occur to have an id")
    numbers: str = _option(
        "auto",
        "how numbers of a table enter: as they are, in quantile buckets, or both; auto tries "
        "buckets and both",
        NUMBERS,
    )
    on_error: str = _option("raise", "what to do with rows that cannot be read", ON_ERROR)
    rows: int | None = _option(None, "rows of the synthetic click log")
    space: str = _option("ctr-plus", "the search space", tuple(SPACES))
    blocks: int | None = _option(None, "choice blocks of the space; else 7, or 2 in ctr-plus")
    widths: tuple[int, ...] = _option((), "choices of a block's dense width")
    embedding_dim: int = _option(
        16, "width of an embedding vector; in ctr-plus also half and twice as many"
    )
    width_factor: float | None = _option(
        None,
        "a field of V ids uses at most so many times V^(1/4) coordinates of its vectors, 0 is "
        "all; else the recipe's",
    )
    recipe: str = _option("default", "training protocol", RECIPES)
    embedding_l2: float | None = _option(
        None, "L2 penalty of the embeddings; else the recipe's, which 'default' chooses on the data"
    )
    dropout: float | None = _option(None, "share of hidden outputs dropped; else the recipe's")
    norm: str | None = _option(None, "of hand-made towers' layers; else each model's own", NORMS)
    learning_rate: float | None = _option(None, "peak learning rate; else the recipe's")
    evaluator: str = _option(
        "auto",
        "what scores candidates; auto is few-epochs in ctr-plus (-pim), or short-training if the "
        "log is large, else supernet; fine-tuning trains its subnets on, shortly",
        EVALUATORS,
    )
    short_rows: int = _option(200_000, "training rows that a short training sees, about")
    few_epochs: int = _option(4, "epochs of a candidate's training by the evaluator few-epochs")
    precision: str = _option("auto", "of the matrix products while training", PRECISIONS)
    supernet_epochs: int | None = _option(None, "epochs of supernet training; else the recipe's")
    scratch_epochs: int | None = _option(None, "most epochs from scratch; else the recipe's")
    supernet_batch_size: int | None = _option(None, "rows per supernet step; else the recipe's")
    batch_size: int | None = _option(None, "rows per step from scratch; else the recipe's")
    trials: int = _option(100, "architectures to evaluate")
    search_minutes: int | None = _option(
        None, "minutes after which no further architecture is evaluated; else all trials are"
    )
    initial: int | None = _option(
        None,
        "how many of them at random first; else a quarter, at most 32, or 8 where the predictor "
        "has learned truth tables",
    )
    sampler: str = _option("mh", "who proposes architectures", SAMPLERS)
    objectives: str = _option("logloss", "what to optimise, such as logloss,flops")
    limit: tuple[str, ...] = _option(
        (),
        "budgets of costs, such as area_mm2=20, or 'none'; else, where no cost is an objective, "
        "the FLOPs and the activations of the most expensive hand-made models of the space",
    )
    transfer: tuple[str, ...] = _option(
        (),
        "truth tables (names, or parquet files) that the predictor learns before the log, the last "
        "the most, or 'none'; else those of real logs in the space that come with dagsmith",
    )
    technology: str | None = _option(
        None, "JSON file of the hardware's figures; else the table that comes with dagsmith"
    )
    top: int = _option(3, "best architectures to train from scratch and to keep")
    scratch_seeds: int = _option(3, "training seeds of each model that is kept")
    distil: float | None = _option(
        None,
        "train what is kept once more, by labels that are so much the answer of all seeds "
        "together, and keep the better; else 0.9 in a search, 0 (do not) in train",
    )
    calibrate: bool = _option(
        False,
        "fit a scale and an offset of each model's logit on the validation rows (Platt scaling)",
    )
    ensemble: bool = _option(False, "also measure, and keep, the mean of the seeds' probabilities")
    truth: int = _option(6, "random ones that race with them: they measure rankings, and may win")
    no_handmade: bool = _option(False, "do not begin with the hand-made models of the space")
    heat_epochs: int | None = _option(
        None,
        "epochs after which three of four leave the race; else a quarter of a training's, or with "
        "few-epochs as the evaluator none do",
    )
    no_baselines: bool = _option(False, "do not train DNN, DeepFM, DCNv2 and FinalMLP beside them")
    seed: int = _option(0, "seed of everything")
    storage: str | None = _option(None, "URL of the Optuna storage; else a SQLite file in DIR")
    study: str = _option("dagsmith", "name of the study in the storage")
    device: str = _option("auto", "where to train", DEVICES)
    jobs: int | None = _option(
        None, "models trained from scratch at the same time; else one per core, one on a GPU"
    )

    predictor_store: str | None = _option(
        None, "store of 'dagsmith predictor retrain': each round's predictor starts at its champion"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, choices = getattr(self, field.name), field.metadata["choices"]
            optional = value is None and field.default is None
            if choices and value not in choices and not optional:
                raise RunError(f"{field.name} is {value!r}; {nearest(str(value), choices)}")
            allowed, expected = _RANGES.get(field.name, (None, ""))
            if allowed and value is not None and not allowed(value):
                raise RunError(f"{field.name} is {value}; expected {expected}")
            low = _LEAST.get(field.name, 1)
            if isinstance(value, int) and not isinstance(value, bool) and value < low:
                raise RunError(f"{field.name} is {value}; expected at least {low}")
        if self.rows is not None and self.data != "synthetic":
            raise RunError("rows is only for --data synthetic")
        if self.time_period is not None and self.time_column is None:
            raise RunError("time_period is only with a time_column")
        if self.predictor_store is not None and self.sampler != "mh":
            raise RunError(f"sampler {self.sampler!r} has no predictor; predictor_store is for mh")
        # "none" asks for what these do anyway.
        if self.transfer and self.transfer != NOTHING:
            if self.sampler not in PREDICTING:
                raise RunError(f"sampler {self.sampler!r} has no predictor; transfer is for mh")
            if self.predictor_store is not None:
                raise RunError("transfer and predictor_store: expected one of them")
        if self.recipe == "nasrec" and self.embedding_l2:
            raise RunError(
                f"embedding_l2 is {self.embedding_l2}; recipe 'nasrec' updates tables row by row, "
                "which takes no penalty: expected 0, or another recipe"
            )
        if self.data == "synthetic":
            self.refuse(OF_FILES, "--data synthetic, whose columns and splits are its own")
        if self.schema is not None:
            self.refuse(OF_ENCODING, "a schema, which says how each column is encoded")

    def refuse(self, names: Sequence[str], what: str) -> None:
        """Raise RunError where one of these settings is given, which is `what` it is not for."""
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        given = [name for name in names if getattr(self, name) != defaults[name]]
        if given:
            raise RunError(f"{', '.join(given)}: not for {what}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping that `from_dict` reads."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> "SearchSettings":
        """Read settings; what is absent has its default.

        Raises:
            RunError: an unknown key (naming the nearest), or a value of the wrong type.
        """
        known = {field.name: field for field in dataclasses.fields(SearchSettings)}
        hints = typing.get_type_hints(SearchSettings)
        given: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise RunError(f"unknown setting {name!r}; {nearest(name, known)}")
            given[name] = _typed(name, value, hints[name])
        return SearchSettings(**given)

    @staticmethod
    def read(path: str | Path) -> dict[str, Any]:
        """Read a file of settings (a JSON object), not yet checked."""
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(f"{path}: no such settings file") from None
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise RunError(f"{path}: not JSON: {error}") from None
        if not isinstance(values, dict):
            raise RunError(f"{path}: settings are a JSON object, not {type(values).__name__}")
        return values


_OF_TRAINING = (
    "data valid test label drop format schema time_column time_period encoder min_count numbers "
    "on_error rows embedding_dim width_factor recipe embedding_l2 dropout norm learning_rate "
    "precision batch_size distil calibrate ensemble seed device jobs"
)
TRAIN_SETTINGS = {name: name for name in _OF_TRAINING.split()} | {
    "scratch_epochs": "epochs",
    "scratch_seeds": "seeds",
}
"""The settings that `dagsmith train` takes too, and what they are called there."""


def plain_type(hint: Any) -> tuple[type, bool]:
    """The type of a single value of an option, and whether the option takes several."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    return hint, False


def _typed(name: str, value: Any, hint: Any) -> Any:
    if value is None and isinstance(hint, types.UnionType):
        return None
    kind, several = plain_type(hint)
    items = value if several and isinstance(value, list | tuple) else [value]
    if kind is float:
        items = [float(item) if type(item) is int else item for item in items]
    for item in items:
        if type(item) is not kind:
            expected = f"a list of {kind.__name__}" if several else kind.__name__
            raise RunError(f"setting {name!r} is {value!r}; expected {expected}")
    return tuple(items) if several else items[0]

"""Truth tables of recommender architectures, as ``benchmarks/truth_table.py`` writes them."""

import json
from pathlib import Path

from dagsmith.data.column_mapping import TableMapping
from dagsmith.data.errors import DatasetError
from dagsmith.data.table_files import load_table
from dagsmith.data.tables import EvaluatedTable
from dagsmith.space import SPACES, ClickSpace
from dagsmith.space.errors import nearest

FORMAT = "dagsmith.truth/1"


def truth_table(path: str | Path) -> tuple[ClickSpace, EvaluatedTable]:
    """Read architectures that were trained from scratch, and every cheaper opinion of them.

    Metrics: ``valid_logloss``, ``valid_auc``, ``test_logloss``, ``test_auc``, means over the seeds,
    and with ``_0``, ``_1``, ... each seed's. Costs: ``parameters``, ``flops``, ``seconds`` of a
    training. Fidelities: ``supernet_logloss``, ``supernet_auc`` and the zero-cost scores.

    Args:
        path: The parquet file; its data card, with the space and the recipe, lies beside it under
            the same name with the suffix ``.json``.

    Returns:
        The space that the architectures are of, and the table.

    Raises:
        DatasetError: If the file or its card is missing, damaged, or of another format.
    """
    path = Path(path)
    file = path.with_suffix(".json")
    try:
        card = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{file}: missing; expected the data card of {path.name}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DatasetError(f"{file}: not JSON: {error}") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise DatasetError(f"{file}: not a data card of format {FORMAT!r}")
    try:
        facts, columns = card["space"], card["columns"]
        name = str(facts["name"])
        if name not in SPACES:
            raise DatasetError(f"{file}: unknown space {name!r}; {nearest(name, SPACES)}")
        space = SPACES[name](
            int(facts["dense_features"]),
            int(facts["sparse_fields"]),
            blocks=int(facts["blocks"]),
            embedding_dim=int(facts["embedding_dim"]),
        )
        mapping = TableMapping(columns["metrics"], columns["costs"], columns["fidelities"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{file}: damaged data card: {error!r}") from None
    return space, load_table(path, space, mapping)

"""Which architectures the versions of a store may learn, and which of them one has learned.

A trial is recognised by its architecture. Study and number would not do: every run calls its study
``dagsmith``. An architecture that was measured again, in whatever study, is not new either: a
predictor that has seen one of its values is not tested by another. The challenger learns both.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from dagsmith.search.labels import Label


def held_out(key: str, share: float) -> bool:
    """Whether the architecture with this canonical key belongs to the untouched split."""
    digest = hashlib.sha256(f"untouched {key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def describe_learned(train: Sequence[Label], test: Sequence[Label]) -> dict[str, Any]:
    """For the provenance: trials by study, for people, and keys, by which they are recognised."""
    return {
        "trials": _by_study(train),
        "untouched": _by_study(test),
        "learned": sorted({row.key for row in train}),
    }


def learned_keys(
    provenance: Mapping[str, Any], rows: Sequence[Label], share: float
) -> frozenset[str]:
    """Canonical keys of the architectures that a version has learned.

    Versions of before kept no keys. Of these, the ones among `rows` are found by study and number.

    Args:
        provenance: of the version.
        rows: labels that may be known, those of the untouched split too.
        share: of the untouched split.
    """
    if "learned" in provenance:
        return frozenset(provenance["learned"])
    found: set[str] = set()
    for study, trials in provenance.get("trials", {}).items():
        learned, untouched = set(trials), set(provenance.get("untouched", {}).get(study, ()))
        mine = [row for row in rows if row.study == study]
        # In another study of this name other numbers are of the untouched split.
        if all(
            row.trial not in (learned if held_out(row.key, share) else untouched) for row in mine
        ):
            found |= {row.key for row in mine if row.trial in learned}
    return frozenset(found)


def _by_study(rows: Sequence[Label]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row.study, []).append(row.trial)
    return {study: sorted(trials) for study, trials in found.items()}

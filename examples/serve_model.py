"""From a click log to a served model: the whole job as one call, then predictions from Python."""

import tempfile
from pathlib import Path

import dagsmith


def main(folder: Path) -> None:
    settings = dagsmith.SearchSettings(
        data="synthetic",
        rows=5_000,
        blocks=2,
        widths=(16, 32),
        trials=8,
        sampler="random",
        top=1,
        scratch_seeds=1,
        truth=2,
        no_baselines=True,
    )
    # The same as `dagsmith search --rows 5000 ... --out FOLDER`; it resumes in the same way.
    result = dagsmith.search_models(settings, folder / "run")
    best = result["models"][0]
    print(f"test log loss {best['test']['logloss']:.4f} with {best['flops']:,.0f} FLOPs per row")

    model = dagsmith.load_model(folder / "run" / best["path"])
    rows = {f"d{i}": [1.5, 0.2] for i in range(6)} | {f"c{i}": [1, 10**9] for i in range(10)}
    # The second row's categories were never seen: they take the out-of-vocabulary ids.
    print("click probabilities:", model.predict(rows).round(4))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))

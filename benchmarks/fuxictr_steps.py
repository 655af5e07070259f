"""Times training steps of FuxiCTR's own models; run by `training_speed.py`, not by hand.

Needs FuxiCTR and what it imports, but not dagsmith: it may have an environment of its own. Batches
are tensors in memory before the clock starts, which is kinder to it than its own loader.
"""

import importlib
import json
import sys
import tempfile
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

SHARED = {
    "task": "binary_classification",
    "optimizer": "adam",
    "loss": "binary_crossentropy",
    "metrics": ["AUC", "logloss"],
    "monitor": "AUC",
    "monitor_mode": "max",
    "verbose": 0,
    "gpu": -1,
    "learning_rate": 1e-3,
}


def main() -> None:
    job = json.loads(sys.argv[1])
    sys.path[:0] = [job["fuxictr"], str(Path(job["fuxictr"]) / "model_zoo" / job["model"] / "src")]
    maps = importlib.import_module("fuxictr.features")
    model_class = getattr(importlib.import_module(job["model"]), job["model"])
    torch.set_num_threads(job["threads"])
    torch.manual_seed(1)
    arrays = np.load(job["rows"])
    ids, label = torch.from_numpy(arrays["ids"]), torch.from_numpy(arrays["label"])
    names = [f"f{column}" for column in range(ids.shape[1])]
    features = maps.FeatureMap("rows", ".")
    features.features = OrderedDict(
        (name, {"source": "", "type": "categorical", "padding_idx": 0, "vocab_size": int(size)})
        for name, size in zip(names, arrays["sizes"], strict=True)
    )
    features.labels, features.total_features = ["label"], int(arrays["sizes"].sum())
    features.default_emb_dim = job["settings"]["embedding_dim"]
    features.num_fields = features.get_num_fields()
    features.set_column_index()
    with tempfile.TemporaryDirectory() as folder:
        model = model_class(features, model_root=folder, **SHARED, **job["settings"])
    model._max_gradient_norm = 10.0
    model.train()
    batches = []
    for start in range(0, len(ids) - job["batch"] + 1, job["batch"]):
        part = slice(start, start + job["batch"])
        columns = {name: ids[part, column] for column, name in enumerate(names)}
        batches.append({**columns, "label": label[part]})
    clock = time.process_time if job["clock"] == "cpu" else time.perf_counter
    times = []
    for step in range(job["steps"]):
        begun = clock()
        model.train_step(batches[step % len(batches)])
        times.append(clock() - begun)
    print(json.dumps(times))


if __name__ == "__main__":
    main()

"""What scoring costs: against the number of architectures, and against the nodes of each.

    python benchmarks/predictor_cost.py --out runs/predictor-cost

Genotypes of ``nasrec-full`` are decoded, encoded and scored by the GNN predictor with its default
network, which should take time in proportion to their number; and random graphs of 8 to 64 nodes,
each node reading one or two earlier ones, are encoded and scored. Each point is a file in
``--out`` as soon as it is measured, so an interrupted run goes on; the table and the figure are of
everything there. Times are wall times, smallest of ``--repeats``, with the processor time beside.
"""

import argparse
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from plotly.subplots import make_subplots
from predictor_speed import DECODED_AT_ONCE, HASTY, fitted_hastily, seconds

from dagsmith.predictor import GNNPredictor
from dagsmith.search.figure_style import BLUE, GRID, INK, MUTED
from dagsmith.space import Population, nasrec_full
from dagsmith.space.cells import CELL_KINDS, CELL_OPERATIONS, cells

GRAPHS = 2000
"""Graphs of each number of nodes."""


def random_graphs(nodes: int, count: int, rng: np.random.Generator) -> Population:
    """Graphs of exactly so many nodes, ``[count]``; every node reads one or two earlier ones."""
    reads = np.zeros((count, nodes, nodes), bool)
    row = np.arange(count)
    for target in range(1, nodes):
        for _ in range(2):
            reads[row, target, rng.integers(0, target, count)] = True
    operation = rng.integers(0, len(CELL_OPERATIONS), (count, nodes)).astype(np.int16)
    names = [f"node{position}" for position in range(nodes)]
    return cells(operation, reads, np.ones((count, nodes), bool), names)


def by_architectures(size: int) -> Callable[[], object]:
    """Work on so many genotypes."""
    space = nasrec_full(dense_features=13, sparse_fields=26)
    genotypes = space.sample(size, np.random.default_rng(1))
    predictor = fitted_hastily(space)

    def work() -> None:
        for at in range(0, size, DECODED_AT_ONCE):
            predictor.predict(space.decode_many(genotypes[at : at + DECODED_AT_ONCE]))

    return work


def by_nodes(nodes: int) -> Callable[[], object]:
    """Work on graphs of so many nodes."""
    graphs = random_graphs(nodes, GRAPHS, np.random.default_rng(nodes))
    predictor = GNNPredictor(CELL_KINDS, HASTY).fit(graphs[:64], np.arange(64.0))
    return lambda: predictor.predict(graphs)


def measured(file: Path, make: Callable[[], Callable[[], object]], repeats: int) -> dict[str, Any]:
    """The point of a file, measured if it is not there."""
    if not file.exists():
        wall, processor = seconds(make(), repeats)
        temporary = file.with_suffix(".tmp")
        record = {"seconds": wall, "processor_seconds": processor}
        temporary.write_text(json.dumps(record) + "\n")
        temporary.replace(file)
        print(f"{file.stem}: {wall:.2f} s, {processor:.2f} processor seconds", flush=True)
    return dict(json.loads(file.read_text()))


def table(title: str, per: str, points: Sequence[tuple[int, dict[str, Any]]], each: int) -> str:
    """A point per row, with the processor time of one thing (in microseconds) beside it."""
    lines = [f"| {title} | seconds | processor seconds | µs per {per} |", "|---|---|---|---|"]
    for x, point in points:
        spent = point["processor_seconds"]
        one = 1e6 * spent / (each or x)
        lines.append(f"| {x:,} | {point['seconds']:.2f} | {spent:.2f} | {one:.0f} |")
    return "\n".join(lines)


def draw(
    sizes: Sequence[tuple[int, dict[str, Any]]], nodes: Sequence[tuple[int, dict[str, Any]]]
) -> Any:
    """Both curves, with the line of proportion through the first point of each."""
    titles = ("nasrec-full: decode, encode, score", f"{GRAPHS:,} random graphs: encode, score")
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, horizontal_spacing=0.12)
    for column, (name, points) in enumerate((("architectures", sizes), ("nodes", nodes)), 1):
        x = [at for at, _ in points]
        y = [point["processor_seconds"] for _, point in points]
        for label, values, line in (
            ("in proportion", [y[-1] * at / x[-1] for at in x], {"color": MUTED, "dash": "dot"}),
            ("measured", y, {"color": BLUE}),
        ):
            figure.add_scatter(
                x=x,
                y=values,
                name=label,
                legendgroup=label,
                showlegend=column == 1,
                mode="lines+markers" if label == "measured" else "lines",
                line=line,
                row=1,
                col=column,
            )
        figure.update_xaxes(
            title=name,
            type="log",
            tickvals=x,
            ticktext=[f"{at:,}" for at in x],
            gridcolor=GRID,
            row=1,
            col=column,
        )
        # Where less than a factor of 100 is shown, also at 2 and 5.
        steps = (1,) if max(y) > 100 * min(y) else (1, 2, 5)
        ticks = [step * 10.0**power for power in range(-3, 5) for step in steps]
        figure.update_yaxes(
            title="processor seconds",
            type="log",
            gridcolor=GRID,
            tickvals=ticks,
            ticktext=[f"{tick:g}" for tick in ticks],
            row=1,
            col=column,
        )
    figure.update_layout(
        template="plotly_white",
        font={"color": INK, "size": 13},
        width=1000,
        height=420,
        margin={"t": 40},
        legend={"orientation": "h", "y": -0.2},
    )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/predictor-cost"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**3, 10**4, 10**5, 10**6])
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 16, 32, 64])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    def points(
        name: str, values: Sequence[int], work: Callable[[int], Callable[[], object]]
    ) -> list[tuple[int, dict[str, Any]]]:
        return [
            (x, measured(out / f"{name}-{x}.json", lambda x=x: work(x), arguments.repeats))  # type: ignore[misc]
            for x in sorted(values)
        ]

    nodes = points("nodes", arguments.nodes, by_nodes)
    sizes = points("architectures", arguments.sizes, by_architectures)
    text = "\n\n".join(
        [
            table("architectures", "architecture", sizes, 0),
            table(f"nodes ({GRAPHS:,} graphs)", "graph", nodes, GRAPHS),
        ]
    )
    (out / "cost.md").write_text(text + "\n")
    figure = draw(sizes, nodes)
    figure.write_html(out / "cost.html")
    if importlib.util.find_spec("kaleido"):
        figure.write_image(out / "cost.png", scale=2)
    print(text)


if __name__ == "__main__":
    main()

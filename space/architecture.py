"""The architecture: an immutable typed DAG with a canonical form."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx

from dagsmith.space.canonical import canonical_order
from dagsmith.space.component import Value, Vocabulary
from dagsmith.space.errors import ArchitectureError, nearest

FORMAT = "dagsmith.architecture/1"


@dataclass(frozen=True, slots=True)
class Node:
    """One component of an architecture.

    Args:
        kind: name of its component kind.
        attributes: its attribute values as ``(name, value)`` pairs, kept sorted; see `Node.of`.
        name: where it sits (``"block3.fc"``). Shared weights belong to this place;
            it is no part of what the architecture *is*, so the canonical key ignores it.
    """

    kind: str
    attributes: tuple[tuple[str, Value], ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        # 64 and 64.0 are one value, so they must be one representation (and one key).
        pairs = (
            (name, int(value) if isinstance(value, float) and value.is_integer() else value)
            for name, value in self.attributes
        )
        object.__setattr__(self, "attributes", tuple(sorted(pairs, key=lambda pair: pair[0])))

    @staticmethod
    def of(kind: str, name: str = "", **attributes: Value) -> "Node":
        """Build a node from keyword attributes."""
        return Node(kind, tuple(attributes.items()), name)

    def __getitem__(self, attribute: str) -> Value:
        for name, value in self.attributes:
            if name == attribute:
                return value
        raise ArchitectureError(f"node {self.name or self.kind!r} has no attribute {attribute!r}")

    @property
    def values(self) -> dict[str, Value]:
        """The attributes as a dictionary."""
        return dict(self.attributes)


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """The output of node `source` enters node `target` at `port`."""

    source: int
    target: int
    port: str = "in"


@dataclass(frozen=True)
class Architecture:
    """An immutable typed DAG: nodes in topological order, and edges with a named port.

    Two architectures have the same `key` exactly if they are isomorphic: same kinds, attributes
    and port-labelled edges, whatever the order or the names of their nodes.

    Args:
        nodes: in topological order (every edge goes from a lower to a higher index).
        edges: kept sorted and without repetition.

    Raises:
        ArchitectureError: an edge that leaves the graph or goes backwards.

    Example:
        >>> stem, conv = Node.of("stem"), Node.of("conv", kernel=3)
        >>> net = Architecture((stem, conv), (Edge(0, 1),))
        >>> net == Architecture.from_json(net.to_json())
        True
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        count = len(self.nodes)
        for edge in self.edges:
            if not (0 <= edge.source < count and 0 <= edge.target < count):
                raise ArchitectureError(
                    f"edge {edge.source}->{edge.target} leaves the graph of {count} nodes"
                )
            if edge.source >= edge.target:
                raise ArchitectureError(
                    f"edge {edge.source}->{edge.target} goes backwards; "
                    "expected nodes in topological order (Architecture.build sorts them)"
                )
        object.__setattr__(self, "edges", tuple(sorted(set(self.edges))))

    @staticmethod
    def build(nodes: Iterable[Node], edges: Iterable[Edge]) -> "Architecture":
        """Put nodes of any order into topological order; raise ArchitectureError on a cycle."""
        nodes, edges = tuple(nodes), tuple(edges)
        for edge in edges:
            if not (0 <= edge.source < len(nodes) and 0 <= edge.target < len(nodes)):
                raise ArchitectureError(
                    f"edge {edge.source}->{edge.target} leaves the graph of {len(nodes)} nodes"
                )
        if all(edge.source < edge.target for edge in edges):
            return Architecture(nodes, edges)
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(range(len(nodes)))
        graph.add_edges_from((edge.source, edge.target) for edge in edges)
        try:
            order = list(nx.lexicographical_topological_sort(graph))
        except nx.NetworkXUnfeasible:
            cycle = [source for source, _ in nx.find_cycle(graph)]
            raise ArchitectureError(
                f"the graph has a cycle through nodes {cycle}; expected a directed acyclic graph"
            ) from None
        position = {node: rank for rank, node in enumerate(order)}
        return Architecture(
            tuple(nodes[node] for node in order),
            tuple(Edge(position[e.source], position[e.target], e.port) for e in edges),
        )

    def inputs(self, node: int) -> list[Edge]:
        """The edges into `node`, ordered by port and source."""
        return self._inputs[node]

    @cached_property
    def _inputs(self) -> list[list[Edge]]:
        into: list[list[Edge]] = [[] for _ in self.nodes]
        for edge in self.edges:
            into[edge.target].append(edge)
        return [sorted(edges, key=lambda edge: (edge.port, edge.source)) for edges in into]

    def live(self) -> "Architecture":
        """The part that reaches the last node, which is the output: what is computed and costed."""
        live = {len(self.nodes) - 1}
        for edge in sorted(self.edges, key=lambda edge: -edge.target):
            if edge.target in live:
                live.add(edge.source)
        kept = sorted(live) if self.nodes else []
        position = {node: rank for rank, node in enumerate(kept)}
        return Architecture(
            tuple(self.nodes[node] for node in kept),
            tuple(
                Edge(position[e.source], position[e.target], e.port)
                for e in self.edges
                if e.target in live
            ),
        )

    def canonical(self) -> "Architecture":
        """The representative of its isomorphism class: canonical node order, no node names."""
        labels = [repr((node.kind, node.attributes)) for node in self.nodes]
        edges = [(edge.source, edge.target, edge.port) for edge in self.edges]
        order = canonical_order(labels, edges)
        position = {node: rank for rank, node in enumerate(order)}
        return Architecture(
            tuple(Node(self.nodes[node].kind, self.nodes[node].attributes) for node in order),
            tuple(Edge(position[e.source], position[e.target], e.port) for e in self.edges),
        )

    @cached_property
    def key(self) -> str:
        """A 128-bit hex digest of the canonical form: equal exactly for isomorphic ones."""
        return hashlib.sha256(self.canonical().to_json().encode()).hexdigest()[:32]

    def validate(self, kinds: Vocabulary) -> None:
        """Check nodes and ports against `kinds`; raise ArchitectureError for the first misfit."""
        for index, node in enumerate(self.nodes):
            try:
                kind = kinds[node.kind]
                kind.encode(node.values)
            except ArchitectureError as error:
                raise ArchitectureError(
                    f"node {index} ({node.name or node.kind}): {error}"
                ) from None
            for edge in self.inputs(index):
                if edge.port not in kind.ports:
                    raise ArchitectureError(
                        f"node {index} ({node.name or node.kind}) has no port {edge.port!r}; "
                        f"{nearest(edge.port, kind.ports)}"
                    )

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `from_dict` reads it back."""
        return {
            "format": FORMAT,
            "nodes": [
                {"kind": node.kind, "attributes": node.values}
                | ({"name": node.name} if node.name else {})
                for node in self.nodes
            ],
            "edges": [[edge.source, edge.target, edge.port] for edge in self.edges],
        }

    @staticmethod
    def from_dict(document: Mapping[str, Any]) -> "Architecture":
        """Read what `to_dict` wrote (nodes may stand in any order).

        Raises:
            ArchitectureError: another format, a missing field, or a cycle.
        """
        if not isinstance(document, Mapping) or document.get("format") != FORMAT:
            found = document.get("format") if isinstance(document, Mapping) else type(document)
            raise ArchitectureError(f"not an architecture: format {found!r}; expected {FORMAT!r}")
        try:
            nodes = [
                Node(str(node["kind"]), _attributes(node["attributes"]), str(node.get("name", "")))
                for node in document["nodes"]
            ]
            edges = [Edge(int(s), int(t), str(port)) for s, t, port in document["edges"]]
        except ArchitectureError:
            raise
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ArchitectureError(f"damaged architecture document: {error!r}") from None
        return Architecture.build(nodes, edges)

    def to_json(self) -> str:
        """Compact JSON on one line."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "Architecture":
        """Read what `to_json` wrote; raise ArchitectureError for anything else."""
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ArchitectureError(f"not JSON: {error}") from None
        return Architecture.from_dict(document)

    def to_networkx(self) -> "nx.MultiDiGraph":
        """A networkx view: nodes carry kind, name and attributes, edges their port as key."""
        graph: nx.MultiDiGraph = nx.MultiDiGraph()
        for index, node in enumerate(self.nodes):
            graph.add_node(index, kind=node.kind, name=node.name, **node.values)
        for edge in self.edges:
            graph.add_edge(edge.source, edge.target, key=edge.port, port=edge.port)
        return graph

    @staticmethod
    def from_networkx(graph: "nx.MultiDiGraph") -> "Architecture":
        """Read a networkx graph as `to_networkx` makes it (node labels may be anything)."""
        index = {label: position for position, label in enumerate(graph.nodes)}
        nodes = []
        for label, data in graph.nodes(data=True):
            if "kind" not in data:
                raise ArchitectureError(f"networkx node {label!r} has no 'kind'")
            attributes = {k: v for k, v in data.items() if k not in ("kind", "name")}
            nodes.append(Node.of(data["kind"], data.get("name", ""), **attributes))
        edges = [
            Edge(index[source], index[target], data.get("port", "in"))
            for source, target, data in graph.edges(data=True)
        ]
        return Architecture.build(nodes, edges)

    def to_svg(self) -> str:
        """A self-contained picture of the graph, as SVG text."""
        from dagsmith.space.drawing import draw  # it needs this module

        return draw(self)


def _attributes(document: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
    for name, value in document.items():
        if not isinstance(value, str | int | float):
            raise ArchitectureError(
                f"attribute {name!r} is {value!r}; expected a text, a number, true or false"
            )
    return tuple(document.items())

"""Where the shapes of a diagram stand and how its lines run. Pure geometry, the same on every run; unit: pixels.

Referenced shapes stand left of those that refer to them, ordered so that lines are short and seldom cross. Lines run
along a grid, round every shape, and never on top of each other.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

GRID = 10
WIDE = 2000  # so wide may a drawing of several groups be in any case
GAP = 50  # between two shapes of one column
CHANNEL = 90  # between two columns, and one grid line more for each line that passes
STUB = 30  # a line leaves a shape straight for so long: room for its crow's foot
SWEEPS = 24

# What else a line pays beside 1 for each step of the grid.
BEND, CROSSING, OVERLAP, BELOW, ABOVE = 5, 6, 60, 3, 1
PATIENCE = 150_000  # so many places a search looks at before it gives up

Point = tuple[int, int]


@dataclass(frozen=True)
class Box:
    """A rectangle; y grows downwards."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def overlaps(self, other: "Box", margin: int = 0) -> bool:
        """Whether the two have less than the margin between them."""
        return (
            self.x < other.right + margin
            and other.x < self.right + margin
            and self.y < other.bottom + margin
            and other.y < self.bottom + margin
        )


@dataclass(frozen=True)
class Size:
    """The room that a shape needs; `lead` of the width is for what hangs on its left."""

    width: int
    height: int
    lead: int = 0


@dataclass(frozen=True, order=True)
class Link:
    """From a shape to the one that it refers to; heights are those below the top of each, where a line would run."""

    source: str
    target: str
    source_y: int
    target_y: int


@dataclass(frozen=True)
class Connector:
    """A line to be drawn from a height of one shape to wherever it reaches another."""

    name: str
    source: str
    target: str
    source_y: int
    target_y: int  # where it should rather end


def snap(value: float) -> int:
    """The next multiple of the grid, upwards."""
    return int(-(-value // GRID) * GRID)


def arrange(sizes: Mapping[str, Size], links: Iterable[Link]) -> dict[str, Point]:
    """The left upper corner of every shape, without what hangs on its left; no two shapes overlap."""
    known = sorted({link for link in links if link.source != link.target})
    blocks = [_arrange_connected(part, sizes, known) for part in _components(sizes, known)]
    return dict(_pack(blocks, sizes))


def _components(sizes: Mapping[str, Size], links: Sequence[Link]) -> list[list[str]]:
    """The shapes in groups that are linked, the largest first; those without a link are one group each."""
    group = {name: name for name in sizes}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for link in links:
        group[root(link.source)] = root(link.target)
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(sizes):
        parts[root(name)].append(name)
    return sorted(parts.values(), key=lambda part: (-len(part), part[0]))


def _layers(names: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """The column of each shape: right of all it refers to, and right beside who refers to it."""
    targets: defaultdict[str, list[str]] = defaultdict(list)
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for link in links:
        targets[link.source].append(link.target)
        sources[link.target].append(link.source)
    layer: dict[str, int] = {}

    def depth(name: str, path: tuple[str, ...]) -> int:
        if name not in layer:
            further = [depth(target, (*path, name)) for target in targets[name] if target not in path]
            layer[name] = 1 + max(further, default=-1)
        return layer[name]

    for name in names:
        depth(name, (name,))
    for name in sorted(names, key=lambda name: (-layer[name], name)):
        if sources[name]:
            layer[name] = max(layer[name], min(layer[source] for source in sources[name]) - 1)
    return layer


def _arrange_connected(names: Sequence[str], sizes: Mapping[str, Size], links: Sequence[Link]) -> dict[str, Point]:
    """The corners of linked shapes, the uppermost and leftmost at 0."""
    links = [link for link in links if link.source in names]
    layer = _layers(names, links)
    columns = [sorted(name for name in names if layer[name] == place) for place in range(max(layer.values()) + 1)]
    columns = [column for column in columns if column]
    # Where a shape would have to begin for a line to be straight: so far below the top of another.
    straight: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for link in links:
        straight[link.source].append((link.target, link.target_y - link.source_y))
        straight[link.target].append((link.source, link.source_y - link.target_y))

    top: dict[str, float] = {}
    for column in columns:
        top.update(_stack(column, sizes, dict.fromkeys(column, 0.0)))
    best, least = dict(top), float("inf")
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else columns[::-1]:
            wish = {
                name: sum(top[other] + below for other, below in straight[name]) / len(straight[name])
                if straight[name]
                else 0.0
                for name in column
            }
            order = sorted(column, key=lambda name: (wish[name] + sizes[name].height / 2, name))
            top.update(_stack(order, sizes, wish))
        cost = _cost(links, top, sizes, layer)
        if cost < least:
            best, least = dict(top), cost

    corners, x = {}, 0
    highest = min(best.values())
    for column in columns:
        x += max(sizes[name].lead for name in column)
        for name in column:
            corners[name] = (snap(x), snap(best[name] - highest))
        position = layer[column[0]]
        passing = sum(layer[link.target] <= position < layer[link.source] for link in links)
        x = snap(x + max(sizes[name].width - sizes[name].lead for name in column)) + CHANNEL + GRID * passing
    return corners


def _stack(column: Sequence[str], sizes: Mapping[str, Size], wish: Mapping[str, float]) -> dict[str, float]:
    """Tops of the shapes in this order without overlap, as near as can be to where each would like to be."""
    # Shapes that push each other form a cluster, which stands where its members' wishes average.
    clusters: list[tuple[list[str], float, float]] = []  # members, sum of wishes for the first top, height
    for name in column:
        members, wished, total = [name], wish[name], float(sizes[name].height + GAP)
        while clusters:
            before, sum_before, height_before = clusters[-1]
            if sum_before / len(before) + height_before <= wished / len(members):
                break
            clusters.pop()
            wished = sum_before + wished - height_before * len(members)
            members, total = before + members, height_before + total
        clusters.append((members, wished, total))
    tops = {}
    for members, wished, _ in clusters:
        y = wished / len(members)
        for name in members:
            tops[name] = y
            y += sizes[name].height + GAP
    return tops


def _cost(
    links: Sequence[Link], top: Mapping[str, float], sizes: Mapping[str, Size], layer: Mapping[str, int]
) -> float:
    """How long the lines are upright, and how many pairs of them cross, in a drawing of straight lines."""
    ends = [
        (layer[link.source], layer[link.target], top[link.source] + link.source_y, top[link.target] + link.target_y)
        for link in links
    ]
    crossings = sum(
        first[:2] == second[:2] and (first[2] - second[2]) * (first[3] - second[3]) < 0
        for place, first in enumerate(ends)
        for second in ends[:place]
    )
    spread = max(top[name] + sizes[name].height for name in top) - min(top.values())
    return sum(abs(from_y - to_y) for _, _, from_y, to_y in ends) + 400 * crossings + spread


def _pack(blocks: Sequence[Mapping[str, Point]], sizes: Mapping[str, Size]) -> Iterator[tuple[str, Point]]:
    """Places the groups in rows, about one and a half times as wide as high."""
    measured = []
    for block in blocks:
        left = min(x - sizes[name].lead for name, (x, _) in block.items())
        right = max(x + sizes[name].width - sizes[name].lead for name, (x, _) in block.items())
        bottom = max(y + sizes[name].height for name, (_, y) in block.items())
        measured.append((block, left, right - left, bottom))
    area = sum((width + CHANNEL) * (height + GAP) for _, _, width, height in measured)
    room = max([*(width for _, _, width, _ in measured), (1.5 * area) ** 0.5, WIDE])
    x = y = row = 0
    for block, left, width, height in measured:
        if x and x + width > room:
            x, y, row = 0, snap(y + row + GAP), 0
        for name, (at_x, at_y) in block.items():
            yield name, (snap(x + at_x - left), y + at_y)
        x, row = snap(x + width + CHANNEL), max(row, height)


def find_room(wanted: Box, taken: Iterable[Box]) -> Box:
    """The box at the height nearest below the wanted one that touches nothing that is there already."""
    box, others = wanted, sorted(taken, key=lambda other: (other.y, other.x))
    while blocking := next((other for other in others if box.overlaps(other, GAP // 2)), None):
        box = Box(box.x, snap(blocking.bottom + GAP), box.width, box.height)
    return box


def route(
    boxes: Mapping[str, Box],
    hanging: Iterable[Box],
    connectors: Iterable[Connector],
    reserved: Iterable[tuple[str, int]],
) -> dict[str, list[Point]]:
    """The corners of every line, its two ends included.

    `hanging` are small shapes to be kept clear of; `reserved` are heights of shapes at which no other line may end.
    """
    return _Router(boxes, hanging, reserved).run(connectors)


class _Router:
    """Finds the cheapest way on the grid for one line after the other, the shortest first."""

    def __init__(self, boxes: Mapping[str, Box], hanging: Iterable[Box], reserved: Iterable[tuple[str, int]]) -> None:
        self.boxes = boxes
        self.reserved = set(reserved)
        self.blocked: set[Point] = set()
        for box in boxes.values():
            self._block(Box(box.x - STUB, box.y - GRID, box.width + 2 * STUB, box.height + 2 * GRID))
        for box in hanging:
            self._block(box)
        everything = list(boxes.values())
        self.left = min((box.x for box in everything), default=0) // GRID - 30
        self.right = max((box.right for box in everything), default=0) // GRID + 12
        self.top = min((box.y for box in everything), default=0) // GRID - 8
        self.bottom = max((box.bottom for box in everything), default=0) // GRID + 8
        self.along: set[tuple[Point, Point]] = set()  # steps that lines take
        self.passed: dict[Point, set[bool]] = defaultdict(set)  # points that lines pass, lying (True) or upright
        self.ends: set[tuple[str, int, int]] = set()

    def _block(self, box: Box) -> None:
        for x in range(-(-box.x // GRID), box.right // GRID + 1):
            for y in range(-(-box.y // GRID), box.bottom // GRID + 1):
                if box.x < x * GRID < box.right and box.y < y * GRID < box.bottom:
                    self.blocked.add((x, y))

    def run(self, connectors: Iterable[Connector]) -> dict[str, list[Point]]:
        def length(connector: Connector) -> tuple[int, str]:
            source, target = self.boxes[connector.source], self.boxes[connector.target]
            return abs(source.x - target.x) + abs(connector.source_y - connector.target_y), connector.name

        return {connector.name: self._route(connector) for connector in sorted(connectors, key=length)}

    def _sides(self, name: str) -> list[tuple[int, int]]:
        """Where lines meet a shape: x on the grid, one stub away, and the step that leads away from it."""
        box = self.boxes[name]
        return [((box.x - STUB) // GRID, -1), (-(-(box.right + STUB) // GRID), 1)]

    def _route(self, connector: Connector) -> list[Point]:
        source, target = self.boxes[connector.source], self.boxes[connector.target]
        y = round(connector.source_y / GRID)
        goals: dict[tuple[int, int, int], tuple[int, int]] = {}
        for x, step in self._sides(connector.target):
            for end in range(-(-target.y // GRID) + 1, target.bottom // GRID):
                free = (connector.target, end) not in self.reserved and (connector.target, step, end) not in self.ends
                if free and (x, end) not in self.blocked:
                    off = end - round(connector.target_y / GRID)
                    goals[x, end, -step] = (step, max(BELOW * off, -ABOVE * off))
        starts = [(x, y, step) for x, step in self._sides(connector.source) if (x, y) not in self.blocked]
        path = self._search(starts, goals) if starts and goals else None
        if path is None:  # walled in by hand: a line through shapes is better than none
            middle = snap((source.x + target.right) / 2)
            ends = (source.x, connector.source_y), (target.right, connector.target_y)
            return [ends[0], (middle, ends[0][1]), (middle, ends[1][1]), ends[1]]
        arrived, y_end = self._goal(path, goals), path[-1][1]
        self.ends.add((connector.target, arrived, y_end))
        self._use(path)
        leaves_left = path[0][0] * GRID < source.x
        corners = [(x * GRID, y * GRID) for x, y in path]
        first = (source.x if leaves_left else source.right, connector.source_y)
        last = (target.x if arrived < 0 else target.right, y_end * GRID)
        return _straighten([first, *corners, last], connector.source_y)

    def _goal(self, path: Sequence[Point], goals: Mapping[tuple[int, int, int], tuple[int, int]]) -> int:
        x, y = path[-1]
        return next(step for (goal_x, goal_y, _), (step, _) in goals.items() if (goal_x, goal_y) == (x, y))

    def _search(
        self, starts: Sequence[tuple[int, int, int]], goals: Mapping[tuple[int, int, int], tuple[int, int]]
    ) -> list[Point] | None:
        """The cheapest path from a start to a goal; each is a point and the level step that leads out or in."""
        xs = sorted({x for x, _, _ in goals})
        low, high = min(y for _, y, _ in goals), max(y for _, y, _ in goals)

        def rest(x: int, y: int) -> int:
            return min(abs(x - goal) for goal in xs) + max(low - y, y - high, 0)

        queue: list[tuple[int, int, int, int, int, int]] = []
        cost: dict[tuple[int, int, int, int], int] = {}
        came: dict[tuple[int, int, int, int], tuple[int, int, int, int]] = {}
        for x, y, step in starts:
            state = (x, y, step, 0)
            cost[state] = 0
            heapq.heappush(queue, (rest(x, y), 0, *state))
        while queue:
            _, below, x, y, dx, dy = heapq.heappop(queue)
            state, spent = (x, y, dx, dy), -below
            if spent > cost[state]:
                continue
            if len(cost) > PATIENCE:
                return None
            if dx == 2:  # through the goal
                path = [(x, y)]
                while state in came:
                    state = came[state]
                    path.append(state[:2])
                return path[:0:-1]
            if dy == 0 and (x, y, dx) in goals:
                self._relax((x, y, 2, 0), spent + goals[x, y, dx][1], state, 0, cost, came, queue)
            for next_dx, next_dy in ((dx, dy), (dy, dx), (-dy, -dx)):
                at = (x + next_dx, y + next_dy)
                if at in self.blocked or not (self.left <= at[0] <= self.right and self.top <= at[1] <= self.bottom):
                    continue
                price = spent + 1
                if (next_dx, next_dy) != (dx, dy):
                    price += BEND
                    # Two lines that bend at one point look like one line.
                    price += OVERLAP * bool(self.passed.get((x, y)))
                if ((x, y), at) in self.along:
                    price += OVERLAP
                price += CROSSING * ((next_dx == 0) in self.passed.get(at, ()))
                self._relax((*at, next_dx, next_dy), price, state, rest(*at), cost, came, queue)
        return None

    def _relax(
        self,
        state: tuple[int, int, int, int],
        price: int,
        before: tuple[int, int, int, int],
        rest: int,
        cost: dict[tuple[int, int, int, int], int],
        came: dict[tuple[int, int, int, int], tuple[int, int, int, int]],
        queue: list[tuple[int, int, int, int, int, int]],
    ) -> None:
        if price < cost.get(state, 1 << 30):
            cost[state] = price
            came[state] = before
            heapq.heappush(queue, (price + rest, -price, *state))  # of two equal ones the farther

    def _use(self, path: Sequence[Point]) -> None:
        for first, second in pairwise(path):
            self.along |= {(first, second), (second, first)}
            lying = first[1] == second[1]
            self.passed[first].add(lying)
            self.passed[second].add(lying)


def _straighten(points: Sequence[Point], source_y: int) -> list[Point]:
    """Only the corners of the line; its first level stretch at the very height at which it leaves."""
    level = points[1][1]
    exact, leaving = [], True
    for x, y in points:
        leaving = leaving and y in (level, source_y)
        exact.append((x, source_y if leaving else y))
    corners = [exact[0]]
    for before, here, after in zip(exact, exact[1:], exact[2:], strict=False):
        if not (before[0] == here[0] == after[0] or before[1] == here[1] == after[1]):
            corners.append(here)
    return [*corners, exact[-1]]

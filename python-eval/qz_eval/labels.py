"""Names beside the points of a plot, placed so that they hide neither points nor each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

# Directions in which a label may be seen from its point, and how far, in points.
DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
DISTANCES = (6, 11, 18, 28, 40, 56, 76)
# From here on a line leads from the label to its point.
FAR = 11
# Room that a point needs around it, and air around a label, in pixels.
POINT, AIR = 4.0, 1.5
# What a label costs for each square pixel of points and labels that it hides.
HIDING = 5.0
# And for each outside the axes, where it is cut or hides their figures.
OUTSIDE = 20.0
# What a label costs that is nearer to another point than to its own, in square pixels.
CONFUSING = 400.0


@dataclass(frozen=True)
class Labelled:
    """A point with its error bar, in data coordinates."""

    x: float
    y: float
    error: float
    text: str


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0


def _distance(box: Bbox, point: Sequence[float]) -> float:
    dx = max(box.x0 - point[0], 0, point[0] - box.x1)
    dy = max(box.y0 - point[1], 0, point[1] - box.y1)
    return math.hypot(dx, dy)


def _move(label: Annotation, direction: tuple[int, int], distance: float) -> None:
    dx, dy = direction
    label.set_position((dx * distance, dy * distance))
    label.set_ha({1: "left", -1: "right", 0: "center"}[dx])
    label.set_va({1: "bottom", -1: "top", 0: "center"}[dy])


def place_labels(axes: Axes, points: Sequence[Labelled], size: float, color: str) -> None:
    """Call when the limits of the axes are final."""
    renderer = axes.figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    at = axes.transData.transform
    dots = [at((p.x, p.y)) for p in points]
    taken = [Bbox.from_extents(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in dots]
    for p in points:
        # A logarithmic axis has no zero.
        bottom = max(p.y - p.error, p.y / 2) if axes.get_yscale() == "log" else p.y - p.error
        low, high = at((p.x, bottom)), at((p.x, p.y + p.error))
        taken.append(Bbox.from_extents(low[0] - 2, low[1], high[0] + 2, high[1]))
    labels = []
    for p in points:
        label = axes.annotate(
            p.text,
            (p.x, p.y),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=size,
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkB": 4},
        )
        # The line has its part when the place is known.
        label.arrow_patch.set_visible(False)
        labels.append(label)
    boxes: dict[int, Bbox] = {}

    def cost_of(number: int, place: tuple[float, tuple[int, int]]) -> tuple[float, Bbox]:
        distance, direction = place
        _move(labels[number], direction, distance)
        box = labels[number].get_window_extent(renderer).padded(AIR)
        hidden = [*taken, *(boxes[i] for i in boxes if i != number)]
        cost = HIDING * sum(_overlap(box, other) for other in hidden)
        cost += OUTSIDE * (box.width * box.height - _overlap(box, frame))
        own = _distance(box, dots[number])
        others = (_distance(box, dot) for i, dot in enumerate(dots) if i != number)
        if distance < FAR and any(other < own for other in others):
            cost += CONFUSING
        return cost + distance, box

    places = list(itertools.product(DISTANCES, DIRECTIONS))
    # Again, when those that come later have their places.
    for _ in range(2):
        for number, label in enumerate(labels):
            costs = {place: cost_of(number, place) for place in places}
            best = min(places, key=lambda place: costs[place][0])
            distance, direction = best
            _move(label, direction, distance)
            label.arrow_patch.set_visible(distance >= FAR)
            boxes[number] = costs[best][1]

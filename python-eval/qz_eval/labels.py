"""Names beside the points of a plot, placed so that they hide neither points nor each other."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

# Where a label may be seen from its point, in points; the first that is free is taken.
DISTANCE = 7
PLACES = [
    (dx * scale, dy * scale)
    for scale in (1, 1.8, 3)
    for dx, dy in (
        *((DISTANCE, DISTANCE), (DISTANCE, -DISTANCE), (-DISTANCE, DISTANCE)),
        *((-DISTANCE, -DISTANCE), (0, 1.4 * DISTANCE), (0, -1.4 * DISTANCE)),
        *((1.4 * DISTANCE, 0), (-1.4 * DISTANCE, 0)),
    )
]
# Room that a point needs around it, in pixels.
POINT = 4.0


def _alignment(dx: float, dy: float) -> dict[str, str]:
    return {
        "ha": "left" if dx > 0 else "right" if dx < 0 else "center",
        "va": "bottom" if dy > 0 else "top" if dy < 0 else "center",
    }


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Bbox, frame: Bbox) -> float:
    inside = _overlap(box, frame)
    return box.width * box.height - inside


def place_labels(
    axes: Axes, points: Sequence[tuple[float, float, str]], size: float, color: str
) -> None:
    """Call when the limits of the axes are final. Labels that find no place are left out where
    they would cover half of another."""
    figure = axes.figure
    renderer = figure.canvas.get_renderer()
    frame = axes.get_window_extent(renderer)
    dots = [axes.transData.transform((x, y)) for x, y, _ in points]
    taken = [Bbox.from_extents(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in dots]
    for x, y, text in points:
        label = axes.annotate(
            text, (x, y), xytext=PLACES[0], textcoords="offset points", fontsize=size, color=color
        )
        best = None
        for dx, dy in PLACES:
            label.set(position=(dx, dy), **_alignment(dx, dy))
            box = label.get_window_extent(renderer)
            cost = sum(_overlap(box, other) for other in taken) + 2 * _outside(box, frame)
            if best is None or cost < best[0]:
                best = (cost, dx, dy, box)
            if cost == 0:
                break
        cost, dx, dy, box = best
        if cost > 0.5 * box.width * box.height:
            label.remove()
            continue
        label.set(position=(dx, dy), **_alignment(dx, dy))
        taken.append(box)

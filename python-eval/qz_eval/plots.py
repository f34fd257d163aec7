"""The plots of a report: drawn by matplotlib, each with a text for those who do not see it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qz_eval.analysis import Results
from qz_eval.labels import Labelled, place_labels
from qz_eval.results import Row, Spread, megabytes

# Colours that people with colour-blindness tell apart (Okabe and Ito), darker where they would be
# too light on white; shapes tell the same.
COLORS = ("#0072b2", "#c25b00", "#007a5a", "#a3447f", "#8a6d00", "#3d8fc4", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FRONT, PEER = "#1f2328", "#b00020", "#767d86"
# From this ratio on speeds are drawn on a logarithmic axis.
WIDE_RANGE = 20.0
COMPONENTS = {
    "embeddings": "#5b6b7f",
    "attention": "#0072b2",
    "ffn": "#c25b00",
    "head": "#007a5a",
    "projections": "#a3447f",
    "norms and biases": "#8a6d00",
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#7d8590",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e9ed",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    # Files depend on what is drawn alone.
    "svg.hashsalt": "qz-eval",
}
# Inches: of a page, and of a phone's screen.
WIDE, NARROW = 7.6, 3.9
HEIGHT = 4.2
# Characters of a name that stand in one line there, if no word is longer.
LINE, NARROW_LINE = 32, 20


@dataclass(frozen=True)
class Plot:
    # Of its files.
    name: str
    title: str
    # What it shows, for those who do not see it.
    alt: str
    # How to read it.
    caption: str
    draw: Callable[[Axes, bool], None]
    # Of the figure, in inches, for a phone (True) or a page.
    height: Callable[[bool], float] = lambda _: HEIGHT

    def figure(self, narrow: bool) -> Figure:
        size = (NARROW if narrow else WIDE, self.height(narrow))
        figure = Figure(figsize=size, layout="constrained")
        # It measures texts, whatever the file's kind will be.
        FigureCanvasAgg(figure)
        self.draw(figure.subplots(), narrow)
        return figure

    def render(self, kind: str, narrow: bool = False) -> bytes:
        """The bytes of an "svg" or a "png"."""
        with matplotlib.rc_context(STYLE):
            figure = self.figure(narrow)
            out = io.BytesIO()
            metadata = {"Date": None} if kind == "svg" else {"Software": None}
            figure.savefig(out, format=kind, dpi=144, metadata=metadata)
        return out.getvalue()


@dataclass(frozen=True)
class Drawn:
    """A plot's pictures: of a page's width as SVG and PNG, of a phone's as SVG."""

    plot: Plot
    svg: bytes
    png: bytes
    narrow: bytes

    @staticmethod
    def of(plot: Plot) -> Drawn:
        return Drawn(plot, plot.render("svg"), plot.render("png"), plot.render("svg", narrow=True))


def _listed(texts: Sequence[str]) -> str:
    return "; ".join(texts)


def _legend(axes: Axes, columns: int = 2) -> None:
    """Above the axes, where it hides nothing."""
    drawn = axes.get_legend_handles_labels()
    axes.figure.legend(*drawn, loc="outside upper left", ncols=columns)


def _lines(name: str, narrow: bool) -> str:
    """The name of a variant, in lines: with many options it is longer than a phone is wide."""
    width = NARROW_LINE if narrow else LINE
    return textwrap.fill(name, width, break_long_words=False, break_on_hyphens=False)


def _points(
    axes: Axes, rows: Sequence[Row], value: Callable[[Row], Spread], best: Sequence[Row] = ()
) -> None:
    for row in rows:
        spread = value(row)
        axes.errorbar(
            row.weights_mb,
            spread.value,
            yerr=spread.error or None,
            fmt="D" if row in best else "s" if row.is_peer else "o",
            color=FRONT if row in best else PEER if row.is_peer else COLORS[0],
            markersize=5.5,
            elinewidth=1.2,
            capsize=2.5,
        )
    if any(row.is_peer for row in rows):
        axes.plot([], [], "s", color=PEER, markersize=5.5, label="other packages")
    axes.set_xlabel("weights, MB")
    axes.margins(x=0.18, y=0.15)


def _label(axes: Axes, rows: Sequence[Row], value: Callable[[Row], Spread], narrow: bool) -> None:
    axes.figure.draw_without_rendering()
    points = [
        Labelled(row.weights_mb, value(row).value, value(row).error, _lines(row.name, narrow))
        for row in rows
    ]
    place_labels(axes, points, 7.0 if narrow else 8.0, INK)


def quality_of(row: Row) -> Spread:
    """The perplexity, with the paired error of its change where it was compared: what all share
    by being measured on one text is no uncertainty between them."""
    paired = row.perplexity_difference
    return Spread(row.perplexity.value, paired.error if paired else 0.0)


def quality_and_size(results: Results) -> Plot | None:
    rows = results.scored
    if len(rows) < 2:
        return None
    paired = not results.has_models and any(row.perplexity_difference for row in rows)
    value = quality_of if paired else results.quality
    front = results.front()
    kind = results.quality_name

    def draw(axes: Axes, narrow: bool) -> None:
        axes.plot(
            [row.weights_mb for row in front],
            [results.quality(row).value for row in front],
            color=FRONT,
            linewidth=1.2,
            linestyle="--",
            marker="D",
            markersize=5.5,
            zorder=1,
            label="Pareto front",
        )
        _points(axes, rows, value, front)
        axes.set_ylabel(kind)
        _legend(axes)
        _label(axes, rows, value, narrow)

    listed = [
        f"{row.name} {megabytes(row.weights_mb)} MB, {results.quality(row).value:.3f}"
        for row in rows
    ]
    errors = (
        "the paired standard error of the change from the base"
        if paired
        else "the standard error over the tokens of the text"
    )
    return Plot(
        "perplexity-size",
        f"{kind.capitalize()} against size",
        f"Scatter plot of {kind} against megabytes of weights. {_listed(listed)}. On the "
        f"Pareto front: {', '.join(row.name for row in front)}.",
        f"Lower and further left is better. Bars: {errors}. Diamonds, joined by the dashed "
        "line: the variants that no other one beats in both.",
        draw,
    )


def speed_and_size(results: Results) -> Plot | None:
    rows = [row for row in results.representative if row.decode and row.weights_mb]
    if len(rows) < 2:
        return None

    def value(row: Row) -> Spread:
        return row.decode

    speeds = [row.decode.value for row in rows]
    is_wide = max(speeds) > WIDE_RANGE * min(speeds)

    def draw(axes: Axes, narrow: bool) -> None:
        _points(axes, rows, value)
        axes.set_ylabel("decoding, tokens a second")
        if is_wide:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        if any(row.is_peer for row in rows):
            _legend(axes)
        _label(axes, rows, value, narrow)

    listed = [f"{row.name} {megabytes(row.weights_mb)} MB, {row.decode.value:.1f}" for row in rows]
    return Plot(
        "speed-size",
        "Speed against size",
        f"Scatter plot of decoding speed in tokens a second against megabytes of weights. "
        f"{_listed(listed)}.",
        "Higher and further left is better. Bars: standard deviation of the repetitions."
        + (" Each step of the axis is ten times the one below." if is_wide else ""),
        draw,
    )


def _bars_height(rows: Sequence[Row], frame: float) -> Callable[[bool], float]:
    """Of a figure with a bar for each row, and `frame` inches around them."""

    def height(narrow: bool) -> float:
        lines = max(_lines(row.name, narrow).count("\n") + 1 for row in rows)
        return frame + len(rows) * max(0.33, 0.17 * lines + 0.04)

    return height


def memory(results: Results) -> Plot | None:
    rows = [row for row in results.representative if row.components]
    if not rows:
        return None
    names = [name for name in COMPONENTS if any(row.components.get(name) for row in rows)]

    def draw(axes: Axes, narrow: bool) -> None:
        left = [0.0] * len(rows)
        for name in names:
            widths = [row.components.get(name, 0.0) for row in rows]
            label = name.replace("ffn", "feed-forward")
            axes.barh(range(len(rows)), widths, left=left, color=COMPONENTS[name], label=label)
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(rows)), [_lines(row.name, narrow) for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("weights, MB")
        _legend(axes, 2 if narrow else 6)

    listed = [
        f"{row.name}: "
        + ", ".join(
            f"{name} {megabytes(row.components[name])}"
            for name in names
            if row.components.get(name)
        )
        for row in rows
    ]
    return Plot(
        "memory",
        "What the weights take",
        f"Stacked bars of megabytes of weights by component. {_listed(listed)}.",
        "What is in the file, scales included. Components that are not quantized keep their size.",
        draw,
        _bars_height(rows, 1.8),
    )


def layer_errors(results: Results) -> Plot | None:
    rows = [row for row in results.representative if row.block_errors]
    if not rows:
        return None

    def draw(axes: Axes, narrow: bool) -> None:
        for number, row in enumerate(rows):
            blocks = sorted(row.block_errors)
            axes.plot(
                blocks,
                [100 * row.block_errors[block] for block in blocks],
                color=COLORS[number % len(COLORS)],
                marker=MARKERS[number % len(MARKERS)],
                markersize=3.5,
                linewidth=1.2,
                label=_lines(row.name, narrow),
            )
        axes.set_xlabel("decoder block")
        axes.set_ylabel("relative error, %")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes, 1 if narrow else 3)

    def height(narrow: bool) -> float:
        lines = sum(_lines(row.name, narrow).count("\n") + 1 for row in rows)
        return HEIGHT + lines * (0.17 if narrow else 0.08)

    listed = [
        f"{row.name}: from {100 * min(row.block_errors.values()):.2f} to "
        f"{100 * max(row.block_errors.values()):.2f}"
        for row in rows
    ]
    return Plot(
        "layer-error",
        "Quantization error by block",
        "Lines of the relative error in percent of the quantized weights of each decoder block. "
        f"{_listed(listed)}.",
        "Root mean square of the differences from the base's weights, relative to that of the "
        "weights, over all quantized matrices of a block.",
        draw,
        height,
    )


def curve(results: Results) -> Plot | None:
    curves = results.curves()
    if not curves:
        return None

    def draw(axes: Axes, narrow: bool) -> None:
        for number, (name, points) in enumerate(curves.items()):
            color = COLORS[number % len(COLORS)]
            values = [quality_of(row) for _, row in points]
            axes.errorbar(
                [blocks for blocks, _ in points],
                [spread.value for spread in values],
                yerr=[spread.error for spread in values],
                color=color,
                marker=MARKERS[number % len(MARKERS)],
                markersize=4,
                linewidth=1.2,
                elinewidth=0.8,
                label=_lines(name, narrow),
            )
        axes.set_xlabel("quantized blocks")
        axes.set_ylabel("perplexity")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend(axes, 1 if narrow else 3)

    listed = [
        f"{name}: "
        + ", ".join(f"{blocks} blocks {row.perplexity.value:.3f}" for blocks, row in points)
        for name, points in curves.items()
    ]
    return Plot(
        "perplexity-blocks",
        "Perplexity against the number of quantized blocks",
        f"Lines of perplexity by the number of quantized decoder blocks. {_listed(listed)}.",
        "Bars: the paired standard error of the change from the base, which has 0 quantized "
        "blocks.",
        draw,
    )


def divergences(results: Results) -> Plot | None:
    rows = [row for row in results.representative if row.divergence]
    if not rows:
        return None

    def draw(axes: Axes, narrow: bool) -> None:
        for place, row in enumerate(rows):
            at = row.divergence_quantile
            axes.plot([at(0.01), at(0.99)], [place, place], color=COLORS[0], linewidth=1.2)
            axes.plot(
                [at(0.25), at(0.75)], [place, place], color=COLORS[0], linewidth=7, alpha=0.45
            )
            axes.plot(at(0.5), place, "|", color=INK, markersize=11, markeredgewidth=1.8)
            axes.plot(row.divergence.value, place, "D", color=FRONT, markersize=4.5)
            axes.plot(at(1), place, "o", color=INK, markersize=3.5, fillstyle="none")
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), [_lines(row.name, narrow) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("KL divergence of a token, nats")

    listed = [
        f"{row.name}: median {row.divergence_quantile(0.5):.2g}, mean {row.divergence.value:.2g}, "
        f"99% {row.divergence_quantile(0.99):.2g}, maximum {row.divergence_quantile(1):.2g}"
        for row in rows
    ]
    return Plot(
        "kl-divergence",
        "How far predictions moved",
        f"Distributions of the KL divergence from the base over tokens. {_listed(listed)}.",
        "Further left is closer to the base. Thin line: from the 1st to the 99th percentile of "
        "the tokens; thick: the middle half; stroke: median; diamond: mean; circle: the largest.",
        draw,
        _bars_height(rows, 1.4),
    )


def all_plots(results: Results) -> list[Plot]:
    makers: Iterable[Callable[[Results], Plot | None]] = (
        quality_and_size,
        speed_and_size,
        memory,
        curve,
        divergences,
        layer_errors,
    )
    return [plot for maker in makers if (plot := maker(results))]

"""What the figures of a report say, in sentences that carry their uncertainty."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from qz_eval.analysis import CLEAR, Results, is_clear
from qz_eval.results import Row, Spread, megabytes

# More than so many names are counted instead.
MANY = 3
# From this part of a speed on its deviation is no small matter.
NOISY = 0.1


def named(row: Row) -> str:
    """A variant in a sentence, set apart from its words."""
    return f"`{row.name}`"


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def number(value: float, error: float) -> str:
    """With two digits of the error, and the sign of a change."""
    digits = 3 if error <= 0 else min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def change(spread: Spread) -> str:
    return ("+" if spread.value > 0 else "") + number(spread.value, spread.error).replace("-", "−")


def _size(results: Results) -> Iterator[str]:
    rows = [row for row in results.rows if row.weights_mb and not row.is_peer]
    if not rows:
        return
    smallest = min(rows, key=lambda row: row.weights_mb)
    before = smallest.imported_mb
    if before and smallest.weights_mb < before:
        yield (
            f"The smallest variant is {named(smallest)}: its weights take "
            f"{megabytes(smallest.weights_mb)} MB, {100 * smallest.weights_mb / before:.0f}% of "
            f"the {megabytes(before)} MB that were imported."
        )


def _changes(results: Results) -> Iterator[str]:
    rows = [row for row in results.rows if row.perplexity_difference]
    # Changes of perplexities of different tokens do not compare.
    if not rows or results.has_models:
        return
    base = f"`{results.conditions['base']}`" if "base" in results.conditions else "its base"
    unclear = [row for row in rows if not is_clear(row.perplexity_difference)]
    clear = [row for row in rows if is_clear(row.perplexity_difference)]
    if clear:
        worst = max(clear, key=lambda row: row.perplexity_difference.value)
        best = min(clear, key=lambda row: row.perplexity_difference.value)
        most, least = worst.perplexity_difference, best.perplexity_difference
        if most.value > 0:
            text = f"{named(worst)} raises the perplexity of {base}"
            text += f" most, by {number(most.value, most.error)}" if best is not worst else ""
            if best is worst:
                text += f" by {number(most.value, most.error)}"
            elif least.value > 0:
                text += (
                    f", and {named(best)} least of those whose change is clear, by "
                    f"{number(least.value, least.error)}"
                )
            yield f"{text}."
        if least.value < 0:
            yield (
                f"{named(best)} lowers the perplexity of {base}, by "
                f"{number(-least.value, least.error)}."
            )
    if unclear:
        each = [f"{named(row)} ({change(row.perplexity_difference)})" for row in unclear]
        yield (
            f"No difference in perplexity from {base} is seen for {listed(each)}: less than "
            f"{CLEAR:.0f} standard errors on this text."
        )


def _unpaired(a: Spread, b: Spread) -> Spread:
    """b − a, as if what each saw were independent."""
    return Spread(b.value - a.value, math.hypot(a.error, b.error))


def _close(best: Spread, row: Spread) -> bool:
    """Whether two independent figures are no clear distance apart."""
    return not is_clear(_unpaired(best, row))


def _near_to(best: Row, rows: Sequence[Row], figure: Callable[[Row], Spread]) -> list[str]:
    """Names of the others that are no clear distance from the best."""
    others = (row for row in rows if row is not best)
    return [named(row) for row in others if _close(figure(best), figure(row))]


def _beside(close: Sequence[str], what: str) -> str:
    """ "; `a` and `b` are within 2 standard errors of that", or nothing."""
    if not close:
        return ""
    others = f"{len(close)} others" if len(close) > MANY else listed(close)
    return f"; {others} {'is' if len(close) == 1 else 'are'} within {CLEAR:.0f} {what}"


def _predictions(results: Results) -> Iterator[str]:
    rows = [row for row in results.rows if row.divergence and row.same_top_percent]
    if len(rows) < 2 or results.has_models:
        return

    def divergence(row: Row) -> Spread:
        return row.divergence

    def moved(row: Row) -> str:
        top = number(row.same_top_percent.value, row.same_top_percent.error)
        text = f"{number(row.divergence.value, row.divergence.error)} nats and the same most "
        return f"{text}likely token for {top}% of the tokens"

    near = min(rows, key=lambda row: row.divergence.value)
    far = max(rows, key=lambda row: row.divergence.value)
    errors = "standard errors of that"
    yield (
        f"The predictions of {named(near)} stay closest to the base: a mean KL divergence of "
        f"{moved(near)}{_beside(_near_to(near, rows, divergence), errors)}. Those of "
        f"{named(far)} move furthest: {moved(far)}"
        f"{_beside(_near_to(far, rows, divergence), errors)}."
    )


def _answers(results: Results) -> Iterator[str]:
    """A sentence or two for each file of questions."""
    for task in results.conditions.get("tasks", ()):
        name = task["task"]
        rows = [row for row in results.rows if row.accuracy(name)]
        if not rows:
            continue
        base = next((row for row in rows if row.name == task.get("base")), None)
        first = base or max(rows, key=lambda row: row.accuracy(name).value)
        right = first.accuracy(name)
        text = f"Of the {task['items']:,} questions in {name}, {named(first)} answers "
        text += f"{number(right.value, right.error)}% right"
        changes = [(row, row.accuracy(name, "acc_difference")) for row in rows]
        changes = [(row, gap) for row, gap in changes if gap]
        clear = [f"{named(row)} ({change(gap)})" for row, gap in changes if is_clear(gap)]
        same = [f"{named(row)} ({change(gap)})" for row, gap in changes if not is_clear(gap)]
        if len(same) > MANY:
            same = [f"{'the other ' if clear else ''}{len(same)} variants"]
        if clear:
            text += f"; that changes for {listed(clear)}"
        if same:
            text += f"; no change is seen for {listed(same)}"
        if not changes and len(rows) > 1:
            text += ", the most of all"
        yield f"{text}."


def _change_of(results: Results, row: Row) -> Spread | None:
    """From the base, which itself has none."""
    return Spread(0.0, 0.0) if row is results.base else row.perplexity_difference


def _gap(results: Results, a: Row, b: Row) -> Spread:
    """How much worse b is. Of variants of one model the changes from the base count, whose errors
    are paired and much smaller."""
    changes = (_change_of(results, a), _change_of(results, b))
    if results.has_models or None in changes:
        return _unpaired(results.quality(a), results.quality(b))
    return _unpaired(*changes)


def _undecided(results: Results) -> list[str]:
    """Names of the rows that are on the front, or are not, by no clear difference from the best of
    those that are at least as small."""
    front = results.front()
    found = []
    for row in results.scored:
        smaller = [
            other for other in front if other is not row and other.weights_mb <= row.weights_mb
        ]
        if smaller and not is_clear(_gap(results, smaller[-1], row)):
            found.append(named(row))
    return found


def _front(results: Results) -> Iterator[str]:
    rows = results.scored
    if len(rows) < 3:
        return
    front = [named(row) for row in results.front()]
    kind = results.quality_name
    better = "fewer bits a byte" if results.has_models else "a lower perplexity"
    if len(front) == len(rows):
        yield f"Every variant is on the Pareto front of size and {kind}: none beats another."
    else:
        yield (
            f"On the Pareto front of size and {kind} {'lies' if len(front) == 1 else 'lie'} "
            f"{listed(front)}; each other variant is beaten by one that is at least as small and "
            f"has {better}."
        )
    if undecided := _undecided(results):
        which = f"{len(undecided)} of them" if len(undecided) > 2 * MANY else listed(undecided)
        yield f"For {which} less than {CLEAR:.0f} standard errors decide about that."


def _equal_memory(results: Results) -> Iterator[str]:
    kind = results.quality_name
    for best, second, *others in results.size_classes():
        rows = (best, second, *others)
        sizes = [row.weights_mb for row in rows]
        gap = _gap(results, best, second)
        value = results.quality(best)
        text = (
            f"At {megabytes(min(sizes))} to {megabytes(max(sizes))} MB of weights, {named(best)} "
            f"is the best of {len(rows)}, at {number(value.value, value.error)} {kind}; "
            f"{named(second)} is next, {number(gap.value, gap.error)} more"
        )
        yield text + ("." if is_clear(gap) else ", which is no clear difference on this text.")


def _larger_or_smaller(results: Results) -> Iterator[str]:
    """A larger model quantized against a smaller one as it is, at equal memory."""
    if not results.has_models:
        return
    for rows in results.size_classes():
        plain = [row for row in rows if row.weights_mb == row.imported_mb]
        for small in plain:
            larger = [row for row in rows if row.imported_mb > 1.1 * small.imported_mb]
            if not larger:
                continue
            # The best of them stands first.
            large = larger[0]
            gap = _unpaired(results.quality(large), results.quality(small))
            if is_clear(gap):
                verb = "beats" if gap.value > 0 else "does not reach"
                text = f"by {number(abs(gap.value), gap.error)} bits a byte"
            else:
                verb, text = "is as good as", f"{change(gap)} bits a byte for the latter"
            yield (
                f"In the memory of {named(small)} ({megabytes(small.weights_mb)} MB, not "
                f"quantized), the larger {named(large)} ({megabytes(large.weights_mb)} MB) {verb} "
                f"it: {text}."
            )


def _schemes(results: Results) -> Iterator[str]:
    """Linear against NF4 at four bits, where both quantize the same layers."""
    by_selection = {
        (row.model, row.selection or ""): row for row in results.rows if row.perplexity_difference
    }
    for (model, selection), nf4 in by_selection.items():
        linear = by_selection.get((model, selection.replace("=nf4", "=q4_0")))
        if not linear or linear is nf4:
            continue
        gap = _gap(results, linear, nf4)
        which = "lower" if gap.value < 0 else "higher"
        clear = is_clear(gap)
        gap_text = number(abs(gap.value), gap.error)
        yield (
            f"At four bits, {named(nf4)} has a perplexity {which} by {gap_text} than "
            f"{named(linear)}" + ("." if clear else ", which is no clear difference on this text.")
        )


def _ratio(a: Spread, b: Spread) -> Spread:
    """a / b of independent figures."""
    ratio = a.value / b.value
    return Spread(ratio, ratio * math.hypot(a.error / a.value, b.error / b.value))


def _speed(results: Results) -> Iterator[str]:
    rows = [row for row in results.rows if row.decode and row.decode.value > 0]
    if len(rows) < 2:
        return

    def speed(row: Row) -> Spread:
        return row.decode

    fastest = max(rows, key=lambda row: row.decode.value)
    close = _near_to(fastest, rows, speed)
    text = (
        f"{named(fastest)} decodes fastest, at "
        f"{number(fastest.decode.value, fastest.decode.error)} tokens a second"
    )
    base = results.base
    if base in rows and base is not fastest and named(base) not in close:
        ratio = _ratio(fastest.decode, base.decode)
        text += f", {number(ratio.value, ratio.error)} times {named(base)}"
    yield f"{text}{_beside(close, 'standard deviations of it')}."


def _noise(results: Results) -> Iterator[str]:
    """A reader may take means for more than they are."""
    noisy = [
        named(row)
        for row in results.rows
        if any(speed and speed.error > NOISY * speed.value for speed in (row.prefill, row.decode))
    ]
    if noisy:
        which = f"{len(noisy)} variants" if len(noisy) > MANY else listed(noisy)
        yield (
            f"The speeds of {which} scatter by more than {100 * NOISY:.0f}% from one repetition to "
            "the next: other programs may have run beside them."
        )


def _peers(results: Results) -> Iterator[str]:
    """Each row of another package beside the variant that it corresponds to."""
    own = {row.name: row for row in results.rows if not row.is_peer}
    for peer in results.rows:
        package, _, scheme = peer.name.partition(" ")
        if not peer.is_peer or package.endswith(":"):
            continue
        ours = own.get("none" if package == "transformers" else scheme)
        if not ours:
            continue
        parts = []
        if peer.perplexity and ours.perplexity:
            found = [f"{r.perplexity.value:.3f} ± {r.perplexity.error:.3f}" for r in (ours, peer)]
            parts.append(f"a perplexity of {found[0]} against {found[1]}")
        if peer.decode and ours.decode:
            own_speed, speed = (number(r.decode.value, r.decode.error) for r in (ours, peer))
            parts.append(f"{own_speed} against {speed} tokens a second")
        if peer.rss_mb and ours.rss_mb:
            parts.append(
                f"at most {megabytes(ours.rss_mb)} against {megabytes(peer.rss_mb)} MB of the "
                "host's memory"
            )
        if parts:
            yield f"{named(ours)} beside {named(peer)}: {listed(parts)}."


def _failures(results: Results) -> Iterator[str]:
    failed = [named(row) for row in results.rows if row.error]
    if failed:
        yield f"Not measured, or not wholly: {listed(failed)}; the reasons are below the table."


def sentences(results: Results) -> list[str]:
    makers = (
        _failures,
        _size,
        _changes,
        _predictions,
        _answers,
        _front,
        _equal_memory,
        _larger_or_smaller,
        _schemes,
        _speed,
        _noise,
        _peers,
    )
    return [sentence for maker in makers for sentence in maker(results)]

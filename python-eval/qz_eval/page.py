"""report.html: one file with everything in it, for screens, phones, printers, screen readers."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from qz_eval.analysis import Results
from qz_eval.conditions import definitions, facts
from qz_eval.glossary import terms
from qz_eval.plots import Drawn
from qz_eval.sentences import sentences
from qz_eval.table import MAIN, Table, details, is_text, rows_of, used


def _inline(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def title(results: Results) -> str:
    models = {row.model: None for row in results.rows if row.model}
    return f"{', '.join(models) or 'Models'}: quantized variants compared"


# Characters of an option that fit into a phone's first column.
SHORT = 18


def _whole(text: str) -> Markup:
    """The text with each option kept together: browsers break lines after the hyphens."""
    words = (
        Markup('<span class="option{}">{}</span>').format(" short" * (len(word) <= SHORT), word)
        if word.startswith("-")
        else escape(word)
        for word in text.split(" ")
    )
    return Markup(" ").join(words)


def _lead(results: Results) -> str:
    peers = sum(row.is_peer for row in results.rows)
    count = len(results.rows) - peers
    text = f"{count} variant{'' if count == 1 else 's'}"
    if peers:
        text += f" beside {peers} run{'' if peers == 1 else 's'} of other packages"
    if device := next((row.device for row in results.rows if row.device), None):
        text += f", on {device}"
    if "text" in results.conditions:
        text += f"; scored on {results.conditions['text']}"
    return f"{text}."


def _shown(table: Table, results: Results) -> dict[str, object]:
    """As the template wants it."""
    rows = rows_of(results.rows, table)
    columns = used(rows, table)
    return {
        # Plots have names of their own, "memory" among them.
        "name": re.sub(r"[^a-z0-9]+", "-", f"{table.title.lower()} table"),
        "title": table.title,
        "caption": table.caption,
        "columns": [{"title": column.title, "text": is_text(column, rows)} for column in columns],
        "rows": [[column.show(row) for column in columns] for row in rows],
    }


def page(results: Results, plots: Sequence[Drawn]) -> str:
    environment = Environment(
        loader=PackageLoader("qz_eval", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["whole"] = _whole
    return environment.get_template("page.html.jinja").render(
        title=title(results),
        lead=_lead(results),
        # A figure and its error stay on one line.
        sentences=[text.replace(" ± ", "\u00a0±\u00a0") for text in sentences(results)],
        main=_shown(MAIN, results),
        details=[_shown(table, results) for table in details(results.rows)],
        failures=[(row.name, row.error) for row in results.rows if row.error],
        plots=[
            {
                "name": drawn.plot.name,
                "title": drawn.plot.title,
                "alt": drawn.plot.alt,
                "caption": drawn.plot.caption,
                "wide": _inline(drawn.svg),
                "narrow": _inline(drawn.narrow),
            }
            for drawn in plots
        ],
        facts=facts(results),
        definitions=definitions(results),
        glossary=terms(
            compared=any(row.divergence for row in results.rows),
            asked=any(row.tasks for row in results.rows),
            storages={name for row in results.rows for name in row.storages},
        ),
    )

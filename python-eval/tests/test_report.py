"""What a report says, and whether everybody can read it."""

from __future__ import annotations

import csv
import itertools
import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from results_samples import answered, comparison, entry, results, sample

from qz_eval.analysis import Results
from qz_eval.glossary import terms
from qz_eval.plots import all_plots, speed_and_size
from qz_eval.report import markdown_report, write_report
from qz_eval.results import Spread
from qz_eval.sentences import change, listed, sentences
from qz_eval.table import details, markdown


def said(*entries: dict, **conditions: object) -> str:
    return "\n".join(sentences(Results.of(results(*entries, **conditions))))


def test_numbers_have_the_digits_of_their_errors() -> None:
    assert change(Spread(0.01234, 0.0042)) == "+0.0123 ± 0.0042"
    assert change(Spread(-3.456, 0.12)) == "−3.46 ± 0.12"
    assert change(Spread(151.9, 23.0)) == "+152 ± 23"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"


def test_front_has_what_nothing_beats() -> None:
    front = Results.of(sample()).front()
    assert [row.name for row in front] == ["q4_0", "int8", "none"]


def test_sentences_carry_their_uncertainty() -> None:
    text = "\n".join(sentences(Results.of(sample())))
    assert (
        "`nf4` raises the perplexity of `none` most, by 3.50 ± 0.10, and `nf4 --blocks=0:1` least "
        "of those whose change is clear, by 1.000 ± 0.050." in text
    )
    assert "No difference in perplexity from `none` is seen for `int8` (+0.010 ± 0.020)" in text
    assert "The smallest variant is `nf4`: its weights take 60.00 MB, 30% of the 200.0 MB" in text
    assert (
        "predictions of `int8` stay closest to the base: a mean KL divergence of 0.001000 ± "
        "0.000020 nats and the same most likely token for 99.90 ± 0.10% of the tokens. Those of "
        "`nf4` move furthest: 0.2000 ± 0.0040 nats and the same most likely token for "
        "80.00 ± 0.10% of the tokens." in text
    )
    assert "Pareto front of size and perplexity lie `q4_0`, `int8` and `none`" in text
    assert (
        "For `none` and `nf4 --blocks=0:2` less than 2 standard errors decide about that." in text
    )
    assert "At four bits, `nf4` has a perplexity higher by 1.50 ± 0.14 than `q4_0`." in text
    assert (
        "`nf4` decodes fastest, at 130.0 ± 1.0 tokens a second, 1.857 ± 0.030 times `none`." in text
    )
    assert "Not measured, or not wholly: `fp4 <&>`" in text


def test_what_is_not_clear_is_not_claimed() -> None:
    text = said(
        entry("nf4", 60, 16.0, 130, comparison=comparison(3.5, 0.4, 0.2)),
        entry("q4_0", 60, 16.5, 129.5, comparison=comparison(4.0, 0.4, 0.3)),
    )
    assert "a perplexity lower by 0.50 ± 0.57 than `q4_0`, which is no clear difference" in text
    assert "`nf4` decodes fastest" in text
    assert "; `q4_0` is within 2 standard deviations of it." in text
    text = said(
        entry("none", 200, 12.7, 70),
        entry("nf4", 60, 16.0, 130, comparison=comparison(3.3, 0.4, 0.200)),
        entry("nf4 --double-quant", 55, 16.1, 129.5, comparison=comparison(3.4, 0.4, 0.201)),
        entry("int8", 110, 13.9, 130, comparison=comparison(1.2, 0.1, 0.1)),
        entry("int8g", 110, 13.8, 130, comparison=comparison(1.1, 0.1, 0.1)),
    )
    # On the front or not, with paired errors: the base's own change is known to be none.
    assert "lie `nf4 --double-quant`, `nf4`, `int8g` and `none`" in text
    assert "For `nf4` and `int8` less than 2 standard errors decide about that." in text
    assert "move furthest: 0.2010 ± 0.0040 nats" in text
    assert "of the tokens; `nf4` is within 2 standard errors of that." in text


def test_scattered_speeds_are_noticed() -> None:
    rows = [entry(name, 200, 12.7, 70) for name in "abcde"]
    assert "scatter" not in said(*rows)
    rows[1]["bench"]["prefill_tok_s_sd"] = 80.0
    assert "The speeds of `b` scatter by more than 10%" in said(*rows)
    for row in rows:
        row["bench"]["decode_tok_s_sd"] = 8.0
    assert "The speeds of 5 variants scatter by more than 10%" in said(*rows)


def test_details_have_rows_of_what_was_measured() -> None:
    rows = Results.of(sample()).rows
    for table in details(rows):
        assert "fp4 <&>" not in markdown(rows, table)
    assert "fp4 <&>" in markdown(rows)


def test_peers_stand_beside_their_variants() -> None:
    text = said(
        entry("none", 200, 12.7, 70),
        entry("nf4", 60, 16.2, 130),
        entry("bitsandbytes nf4", 60, 16.1, 60, is_peer=True),
        entry("transformers float32", 400, 12.7, 50, is_peer=True),
        entry("llama.cpp: nf4", 50, 16.0, 120, is_peer=True),
    )
    assert (
        "`nf4` beside `bitsandbytes nf4`: a perplexity of 16.200 ± 0.500 against 16.100 ± 0.500, "
        "130.0 ± 1.0 against 60.0 ± 1.0 tokens a second and at most 90.00 against 90.00 MB of "
        "the host's memory." in text
    )
    assert "`none` beside `transformers float32`: a perplexity of 12.700 ± 0.500 against" in text
    assert "beside `llama.cpp: nf4`" not in text
    assert "The smallest variant is `nf4`" in text


def test_one_change_or_a_better_perplexity() -> None:
    base = entry("none", 200, 12.7, 70)
    one = said(base, entry("nf4", 60, 16.2, 130, comparison=comparison(3.5, 0.1, 0.2)))
    assert "`nf4` raises the perplexity of `none` by 3.50 ± 0.10." in one
    better = said(base, entry("nf4", 60, 11.7, 130, comparison=comparison(-1.0, 0.1, 0.2)))
    assert "`nf4` lowers the perplexity of `none`, by 1.00 ± 0.10." in better
    assert "raises" not in better


def test_answers_are_said_with_their_changes() -> None:
    assert (
        "Of the 1,200 questions in quiz, `none` answers 60.0 ± 2.0% right; that changes for `nf4` "
        "(−10.0 ± 1.0); no change is seen for `int8` (−1.0 ± 1.0)."
        in "\n".join(sentences(Results.of(sample())))
    )
    text = said(
        entry("a", 200, 12.7, 70, tasks=[answered(0.4)]),
        entry("b", 200, 12.7, 70, tasks=[answered(0.5)]),
        tasks=[{"task": "quiz", "sha256": "cd" * 32, "items": 1200}],
    )
    assert "`b` answers 50.0 ± 2.0% right, the most of all." in text


def test_slow_packages_do_not_crowd_a_plot() -> None:
    rows = [entry("none", 200, 12.7, 900), entry("other", 200, 12.7, 11, is_peer=True)]
    for slow, is_wide in ((11, True), (400, False)):
        rows[1]["bench"]["decode_tok_s"] = slow
        plot = speed_and_size(Results.of(results(*rows)))
        axes = Figure().subplots()
        FigureCanvasAgg(axes.figure)
        plot.draw(axes, False)
        assert (axes.get_yscale() == "log") == is_wide
        assert ("ten times" in plot.caption) == is_wide


@pytest.mark.parametrize("narrow", [False, True])
def test_long_names_leave_room_for_what_is_drawn(narrow: bool) -> None:
    json = sample()
    for row in json["executables"]:
        if row["name"] == "nf4":
            row["name"] = "int4/128 asym --blocks=0:12 --components=attn,ffn --double-quant"
    for plot in all_plots(Results.of(json)):
        figure = plot.figure(narrow)
        figure.draw_without_rendering()
        [axes] = figure.axes
        room = figure.bbox
        assert axes.bbox.width > 0.4 * room.width and axes.bbox.height > 0.4 * room.height
        texts = [*axes.texts, *axes.get_yticklabels()]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        for text in texts:
            if text.get_text().startswith("int4/128"):
                box = text.get_window_extent()
                assert room.x0 <= box.x0 and box.x1 <= room.x1, plot.name
                assert room.y0 <= box.y0 and box.y1 <= room.y1, plot.name


def test_nothing_is_said_of_nothing() -> None:
    assert said({"name": "a", "error": "broke"}).count("\n") == 0
    report = markdown_report(Results.of(results({"name": "a", "error": "broke"})))
    assert "| a |" in report and "* a: broke\n" in report


def test_terms_of_what_is_there() -> None:
    some = {name for name, _ in terms(compared=False, asked=False)}
    assert {"Perplexity", "int8", "GGUF"} <= some
    rare = {
        storage: {name for name, _ in terms(False, False, {storage, "nf4"})} - some
        for storage in ("q6_k", "int4", "fp8", "ternary", "nf4")
    }
    assert [len(names) for names in rare.values()] == [1, 1, 1, 1, 0]
    json = entry("int4/64 asym", 60, 16, 130)
    assert Results.of(results(json)).rows[0].storages == ["int4"]


class Page(HTMLParser):
    """Tags with their attributes; unclosed ones are an error."""

    VOID = ("meta", "img", "source", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "deep" / "er"
    assert write_report(sample(), out) == (out / "report.md").read_text()
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text())


def test_page_is_self_contained(page: Page) -> None:
    for _, attributes in page.tags:
        for name in ("src", "srcset", "href"):
            if value := attributes.get(name):
                assert value.startswith(("data:image/svg+xml;base64,", "#")), value[:80]
    assert page.all("script") == [] and page.all("link") == []


def test_page_has_structure(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    assert "width=device-width" in (page.all("meta")[1]["content"] or "")
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    ids = Counter(attributes["id"] for _, attributes in page.tags if "id" in attributes)
    assert set(ids.values()) == {1}
    links = [attributes["href"] for attributes in page.all("a")]
    assert links[0] == "#main" and page.all("a")[0]["class"] == "skip"
    assert {link.removeprefix("#") for link in links} <= set(ids)
    for _, attributes in page.tags:
        for name in ("aria-labelledby",):
            assert attributes.get(name) is None or attributes[name] in ids


def test_page_is_for_screen_readers(page: Page) -> None:
    assert all(len(image["alt"] or "") > 40 for image in page.all("img"))
    assert {cell["scope"] for cell in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == 5
    # What scrolls can be reached by keyboard.
    scrolling = [a for _, a in page.tags if a.get("class") == "scroll"]
    assert all(a["tabindex"] == "0" and a["role"] == "region" for a in scrolling)


def test_page_has_all_of_it(page: Page) -> None:
    titles = [plot.title for plot in all_plots(Results.of(sample()))]
    assert len(titles) == 6 == len(page.all("img")) == len(page.all("source"))
    for word in (*titles, "int8", "Linear 4-bit", "NF4", "GGUF", "Some CPU", "ab" * 32, "fp4 <&>"):
        assert word in page.text, word
    for word in ("7.71", "76.0", "29.50", "of the whole device", "hf-footprint"):
        assert word in page.text, word
    # What is beside the base, with its errors.
    for word in ("1.2756 ± 0.0079", "−2.500 ± 0.286", "10.000 ± 0.222"):
        assert word in page.text, word
    assert "12.710 ± 0.500" in page.text and "qzc: it broke" in page.text


def test_files(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"plots", "report.html", "report.md", "results.csv", "results.json"}
    plots = all_plots(Results.of(sample()))
    for plot in plots:
        svg = (folder / "plots" / f"{plot.name}.svg").read_bytes()
        assert ET.fromstring(svg).tag.endswith("svg")
        assert (folder / "plots" / f"{plot.name}.png").read_bytes().startswith(b"\x89PNG")
    # The same results make the same files.
    assert plots[0].render("svg") == (folder / "plots" / f"{plots[0].name}.svg").read_bytes()
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["variant"] for row in rows] == [e["name"] for e in sample()["executables"]]
    assert float(rows[2]["kl_divergence"]) == 0.2
    assert rows[0]["kl_divergence"] == rows[0]["kl_divergence_error"] == ""
    assert rows[-1]["error"] == "qzc: it broke"

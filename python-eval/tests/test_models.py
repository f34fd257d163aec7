"""Different models in one report: bits a byte, and what is best at equal memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from results_samples import comparison, entry, results

from qz_eval.analysis import Results
from qz_eval.cli import main
from qz_eval.sentences import sentences


def of_model(name: str, imported: float, *entries: dict, **conditions: object) -> dict:
    for each in entries:
        each["info"]["model"]["name"] = name
        each["info"]["memory"]["imported"]["packed_bytes"] = int(imported * 1e6)
    return results(*entries, **conditions)


def small() -> dict:
    return of_model("small", 105, entry("none", 105, 32.0, 90))


def large(error: float = 0.002) -> dict:
    quantized = entry("nf4", 100, 16.0, 80, comparison=comparison(1.0, 0.1, 0.1))
    quantized["score"]["bits_per_byte_error"] = error
    return of_model("large", 400, entry("none", 400, 14.0, 30), quantized)


@pytest.fixture
def reported(tmp_path: Path) -> Path:
    for part, name in ((small(), "small"), (large(), "large")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps(part))
    main(
        [
            "report",
            str(tmp_path / "small"),
            str(tmp_path / "large"),
            "-o",
            str(tmp_path / "both"),
            "--iso-memory",
        ]
    )
    return tmp_path / "both"


def test_report_on_several_results(reported: Path) -> None:
    text = (reported / "report.md").read_text()
    assert "| bits a byte |" in text and "| 1.2500 ± 0.0100 |" in text
    for name in ("small none", "large none", "large nf4"):
        assert f"| {name} |" in text
    # log2(16) / 4 and log2(32) / 4, whose errors are 0.002 and 0.01.
    assert (
        "At 100.0 to 105.0 MB of weights, `large nf4` is the best of 2, at 1.0000 ± 0.0020 bits "
        "a byte; `small none` is next, 0.250 ± 0.010 more." in text
    )
    assert (
        "In the memory of `small none` (105.0 MB, not quantized), the larger `large nf4` "
        "(100.0 MB) beats it: by 0.250 ± 0.010 bits a byte." in text
    )
    assert "raises the perplexity" not in text
    page = (reported / "report.html").read_text()
    assert "Bits a byte against size" in page and "small, large" in page
    # The option is part of the results.
    assert json.loads((reported / "results.json").read_text())["conditions"]["iso_memory_percent"]


def test_what_is_not_clear_is_said_so() -> None:
    rows = [*small()["executables"], *large(error=0.2)["executables"]]
    for row in rows:
        row["name"] = f"{row['info']['model']['name']} {row['name']}"
    said = "\n".join(sentences(Results.of(results(*rows, iso_memory_percent=10.0))))
    assert "`small none` is next, 0.25 ± 0.20 more, which is no clear difference" in said
    assert "`large nf4` (100.0 MB) is as good as it" in said
    # Nothing of about equal memory, or no question: no sentence.
    for conditions in ({"iso_memory_percent": 2.0}, {}):
        said = "\n".join(sentences(Results.of(results(*rows, **conditions))))
        assert "MB of weights, " not in said and "In the memory of" not in said


def test_variants_of_one_model_are_compared_by_their_paired_changes() -> None:
    rows = [
        entry("nf4", 60, 16.2, 130, comparison=comparison(3.5, 0.1, 0.2)),
        entry("q4_0", 62, 14.7, 122, comparison=comparison(2.0, 0.1, 0.1)),
    ]
    said = "\n".join(sentences(Results.of(results(*rows, iso_memory_percent=10.0))))
    assert (
        "At 60.00 to 62.00 MB of weights, `q4_0` is the best of 2, at 14.70 ± 0.50 perplexity; "
        "`nf4` is next, 1.50 ± 0.14 more." in said
    )


def test_one_model_has_perplexities() -> None:
    parsed = Results.of(large())
    assert not parsed.has_models and parsed.quality_name == "perplexity"


def test_results_of_another_text_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = of_model("other", 50, entry("none", 50, 30.0, 90), text_sha256="cd" * 32)
    for part, name in ((small(), "a.json"), (other, "b.json"), (small(), "c.json")):
        (tmp_path / name).write_text(json.dumps(part))

    def refusal(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            main(["report", *arguments])
        return capsys.readouterr().err

    a, b, c = (str(tmp_path / name) for name in ("a.json", "b.json", "c.json"))
    out = ("-o", str(tmp_path / "out"))
    assert "text_sha256" in refusal(a, b, *out)
    assert "two of the results are called 'small none'" in refusal(a, c, *out)
    assert "-o DIR is needed" in refusal(a, c)
    assert not (tmp_path / "out").exists()

"""What a model card says of its executables."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from results_samples import sample

from qz_eval.analysis import Results
from qz_eval.card import Chosen, card

OPTIONS = Namespace(base_model="owner/tiny", license="mit", title=None)


def test_says_what_it_runs_on_and_what_failed(tmp_path: Path) -> None:
    results = Results.of(sample())
    program = tmp_path / "none.bin"
    program.write_bytes(b"x")

    def text(*code: str) -> str:
        return card(results, [Chosen(program, results.rows[0], "ab", False, code)], [], OPTIONS)

    on_gpu, on_cpu = text("sm_80", "sm_90a"), text()
    assert "It has GPU code (sm_80, sm_90a), which needs NVIDIA's driver" in on_gpu
    assert "x86-64 and runs on the CPU." in on_cpu and "GPU code" not in on_cpu
    for each in (on_gpu, on_cpu):
        assert "./none.bin --prompt" in each and "* fp4 <&>: qzc: it broke\n" in each

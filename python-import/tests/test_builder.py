"""The builder says all that the dialect can: its methods have the arguments of the ops."""

from __future__ import annotations

import inspect
import json
import math
import subprocess
from pathlib import Path

import pytest

from qz_import.builder import GraphBuilder
from qz_import.errors import ImportFailure
from qz_import.packed import Weights
from qz_import.weights import StoredTensor

ROOT = Path(__file__).resolve().parents[2]
DIALECT = "qzc/Dialect/Qz/IR/QzOps.td"
# Where a module is put together, or what only passes make.
WRITTEN_ELSEWHERE = {"model", "file", "graph", "block", "yield", "return", "param"}
MADE_BY_PASSES = {"linear_group", "gated_linear", "rows"}
ARGUMENTS_OF_PASSES = {"linear": {"residual", "activation"}, "attention": {"rope"}}
OPTIONAL = {"Optional", "OptionalAttr", "DefaultValuedAttr", "UnitAttr"}


def operations() -> dict[str, dict[str, bool]]:
    """The arguments of each op of QzOps.td, and whether they may be left out."""
    command = ["/usr/lib/llvm-19/bin/llvm-tblgen", "--dump-json", "-I", "/usr/lib/llvm-19/include"]
    command += ["-I", ROOT / "include", ROOT / "include" / DIALECT]
    records = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def is_optional(definition: str) -> bool:
        classes = {definition, *records[definition]["!superclasses"]}
        return bool(classes & OPTIONAL)

    return {
        records[name]["opName"]: {
            argument: is_optional(kind["def"])
            for kind, argument in records[name]["arguments"]["args"]
        }
        for name in records["!instanceof"]["Qz_Op"]
    }


OPERATIONS = operations()


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - WRITTEN_ELSEWHERE - MADE_BY_PASSES))
def test_methods_have_the_arguments_of_the_ops(name: str) -> None:
    parameters = inspect.signature(getattr(GraphBuilder, name)).parameters
    method = {
        key: parameter.default is not inspect.Parameter.empty
        for key, parameter in parameters.items()
        if key not in ("self", "hint")
    }
    left_out = ARGUMENTS_OF_PASSES.get(name, set())
    assert method == {k: v for k, v in OPERATIONS[name].items() if k not in left_out}


def builder(name: str, *shape: int) -> GraphBuilder:
    """Of a checkpoint with one f32 tensor."""
    return GraphBuilder(
        Weights({name: StoredTensor(name, Path("w"), 8, 4 * math.prod(shape), shape, "F32")}),
        "folder",
        "f32",
    )


def test_weights_are_reused_where_they_are_used_alike() -> None:
    graph = builder("w", 4, 4)
    first = graph.param("w", "w", 4, 4)
    assert graph.param("again", "w", 4, 4) is first
    turned = graph.param("t", "w", 4, 4, transposed=True)
    upper = graph.param("u", "w", 4, 4, rows=((0, 2),))
    assert len({first.name, turned.name, upper.name}) == 3 and len(graph.lines) == 3
    with graph.block(0, graph.embed("x", graph.tokens, first)) as block:
        assert graph.param("inner", "w", 4, 4) is first
        inner = graph.param("inner", "w", 4, 4, rows=((2, 4),))
        block.result = block.input
    # What a block declares is its own.
    assert graph.param("outer", "w", 4, 4, rows=((2, 4),)) is not inner
    with pytest.raises(ImportFailure, match=r"\[4, 4\].*\[2, 8\]"):
        graph.param("w", "w", 2, 8)


def test_several_ranges_of_rows() -> None:
    graph = builder("w", 6, 5)
    weight = graph.param("w", "w", 6, 5, rows=((0, 1), (3, 5)))
    assert weight.shape == (3, 5)
    assert graph.lines[-1].endswith(
        'qz.param "w" @w[8] rows [[0, 1], [3, 5]] source tensor<6x5xf32> : tensor<3x5xf32>'
    )

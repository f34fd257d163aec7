"""--rederive: every byte of an executable's weights is what its source and its recipe give."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from altered_images import WEIGHTS, alter, alter_manifest
from conftest import assert_refused, qz_import, qzc, run
from safetensors.numpy import load_file, save_file
from test_packed import GOLDEN, NAMES

Imported = Callable[[str], Path]

Q = "model.layers.0.self_attn.q_proj.weight"


def tensors_of(image: Path) -> list[dict]:
    return json.loads(run(image, "--info", "--json").stdout)["tensors"]


def source_of(module: Path) -> Path:
    """The folder of the weights that a module refers to."""
    made = module.with_suffix(".hf")
    return made if made.exists() else module.parent


def compiled(module: Path, image: Path, *options: object) -> Path:
    qzc(module, "--arch=none", *options, "-o", image)
    return image


def rederive(image: Path, folder: Path, *options: object, **kwargs: object) -> object:
    return qzc("--rederive", image, folder, *options, **kwargs)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("llama-f32", ()),
        ("llama-bf16", ("--quantize=nf4/32 double", "--components=all", "--dtype=f16")),
        (
            "llama-f32",
            ("--quantize=int4/32 asym", "--components=attn", "--rule=layers.0.self_attn.q=int8",
             "--rule=mlp.(gate|up)=q5_1", "--rule=layers.1.self_attn=int3/32", "--method=mse"),
        ),
        ("gpt2-bf16", ("--quantize=nf4", "--blocks=0:1", "--components=q,v,ffn")),
        ("gpt2-f32", ("--quantize=int8", "--components=all")),
    ],
)  # fmt: skip
def test_what_qzc_wrote_is_derivable(
    imported: Imported, tmp_path: Path, model: str, options: tuple[str, ...]
) -> None:
    module = imported(model)
    image = compiled(module, tmp_path / "x.bin", *options)
    count = len(tensors_of(image))
    for threads in (1, 3):
        done = rederive(image, source_of(module), f"--threads={threads}")
        assert f"{count} of {count} tensors" in done.stdout
        assert "not derivable" not in done.stdout
    # The same weights in a file of their own, and the folder somewhere else.
    compiled(module, tmp_path / "y.bin", *options, f"--weights={tmp_path / 'y.weights'}")
    shutil.copytree(source_of(module), tmp_path / "elsewhere")
    assert rederive(tmp_path / "y.bin", tmp_path / "elsewhere").stdout == done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_of_checkpoints_that_are_quantized_already(name: str, tmp_path: Path) -> None:
    source, module = GOLDEN / name, tmp_path / "m.mlir"
    qz_import(source, "-o", module)
    image = compiled(module, tmp_path / "x.bin")
    count = len(tensors_of(image))
    assert f"{count} of {count} tensors" in rederive(image, source).stdout
    # Codes that were made anew of the decoded ones.
    compiled(module, image, "--quantize=fp4/32", "--requantize")
    count = len(tensors_of(image))
    assert f"{count} of {count} tensors" in rederive(image, source).stdout


def test_of_a_gguf(imported: Imported, tmp_path: Path) -> None:
    """Its blocks are in the folder that the import makes, the same each time."""
    file, image = tmp_path / "m.gguf", tmp_path / "x.bin"
    qzc(imported("llama-f32"), "--quantize=q4_0", "--components=attn,gate,up", f"--gguf={file}")
    for name in ("one", "two"):
        qz_import(file, "-o", tmp_path / f"{name}.mlir")
    compiled(tmp_path / "one.mlir", image, "--rule=mlp.down=nf4/32")
    count = len(tensors_of(image))
    assert f"{count} of {count} tensors" in rederive(image, tmp_path / "two.hf").stdout


@pytest.fixture(scope="module")
def mixed(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("mixed") / "x.bin"
    return compiled(imported("llama-f32"), image, "--quantize=nf4/32 double",
                    "--rule=layers.0.self_attn.k=int4/32")  # fmt: skip


def test_one_altered_byte_is_found(imported: Imported, mixed: Path, tmp_path: Path) -> None:
    """Where every hash says that the file is sound."""
    out, folder = tmp_path / "x.bin", imported("llama-f32").parent
    tensors, rng = tensors_of(mixed), np.random.default_rng(3)
    ends = [t["offset"] for t in tensors[1:]]
    chosen = rng.choice(len(ends), 6, replace=False)
    for i, at in [(int(i), int(rng.integers(tensors[i]["offset"], ends[i]))) for i in chosen]:
        stored: list[int] = []

        def flip(section: bytearray, at: int = at, stored: list[int] = stored) -> None:
            stored.append(section[at] ^ 0x10)
            # What follows is damaged too: the first counts.
            section[at], section[-1] = stored[0], section[-1] ^ 1

        alter(mixed, out, WEIGHTS, flip)
        run(out, "--verify")
        done = rederive(out, folder, check=False)
        name, offset = tensors[i]["source"]["name"], at - tensors[i]["offset"]
        assert_refused(done, f"'{name}'", f"byte {offset} of", f"is 0x{stored[0]:02x}")
        assert done.stdout == ""


def test_a_manifest_that_says_otherwise_is_found(
    imported: Imported, mixed: Path, tmp_path: Path
) -> None:
    out, folder = tmp_path / "x.bin", imported("llama-f32").parent

    def refused(change: Callable[[dict], None], *words: str) -> None:
        alter_manifest(mixed, out, change)
        assert_refused(rederive(out, folder, check=False), *words)

    def tensor(manifest: dict, name: str = Q) -> dict:
        return next(t for t in manifest["tensors"] if t["source"]["name"] == name)

    def other_source(manifest: dict) -> None:
        at = tensor(manifest, Q.replace(".0.", ".1."))["source"]
        tensor(manifest)["source"] = at

    refused(other_source, "of 'model.layers.1.self_attn.q_proj.weight'", "gives 0x")
    refused(lambda m: tensor(m).update(f16_exponent=1), Q, "f16 exponent")
    refused(lambda m: tensor(m)["source"].pop("at"), Q, "compile it again")
    refused(lambda m: tensor(m)["source"].update(at=[9, 0]), Q, "source that is none")
    refused(lambda m: tensor(m)["source"]["at"].__setitem__(1, 0), Q, "at byte")
    refused(lambda m: tensor(m)["source"].update(at=[-1, 0]), "out of range")
    refused(lambda m: m["sources"][0].update(name="../m"), "plain file name")
    refused(lambda m: m["sources"][0].update(name="none"), "none", "No such file")
    refused(lambda m: m["sources"][0].update(sha256="0" * 64), "has changed")
    refused(lambda m: m["sources"][0].update(sha256="0"), "SHA-256")
    refused(lambda m: m["sources"][0].update(bytes=8), "8 when it was imported")
    refused(lambda m: m["tensors"][0].update(calibrated="x"), "calibrated by nothing")
    places = [t["offset"] for t in tensors_of(mixed)]
    refused(lambda m: m["tensors"][1].update(offset=places[0]), "lies at byte")


def test_the_wrong_folder_is_named(imported: Imported, mixed: Path, tmp_path: Path) -> None:
    other = imported("llama-bf16").parent
    assert_refused(rederive(mixed, other, check=False), str(other), "No such file")
    assert_refused(rederive(mixed, tmp_path, check=False), str(tmp_path), "No such file")
    assert_refused(rederive(mixed, tmp_path / "no", check=False), "is no folder")
    assert_refused(rederive(mixed, mixed, check=False), "is no folder")
    # The same but for one value.
    changed, source = tmp_path / "changed", imported("llama-f32").parent
    changed.mkdir()
    for file in source.glob("*.safetensors"):
        tensors = load_file(file)
        if Q in tensors:
            tensors[Q][3, 5] *= 1.5
        save_file(tensors, changed / file.name, metadata={"format": "pt"})
    assert_refused(rederive(mixed, changed, check=False), str(changed))


def test_what_was_calibrated_needs_its_statistics(imported: Imported, tmp_path: Path) -> None:
    module, text = imported("llama-f32"), tmp_path / "t"
    text.write_text("the cat sat on mats of hens " * 400)
    statistics, image = tmp_path / "s", tmp_path / "x.bin"
    compiled(module, image, "--quantize=int4/32", "--rule=layers.1.self_attn.q=nf4/32 double",
             "--rule=embed_tokens=int8", "--rule=mlp.down=nf4/32", "--method=gptq",
             f"--calibrate={text}", "--calibration-tokens=512",
             f"--save-statistics={statistics}")  # fmt: skip
    tensors = tensors_of(image)
    calibrated = [t["source"]["name"] for t in tensors if t.get("calibrated")]
    assert len(calibrated) == 14
    for threads in (1, 2):
        done = rederive(image, module.parent, f"--statistics={statistics}", f"--threads={threads}")
        assert f"{len(tensors)} of {len(tensors)} tensors" in done.stdout
    done = rederive(image, module.parent, check=False)
    assert_refused(done, f"'{calibrated[0]}' is not derivable", "--statistics",
                   hashlib.sha256(statistics.read_bytes()).hexdigest())  # fmt: skip
    assert done.stdout.splitlines()[1:] == [f"not derivable: '{name}'" for name in calibrated]
    assert f"{len(tensors) - 14} of {len(tensors)} tensors" in done.stdout
    # What needs none is compared all the same.
    norm = next(t for t in tensors if t["role"] == "norm")

    def flip(section: bytearray) -> None:
        section[norm["offset"] + 7] ^= 1

    alter(image, tmp_path / "y.bin", WEIGHTS, flip)
    done = rederive(tmp_path / "y.bin", module.parent, check=False)
    assert_refused(done, norm["source"]["name"], "byte 7 of")
    # Statistics of a run of other texts.
    text.write_text("hens sat on the cat " * 600)
    qzc(module, f"--calibrate={text}", "--calibration-tokens=512",
        f"--save-statistics={tmp_path / 'other'}")  # fmt: skip
    done = rederive(image, module.parent, f"--statistics={tmp_path / 'other'}", check=False)
    assert_refused(done, str(tmp_path / "other"), "has the SHA-256")


def test_an_importance_matrix_is_not_what_codes_were_chosen_by(
    imported: Imported, tmp_path: Path
) -> None:
    module, text = imported("llama-f32"), tmp_path / "t"
    text.write_text("the cat sat on mats of hens " * 400)
    matrix, image = tmp_path / "x.gguf", tmp_path / "x.bin"
    options = ("--quantize=nf4/32", "--method=gptq", "--calibration-tokens=512", "--arch=none")
    done = qzc(module, *options, f"--calibrate={text}", f"--save-statistics={matrix}", "-o", image)
    (warning,) = done.stderr.splitlines()
    assert f"'{matrix}'" in warning and f"'{image}'" in warning and "--rederive" in warning
    done = rederive(image, module.parent, f"--statistics={matrix}", check=False)
    assert_refused(done, str(matrix), "has the SHA-256")
    # All that was seen is enough, and of a matrix alone nothing has to be made again.
    statistics = tmp_path / "s"
    done = qzc(module, *options, f"--calibrate={text}", f"--save-statistics={statistics}",
               "-o", image)  # fmt: skip
    assert done.stderr == ""
    assert qzc(module, f"--calibrate={text}", f"--save-statistics={matrix}").stderr == ""


def test_calls_that_are_wrong(imported: Imported, mixed: Path, tmp_path: Path) -> None:
    module = imported("llama-f32")
    folder = module.parent
    assert_refused(rederive(mixed, folder, "--quantize=nf4", check=False), "--quantize", code=2)
    assert_refused(qzc("--rederive", mixed, check=False), "model", code=2)
    done = rederive(mixed, folder, f"--statistics={mixed}", check=False)
    assert_refused(done, "was not calibrated")
    assert_refused(rederive(module, folder, check=False), str(module))
    image = compiled(module, tmp_path / "s.bin", "--weights=synthetic")
    assert_refused(rederive(image, folder, check=False), "synthetic")

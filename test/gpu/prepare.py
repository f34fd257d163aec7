"""Gathers what check.py needs on a machine that has a GPU but no compiler:

    prepare.py FOLDER [--arch LIST] [--model NAME…]

FOLDER receives an executable of every selection with golden logits of every fixture model, or of
those named, the golden values beside it, and images.json, which lists them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "test" / "golden" / "models"


def prepare(model: Path, out: Path, build: Path, archs: str) -> list[dict[str, str]]:
    """Compiles one model's selections; returns their entries of images.json."""
    entries = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / model.name
        shutil.copytree(model, folder)
        module = folder / "model.mlir"
        importer = [sys.executable, "-m", "qz_import", folder, "-o", module]
        subprocess.run(importer, check=True, cwd=ROOT / "python-import")
        family = json.loads((model / "config.json").read_text())["model_type"]
        scores = json.loads((model / "golden" / "scores.json").read_text())
        for name, selection in scores["selections"].items():
            image = f"{model.name}.{name}"
            command = [build / "bin" / "qzc", module, *selection["options"].split(),
                       f"--arch={archs}", "-o", out / f"{image}.bin"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            shutil.copy(model / "golden" / f"{name}.npz", out / f"{image}.npz")
            entries.append({"image": image, "family": family,
                            "perplexity": selection["windows"]["perplexity"],
                            "context": selection["windows"]["context"]})
    return entries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--arch", default="90a,compute_80")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--model", action="append")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for config in sorted(MODELS.glob("*/config.json")):
        if options.model is None or config.parent.name in options.model:
            entries += prepare(config.parent, options.folder, options.build, options.arch)
    shutil.copy(MODELS / "text.txt", options.folder)
    (options.folder / "images.json").write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()

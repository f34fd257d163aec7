"""Packs all that a comparison with other packages needs on a machine with a GPU and no network:

    carry.py FOLDER --text FILE [--wheel FILE…] [--llama-programs DIR] [--part-mib 48]

FOLDER receives kit.00, kit.01, … (parts of one archive, to be carried one by one where less fits at
a time) and compare_on_gpu.sh. On the machine, with all of them in one folder:

    bash compare_on_gpu.sh RESULTS

compiles and measures SmolLM2-135M and random weights of Llama-3.2-1B's shape beside transformers,
bitsandbytes and llama.cpp, by qz-eval sweep; RESULTS receives a results.json of each, from which
`qz-eval report` makes the pages anywhere. The machine needs Linux on x86-64 with glibc 2.36 or
newer, NVIDIA's driver, and a Python that has torch and transformers; what it lacks of Python
packages (bitsandbytes, accelerate, gguf) is given as wheels by --wheel:

    pip download --no-deps bitsandbytes==0.50.2 accelerate==1.15.0 gguf==0.19.0 -d wheels

--llama-programs is a folder with llama-bench, llama-perplexity and their libraries, built for the
GPU. Without it llama.cpp is left out.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("qzc", "qzc-runtime", "qzc-nvrtc", "qz-eval", "commit.txt")
# Of the C library's version, which the machine has itself.
OF_THE_SYSTEM = re.compile(r"(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so")
SCRIPT = "compare_on_gpu.sh"


def libraries(program: Path) -> list[Path]:
    """What a program is linked to, but for the C library."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = (Path(path) for path in re.findall(r"=> (/\S+)", listed))
    return [path for path in found if not OF_THE_SYSTEM.match(path.name)]


def gather(kit: Path, options: argparse.Namespace) -> None:
    for name in ("bin", "lib", "wheels", "llama"):
        (kit / name).mkdir()
    for name in PROGRAMS:
        shutil.copy2(options.build / "bin" / name, kit / "bin" / name)
    for program in ("qzc", "qzc-nvrtc", "qz-eval"):
        for library in libraries(options.build / "bin" / program):
            shutil.copy2(library, kit / "lib" / library.name)
    for library in (ROOT / ".deps" / "nvidia" / "cuda_nvrtc" / "lib").glob("libnvrtc*"):
        if "alt" not in library.name:
            shutil.copy2(library, kit / "lib" / library.name)
    for package in ("python-import/qz_import", "python-eval/qz_eval"):
        ignored = shutil.ignore_patterns("__pycache__")
        source = ROOT / package
        shutil.copytree(source, kit / "python" / source.name, ignore=ignored)
    for wheel in options.wheels:
        shutil.copy2(wheel, kit / "wheels" / wheel.name)
    if options.llama_programs:
        shutil.copytree(options.llama_programs, kit / "llama", dirs_exist_ok=True, symlinks=False)
    for script in ("random_model.py", "byte_tokenizer.py"):
        shutil.copy2(ROOT / "tools" / "bench" / script, kit / script)
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [ROOT / "scripts" / "demo-data", scratch], stdout=subprocess.PIPE, text=True, check=True
        )
    shutil.copy2(done.stdout.strip(), kit / "smollm2.gguf")
    shutil.copy2(options.text, kit / "text.txt")


def split(archive: Path, folder: Path, most: int) -> int:
    count = 0
    with archive.open("rb") as file:
        while part := file.read(most):
            (folder / f"kit.{count:02}").write_bytes(part)
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--text", type=Path, required=True, help="to score")
    parser.add_argument("--wheel", dest="wheels", type=Path, action="append", default=[])
    parser.add_argument("--llama-programs", type=Path)
    parser.add_argument("--part-mib", type=int, default=48)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for old in options.folder.glob("kit.*"):
        old.unlink()
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        kit = Path(scratch) / "kit"
        kit.mkdir()
        gather(kit, options)
        archive = Path(scratch) / "kit.tar.xz"
        with tarfile.open(archive, "w:xz", preset=3) as packed:
            packed.add(kit, arcname="kit")
        count = split(archive, options.folder, options.part_mib << 20)
        size = archive.stat().st_size
    shutil.copy2(ROOT / "tools" / "bench" / SCRIPT, options.folder / SCRIPT)
    print(f"{options.folder}: {SCRIPT} and {count} parts, {size / 2**20:.0f} MiB in all")


if __name__ == "__main__":
    main()

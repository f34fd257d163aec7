"""The project's programs, run as a sweep needs them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qz_eval.errors import EvalFailure, UsageFailure
from qz_eval.files import sha256_of

# Set by qz-eval for what it starts: the folder that it lies in.
FOLDER_VARIABLE = "QZC_BIN_DIR"
# What decides what is compiled and how it is measured.
PROGRAMS = ("qzc", "qzc-nvrtc", "qzc-runtime", "qz-eval")
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """A killed sweep leaves nothing running that would disturb the next one's timing."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def last_words(text: str) -> str:
    """The last line of what a program said on stderr, without its own name."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it said nothing"
    return lines[-1].partition("error: ")[2] or lines[-1]


def run_words(
    words: Sequence[str],
    waiting: Callable[[], None],
    keep_open: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end; `waiting` is called about once a second meanwhile."""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(keep_open),
        env=environment,
        preexec_fn=die_with_parent,
    ) as process:
        while True:
            waiting()
            try:
                out, err = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
            except BaseException:
                process.kill()
                raise
    return subprocess.CompletedProcess(
        list(words), process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
    )


@dataclass(frozen=True)
class Tools:
    folder: Path

    @staticmethod
    def find() -> Tools:
        folder = os.environ.get(FOLDER_VARIABLE)
        if not folder:
            found = shutil.which("qzc")
            folder = str(Path(found).parent) if found else None
        if not folder or not (Path(folder) / "qzc").exists():
            raise EvalFailure("qzc is not found: start this by qz-eval, or have qzc in the PATH")
        return Tools(Path(folder))

    def path(self, name: str) -> Path:
        return self.folder / name

    def identity(self) -> str:
        """One hash for all programs: another build may compile or measure differently."""
        digests = "".join(sha256_of(self.path(name)) for name in PROGRAMS)
        return hashlib.sha256(digests.encode()).hexdigest()

    def run(
        self,
        name: str,
        arguments: Sequence[str],
        waiting: Callable[[], None],
        keep_open: Sequence[int] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Runs one of the project's programs to its end."""
        return run_words([str(self.path(name)), *arguments], waiting, keep_open)


def check(done: subprocess.CompletedProcess[str]) -> None:
    """Raises what the program said where it failed."""
    name = Path(done.args[0]).name
    if done.returncode == 2:
        raise UsageFailure(f"{name}: {last_words(done.stderr)}")
    if done.returncode < 0:
        how = signal.Signals(-done.returncode).name
        raise EvalFailure(f"{name} was ended by {how}; {last_words(done.stderr)}")
    if done.returncode != 0:
        raise EvalFailure(f"{name}: {last_words(done.stderr)}")

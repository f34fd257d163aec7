"""An executable of qzc as a model of lm-eval (EleutherAI's evaluation harness):

    python -m qz_eval.lm_eval_model run --model qzc --model_args path=model.bin --tasks hellaswag

is lm-eval's own command line with the model `qzc` added. From Python: `QzcModel("model.bin")` is a
model for `lm_eval.simple_evaluate`. Needs lm-eval from PyPI, which is no dependency of qz-eval.

The executable answers requests in its mode --requests, a line of JSON each; it cuts texts and sums
log-probabilities itself.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from qz_eval.tools import die_with_parent, last_words

# Positions where neither the model nor an argument asks for fewer.
MOST_POSITIONS = 4096
DEFAULT_NEW_TOKENS = 256
Asked = TypeVar("Asked")


class Executable:
    """A running `model.bin --requests -`."""

    def __init__(self, path: Path, options: Sequence[str]) -> None:
        self._path = path
        self._process = subprocess.Popen(
            [str(path.resolve()), "--requests=-", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            preexec_fn=die_with_parent,
        )

    def ask(self, **request: object) -> dict[str, Any]:
        process = self._process
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # Its own words say more.
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._path}: {last_words(process.stderr.read())}")
        return json.loads(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()
        self._process.wait()


def _info(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [str(path.resolve()), "--info", "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{path}: {last_words(done.stderr)}")
    return json.loads(done.stdout)["model"]


def _shown(items: Iterable[Asked], hidden: bool) -> Iterable[Asked]:
    return tqdm(items, disable=hidden, desc="qzc")


@register_model("qzc")
class QzcModel(LM):
    def __init__(
        self,
        path: str,
        device: str = "auto",
        max_length: int | str | None = None,
        **other: object,
    ) -> None:
        """lm-eval itself passes batch_size and its like, which say nothing to an executable."""
        super().__init__()
        where = Path(path)
        model = _info(where)
        self._max_length = int(max_length or min(model["context"], MOST_POSITIONS))
        self._ends = model.get("eos") or []
        # What stands for an empty context.
        self._prefix = model["bos"] if model.get("bos") is not None else self._ends[0]
        device = device if device in ("cpu", "cuda") else "auto"
        self._executable = Executable(
            where, [f"--device={device}", f"--context={self._max_length}"]
        )

    @property
    def max_length(self) -> int:
        return self._max_length

    def close(self) -> None:
        self._executable.close()

    def _likelihood(self, **request: object) -> tuple[float, bool]:
        answer = self._executable.ask(**request)
        return answer["logprob"], answer["greedy"]

    def loglikelihood(
        self, requests: list[Any], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        return [
            self._likelihood(context=request.args[0], continuation=request.args[1])
            for request in _shown(requests, disable_tqdm)
        ]

    def loglikelihood_rolling(self, requests: list[Any], disable_tqdm: bool = False) -> list[float]:
        sums = []
        for request in _shown(requests, disable_tqdm):
            tokens = self._executable.ask(encode=request.args[0])["tokens"]
            windows = get_rolling_token_windows(
                token_list=tokens,
                prefix_token=self._prefix,
                max_seq_len=self._max_length,
                context_len=1,
            )
            total = 0.0
            for context, continuation in map(make_disjoint_window, windows):
                total += self._likelihood(
                    tokens=[*context, *continuation], scored=len(continuation)
                )[0]
            sums.append(total)
        return sums

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        texts = []
        for request in _shown(requests, disable_tqdm):
            prompt, how = request.args
            if how.get("do_sample") and float(how.get("temperature", 0)) > 0:
                raise NotImplementedError("qzc's model of lm-eval decodes greedily only")
            until = how.get("until") or []
            answer = self._executable.ask(
                prompt=prompt,
                max_tokens=int(how.get("max_gen_toks", DEFAULT_NEW_TOKENS)),
                stop=[text for text in ([until] if isinstance(until, str) else until) if text],
            )
            texts.append(answer["text"])
        return texts


def main() -> None:
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()


if __name__ == "__main__":
    main()

"""Reads the pickles of torch.save without torch, and without running anything they ask for.

A pickle is a program. This runs a small part of its language over stand-ins: literals, tuples,
lists, dictionaries, and the few names below, which a dictionary of tensors is made of. Everything
else is an error.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from qz_import.errors import ImportFailure

# torch's storage classes → the type of their elements, in safetensors' names.
STORAGE_DTYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ComplexFloatStorage": "C64",
    "ComplexDoubleStorage": "C128",
}
MOST_DIMENSIONS = 8
MOST_SHOWN = 100


@dataclass(frozen=True)
class Storage:
    """Elements that tensors are views of, by the key under which the file has them."""

    dtype: str
    key: str
    count: int


@dataclass(frozen=True)
class TensorView:
    """A tensor: the elements of a storage from `offset` on, one behind the other unless there is a
    `problem`, which ends a line that names the tensor."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    problem: str = ""


@dataclass(frozen=True)
class _Global:
    """An allowed name. Only calling it, or giving it to a storage, means anything."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


_ORDERED_DICT = _Global("collections", "OrderedDict")
_TENSOR = _Global("torch._utils", "_rebuild_tensor_v2")
_PARAMETER = _Global("torch._utils", "_rebuild_parameter")
_STORAGES = {_Global("torch", name): dtype for name, dtype in STORAGE_DTYPES.items()}
_ALLOWED = {_ORDERED_DICT, _TENSOR, _PARAMETER, *_STORAGES}
_MARK = object()

_LITERALS = ("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE")
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PUTS = ("BINPUT", "LONG_BINPUT")
_GETS = ("BINGET", "LONG_BINGET")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _are_counts(values: Any) -> bool:
    return (
        isinstance(values, tuple) and len(values) <= MOST_DIMENSIONS and all(map(_is_count, values))
    )


def _shown(value: Any) -> str:
    """A value in an error line. Containers may be nested without end, so they are not looked at."""
    if isinstance(value, _Global):
        text = str(value)
    elif value is None or isinstance(value, (str, int, float)):
        text = repr(value)
    else:
        text = type(value).__name__
    return text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + "…"


def _is_contiguous(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether the elements follow each other in the order of the shape."""
    if 0 in shape:
        return True
    expected = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


class Unpickler:
    """Runs one pickle after the other from a stream. `where` starts the error lines."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._calls: dict[_Global, Callable[[Any], Any]] = {
            _ORDERED_DICT: self._ordered_dict,
            _TENSOR: self._tensor,
            _PARAMETER: self._parameter,
        }

    def load(self, stream: IO[bytes]) -> Any:
        """The value of the pickle that begins here; the stream is left behind it."""
        self._stack, self._memo = [], {}
        try:
            for opcode, argument, _ in pickletools.genops(stream):
                self._step(opcode.name, argument)
        except ValueError as error:
            raise ImportFailure(f"{self._where}: damaged pickle: {error}") from None
        return self._pop()

    # --- the machine ---

    def _fail(self, what: str) -> ImportFailure:
        return ImportFailure(f"{self._where}: {what}")

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise self._fail("damaged pickle: nothing is left on its stack")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while self._stack:
            item = self._stack.pop()
            if item is _MARK:
                return items[::-1]
            items.append(item)
        raise self._fail("damaged pickle: a mark is missing")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            items = [self._pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(items)))
        elif name in _PUTS:
            self._memo[argument] = self._top()
        elif name in _GETS:
            if argument not in self._memo:
                raise self._fail(f"damaged pickle: it takes value {argument}, which it has not put")
            stack.append(self._memo[argument])
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = self._top()
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "SETITEM":
            value, key = self._pop(), self._pop()
            self._set_items([key, value])
        elif name == "SETITEMS":
            self._set_items(self._pop_to_mark())
        elif name == "APPEND":
            self._append([self._pop()])
        elif name == "APPENDS":
            self._append(self._pop_to_mark())
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            stack.append(self._global(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            stack.append(self._global(module, attribute))
        elif name == "BINPERSID":
            stack.append(self._storage(self._pop()))
        elif name == "REDUCE":
            arguments, function = self._pop(), self._pop()
            stack.append(self._call(function, arguments))
        elif name == "BUILD":
            self._build(self._pop())
        elif name not in ("PROTO", "FRAME", "STOP"):
            raise self._fail(f"its pickle uses {name}, which no checkpoint needs")

    def _top(self) -> Any:
        value = self._pop()
        self._stack.append(value)
        return value

    def _set_items(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise self._fail("damaged pickle: items of what is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str):
                raise self._fail(f"a dictionary has the key {_shown(key)}, which is no name")
            if key in target:
                raise self._fail(f"{_shown(key)} appears twice")
            target[key] = value

    def _append(self, items: list[Any]) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise self._fail("damaged pickle: items of what is no list")
        target.extend(items)

    # --- what the names mean ---

    def _global(self, module: Any, name: Any) -> _Global:
        if isinstance(module, str) and isinstance(name, str):
            found = _Global(module, name)
            if found in _ALLOWED:
                return found
        raise self._fail(
            f"its pickle asks for {_shown(module)} {_shown(name)}, which is not allowed: a "
            "checkpoint is a dictionary of dense tensors"
        )

    def _call(self, function: Any, arguments: Any) -> Any:
        if not isinstance(function, _Global) or function not in self._calls:
            raise self._fail(f"its pickle calls {_shown(function)}, which is not allowed")
        if not isinstance(arguments, tuple):
            raise self._fail(f"its pickle calls {function} without a tuple of arguments")
        return self._calls[function](arguments)

    def _ordered_dict(self, arguments: tuple[Any, ...]) -> dict[str, Any]:
        if arguments:
            raise self._fail("its pickle makes an OrderedDict with arguments, which is not allowed")
        return {}

    def _build(self, state: Any) -> None:
        """The state that a module's dictionary carries: versions of its parts, nothing to us."""
        if not isinstance(self._top(), dict) or not isinstance(state, dict):
            raise self._fail("its pickle sets the state of an object, which is not allowed")

    def _storage(self, description: Any) -> Storage:
        """('storage', class, key, device, elements), in old files with the view that it is."""
        parts = description if isinstance(description, tuple) else ()
        if len(parts) == 6 and parts[5] is None:
            parts = parts[:5]
        is_storage = len(parts) == 5 and parts[0] == "storage" and isinstance(parts[1], _Global)
        if not is_storage or parts[1] not in _STORAGES or not isinstance(parts[2], str):
            raise self._fail("its pickle refers to something that is no storage")
        if not _is_count(parts[4]):
            raise self._fail(f"storage {_shown(parts[2])} has {_shown(parts[4])} elements")
        return Storage(_STORAGES[parts[1]], parts[2], parts[4])

    def _tensor(self, arguments: tuple[Any, ...]) -> TensorView:
        """storage, offset, shape, strides, and what only training needs."""
        if not 6 <= len(arguments) <= 7 or not isinstance(arguments[0], Storage):
            raise self._fail("its pickle builds a tensor of something else than a storage")
        storage, offset, shape, strides = arguments[:4]
        where = f"a tensor of storage {_shown(storage.key)}"
        if not _is_count(offset) or not _are_counts(shape) or not _are_counts(strides):
            raise self._fail(f"{where} has an offset, a shape or strides that are none")
        if len(shape) != len(strides):
            raise self._fail(f"{where} of shape {list(shape)} has strides {list(strides)}")
        problem = ""
        if not _is_contiguous(shape, strides):
            problem = (
                f"has strides {list(strides)}: only contiguous tensors are read; call "
                ".contiguous() on it and save again"
            )
        reach = sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        end = offset + (0 if 0 in shape else reach + 1)
        if end > storage.count:
            raise self._fail(
                f"{where} of shape {list(shape)} ends at element {end}, "
                f"but the storage has {storage.count}"
            )
        return TensorView(storage, offset, shape, problem)

    def _parameter(self, arguments: tuple[Any, ...]) -> TensorView:
        if not arguments or not isinstance(arguments[0], TensorView):
            raise self._fail("its pickle builds a parameter of something else than a tensor")
        return arguments[0]

"""What may pass between the judge and a student's process: JSON and numeric arrays, nothing that can run.

`encode` turns plain data into JSON values, `decode` turns them back; both refuse anything else and anything too
large, so neither side has to trust the other. A message is its length (4 bytes, big endian) and its JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

try:
    import numpy as np
except ModuleNotFoundError:  # a kernel in the browser may have none; then nothing is an array
    np = None  # type: ignore[assignment]

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)


def is_array(value: Any) -> bool:
    """Whether this is a NumPy array."""
    return np is not None and isinstance(value, np.ndarray)


def is_scalar(value: Any) -> bool:
    """Whether this is one of NumPy's own numbers."""
    return np is not None and isinstance(value, np.generic)


def weight(value: Any) -> int:
    """How much a value holds: its items, characters and words of 64 bits, of an array its elements or its empty rows.

    >>> weight([1, "abc", {"a": np.zeros((1000, 0))}])
    1007
    """
    if is_array(value):
        return math.prod(n or 1 for n in value.shape)
    if isinstance(value, str):
        return 1 + len(value)
    if isinstance(value, int):
        return 1 + value.bit_length() // 64
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return 1 + sum(map(weight, inside))


class WireError(ValueError):
    """A value that may not pass; the text says which and what is allowed."""


@dataclass(frozen=True)
class Caps:
    """Limits of one message: `bytes` of JSON text, `depth` of nesting, `items` in all, `bits` of one integer."""

    bytes: int = 32_000_000
    depth: int = 16
    items: int = 200_000
    bits: int = 1000


CAPS = Caps()
MOST_MARKS = 1_500_000
PLAIN = "numbers, text, True, False, None, lists, tuples, dicts with text keys and numeric NumPy arrays"


class _Budget:
    """Counts what has been seen of one message."""

    def __init__(self, caps: Caps) -> None:
        self.caps, self.items, self.bytes = caps, 0, 0

    def take(self, depth: int, size: int = 0) -> None:
        self.items += 1
        self.bytes += size
        if depth > self.caps.depth:
            raise WireError(f"nested deeper than {self.caps.depth} levels")
        if self.items > self.caps.items:
            raise WireError(f"holds more than {self.caps.items} items; use a NumPy array for many numbers")
        if self.bytes > self.caps.bytes:
            raise WireError(f"larger than {self.caps.bytes} bytes")


def encode(value: Any, caps: Caps = CAPS) -> Any:
    """Plain data as JSON values.

    Raises WireError for other types, and beyond `caps`.

    >>> encode((1, 2.5, "a"))
    {'!': 'tuple', 'of': [1, 2.5, 'a']}
    >>> encode(np.zeros((2, 3), np.int8))
    {'!': 'array', 'dtype': 'int8', 'shape': [2, 3], 'data': 'AAAAAAAA'}
    >>> encode(print)
    Traceback (most recent call last):
    autograder.wire.WireError: a value of type builtin_function_or_method cannot be an answer: only numbers, ...
    """
    return _encode(value, 0, _Budget(caps))


def _encode(value: Any, depth: int, budget: _Budget) -> Any:
    budget.take(depth)
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value, depth, budget)
    raise WireError(f"a value of type {type(value).__name__} cannot be an answer: only {PLAIN}")


def _write_none(value: None, depth: int, budget: _Budget) -> None:
    return None


def _write_bool(value: Any, depth: int, budget: _Budget) -> bool:
    return bool(value)


def _write_int(value: int, depth: int, budget: _Budget) -> int:
    plain = int.__index__(value)
    if plain.bit_length() > budget.caps.bits:
        raise WireError(f"an integer of {plain.bit_length()} bits; at most {budget.caps.bits} are allowed")
    return plain


def _write_float(value: float, depth: int, budget: _Budget) -> Any:
    """A whole float is written as text: JSON that passes through JavaScript, as in a browser's files, makes 1.0 a 1."""
    plain = float.__float__(value)
    return {"!": "float", "is": repr(plain)} if not math.isfinite(plain) or plain.is_integer() else plain


def _write_complex(value: complex, depth: int, budget: _Budget) -> Any:
    return {"!": "complex", "is": [_write_float(value.real, depth, budget), _write_float(value.imag, depth, budget)]}


def _write_str(value: str, depth: int, budget: _Budget) -> str:
    plain = str.__str__(value)
    budget.take(depth, len(plain))
    return plain


def _write_list(value: list[Any], depth: int, budget: _Budget) -> list[Any]:
    return [_encode(item, depth + 1, budget) for item in list.__iter__(value)]


def _write_tuple(value: tuple[Any, ...], depth: int, budget: _Budget) -> Any:
    return {"!": "tuple", "of": [_encode(item, depth + 1, budget) for item in tuple.__iter__(value)]}


def _write_dict(value: dict[Any, Any], depth: int, budget: _Budget) -> Any:
    pairs = list(dict.items(value))
    wrong = [key for key, _ in pairs if not isinstance(key, str)]
    if wrong:
        raise WireError(f"a dict key of type {type(wrong[0]).__name__}; keys must be text")
    return {"!": "dict", "of": {str.__str__(key): _encode(item, depth + 1, budget) for key, item in pairs}}


def _write_generic(value: np.generic, depth: int, budget: _Budget) -> Any:
    _allowed(value.dtype.name)
    return _encode(value.item(), depth, budget)


def _write_array(value: np.ndarray[Any, Any], depth: int, budget: _Budget) -> Any:
    name = _allowed(value.dtype.name)
    budget.take(depth, value.nbytes * 4 // 3)
    plain = np.ascontiguousarray(np.asarray(value), np.dtype(name).newbyteorder("<"))
    data = base64.b64encode(plain.tobytes()).decode("ascii")
    return {"!": "array", "dtype": name, "shape": list(value.shape), "data": data}


def _allowed(name: str) -> str:
    if name not in DTYPES:
        raise WireError(f"an array of dtype {name}; allowed are {', '.join(DTYPES)}")
    return name


_WRITERS: tuple[tuple[type, Callable[..., Any]], ...] = (
    (type(None), _write_none),
    (bool, _write_bool),
    *(((np.generic, _write_generic),) if np else ()),
    (int, _write_int),
    (float, _write_float),
    (complex, _write_complex),
    (str, _write_str),
    (list, _write_list),
    (tuple, _write_tuple),
    (dict, _write_dict),
    *(((np.ndarray, _write_array),) if np else ()),
)


_FLOAT = re.compile(r"nan|-?inf|-?\d{1,20}\.0|-?\d(\.\d{1,20})?e[+-]\d{1,3}", re.ASCII)  # as repr writes them


def decode(data: Any, caps: Caps = CAPS) -> Any:
    """The value that `encode` wrote.

    Raises WireError for anything `encode` does not write.

    >>> decode({"!": "tuple", "of": [1, 2]})
    (1, 2)
    >>> decode({"!": "array", "dtype": "object", "shape": [1], "data": ""})
    Traceback (most recent call last):
    autograder.wire.WireError: an array of dtype object; allowed are bool, ...
    """
    return _decode(data, 0, _Budget(caps))


def _decode(data: Any, depth: int, budget: _Budget) -> Any:
    budget.take(depth, len(data) if isinstance(data, str) else 0)
    if isinstance(data, dict):
        return _decode_tagged(data, depth, budget)
    if isinstance(data, list):
        return [_decode(item, depth + 1, budget) for item in data]
    if type(data) is int:
        return _write_int(data, depth, budget)
    if data is None or isinstance(data, bool | float | str):
        return data
    raise WireError(f"a {type(data).__name__} in a message")


def _decode_tagged(data: dict[str, Any], depth: int, budget: _Budget) -> Any:
    tag, body = data.get("!"), data.get("of", data.get("is"))
    if tag == "tuple" and isinstance(body, list):
        return tuple(_decode(item, depth + 1, budget) for item in body)
    if tag == "dict" and isinstance(body, dict):
        return {key: _decode(item, depth + 1, budget) for key, item in body.items()}
    if tag == "float" and isinstance(body, str) and _FLOAT.fullmatch(body):
        return float(body)
    if tag == "complex" and isinstance(body, list) and len(body) == 2:
        return complex(*(_real(part, depth + 1, budget) for part in body))
    if tag == "array":
        return _decode_array(data, depth, budget)
    raise WireError(f"an object tagged {tag!r} with a body of type {type(body).__name__}")


def _real(part: Any, depth: int, budget: _Budget) -> float:
    value = _decode(part, depth, budget)
    if not isinstance(value, float):
        raise WireError("a complex number whose parts are not floats")
    return value


def _decode_array(data: dict[str, Any], depth: int, budget: _Budget) -> np.ndarray[Any, Any]:
    name, shape, text = data.get("dtype"), data.get("shape"), data.get("data")
    if not isinstance(name, str) or not isinstance(shape, list) or not isinstance(text, str):
        raise WireError("an array needs dtype, shape and data")
    if np is None:
        raise WireError("an array, and there is no NumPy here")
    if len(shape) > 32 or not all(type(n) is int and 0 <= n < 2**31 for n in shape):
        raise WireError(f"an array of shape {str(shape)[:100]}")
    kind = np.dtype(_allowed(name)).newbyteorder("<")
    budget.take(depth, len(text))
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("array data that is not base64") from error
    if len(raw) != math.prod(shape) * kind.itemsize or (0 in shape and math.prod(n or 1 for n in shape) >= 2**48):
        raise WireError(f"{len(raw)} bytes of data for an array of shape {tuple(shape)} and dtype {name}")
    return np.frombuffer(raw, kind).reshape(shape).astype(name)


def pack(message: Any, caps: Caps = CAPS) -> bytes:
    """A message as it goes through a pipe: length and JSON text.

    >>> pack([1])
    b'\\x00\\x00\\x00\\x03[1]'
    """
    text = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    if len(text) > caps.bytes:
        raise WireError(f"a message of {len(text)} bytes; at most {caps.bytes} are allowed")
    return len(text).to_bytes(4, "big") + text


def unpack(text: bytes) -> Any:
    """The message in a frame's JSON text; NaN and Infinity literals and a key given twice are refused.

    What is small as text can be large as values: the marks between values are counted before any is made.

    >>> unpack(b'[1]')
    [1]
    >>> unpack(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    autograder.wire.WireError: the key 'a' twice in one object
    """
    if (marks := sum(text.count(mark) for mark in (b",", b"[", b"{"))) > MOST_MARKS:
        raise WireError(f"a message with {marks} commas and brackets; at most {MOST_MARKS} are allowed")
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except WireError:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise WireError(f"a message that is not JSON: {str(error)[:100]}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise WireError(f"the key {twice[:50]!r} twice in one object")
    return made


def _no_constant(name: str) -> None:
    raise WireError(f"the constant {name} in a message")

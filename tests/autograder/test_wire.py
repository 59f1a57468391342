"""Only plain data passes, the same on both sides, within caps."""

from __future__ import annotations

import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograder.judge import compare
from autograder.wire import DTYPES, Caps, WireError, decode, encode, pack, unpack
from autograder.worker import read_frame

numbers = st.one_of(st.none(), st.booleans(), st.integers(-(2**900), 2**900), st.floats(), st.complex_numbers())
arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]), hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
)
plain = st.recursive(
    st.one_of(numbers, st.text(max_size=20), arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["!", "of", "is", "dtype", "shape", "data", "x"]), inner, max_size=5),
        st.fixed_dictionaries(
            {"!": st.sampled_from(["array", "tuple", "dict", "float", "complex", "object"]), "of": inner}
        ),
    ),
    max_leaves=10,
)


def through_the_pipe(value):
    return decode(unpack(pack(encode(value))[4:]))


@given(plain)
def test_what_goes_in_comes_out(value):
    assert same(value, through_the_pipe(value))


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and (a == b or repr(a) == repr(b))


@given(json_values)
def test_any_json_is_either_refused_or_plain(data):
    try:
        value = decode(data)
    except WireError:
        return
    encode(value)


@given(st.binary(max_size=200))
def test_any_bytes_are_either_refused_or_json(data):
    try:
        value = unpack(data)
    except WireError:
        return
    assert isinstance(value, dict | list | str | int | float | bool | None)


@pytest.mark.parametrize(
    "value",
    [object(), print, {1, 2}, b"bytes", {1: 2}, np.array([object()]), np.array(["text"]), np.datetime64("2026-01-01")],
    ids=["object", "function", "set", "bytes", "number as key", "object array", "text array", "date"],
)
def test_other_types_are_refused(value):
    with pytest.raises(WireError):
        encode(value)


def test_a_pickle_is_not_opened():
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was opened",))

    with pytest.raises(WireError):
        unpack(pickle.dumps(Bomb()))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (list(range(101)), "more than 100 items"),
        (1 << 65, "an integer of 66 bits"),
        ("x" * 1001, "larger than 1000 bytes"),
        (np.zeros(1000), "larger than 1000 bytes"),
    ],
)
def test_what_is_too_large_is_refused_on_both_sides(value, says):
    caps = Caps(bytes=1000, depth=5, items=100, bits=64)
    with pytest.raises(WireError, match=says):
        encode(value, caps)
    with pytest.raises(WireError, match=says):
        decode(encode(value), caps)


def test_deep_nesting_is_refused_on_both_sides():
    nested: list = []
    nested.append(nested)
    with pytest.raises(WireError, match="deeper than 16"):
        encode(nested)
    with pytest.raises(WireError):
        decode(unpack(b"[" * 900 + b"]" * 900))
    with pytest.raises(WireError):
        unpack(b"[" * 200_000)


@pytest.mark.parametrize(
    "array",
    [
        {"dtype": "object", "shape": [1], "data": ""},
        {"dtype": "float64", "shape": [2], "data": ""},
        {"dtype": "float64", "shape": [-1], "data": ""},
        {"dtype": "float64", "shape": [0, 2**62], "data": ""},
        {"dtype": "float64", "shape": [True], "data": "AAAAAAAAAAA="},
        {"dtype": "float64", "shape": [1], "data": "%%%"},
        {"dtype": "float64", "shape": "1", "data": ""},
        {"dtype": "<f8,<f8", "shape": [1], "data": ""},
    ],
)
def test_arrays_that_cannot_be_are_refused(array):
    with pytest.raises(WireError):
        decode({"!": "array", **array})


def test_a_subclass_arrives_as_what_it_holds():
    class Equal(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class Array(np.ndarray):
        def __eq__(self, other):
            return True

    assert type(through_the_pipe(Equal(3))) is int
    arrived = through_the_pipe(np.zeros(2).view(Array))
    assert type(arrived) is np.ndarray
    assert compare(np.ones(2), arrived)


@pytest.mark.parametrize("text", [b"NaN", b"[Infinity]", b"-Infinity"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(WireError, match="the constant"):
        unpack(text)


def test_a_frame_is_read_whole_or_not_at_all():
    frame = pack({"do": "ask"})
    assert {"do": "ask"} == read_frame(io.BytesIO(frame))
    assert read_frame(io.BytesIO(b"")) is None
    assert read_frame(io.BytesIO(frame[:3])) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"n": 1, "n": 2}', "the key 'n' twice"),
        (b"[" * 2_000_000, "commas and brackets"),
        (b"[" * 200_000 + b"]" * 200_000, "not JSON"),
        (b"[" + b"1," * 2_000_000 + b"1]", "commas and brackets"),
        (b"9" * 100_000, "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"\xff\xfe", "not JSON"),
    ],
    ids=["key-twice", "brackets", "deep", "commas", "digits", "nan", "infinity", "no-text"],
)
def test_a_message_made_to_hurt_its_reader_is_refused(text, said):
    with pytest.raises(WireError, match=said):
        unpack(text)


def as_javascript(text):
    """A number as JavaScript writes it again after reading it."""
    number = float(text)
    return int(number) if number.is_integer() else number


@pytest.mark.parametrize("value", [1.0, -0.0, 0.0, 3e300, 1e22, -1e16, 12345678.0, 5e-324, 0.5])
def test_a_float_stays_a_float_where_javascript_passes_the_json_on(value):
    passed_on = json.loads(json.dumps(encode([value])), parse_float=as_javascript)
    assert repr([value]) == repr(decode(passed_on))

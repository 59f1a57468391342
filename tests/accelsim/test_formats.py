"""Formats give back what they were given, take the bits they say, and refuse what no array wrote."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from accelsim.errors import AccelsimError, FormatError, StreamError
from accelsim.formats import (
    COO,
    CSC,
    CSR,
    Bitmask,
    Dense,
    EyerissRLC,
    Huffman,
    RunLength,
    Section,
    Structured,
    block_density,
    crossovers,
    decode,
    diagonal_density,
    effectual_macs,
    fibertree,
    predicted_macs,
)
from accelsim.formats.bits import pack, unpack
from accelsim.formats.runs import PIECE, _summed_pairs, expected_pairs_uniform, pair_count, run_pairs
from tests.accelsim.test_counts import CASES, many

WIDTHS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
ANY = (Dense(), Bitmask(), COO(), CSR(), CSC(), Huffman(), RunLength(), RunLength(1), RunLength(3), RunLength(13))
NARROW = (Dense(9), Bitmask(7), COO(9), CSR(12), CSC(63), Huffman(9), RunLength(2, 9), Structured(value_bits=9))
EVERY = (*ANY, EyerissRLC(), Structured())
SIGMAS = 5  # a right formula fails one test in about 1.7 million


@st.composite
def arrays(draw, least=None, most=None):
    """Arrays of every width, of 0 to 3 ranks, from empty to full, with runs of zeros of all lengths."""
    dtype = np.dtype(draw(st.sampled_from(WIDTHS)))
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    low, high = max(low, low if least is None else least), min(high, high if most is None else most)
    shape = draw(st.one_of(st.just(()), arrays_of.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=9)))
    values = st.one_of(st.just(0), st.sampled_from([low, high, 1]), st.integers(low, high))
    return draw(arrays_of.arrays(dtype, shape, elements=values, fill=st.just(0)))


def returns(codec, array):
    stream = codec.encode(array)
    back = decode(stream)
    assert (array.shape, array.dtype) == (back.shape, back.dtype)
    assert array.tolist() == back.tolist()
    assert codec.size_bits(array) == stream.bits == sum(part.bits for part in stream.sections)
    assert all(-(-part.bits // 8) == len(part.data) for part in stream.sections)
    assert 0 <= stream.payload_bits <= stream.bits
    return stream


@pytest.mark.parametrize("codec", ANY, ids=repr)
@many(CASES // 20)
@given(array=arrays())
@example(array=np.zeros(100, "int8"))
@example(array=np.arange(1, 100, dtype="uint64"))
@example(array=np.zeros((3, 0, 4), "int16"))
@example(array=np.array(-5, "int32"))
def test_every_format_gives_back_what_it_was_given(codec, array):
    returns(codec, array)


@many(300)
@given(array=arrays(-(2**15), 2**15 - 1))
@example(array=np.zeros(96, "int8"))
@example(array=np.array([-(2**15), 0, 2**15 - 1], "int64"))
def test_eyeriss_rlc_gives_back_what_it_was_given(array):
    stream = returns(EyerissRLC(), array)
    assert stream.bits % 64 == 0


@pytest.mark.parametrize("codec", NARROW, ids=repr)
@many(60)
@given(data=st.data())
def test_values_narrower_than_their_type_come_back(codec, data):
    bits = codec.value_bits
    array = data.draw(arrays(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1))
    returns(codec, prune(array) if isinstance(codec, Structured) else array)


def prune(array, keep=2, of=4):
    """The array cut to whole groups, its last values in crowded groups made zero."""
    length = array.shape[-1] // of * of if array.ndim else 0
    groups = (array[..., :length] if array.ndim else np.zeros(0, array.dtype)).copy()
    cells = groups.reshape(-1, of)
    cells[np.cumsum(cells != 0, axis=1) > keep] = 0
    return cells.reshape(groups.shape)


@pytest.mark.parametrize(("keep", "of"), [(2, 4), (1, 4), (4, 4), (3, 7), (1, 1)])
@many(60)
@given(array=arrays())
def test_structured_arrays_come_back(keep, of, array):
    returns(Structured(keep, of), prune(array, keep, of))


def long_arrays():
    rng = np.random.default_rng(11)
    for count in (PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7):
        for density in (0, 1e-4, 0.02, 0.5, 1):
            yield np.where(rng.random(count) < density, rng.integers(1, 100, count), 0).astype("int16")
    for edge in (PIECE - 33, PIECE - 32, PIECE - 1, PIECE, PIECE + 31, PIECE + 32):
        alone = np.zeros(2 * PIECE, "int16")
        alone[edge] = 1
        yield alone


@pytest.mark.parametrize("codec", [Bitmask(), Bitmask(7 + 1), EyerissRLC(), RunLength(), RunLength(3, 11), Huffman()])
def test_arrays_longer_than_a_piece_come_back(codec):
    for array in long_arrays():
        returns(codec, array)


def slow_pairs(values, run_bits):
    """The coder of the paper, a value at a time."""
    pairs, run = [], 0
    for at, value in enumerate(values):
        if value or run == 2**run_bits - 1 or at == len(values) - 1:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
    return pairs


@many(200)
@given(array=arrays(), run_bits=st.integers(1, 6))
def test_pairs_are_those_of_a_coder_that_looks_at_one_value_at_a_time(array, run_bits):
    runs, levels = run_pairs(array.reshape(-1), run_bits)
    assert slow_pairs(array.reshape(-1).tolist(), run_bits) == list(zip(runs.tolist(), levels.tolist(), strict=True))
    assert len(runs) == pair_count(array.reshape(-1), run_bits)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (
            [0, 0, 12, 0, 0, 0, 0, 53, 0, 0, 22],
            (2 << 59) + (12 << 43) + (4 << 38) + (53 << 22) + (2 << 17) + (22 << 1) + 1,
        ),
        ([-1], (0xFFFF << 43) + 1),  # one pair, two of padding
        ([0] * 32, (31 << 59) + 1),  # a full pair covers 32 zeros
        ([0] * 33, (31 << 59) + 1),  # the 33rd is a pair (0, 0), as the padding is
        ([0] * 34, (31 << 59) + (1 << 38) + 1),
        ([0] * 31 + [7], (31 << 59) + (7 << 43) + 1),
        ([0] * 32 + [7], (31 << 59) + (7 << 22) + 1),
    ],
)
def test_an_eyeriss_word_is_three_pairs_and_a_last_flag(values, word):
    stream = returns(EyerissRLC(), np.array(values, "int16"))
    assert f"{word:016x}" == stream["words"].data.hex()


def test_only_the_last_eyeriss_word_is_marked_last():
    stream = EyerissRLC().encode(np.ones(7, "int16"))
    assert [0, 0, 1] == [byte & 1 for byte in stream["words"].data[7::8]]


@many(200)
@given(width=st.integers(0, 64), numbers=st.lists(st.integers(0, 2**64 - 1), max_size=200))
def test_packed_numbers_are_their_binary_digits_in_a_row(width, numbers):
    numbers = [number % 2**width for number in numbers]
    data = pack(np.array(numbers, "uint64"), width)
    digits = "".join(f"{number:0{width}b}" for number in numbers) if width else ""
    assert digits == "".join(f"{byte:08b}" for byte in data)[: len(digits)]
    assert -(-len(digits) // 8) == len(data)
    assert numbers == unpack(data, width, len(numbers)).tolist()


@pytest.mark.parametrize("width", [1, 5, 12, 21, 33, 63])
def test_packing_goes_on_across_pieces(width):
    numbers = np.random.default_rng(3).integers(0, 2**width, 100_001, dtype=np.uint64)
    assert (unpack(pack(numbers, width), width, len(numbers)) == numbers).all()


SIZES = [  # a 4 x 8 array of int8 with 3 nonzeros: bits counted by hand
    (Dense(), 32 * 8),
    (Bitmask(), 32 + 3 * 8),
    (COO(), 6 + 3 * (2 + 3 + 8)),
    (CSR(), 5 * 6 + 3 * (3 + 8)),
    (CSC(), 9 * 6 + 3 * (2 + 8)),
    (RunLength(2), 10 * (2 + 8)),  # zeros 2 | 16 | 8 | 3: pairs 1, 4 + 1, 2 + 1, 1 + 0 short
    (RunLength(5), 4 * (5 + 8)),
    (EyerissRLC(), 2 * 64),
    (Structured(), 8 * 2 * (8 + 2)),
    (Huffman(), 6 + 3 * (8 + 6) + 29 * 1 + 3 * 2),
]


@pytest.mark.parametrize(("codec", "bits"), SIZES, ids=lambda part: str(part))
def test_sizes_are_those_counted_by_hand(codec, bits):
    array = np.zeros(32, "int8")
    array[[2, 19, 28]] = 5, 5, -3
    assert bits == returns(codec, array.reshape(4, 8)).bits


@pytest.mark.parametrize("codec", [*ANY, EyerissRLC()], ids=repr)
def test_payload_and_metadata_are_all_bits(codec):
    array = np.array([0, 3, 0, 0, -2, 3, 0, 0], "int16")
    stream = codec.encode(array)
    assert (3 * 2 if codec == Huffman() else 3 * 16) == stream.payload_bits  # codes of 0, 3, -2: 1, 2, 2 bits
    assert stream.bits == stream.payload_bits + stream.metadata_bits


@pytest.mark.parametrize(
    "codec", [Bitmask(4), COO(4), CSR(4), CSC(4), Dense(4), Huffman(4), RunLength(5, 4), Structured(2, 4, 4)]
)
@pytest.mark.parametrize("array", [np.array([8, 0, 0, 0]), np.array([-9, 0, 0, 0]), np.array([16, 0, 0, 0], "uint8")])
def test_values_that_do_not_fit_are_refused(codec, array):
    for act in (codec.encode, codec.size_bits):
        with pytest.raises(FormatError, match="do not fit 4 bits, which hold"):
            act(array)


@pytest.mark.parametrize("value", [2**15, -(2**15) - 1])
def test_eyeriss_refuses_values_of_more_than_16_bits(value):
    with pytest.raises(FormatError, match="do not fit 16 bits"):
        EyerissRLC().encode(np.array([0, value]))


@pytest.mark.parametrize("codec", EVERY, ids=repr)
@pytest.mark.parametrize("array", [[0.5, 0, 0, 0], [True, False, False, False], ["a"] * 4])
def test_only_whole_numbers_are_stored(codec, array):
    with pytest.raises(FormatError, match="quantise"):
        codec.encode(array)


def test_a_group_with_too_many_nonzeros_is_named():
    with pytest.raises(FormatError, match=r"group 1 \(1, 0, 2, 3\) has 3; prune"):
        Structured().encode(np.array([[0, 0, 0, 1], [1, 0, 2, 3]]))
    with pytest.raises(FormatError, match="do not divide its 3 values"):
        Structured().encode(np.zeros((4, 3), "int8"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: RunLength(0),
        lambda: RunLength(33),
        lambda: RunLength(2.5),
        lambda: Bitmask(0),
        lambda: COO(65),
        lambda: Structured(5, 4),
        lambda: Structured(0, 4),
        lambda: Bitmask().expected_bits(1.5, (4,)),
        lambda: Bitmask().expected_bits(float("nan"), (4,)),
        lambda: Bitmask().expected_bits([0.5, 0.5], (3,)),
        lambda: Bitmask().expected_bits(0.5, (3,), "float32"),
        lambda: CSR().expected_bits(0.5, (3,), "x"),
        lambda: Huffman().expected_bits(0.5, (3,), "int32"),
        lambda: Huffman().expected_bits(0.5, (3,), "int8", {1: 0.5}),
        lambda: Huffman().expected_bits(0.5, (3,), "int8", {200: 1.0}),
        lambda: block_density(np.eye(3), (1,)),
        lambda: diagonal_density(np.ones(3)),
        lambda: predicted_macs(0.5, np.ones((2, 2)), (2, 3, 4)),
        lambda: effectual_macs(np.ones((2, 3)), np.ones((2, 3))),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(FormatError):
        make()


# Streams that no array wrote


def small_arrays():
    return arrays(-128, 127)


def damaged(draw, stream):
    """The stream with a bit turned, bytes cut or added, a section lost, or its size or the array's shape changed."""
    parts = list(stream.sections)
    at = draw(st.integers(0, len(parts) - 1))
    part = parts[at]
    kind = draw(st.sampled_from(["flip", "flip", "flip", "cut", "grow", "bits", "both", "lose", "shape", "dtype"]))
    if kind == "shape":
        return dataclasses.replace(stream, shape=(*stream.shape, draw(st.integers(0, 3))))
    if kind == "dtype":
        return dataclasses.replace(stream, dtype=draw(st.sampled_from(WIDTHS)))
    if kind == "lose":
        return dataclasses.replace(stream, sections=tuple(parts[:at] + parts[at + 1 :]))
    data, bits = bytearray(part.data), part.bits
    if kind == "flip" and data:
        for where in draw(st.lists(st.integers(0, len(data) * 8 - 1), min_size=1, max_size=3)):
            data[where // 8] ^= 128 >> where % 8
    elif kind == "cut":
        data = data[: draw(st.integers(0, max(len(data) - 1, 0)))]
    elif kind == "grow":
        data += draw(st.binary(min_size=1, max_size=9))
    elif kind == "bits":
        bits = draw(st.integers(0, 2 * bits + 9))
    elif kind == "both":
        data = bytearray(draw(st.binary(max_size=40)))
        bits = 8 * len(data)
    parts[at] = Section(part.name, bits, bytes(data))
    return dataclasses.replace(stream, sections=tuple(parts))


@pytest.mark.parametrize("codec", EVERY, ids=repr)
@many(CASES // 10)
@given(data=st.data())
def test_a_damaged_stream_is_refused_or_is_what_another_array_writes(codec, data):
    array = data.draw(small_arrays())
    stream = damaged(data.draw, codec.encode(prune(array) if codec == Structured() else array))
    refusal, back = attempt(stream)
    if back is None:
        assert refusal.startswith(f"{codec.name} stream")
    else:
        assert (stream.shape, stream.dtype) == (back.shape, str(back.dtype))
        assert codec.encode(back).sections == stream.sections


def attempt(stream):
    try:
        return "", decode(stream)
    except StreamError as error:
        return str(error), None


@pytest.mark.parametrize("codec", EVERY, ids=repr)
def test_a_stream_cut_anywhere_is_refused(codec):
    stream = codec.encode(np.tile(np.array([0, 0, 3, 0, 0, -1, 0, 0], "int16"), 12).reshape(4, 24))
    for at, part in enumerate(stream.sections):
        for kept in range(len(part.data)):
            for bits in {part.bits, kept * 8}:
                cut = Section(part.name, bits, part.data[:kept])
                parts = (*stream.sections[:at], cut, *stream.sections[at + 1 :])
                with pytest.raises(StreamError, match=f"{codec.name} stream"):
                    decode(dataclasses.replace(stream, sections=parts))


def word(pairs, last):
    return sum((run << 16 | level) << shift for (run, level), shift in zip(pairs, (43, 22, 1), strict=True)) + last


def words(code):
    data = b"".join(word(pairs, last).to_bytes(8) for *pairs, last in code)
    return (Section("words", len(data) * 8, data),)


FILL = (0, 0)
FAULTS = [
    ("not marked last", 6, [((1, 1), (1, 1), (1, 1), 0)]),
    ("word 0: marked last, 2 words came", 8, [((1, 1), (1, 1), (1, 1), 1), ((1, 1), FILL, FILL, 1)]),
    ("pair 1: runs past the end", 8, [((5, 1), (5, 1), FILL, 1)]),
    ("hold 6 values, the array needs 9", 9, [((1, 1), (1, 1), (1, 1), 1)]),
    ("word 0: pairs after the array's end are not", 2, [((1, 1), (0, 5), FILL, 1)]),
    ("pair 0: level 0 after a run of 3", 6, [((3, 0), (1, 1), FILL, 1)]),
    ("levels: value 0 is 300, which no int8 holds", 1, [((0, 300), FILL, FILL, 1)]),
    ("hold 0 values, the array needs 1", 1, []),
]


@pytest.mark.parametrize(("message", "size", "code"), FAULTS)
def test_a_faulty_eyeriss_code_is_named(message, size, code):
    stream = EyerissRLC().encode(np.ones(size, "int8"))
    with pytest.raises(StreamError, match=message):
        decode(dataclasses.replace(stream, sections=words(code)))


def forged(codec, array, **lists):
    """The stream of an array with sections written anew: name = (width, numbers), or (width, numbers, bits cut off)."""

    def anew(width, numbers, cut=0):
        bits = len(numbers) * width - cut
        digits = "".join(f"{number % 2**width:0{width}b}" for number in numbers)[:bits]
        return bits, int(digits.ljust(-(-bits // 8) * 8, "0") or "0", 2).to_bytes(-(-bits // 8))

    stream = codec.encode(np.array(array, "int8"))
    parts = [Section(p.name, *anew(*lists[p.name])) if p.name in lists else p for p in stream.sections]
    return dataclasses.replace(stream, sections=tuple(parts))


MATRIX = [[0, 5, 6, 0]]
FEW = [0, 0, 0, 5, 6]  # codes 0, 10, 11


@pytest.mark.parametrize(
    ("message", "stream"),
    [
        ("values: value 1 .bit 8. is 0; only nonzeros", forged(Bitmask(), MATRIX, values=(8, [5, 0]))),
        ("mask: an array of 4 values needs 4 bits, got 5", forged(Bitmask(), MATRIX, mask=(1, [0, 1, 1, 0, 0]))),
        ("coordinate 1 does not come after", forged(COO(), MATRIX, **{"rank 1": (2, [1, 1])})),
        ("coordinate 1 does not come after", forged(CSR(), MATRIX, coordinates=(2, [2, 2]))),
        ("coordinate 1 does not come after", forged(CSR(), MATRIX, coordinates=(2, [2, 1]))),
        ("coordinate 0 is 3, the rank ends at 2", forged(CSR(), [[0, 5, 6]], coordinates=(2, [3, 1]))),
        ("pointer 0 is 1: pointers start at 0", forged(CSR(), MATRIX, pointers=(3, [1, 2]))),
        ("pointer 2 is 0: .* never fall", forged(CSC(), MATRIX, pointers=(3, [0, 1, 0, 2, 2]))),
        ("group 0: not its nonzeros and first", forged(Structured(), [0, 5, 6, 0], positions=(2, [2, 2]))),
        ("group 0: not its nonzeros and first", forged(Structured(), [0, 5, 6, 0], positions=(2, [2, 1]))),
        ("group 0: not its nonzeros and first", forged(Structured(), [0, 0, 5, 0], values=(8, [0, 0]))),
        (
            "codes: 6 bits hold 5 codes, the last one cut short",
            forged(Huffman(), FEW, codes=(1, [0, 0, 0, 1, 0, 1, 1], 1)),
        ),
        ("codes: 8 bits hold 6 codes; the array needs 5", forged(Huffman(), FEW, codes=(1, [0, 0, 0, 1, 0, 1, 1, 0]))),
        ("do not fill a code tree", forged(Huffman(), FEW, lengths=(6, [0, 1, 2]))),
        ("do not fill a code tree", forged(Huffman(), FEW, lengths=(6, [1, 2, 3]))),
        ("one stands there twice", forged(Huffman(), FEW, symbols=(8, [0, 5, 5]))),
        ("not in the order of their codes", forged(Huffman(), FEW, symbols=(8, [0, 6, 5]))),
        ("not the code of the values", forged(Huffman(), FEW, codes=(1, [0, 1, 0, 1, 0, 1, 1, 0]))),
        ("not the code of the values", forged(Huffman(), FEW, codes=(1, [0, 1, 0, 1, 0, 1, 0, 0]))),
        ("one symbol needs no bits, got 1", forged(Huffman(), [7, 7], codes=(1, [0]))),
        ("a table without symbols", forged(Huffman(), [7], count=(1, [0]), symbols=(8, []), lengths=(6, []))),
    ],
)
def test_what_is_wrong_with_a_stream_is_said(message, stream):
    with pytest.raises(StreamError, match=message):
        decode(stream)


@pytest.mark.parametrize("codec", EVERY, ids=repr)
@pytest.mark.parametrize("change", [{"shape": (-4,)}, {"shape": (2**40, 2**40)}, {"dtype": "float32"}, {"dtype": "x"}])
def test_a_stream_of_no_possible_array_is_refused(codec, change):
    with pytest.raises(StreamError, match="no "):
        decode(dataclasses.replace(codec.encode(np.array([0, 3, 0, 0])), **change))


@pytest.mark.parametrize("codec", [RunLength(), EyerissRLC(), Bitmask(), CSR(), Dense(), Structured()], ids=repr)
def test_a_short_stream_of_a_huge_array_is_refused_before_memory_is_taken(codec):
    with pytest.raises(StreamError):
        decode(dataclasses.replace(codec.encode(np.array([0, 3, 0, 0])), shape=(2**60,)))


def test_a_stream_is_read_by_the_format_that_wrote_it():
    with pytest.raises(StreamError, match="cannot read a stream of run-length 3"):
        RunLength(4).decode(RunLength(3).encode(np.ones(4, "int8")))


# Expected sizes


@pytest.mark.parametrize("codec", [*ANY[:5], *ANY[6:], EyerissRLC(), Bitmask(20), CSR(9)], ids=repr)
@many(60)
@given(array=arrays(-128, 127))
def test_the_expected_size_at_densities_of_0_and_1_is_the_size(codec, array):
    expected = codec.expected_bits((array != 0).astype(float), array.shape, str(array.dtype))
    assert codec.size_bits(array) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@many(200)
@given(st.floats(0, 1), st.integers(0, 300), st.integers(1, 5))
def test_the_closed_form_of_pairs_is_the_recurrence_at_one_density(density, count, run_bits):
    assert expected_pairs_uniform(density, count, run_bits) == pytest.approx(
        _summed_pairs(np.full(count, density), run_bits), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize(("run_bits", "count"), [(1, 1), (1, 6), (2, 9), (3, 10), (5, 8)])
def test_expected_sizes_are_sums_over_every_pattern(run_bits, count):
    rng = np.random.default_rng(count)
    for density in (np.full(count, 0.3), rng.random(count)):
        rlc, run = 0.0, 0.0
        for bits in range(2**count):
            pattern = np.array([bits >> at & 1 for at in range(count)], "int8")
            chance = np.where(pattern, density, 1 - density).prod()
            run += chance * RunLength(run_bits).size_bits(pattern)
            rlc += chance * EyerissRLC().size_bits(pattern)
        assert run == pytest.approx(RunLength(run_bits).expected_bits(density, (count,), "int8"), rel=1e-12)
        assert rlc == pytest.approx(EyerissRLC().expected_bits(density, (count,)), rel=1e-12)


def blocks(rng):
    return np.repeat(np.repeat(rng.random((3, 5)), 4, axis=0), 9, axis=1)


def channels(rng):
    return np.broadcast_to(rng.random((12, 1)), (12, 45))


def evenly(density):
    return lambda rng: density


@pytest.mark.parametrize("codec", [*ANY[1:5], *ANY[6:], EyerissRLC()], ids=repr)
@pytest.mark.parametrize(
    "spread",
    [evenly(0.03), evenly(0.5), evenly(0.97), blocks, channels],
    ids=["3 %", "50 %", "97 %", "blocks", "channels"],
)
def test_the_mean_size_of_random_arrays_is_the_expected_size(codec, spread):
    rng = np.random.default_rng(17)
    density = spread(rng)
    sizes = [codec.size_bits((rng.random((12, 45)) < density).astype("int16")) for _ in range(300)]
    error = np.std(sizes) / math.sqrt(len(sizes))
    assert abs(np.mean(sizes) - codec.expected_bits(density, (12, 45))) <= SIGMAS * error + 1e-9


VALUES = {-1: 0.55, 3: 0.25, 7: 0.2}


@pytest.mark.parametrize("density", [0.3, 0.05, 1.0])
def test_the_mean_huffman_size_is_the_expected_size_where_samples_keep_the_code(density):
    rng = np.random.default_rng(23)
    sizes = []
    for _ in range(200):
        values = rng.choice(list(VALUES), size=4000, p=list(VALUES.values()))
        sizes.append(Huffman().size_bits(np.where(rng.random(4000) < density, values, 0).astype("int8")))
    error = np.std(sizes) / math.sqrt(len(sizes))
    assert abs(np.mean(sizes) - Huffman().expected_bits(density, (4000,), "int8", VALUES)) <= SIGMAS * error + 1e-9


def test_huffman_tables_are_expected_to_miss_symbols():
    rng = np.random.default_rng(29)
    draws = [np.where(rng.random(40) < 0.5, rng.integers(1, 256, 40), 0).astype("uint8") for _ in range(300)]
    tables = [Huffman().encode(draw)["count"].bits + 14 * len(np.unique(draw)) for draw in draws]
    sizes = [Huffman().size_bits(draw) for draw in draws]
    bound = Huffman().expected_bits(0.5, (40,), "uint8")
    assert np.mean(sizes) < bound
    assert abs(np.mean(tables) - expected_table(0.5, 40)) <= SIGMAS * np.std(tables) / math.sqrt(300)


def expected_table(density, count):
    from accelsim.formats.huffman import _expected_symbols

    return 6 + 14 * _expected_symbols(np.full(255, 1 / 255), np.full(count, density))


def shortest(counts):
    """The cost of the best code by the plainest way there is: join the two lightest, again and again."""
    weights, cost = sorted(counts), 0
    while len(weights) > 1:
        joined, weights = weights[0] + weights[1], weights[2:]
        cost, weights = cost + joined, sorted([*weights, joined])
    return cost


@many(200)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_huffman_codes_are_as_short_as_codes_can_be(counts):
    array = np.repeat(np.arange(len(counts)), counts).astype("uint8")
    assert shortest(counts) == Huffman().encode(array)["codes"].bits


def test_long_huffman_codes_come_back():
    fibonacci = [1, 1]
    while len(fibonacci) < 24:
        fibonacci.append(sum(fibonacci[-2:]))
    array = np.repeat(np.arange(24), fibonacci).astype("int8")
    np.random.default_rng(1).shuffle(array)
    returns(Huffman(), array)


# Structure


def product(kind):
    eye, first = np.eye(8, dtype="int8"), (np.arange(8) == 0).astype("int8")
    column, row = np.outer(np.ones(8, "int8"), first), np.outer(first, np.ones(8, "int8"))
    return {"identity": (eye, eye), "column-row": (column, row), "shifted": (column, np.roll(row, 1, axis=0))}[kind]


@pytest.mark.parametrize(("kind", "macs"), [("identity", 8), ("column-row", 64), ("shifted", 0)])
def test_three_products_of_one_density_leave_8_64_and_0_macs_where_independence_predicts_8(kind, macs):
    left, right = product(kind)
    assert 8 == predicted_macs((left != 0).mean(), (right != 0).mean(), (8, 8, 8))
    assert macs == effectual_macs(left, right)
    assert macs == predicted_macs(left != 0, right != 0, (8, 8, 8))


@many(100)
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**32 - 1))
def test_effectual_macs_are_those_of_the_three_loops(rows, columns, inner, seed):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(-1, 2, (rows, inner)), rng.integers(-1, 2, (inner, columns))
    both = sum(left[m, k] != 0 and right[k, n] != 0 for m in range(rows) for n in range(columns) for k in range(inner))
    assert both == effectual_macs(left, right)


def test_knowing_the_structure_of_the_zeros_predicts_the_work():
    for kind, cut in (("identity", diagonal_density), ("column-row", lambda a: block_density(a, (8, 1)))):
        left, right = product(kind)
        other = cut(right) if kind == "identity" else block_density(right, (1, 8))
        assert effectual_macs(left, right) == predicted_macs(cut(left), other, (8, 8, 8))


def test_zeros_in_blocks_mislead_an_independent_run_length():
    array = np.zeros((32, 32), "int16")
    array[:16, :16] = 1
    actual = RunLength(5).size_bits(array)
    independent = RunLength(5).expected_bits(0.25, array.shape)
    aware = RunLength(5).expected_bits(block_density(array, (16, 16)), array.shape)
    assert actual == pytest.approx(aware)
    assert abs(independent - actual) > 100
    assert Bitmask().size_bits(array) == Bitmask().expected_bits(0.25, array.shape)  # a mask counts, it does not look


@many(100)
@given(arrays_of.arrays("int8", arrays_of.array_shapes(max_dims=3, max_side=7), elements=st.integers(0, 1)), st.data())
def test_block_densities_are_the_means_of_blocks(array, data):
    block = tuple(data.draw(st.integers(1, 8)) for _ in array.shape)
    each = block_density(array, block)
    assert array.sum() == pytest.approx(each.sum())
    for at in np.ndindex(array.shape):
        inside = tuple(slice(i // size * size, i // size * size + size) for i, size in zip(at, block, strict=True))
        assert array[inside].mean() == pytest.approx(each[at])


def test_formats_change_places_where_their_expected_sizes_meet():
    assert (0.9375,) == crossovers(Bitmask(), Dense(), (64, 64))  # 1 + 16 d = 16
    assert () == crossovers(Bitmask(), Bitmask(20), (64, 64))[1:]
    (point,) = crossovers(EyerissRLC(), Dense(), (1024,))
    for density, cheaper in ((point - 1e-3, True), (point + 1e-3, False)):
        assert cheaper == (EyerissRLC().expected_bits(density, (1024,)) < 1024 * 16)


def test_diagonal_densities_are_the_means_of_diagonals():
    array = np.random.default_rng(7).integers(0, 2, (4, 6))
    for row, column in np.ndindex(array.shape):
        assert np.diagonal(array, column - row).mean() == pytest.approx(diagonal_density(array)[row, column])


# The family


@pytest.mark.parametrize("codec", EVERY, ids=repr)
@many(60)
@given(array=arrays(-128, 127))
def test_a_tree_holds_the_nonzeros_and_all_bits_of_its_stream(codec, array):
    array = prune(array) if codec == Structured() else array
    stream = codec.encode(array)
    tree = fibertree(stream)
    assert stream.bits == tree.bits
    if codec != Huffman():
        width = 16 if codec == EyerissRLC() else array.dtype.itemsize * 8
        assert count_leaves(tree.root) * width == tree.value_bits
    leaves, depth = [], {len(tree.ranks)}

    def walk(fiber, level):
        assert list(fiber.coordinates) == sorted(set(fiber.coordinates))
        for payload in fiber.payloads:
            if isinstance(payload, int):
                leaves.append(payload)
                depth.add(level)
            else:
                walk(payload, level + 1)

    walk(tree.root, 1)
    assert {len(tree.ranks)} == depth
    table = array.reshape(-1, array.shape[-1] if array.ndim else 1) if array.size else array
    order = table.T if codec == CSC() else table
    assert order[order != 0].tolist() == [leaf for leaf in leaves if leaf]
    assert str(tree).startswith(codec.name)


def count_leaves(fiber):
    return sum(1 if isinstance(payload, int) else count_leaves(payload) for payload in fiber.payloads)


def test_every_error_is_one_that_users_see_without_a_traceback():
    assert issubclass(StreamError, AccelsimError)
    assert issubclass(FormatError, AccelsimError)


def test_a_pattern_that_the_shape_does_not_hold_has_no_expected_size():
    with pytest.raises(FormatError, match="groups of 4, which do not divide its 3 values"):
        Structured().encode(np.zeros(3, int))
    with pytest.raises(FormatError, match="groups of 4, which do not divide its 3 values"):
        Structured().expected_bits(0.5, (3,))


@pytest.mark.parametrize(
    ("ask", "fault"),
    [
        (lambda: Bitmask().encode([1])["msk"], "bitmask stream: no section 'msk'; it has mask, values"),
        (lambda: Bitmask().expected_bits("half", (4,)), "a number from 0 to 1, or an array of them, got 'half'"),
        (lambda: Bitmask().expected_bits(0.5, 4), "a shape is a tuple of whole numbers of 0 or more, got 4"),
        (lambda: Bitmask().expected_bits(0.5, (2, -4)), r"whole numbers of 0 or more, got \(2, -4\)"),
        (lambda: predicted_macs(0.5, 0.5, (2, 2)), r"has the shape \(M, N, K\), got \(2, 2\)"),
        (lambda: block_density([[1]], (1.5, 1)), r"as many sizes of at least 1, got \(1.5, 1\)"),
        (lambda: crossovers(Bitmask(), Dense(), (4,), steps=0), "steps must be a whole number from 1, got 0"),
    ],
    ids=["section", "density", "shape", "negative shape", "product", "block", "steps"],
)
def test_what_cannot_be_asked_of_a_format_is_refused(ask, fault):
    with pytest.raises(FormatError, match=fault):
        ask()

"""Bad layers, machines and mappings: every fault at once, in words, never a traceback from inside."""

from dataclasses import fields
from decimal import Decimal

import numpy
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accelsim import AccelsimError, Arch, Level, catalog, conv, count, einsum, evaluate, nest, problems, trace
from accelsim.errors import ArchError, MappingError, WorkloadError
from accelsim.mapping import Loop, Mapping, Stage

CONV3 = conv("conv3", N=4, M=384, C=256, P=13, Q=13, R=3, S=3)
EYERISS = catalog.eyeriss()


def lines(error) -> list[str]:
    return str(error.value).split("\n  ")


def test_a_mapping_that_does_not_fit_names_every_reason():
    mapping = nest("DRAM: M8 C16 | GLB: Q13 M3 C4 P13@x R3@y M8@y | spad: M4 S3 C8")
    assert problems(CONV3, EYERISS, mapping) == [
        "M: M8 at DRAM steps by 96, so its iterations 5 to 8 lie beyond 384",
        "C: C16 at DRAM steps by 32, so its iterations 9 to 16 lie beyond 256",
        "N: the loops cover 1 of 4; add a loop N4",
        "GLB: spatial loops on y need 24 rows, the array has 12",
        "spad: ifmap tile needs 24 words, its partition has 12",
    ]


def test_unknown_names_get_suggestions_and_come_together():
    with pytest.raises(MappingError) as error:
        evaluate(CONV3, EYERISS, nest("DRAM[ifmp]: M8 K16 | GLBB: Q13"))
    assert "GLBB: eyeriss has no such level, it has DRAM, GLB, spad; did you mean GLB?" in lines(error)
    assert "DRAM: no tensor ifmp, the layer has ifmap, filter, ofmap; did you mean ifmap?" in lines(error)
    assert "DRAM: loop K16 is over K, the layer has N M C P Q R S" in lines(error)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("DRAM: M8 C16 | spad: P13@z", "column 22: expected axis x or y, got 'z' in 'P13@z'"),
        ("DRAM: M8 | ", "column 12: expected a level such as 'GLB:' or 'GLB[ifmap ofmap]:', got nothing"),
        ("DRAM: M8,C3", "column 7: expected a loop such as M4 or P13@x, got 'M8,C3'"),
        ("DRAM: M0", "column 7: expected a bound from 1 to 2^63-1, got 'M0'"),
        (None, "a nest is text such as 'DRAM: M4 | spad: C4 S3', got None"),
    ],
)
def test_a_nest_that_cannot_be_read_says_where_and_what_was_expected(text, fault):
    with pytest.raises(MappingError) as error:
        nest(text)
    assert lines(error)[-1] == fault


def test_levels_must_be_named_once_each_in_order():
    toy = Arch("toy", (Level("DRAM"), Level("GLB"), Level("spad")))
    layer = conv("c", M=2)
    assert problems(layer, toy, nest("DRAM: M2 | spad:")) == [
        "no stage for GLB; write 'GLB:' even if no loop runs there"
    ]
    assert "order DRAM | GLB | spad" in problems(layer, toy, nest("GLB: M2 | DRAM: | spad:"))[0]
    assert "order DRAM | GLB | spad" in problems(layer, toy, nest("DRAM: M2 | GLB: | GLB: | spad:"))[0]


def test_the_outermost_level_must_keep_every_tensor():
    toy = Arch("toy", (Level("DRAM"), Level("spad")))
    faults = problems(conv("c", M=2), toy, nest("DRAM[ifmap]: M2 | spad:"))
    assert faults == ["DRAM: the outermost level must keep every tensor, it leaves out filter, ofmap"]


def test_a_tensor_without_a_partition_cannot_be_kept():
    layer = einsum("fc", "Z[M N] += A[M K] * B[K N]", M=64, N=64, K=64)
    faults = problems(layer, EYERISS, nest("DRAM: | GLB[]: | spad: M64 N64 K64"))
    assert faults == [f"spad: no partition for {name}, it has ifmap 12, filter 224, ofmap 24" for name in "ABZ"]
    unlimited = Arch("toy", (Level("DRAM"), Level("spad", capacity={"A": 1, "B": 1, "Z": None})))
    assert not problems(layer, unlimited, nest("DRAM: K64 M64 N64 | spad:"))


def test_whole_numbers_of_numpy_are_python_s_own():
    small = numpy.uint8
    layer = conv("c", M=small(200), C=small(200), P=small(200), R=small(3), stride=small(2))
    assert layer == conv("c", M=200, C=200, P=200, R=3, stride=2)
    assert conv("c", M=numpy.int32(65536), C=numpy.int32(65536)).macs == 2**32
    assert Level("GLB", fanout=(small(16), small(16))).copies == 256
    assert Loop("M", numpy.int32(2**20)) == Loop("M", 2**20)
    assert type(Loop("M", numpy.int64(3)).bound) is int
    assert einsum("e", "Z[M] += A[M K]", M=small(200), K=small(200)).macs == 40000


def test_what_is_too_large_to_work_out_is_refused_at_once():
    toy = Arch("toy", (Level("DRAM", fanout=10**9), Level("spad", capacity=4)))
    assert problems(conv("c", P=10**12, R=3), toy, nest("DRAM: | spad: P1000000000000 R3")) == [
        "axis P+R of ifmap spans 1000000000002; windows are counted up to 16777216"
    ]
    assert conv("c", P=10**12, R=3).words("ifmap") == 10**12 + 2
    assert problems(conv("c", M=10**9), toy, nest("DRAM: M1000000000@x | spad:")) == [
        "M: the spatial loops make 1000000000 copies; counted are up to 65536"
    ]
    deep = "DRAM: " + "M9223372036854775807 " * 240 + "| spad:"
    assert problems(conv("c", M=4), toy, nest(deep)) == [
        "M: the loops together run more than 2^64 times, the layer has 4"
    ]
    with pytest.raises(WorkloadError, match="counted are up to"):
        einsum("e", "Z[P R] += A[3P+5R+7T]", P=10**9, R=3, T=2).words("A")


def test_names_that_results_use_are_refused():
    with pytest.raises(ArchError, match="MAC has a meaning of its own"):
        Level("MAC")
    with pytest.raises(WorkloadError, match="leakage has a meaning of its own"):
        einsum("e", "leakage[M] += A[M]", M=2)


def test_values_are_copied_and_can_be_keys():
    room = {"ifmap": 4}
    level = Level("spad", capacity=room)
    room["ifmap"] = 1
    assert level.capacity == {"ifmap": 4}
    assert hash(catalog.eyeriss()) == hash(catalog.eyeriss())


def test_a_double_buffered_level_needs_its_tiles_twice():
    layer, mapping = conv("c", M=4), nest("DRAM: | spad: M4")
    assert not problems(layer, Arch("toy", (Level("DRAM"), Level("spad", capacity=9))), mapping)
    faults = problems(layer, Arch("toy", (Level("DRAM"), Level("spad", capacity=17, double=True))), mapping)
    assert faults == ["spad: ifmap 2 + filter 8 + ofmap 8 words need 18 (double buffered, so twice), it has 17"]


def test_copies_that_share_a_sum_need_somebody_to_add_them():
    layer, mapping = conv("c", C=4), nest("DRAM: | GLB: C4@x | spad:")

    def faults(**options):
        return problems(layer, Arch("toy", (Level("DRAM"), Level("GLB", fanout=4, **options), Level("spad"))), mapping)

    assert not faults()
    assert not faults(reduction=False)
    assert faults(reduction=False, accumulate=False) == [
        "GLB: C4@x makes copies with sums of the same ofmap; its array does not reduce and GLB does not accumulate"
    ]


def test_a_layer_that_cannot_be_names_every_reason():
    with pytest.raises(WorkloadError) as error:
        conv("bad", M=3, C=4, P=0, Q=2.5, stride="a")
    assert len(lines(error)) == 3
    with pytest.raises(WorkloadError, match="M=3 is not a multiple of G=2"):
        conv("bad", M=3, C=4, G=2)
    with pytest.raises(WorkloadError, match="no size given for K"):
        einsum("bad", "Z[M] += A[M K]", M=3)
    with pytest.raises(WorkloadError, match="an output axis is one dimension"):
        einsum("bad", "Z[M+K] += A[M K]", M=3, K=2)


def test_a_machine_that_cannot_be_names_every_reason():
    with pytest.raises(ArchError) as error:
        Level("a b", capacity=-1, read="x", fanout=(0, 2), bandwidth=0)
    assert len(lines(error)) == 5
    with pytest.raises(ArchError, match="2 levels are called GLB"):
        Arch("bad", (Level("GLB"), Level("GLB")))


@pytest.mark.parametrize("layers", [None, "abc", (3,)], ids=str)
def test_a_network_is_made_of_layers(layers):
    with pytest.raises(WorkloadError, match="net: a network is a list of Layers, got"):
        catalog.Network("net", layers)


def test_values_of_the_wrong_kind_are_named():
    with pytest.raises(MappingError, match=r"expected a Mapping, made by nest\(...\), got 'DRAM: M384'"):
        count(CONV3, EYERISS, "DRAM: M384")
    with pytest.raises(MappingError, match=r"expected an Arch, made by Arch\(...\), got 'eyeriss'"):
        count(CONV3, "eyeriss", nest("DRAM: M384"))
    with pytest.raises(MappingError, match=r"got 'spad:'; \| stands before the next level"):
        nest("DRAM: M6\nspad: M2")
    with pytest.raises(MappingError, match="axis 'x', 'y' or ''"):
        Loop("M", 2, "z")


def test_the_slow_machine_refuses_what_would_take_for_ever_and_operands_with_gaps():
    mapping = catalog.mappings("eyeriss", "alexnet")["conv3"]
    with pytest.raises(WorkloadError, match="use count"):
        trace(CONV3, EYERISS, mapping)
    toy = Arch("toy", (Level("DRAM"),))
    with pytest.raises(WorkloadError, match="filter needs a value at 2 coordinates, 1 lack one"):
        trace(conv("c", M=2), toy, nest("DRAM: M2"), {"ifmap": {(0, 0, 0, 0): 1}, "filter": {(0, 0, 0, 0): 1}})


words = st.text(st.sampled_from("NMCPQRS 0123456789@xyz:|[]GLBDRAMspad\nifmap-.é"), max_size=60)


@given(words)
def test_any_text_is_read_or_refused_in_words(text):
    try:
        mapping = nest(text)
    except MappingError:
        return
    assert nest(str(mapping)) == mapping
    assert isinstance(problems(CONV3, EYERISS, mapping), list)


odd = [
    [1, 2],
    (),
    {},
    {"ifmap": 3},
    numpy.int8(3),
    numpy.array(3),
    numpy.array([4, 2]),
    10**400,
    5e-324,
    Decimal("0.5"),
]
anything = st.one_of(
    st.integers(-3, 9), st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.sampled_from(odd)
)


@given(st.dictionaries(st.sampled_from(["N", "M", "C", "P", "Q", "R", "S", "G", "stride", "dilation"]), anything))
def test_any_sizes_make_a_layer_or_are_refused_in_words(sizes):
    try:
        layer = conv("any", **sizes)
    except AccelsimError:
        return
    assert layer.macs >= 1


@given(st.text(st.sampled_from("ABZ[] +*=MNK2-"), max_size=40), st.dictionaries(st.sampled_from("MNK"), anything))
def test_any_einsum_is_read_or_refused_in_words(text, bounds):
    try:
        einsum("any", text, **bounds)
    except AccelsimError:
        return


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Level)[1:]]), anything))
def test_any_level_is_made_or_refused_in_words(values):
    try:
        level = Level("any", **values)
    except AccelsimError:
        return
    layer, arch = conv("c", M=2, C=3), Arch("toy", (level, Level("spad")))
    mapping = nest("any: M2 | spad: C3")
    if not problems(layer, arch, mapping):
        assert evaluate(layer, arch, mapping).cycles >= 6


@given(st.sampled_from([Loop, Stage, Mapping]), st.lists(anything, min_size=1, max_size=3))
def test_any_part_of_a_mapping_is_made_or_refused_in_words(kind, values):
    needed = {Loop: 2, Stage: 1, Mapping: 1}[kind]
    assume(len(values) >= needed)
    try:
        kind(*values[: 1 if kind is Mapping else 3])
    except AccelsimError:
        return


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Arch)[1:]]), anything))
def test_any_machine_is_made_or_refused_in_words(values):
    try:
        Arch("any", **({"levels": (Level("DRAM"),)} | values))
    except AccelsimError:
        return

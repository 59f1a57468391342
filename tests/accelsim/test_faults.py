"""Bad layers, machines and mappings: every fault at once, in words, never a traceback from inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import AccelsimError, Arch, Level, catalog, conv, count, einsum, evaluate, nest, problems, trace
from accelsim.errors import ArchError, MappingError, WorkloadError
from accelsim.mapping import Loop

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


def test_values_of_the_wrong_kind_are_named():
    with pytest.raises(MappingError, match=r"expected a Mapping, made by nest\(...\), got 'DRAM: M384'"):
        count(CONV3, EYERISS, "DRAM: M384")
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


anything = st.one_of(st.integers(-3, 9), st.floats(), st.booleans(), st.none(), st.text(max_size=3), st.just([1, 2]))


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


@given(st.dictionaries(st.sampled_from(["capacity", "read", "write", "bandwidth", "fanout", "link"]), anything))
def test_any_level_is_made_or_refused_in_words(values):
    try:
        Level("any", **values)
    except AccelsimError:
        return

"""The walk through a layer, against loops written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import conv
from accelsim.errors import AccelsimError
from accelsim.widgets import accesses, loop_stepper, steps
from accelsim.widgets.grids import grid
from accelsim.widgets.loops import address, orders, read_order
from accelsim.widgets.stepper import counters
from tests.widgets.views import SCORES, SMALL, STRIDED, TOTAL, expected


def test_steps_equal_seven_nested_loops():
    written_out = [
        ({"N": n, "M": m, "P": p, "Q": q, "C": c, "R": r, "S": s}, ((n, c, p + r, q + s), (m, c, r, s), (n, m, p, q)))
        for n in range(1)
        for m in range(2)
        for p in range(3)
        for q in range(4)
        for c in range(2)
        for r in range(2)
        for s in range(3)
    ]
    assert [(step.point, step.words) for step in steps(SMALL, "N M P Q C R S")] == written_out


sizes = st.integers(1, 3)
layers = st.builds(
    lambda M, C, P, Q, R, S, stride, dilation: conv(
        "c", M=M, C=C, P=P, Q=Q, R=R, S=S, stride=stride, dilation=dilation
    ),
    *[sizes] * 8,
)


@given(layers, st.randoms())
def test_any_order_does_the_same_macs_and_counts_the_same_words(layer, random):
    order = list(layer.dims)
    random.shuffle(order)
    assert sorted(step.words for step in steps(layer, order)) == sorted(step.words for step in steps(layer))
    for tensor in layer.tensors:
        assert counters(accesses(layer, order)[tensor.name])["distinct"] == layer.words(tensor.name)
        assert counters(accesses(layer, order)[tensor.name])["keep"] == 0


@given(layers)
def test_every_word_has_its_own_place_in_the_drawing(layer):
    for tensor in layer.tensors:
        picture = grid(layer, tensor)
        words = {step.words[layer.tensors.index(tensor)] for step in steps(layer)}
        places = {picture.place(address(layer, tensor, word)) for word in words}
        assert len(places) == len(words)
        assert all(0 <= x < picture.width and 0 <= y < picture.height for x, y in places)


@pytest.mark.parametrize("layer", [SMALL, STRIDED, SCORES, TOTAL], ids=lambda layer: layer.name)
def test_counters_equal_counting_by_sets(layer):
    for loops in orders(layer):
        used = accesses(layer, loops)
        for done, state in enumerate(expected(layer, loops), 1):
            for tensor, want in zip(layer.tensors, state["tensors"], strict=True):
                got = counters(used[tensor.name][:done])
                assert got == {key: want[key] for key in got}


def test_the_orders_offered_are_the_one_asked_for_and_one_that_keeps_each_tensor():
    assert [" ".join(loops) for loops in orders(SMALL, "S R Q P C M N")] == [
        "S R Q P C M N", "N M P Q C R S", "M C R S N P Q", "N C P R Q S M",
    ]  # fmt: skip


def test_the_word_of_a_tensor_changes_least_in_the_order_that_keeps_it():
    for tensor in SMALL.tensors:
        changes = {
            name: counters(accesses(SMALL, loops)[tensor.name])["changes"] for loops, name in orders(SMALL).items()
        }
        assert changes[f"{tensor.name} stays"] == min(changes.values())


def test_an_order_with_faults_is_refused_with_all_of_them():
    with pytest.raises(AccelsimError) as refused:
        loop_stepper(SMALL, "N M P Q Q c X", step=0)
    for fault in (
        '"N M P Q Q c X" must name each of N M C P Q R S once',
        "Q appears 2 times",
        "c is no loop of this layer; did you mean C?",
        "X is no loop",
        "C is missing",
        "R is missing",
        "S is missing",
        "step must be a MAC from 1 to 288, got 0",
    ):
        assert fault in str(refused.value)


@pytest.mark.parametrize("order", [5, "", ["N", 5], "N,M,P,Q,C,R"])
def test_an_order_of_the_wrong_kind_is_refused_plainly(order):
    with pytest.raises(AccelsimError, match="S is missing"):
        read_order(SMALL, order)


def test_a_layer_too_large_is_refused_with_each_size():
    with pytest.raises(AccelsimError) as refused:
        loop_stepper(conv("conv3", M=384, C=256, P=13, Q=13, R=3, S=3))
    for fault in (
        "conv3",
        "149,520,384 MACs; at most 4,096",
        "ifmap spans 57,600 words",
        "filter spans 884,736",
        "ofmap spans 64,896",
    ):
        assert fault in str(refused.value)
    with pytest.raises(AccelsimError, match="ifmap spans 3,996,001 words"):
        loop_stepper(conv("sparse", P=3, Q=3, stride=999))


def test_what_is_no_layer_is_refused():
    with pytest.raises(AccelsimError, match="draws a layer such as"):
        loop_stepper("conv3")


def test_the_largest_layer_allowed_is_stepped_through():
    assert loop_stepper(conv("most", M=16, C=16, P=4, Q=4)).data["macs"] == 4096
    assert conv("most", M=16, C=16, P=4, Q=4).macs == 4096

"""Lab 10 draws what a student wrote, right or wrong, and its judge says where a stream parts from the bits."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from accelsim.formats import CSR, Bitmask, Dense, RunLength
from accelsim.sparsity import coordinate_walk, makespan
from autograder.judge import Outcome, verdicts
from autograder.lab import filled, load

LAB = load(Path(__file__).resolve().parents[2] / "labs" / "10_zeros")
JUDGING = importlib.import_module("autograder.questions").module_in(LAB.folder / "given", "judging")


@pytest.fixture(scope="module")
def notebook():
    """Everything that a student who is right has defined."""
    names = {}
    sys.path.insert(0, str(LAB.folder / "given"))
    try:
        for cell in filled(LAB):
            if cell.nbgrader.get("grade_id") in ("setup", "given") or cell.nbgrader.get("solution"):
                exec(cell.source if cell.kind == "code" else "", names)
        yield names
    finally:
        sys.path.remove(str(LAB.folder / "given"))
        for name in ("machine", "show"):
            sys.modules.pop(name, None)


def looks():
    """The cells that draw, each after what those before it define."""
    cells = [cell.source.split("\n") for cell in LAB.cells if "show." in cell.source and not cell.nbgrader]
    defined = [[line for cell in cells[:number] for line in cell[:-1]] for number in range(len(cells))]
    return ["\n".join([*before, *cell]) for before, cell in zip(defined, cells, strict=True)]


def test_there_is_something_to_see_for_every_task():
    assert 9 == len(looks())


@pytest.mark.parametrize("source", looks(), ids=[source.split("\n")[-1][:18] for source in looks()])
def test_a_right_answer_is_drawn(notebook, source):
    *before, last = source.split("\n")
    exec("\n".join(before), notebook)
    drawn = str(eval(last, notebook))
    assert "cannot" not in drawn
    assert "Nothing to draw" not in drawn


@pytest.mark.parametrize("source", looks(), ids=[source.split("\n")[-1][:18] for source in looks()])
@pytest.mark.parametrize("answer", [None, 7, "01", [], [("x", "y")], {"a": 1}, ([1], [2]), np.ones((2, 2))], ids=repr)
def test_an_odd_answer_is_told_in_a_sentence(notebook, source, answer):
    names = dict(notebook)
    for name in "bitmask_encode rlc_encode csr_encode sizes array intersect plan".split():
        exec(f"def {name}(*args): return odd", names | {"odd": answer}, names)
        names["odd"] = answer
    *before, last = source.split("\n")
    exec("\n".join(before), names)
    assert str(eval(last, names))


def test_nothing_written_is_told_in_a_sentence(notebook):
    def unwritten(*args):
        raise NotImplementedError

    assert "Nothing to draw yet" in str(notebook["show"].bits(unwritten, [1], width=4))


def findings(name, args, answer):
    return list(getattr(JUDGING, name)(args, answer))


def test_a_stream_parts_from_the_bits_where_the_evidence_says():
    values = np.array([0, 5, 0, 9])
    (found,) = findings("bitmask", (values, 4, "1" + "0011", 1), ("0101" + "0101" + "1000", [3]))
    assert ("first bit that differs", 11) == found.evidence[0]
    assert ("what stands there", "bit 3 of value 1") == found.evidence[1]


def test_bits_may_be_text_or_a_list_or_an_array():
    values, stream = np.array([0, 5, 0, 9]), "010101011001"
    for bits in (stream, list(map(int, stream)), np.array(list(map(int, stream)))):
        assert [] == findings("bitmask", (values, 4, "10011", 1), (bits, [3]))


def test_any_split_of_a_long_run_that_needs_no_more_pairs_is_right():
    values = np.array([0] * 9 + [7])
    for pairs in ([(3, 0), (3, 0), (1, 7)], [(3, 0), (1, 0), (3, 7)], [(2, 0), (3, 0), (2, 7)]):
        assert [] == findings("rlc", (values, 2, [(0, 5)]), (pairs, [5]))


def test_a_waiting_pe_may_be_idle_or_stalled():
    weights, activations = np.array([[1, 1, 1], [0, 2, 0]]), np.array([4, 5, 6])
    for line in ("m..", "mss", "..m"):
        assert [] == findings("array", (weights, activations, "skip"), ["mmm", line])


def test_the_words_of_a_pe_stand_in_the_evidence():
    weights, activations = np.array([[1, 1, 1], [0, 2, 0]]), np.array([4, 5, 6])
    (found,) = findings("array", (weights, activations, "gate"), ["mmm", "gmm"])
    assert (("cycle", 2), ("PE", 1), ("operands", "weights[1, 2] = 0")) == found.evidence[:3]


def test_sizes_are_those_of_accelsim(notebook):
    rng = np.random.default_rng(3)
    for shape in ((1, 1), (5, 9), (16, 33)):
        matrix = (rng.integers(1, 200, shape) * (rng.random(shape) < 0.4)).astype("uint8")
        pairs = RunLength(4).encode(matrix)["runs"].bits // 4
        bits = notebook["sizes"](*shape, int(np.count_nonzero(matrix)), pairs, 8, 4)
        formats = {"dense": Dense(), "bitmask": Bitmask(), "RLC": RunLength(4), "CSR": CSR()}
        assert {name: each.size_bits(matrix) for name, each in formats.items()} | {"best": bits["best"]} == bits


def test_cycles_are_those_of_accelsim(notebook):
    rng = np.random.default_rng(4)
    weights, activations = rng.random((6, 20)) < 0.4, rng.random(20) < 0.6
    lines = notebook["array"](weights, activations, "skip")
    assert makespan([(weights & activations).sum(1)]) == len(lines[0])
    for row in weights:
        steps = notebook["intersect"](np.flatnonzero(row).tolist(), np.flatnonzero(activations).tolist())
        assert coordinate_walk((row, activations)).cycles == len(steps)


def test_a_plan_is_held_against_a_bound_that_it_never_beats():
    case = LAB.questions["plan"].public[0]
    weights, activations, pes, start, best = case.args
    dense, skip = JUDGING.machine.costs(weights, activations, start)
    assert JUDGING.bound(dense, skip, pes) <= best
    (found,) = findings("plan", case.args, [("dense", 0)] * len(weights))
    assert 0.4 == found.credit
    assert ("fewest known", best) in found.evidence


def test_a_filter_without_zeros_is_slower_skipped():
    dense, skip = JUDGING.machine.costs(np.ones((1, 144)), np.arange(144) % 2, 8)
    assert ([144], [152]) == (dense, skip)


@pytest.mark.parametrize(("stream", "told"), [("0b10", "has 'b' too"), ("0101 1", "has ' ' too"), (5, "this is 5")])
def test_a_stream_that_is_no_bits_is_told_in_words(stream, told):
    item = next(item for item in LAB.items if item.name == "bitmask")
    found = verdicts(item.question.public[:1], [None], [Outcome((stream, []))], judge=item.question.judge)
    assert told in found[0].difference.text
    assert "Error" not in found[0].difference.text


@pytest.mark.parametrize(
    ("name", "args", "answer"),
    [
        ("bitmask", (np.array([0, 5]), 4, "10" + "0011", 2), ("01" + "0101", ["3", "0"])),
        ("rlc", (np.array([0, 5]), 2, [(1, 7)]), ([(1, "5")], [0, 7])),
        ("csr", (np.array([[0, 5]]), [3], [0], [0, 1], 2), ((["5"], [1], [0, 1]), [[3, 0]])),
        ("intersect", ([1], [1]), [(1, 1.5)]),
        ("plan", (np.ones((1, 2), int), np.ones(2, int), 1, 1, 99), [("dense", 0.5)]),
    ],
    ids=["bitmask", "rlc", "csr", "intersect", "plan"],
)
def test_text_and_halves_are_no_whole_numbers(name, args, answer):
    with pytest.raises(ValueError, match="whole numbers are needed, and this is"):
        findings(name, args, answer)

"""The timeline of a nest, worked out step by step, against the slow machine that really takes the steps."""

import os
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim import Arch, Level, catalog, count, einsum, nest
from accelsim.errors import MappingError
from accelsim.steps import timeline
from accelsim.timeline import BUSY
from accelsim.trace import _Machine, example
from tests.accelsim.cases import cases

# A longer run: ACCELSIM_CASES=20000 python -m pytest tests/accelsim/test_steps.py
CASES = int(os.environ.get("ACCELSIM_CASES", 60))


def many(examples):
    return settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))


class Watched(_Machine):
    """The slow machine with its counters noted after every drain, where one step ends and the next begins."""

    def held_by_each(self, output):
        """The points that each instance of a level of its own holds now, operands or sums."""
        names = [t.name for t in self.layer.tensors if t.output == output]
        wide = [at for at, level in enumerate(self.arch.levels) if level.copies > 1]
        first = max([1, *(at + 1 for at in wide)])
        own = [key for key in self.held if key[1] in names and key[0] >= first]
        return {(*key, where): set(points) for key in own for where, points in self.held[key].items()}

    def fill(self, changed):
        before = self.held_by_each(output=False)
        super().fill(changed)
        now = self.held_by_each(output=False)
        self.__dict__.setdefault("arrived", []).append({key[2] for key in now if now[key] - before[key]})

    def drain(self, changed):
        before = self.held_by_each(output=True)
        super().drain(changed)
        now = self.held_by_each(output=True)
        self.__dict__.setdefault("left", []).append({key[2] for key in now if before[key] - now[key]})
        noted = Counter()
        for what, counts in (("reads", self.reads), ("writes", self.writes)):
            for (level, tensor), words in counts.items():
                noted[f"{self.arch.levels[level].name} {what} of {tensor}"] = words
        self.__dict__.setdefault("noted", []).append(noted)


def slow(case):
    machine = Watched(*case, example(case[0]))
    machine.run()
    steps = [{name: after[name] - before[name] for name in after} for before, after in
             zip(machine.noted, machine.noted[1:], strict=False)]  # fmt: skip
    return machine, steps


@many(CASES)
@given(cases(), st.data())
def test_any_window_moves_what_the_slow_machine_moves_in_those_steps(case, data):
    _, steps = slow(case)
    first = data.draw(st.integers(0, len(steps) - 1))
    cycles = data.draw(st.integers(1, 20))
    line = timeline(*case, first=first, cycles=cycles)
    expected = steps[first : first + cycles]
    names = {name for step in expected for name in step} | set(line.traffic)
    for name in names:
        told = line.traffic.get(name, (0,) * len(expected))
        assert tuple(step.get(name, 0) for step in expected) == told, f"{name}\n{case[0]}\n{case[2]}\n{case[1]}"
    assert (len(expected), len(steps)) == (line.cycles, line.total)


@many(CASES)
@given(cases())
def test_the_pes_that_multiply_and_their_operands_are_the_slow_machines(case):
    machine, steps = slow(case)
    line = timeline(*case, cycles=len(steps))
    told = Counter()
    for cycle, states in enumerate(line.states):
        for pe, letter in enumerate(states):
            if letter in BUSY:
                told[cycle, tuple(line.works.operands(cycle, pe).items())] += 1
    assert Counter((mac.step, mac.operands) for mac in machine.macs) == told
    assert machine.busy(len(case[1].levels)) == line.active


def place(machine, where):
    """The PE with those spatial indices: x and y each count up from the innermost loop, as the arrays are full."""
    at = {"x": 0, "y": 0}
    size = {"x": 1, "y": 1}
    for index, p in zip(where, machine.space, strict=True):
        at[p.loop.axis] = at[p.loop.axis] * p.loop.bound + index
        size[p.loop.axis] *= p.loop.bound
    return at["y"] * size["x"] + at["x"]


@many(CASES)
@given(cases())
def test_letters_say_where_the_slow_machine_multiplies_and_where_words_arrive_or_leave(case):
    machine, steps = slow(case)
    line = timeline(*case, cycles=len(steps))
    macs = {(mac.step, place(machine, mac.pe)) for mac in machine.macs}
    for step, states in enumerate(line.states):
        arrived = {place(machine, where) for where in machine.arrived[step]}
        left = {place(machine, where) for where in machine.left[step + 1]}
        for pe, letter in enumerate(states):
            loads, drains, mac = pe in arrived, pe in left, (step, pe) in macs
            idle = "f" if loads else "d" if drains else "."
            assert (("b" if loads or drains else "m") if mac else idle) == letter, f"{step} {pe}\n{case}"


@many(CASES)
@given(cases())
def test_over_all_steps_the_traffic_is_the_count(case):
    counts = count(*case)
    line = timeline(*case, cycles=counts.steps)
    expected = {f"{level} {what} of {tensor}": words for what in ("reads", "writes")
                for (level, tensor), words in getattr(counts, what).items() if words}  # fmt: skip
    assert expected == line.moved
    assert counts.macs == line.macs


def test_a_window_of_a_large_layer_needs_no_run_of_the_rest():
    layer, mapping = catalog.alexnet().layer("conv3"), catalog.mappings("eyeriss", "alexnet")["conv3"]
    steps = count(layer, catalog.eyeriss(), mapping).steps
    line = timeline(layer, catalog.eyeriss(), mapping, first=steps - 500)
    assert (12, 14, 500, steps) == (line.rows, line.columns, line.cycles, line.total)
    assert (156, 156 * 500) == (line.active, line.macs)


def test_words_that_arrive_and_sums_that_leave_are_marked_at_the_pe():
    layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=4, C=2)
    toy = Arch("toy", (Level("DRAM", fanout=2), Level("reg")))
    line = timeline(layer, toy, nest("DRAM: M2 M2@x | reg: C2"))
    assert ("bb", "bb", "bb", "bb") == line.states
    line = timeline(layer, toy, nest("DRAM: M2@x | reg: M2 C2"))
    assert ("bb", "mm", "mm", "bb") == line.states


def test_a_step_that_the_run_does_not_have_is_refused():
    layer = einsum("mv", "ofmap[M] += ifmap[C] * filter[M C]", M=4, C=2)
    toy = Arch("toy", (Level("DRAM"), Level("reg")))
    with pytest.raises(MappingError, match=r"steps 0 to 7; .* got first=8"):
        timeline(layer, toy, nest("DRAM: M4 C2 | reg:"), first=8)

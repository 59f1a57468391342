"""Many searches over processes and over a Dask cluster give what they give one after the other."""

import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from accelsim import Arch, Level, catalog, conv
from accelsim.errors import MappingError
from accelsim.mapper import search, search_all, space, sweep
from tests.autograder.test_dask import Cluster

LAYERS = (conv("a", M=8, C=4, P=6, R=3), conv("b", M=4, C=8, P=4, Q=4, R=3, S=3))
TEMPLATE = "DRAM: ? | GLB: ? ?@x ?@y | spad: ?"


def machine(words, columns):
    levels = (
        Level("DRAM", read=200, write=200),
        Level("GLB", words, 6, 6, fanout=(columns, 2)),
        Level("spad", 16, 1, 1),
    )
    return Arch(f"m{words}x{columns}", levels, 1)


DESIGNS = [(machine(words, columns), TEMPLATE) for words in (2, 64, 128) for columns in (2, 4)]


def known(designs):
    return [([(str(one.mapping), one.value, one.counts) for one in d.found], d.faults) for d in designs]


def test_a_sweep_gives_what_each_search_gives_alone():
    with ThreadPoolExecutor(2) as pool:
        designs = sweep(LAYERS, DESIGNS, executor=pool)
    assert [bool(design.faults) for design in designs] == [True, True, False, False, False, False]
    alone = [search(space(layer, DESIGNS[2][0], TEMPLATE)) for layer in LAYERS]
    assert sum(one.report.total for one in alone) == designs[2].energy
    assert sum(one.report.cycles for one in alone) == designs[2].cycles


def test_a_design_on_which_a_layer_does_not_fit_is_never_the_cheapest():
    with ThreadPoolExecutor(2) as pool:
        small, large = sweep(LAYERS, [DESIGNS[0], DESIGNS[2]], executor=pool)
    assert small.faults
    assert (math.inf, math.inf) == (small.energy, small.cycles)
    assert large is min((small, large), key=lambda design: design.energy)
    assert "\n  ".join(["m2x2: not every layer fits", *small.faults]) == str(small)


def test_a_design_of_searches_that_were_stopped_says_how_far_off_it_may_be():
    layers = [catalog.alexnet().layer("conv2")]
    template = "DRAM: ? | GLB[ifmap ofmap]: ? ?@x ?@y | spad: ?"
    with ThreadPoolExecutor(1) as pool:
        (stopped,) = sweep(layers, [(catalog.eyeriss(), template)], "edp", pool, seconds=0.01)
    assert stopped.gap == stopped.found[0].gap > 0.01
    assert str(stopped).endswith(f"for 1 layer, each at most {stopped.gap:.2%} above its least")


def test_processes_are_the_default_and_equal_spaces_are_searched_once():
    spaces = [space(LAYERS[0], DESIGNS[4][0], TEMPLATE), space(LAYERS[0], DESIGNS[4][0], TEMPLATE)]
    one, two = search_all(spaces)
    assert one is two
    assert search(spaces[0]).value == one.value


def test_what_cannot_be_swept_is_refused_before_anything_starts():
    with pytest.raises(MappingError, match="did you mean energy"):
        search_all([space(LAYERS[0], DESIGNS[0][0])], "enrgy")
    with pytest.raises(MappingError, match="a sweep needs layers"):
        sweep([], DESIGNS)
    with pytest.raises(MappingError, match=r"a design is a pair \(machine, template\)"):
        sweep(LAYERS, [DESIGNS[0][0]])
    with pytest.raises(MappingError, match="needs spaces"):
        search_all([LAYERS[0]])


@pytest.mark.slow
def test_a_dask_worker_killed_in_the_middle_loses_nothing(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is an extra: pip install 'accelsim[dask]'")
    template = "DRAM: ? | GLB[ifmap ofmap]: ? ?@x ?@y | spad: ?"
    eyeriss, (dram, glb, spad) = catalog.eyeriss(), catalog.eyeriss().levels
    machines = [
        replace(eyeriss, levels=(dram, replace(glb, capacity=n), spad)) for n in (20_000, 30_000, 40_000, 51_200)
    ]
    designs = [(arch, template) for arch in machines]
    layers = [catalog.alexnet().layer(name) for name in ("conv1", "conv4")]
    with ThreadPoolExecutor(1) as one:
        serial = sweep(layers, designs, executor=one)
    cluster = Cluster(tmp_path)
    try:
        with distributed.Client(cluster.address) as client:
            left: list[int] = []
            killer = threading.Thread(target=kill_when_busy, args=(client, cluster, left))
            killer.start()
            spread = sweep(layers, designs, executor=client.get_executor())
            killer.join()
        assert cluster.workers[0].wait() == -signal.SIGKILL
        assert left == [2], "both workers were to be at work when one was killed"
    finally:
        cluster.stop()
    assert known(serial) == known(spread)


def kill_when_busy(client, cluster, left):
    """Kill the first worker once both are at work, and say how many were."""
    until = time.monotonic() + 60
    while time.monotonic() < until and not all(client.processing().values()):
        time.sleep(0.02)
    left.append(sum(map(bool, client.processing().values())))
    cluster.workers[0].send_signal(signal.SIGKILL)

"""Rooflines: of published machines, of the first TPU's workloads, and of the machine the tests run on."""

import subprocess
import sys
from collections.abc import Callable
from itertools import count, pairwise

import numpy as np
import pytest

from accelsim import catalog, conv, einsum
from accelsim.errors import ArchError, CatalogError, WorkloadError
from accelsim.measured import Case, by_im2col, by_taps, cases, measure
from accelsim.platforms import (
    PLATFORMS,
    Platform,
    bounds,
    eyeriss_over_gpu,
    fc_dram_energy,
    platform,
    roofline,
    tpu_workloads,
)
from accelsim.published import figure

TOY = Platform("toy", peak=100.0, bandwidth=10.0, word=1)


# The roof


def test_below_the_ridge_bandwidth_limits_and_above_it_the_peak() -> None:
    assert (10.0, [50.0, 100.0, 100.0]) == (TOY.ridge, [TOY.attainable(intensity) for intensity in (5, 10, 20)])


def test_a_roofline_counts_each_word_of_each_tensor_once() -> None:
    layer = einsum("fc", "ofmap[N M] += ifmap[N C] * filter[M C]", N=2, M=3, C=5)
    bound = roofline(layer, Platform("toy", 100.0, 10.0, word=4))
    assert (60, 4 * (6 + 10 + 15), "bandwidth") == (bound.operations, bound.bytes, bound.limit)
    assert bound.seconds == pytest.approx(124 / 10)


def test_a_layer_never_takes_less_than_its_operations_at_peak_or_its_bytes_at_full_bandwidth() -> None:
    for name in PLATFORMS:
        for layer in catalog.alexnet(N=4, fc=True).layers:
            bound = roofline(layer, platform(name))
            floors = bound.operations / bound.platform.peak, bound.bytes / bound.platform.bandwidth
            assert bound.seconds == pytest.approx(max(floors))


def test_a_batch_raises_intensity_until_the_weights_no_longer_matter() -> None:
    seen = [roofline(conv("fc", N=n, M=4096, C=4096), platform("v100")).intensity for n in (1, 16, 256, 4096)]
    assert seen == sorted(seen)
    assert seen[0] == pytest.approx(1.0, rel=0.001)


def test_ridges_are_those_that_the_tpu_paper_prints() -> None:
    assert figure("tpu_v1.ridge").value == pytest.approx(platform("tpu_v1").ridge / 2, rel=0.005)
    assert figure("tpu_v1.ridge.haswell").value == pytest.approx(platform("haswell").ridge / 2, abs=0.5)
    assert figure("tpu_v1.ridge.k80").value == pytest.approx(platform("k80").ridge / 2, abs=0.5)


def test_a_platform_is_as_certain_as_its_least_certain_figure() -> None:
    assert {"tk1": "recalled", "v100": "read", "haswell": "checked"} == {
        name: platform(name).known for name in ("tk1", "v100", "haswell")
    }


def test_the_published_rate_of_eyeriss_lies_under_its_roof() -> None:
    layers, chip = catalog.alexnet(N=4).layers, platform("eyeriss")
    least = sum(roofline(layer, chip).seconds for layer in layers)
    assert least < figure("eyeriss.alexnet.total.processing_time").value / 1e3 < 2 * least


def test_an_unknown_platform_and_a_senseless_intensity_are_named() -> None:
    with pytest.raises(CatalogError, match=r"no platform 'v10'; there is haswell, .*did you mean v100\?"):
        platform("v10")
    with pytest.raises(WorkloadError, match="toy: intensity must be 0 or more operations a byte, got -1"):
        TOY.attainable(-1)
    with pytest.raises(WorkloadError, match="counts the bytes of filter, and the layer has query, key, scores"):
        roofline(einsum("s", "scores[I J] += query[I D] * key[J D]", I=2, J=2, D=2), platform("tpu_v1"))


def test_a_platform_that_cannot_be_names_every_fault() -> None:
    with pytest.raises(ArchError, match=r"(?s)'mine': peak must be a number above 0, got -1.*word .* got 0"):
        Platform("mine", -1, 1e9, 0)
    with pytest.raises(WorkloadError, match=r"needs a Layer and a Platform from platform\(...\), got .* 'v100'"):
        roofline(conv("fc", M=4), "v100")  # type: ignore[arg-type]
    with pytest.raises(WorkloadError, match="batch must be a whole number from 1, got 0"):
        fc_dram_energy(0)


def test_the_table_of_bounds_has_a_row_for_each_layer_and_a_column_for_each_platform() -> None:
    lines = bounds(catalog.alexnet().layers, [platform("k80"), platform("tpu_v1")]).splitlines()
    assert (6, ["layer", "k80", "µs", "tpu_v1", "µs"]) == (len(lines), lines[0].split())


# The first TPU


def test_no_tpu_workload_is_delivered_above_its_roof() -> None:
    assert [] == [each.name for each in tpu_workloads() if each.delivered.value > each.attainable]


def test_bandwidth_limits_all_tpu_workloads_but_the_cnns() -> None:
    assert ["bandwidth"] * 4 + ["compute"] * 2 == [each.limit for each in tpu_workloads()]


# Ten times a mobile GPU


def test_ten_times_is_what_is_left_after_idle_power_is_subtracted() -> None:
    steps = {step.name: step.ratio for step in eyeriss_over_gpu()}
    assert 18.7 == pytest.approx(steps["as measured"], abs=0.05)
    assert 11.9 == pytest.approx(steps["idle power"], abs=0.05)


def test_the_node_and_the_precision_of_the_two_chips_nearly_cancel() -> None:
    steps = {step.name: step.ratio for step in eyeriss_over_gpu()}
    assert steps["node"] > 2 * steps["DRAM"] > 1.8 * steps["precision"]
    assert steps["precision"] == pytest.approx(steps["DRAM"], rel=0.1)


def test_each_step_of_the_comparison_changes_one_side() -> None:
    steps = eyeriss_over_gpu()
    changed = [(b.gpu != a.gpu) + (b.eyeriss != a.eyeriss) for a, b in pairwise(steps)]
    assert [1, 1, 1, 1] == changed


def test_fully_connected_weights_alone_cost_more_than_half_of_a_convolutional_frame() -> None:
    chip = eyeriss_over_gpu()[0].eyeriss
    assert 0.5 < fc_dram_energy(batch=4) / chip < 0.7
    assert fc_dram_energy(1) == pytest.approx(4 * fc_dram_energy(4))


# This machine


def ticks(seconds: float = 0.5) -> Callable[[], float]:
    """A clock by which everything takes the same time."""
    steps = count()
    return lambda: next(steps) * seconds


def direct(ifmap: np.ndarray, filter: np.ndarray, stride: int) -> np.ndarray:
    (n, _, h, w), (m, _, r, s) = ifmap.shape, filter.shape
    p, q = (h - r) // stride + 1, (w - s) // stride + 1
    ofmap = np.zeros((n, m, p, q))
    for y in range(p):
        for x in range(q):
            window = ifmap[:, None, :, y * stride : y * stride + r, x * stride : x * stride + s]
            ofmap[:, :, y, x] = (window * filter[None]).sum(axis=(2, 3, 4))
    return ofmap


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("program", [by_im2col, by_taps], ids=["im2col", "taps"])
def test_the_programs_compute_the_convolution(program: Callable[[int], Callable[..., np.ndarray]], stride: int) -> None:
    rng = np.random.default_rng(1)
    ifmap, filter = rng.random((2, 3, 9, 8), dtype=np.float32), rng.random((4, 3, 3, 2), dtype=np.float32)
    np.testing.assert_allclose(program(stride)(ifmap, filter), direct(ifmap, filter, stride), rtol=1e-5)


@pytest.mark.parametrize("case", cases(), ids=[case.name for case in cases()])
def test_a_program_computes_the_layer_that_it_is_judged_by(case: Case) -> None:
    rng = np.random.default_rng(2)
    ifmap, filter = (rng.random(case.layer.shape(name), dtype=np.float32) for name in ("ifmap", "filter"))
    found = case.run(ifmap, filter)
    wanted = ifmap @ filter.T if ifmap.ndim == 2 else direct(ifmap, filter, 1)
    assert case.layer.shape("ofmap") == found.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_by_a_fake_clock_peak_and_bandwidth_are_work_over_time() -> None:
    roof = measure(rounds=2, pool=2**23, clock=ticks(0.5), progress=False).platform
    assert (2 * 1024**3 / 0.5, 2**23 / 0.5) == (roof.peak, roof.bandwidth)


def test_by_a_fake_clock_a_point_is_its_operations_over_its_time() -> None:
    measured = measure(rounds=1, pool=2**23, clock=ticks(1.0), progress=False)
    assert [case.name for case in cases()] == [point.name for point in measured.points]
    product, expanded = measured.points[2], measured.points[5]
    assert 2 * 256 * 1024 * 1024 * 1 == product.rate  # one set of operands fits the pool
    assert expanded.own_intensity < expanded.bound.intensity
    assert product.own_intensity == product.bound.intensity


def test_two_runs_with_a_fake_clock_are_equal_in_every_part() -> None:
    first, second = (measure(rounds=1, pool=2**23, clock=ticks(), progress=False) for _ in range(2))
    assert str(first) == str(second)


def test_measuring_here_finds_a_roof_and_takes_a_few_seconds() -> None:
    measured = measure(rounds=1, pool=2**23, progress=False)
    assert min(measured.platform.peak, measured.platform.bandwidth) > 1e6
    assert all(point.rate > 0 for point in measured.points)
    assert measured.threads in ("one thread", "as many threads as NumPy's BLAS takes")
    assert 9 == len(str(measured).splitlines())


def test_a_measurement_that_cannot_be_is_refused() -> None:
    with pytest.raises(WorkloadError, match=r"rounds must be 1 or more, pool .*; got rounds=0, pool=8"):
        measure(rounds=0, pool=8)


def test_rooflines_of_platforms_need_no_numpy() -> None:
    probe = "import sys; from accelsim import platforms; platforms.eyeriss_over_gpu(); print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "False" == ran.stdout.strip()

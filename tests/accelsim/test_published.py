"""Published figures: each complete, honest about how it is known, and in agreement with the others."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from accelsim import catalog
from accelsim.errors import CatalogError
from accelsim.published import KNOWN, SOURCES, Figure, figure, table

BIBLIOGRAPHY = (Path(__file__).parents[2] / "book/references.bib").read_text()
EVERY = list(table().values())
CONVS = [f"conv{n}" for n in range(1, 6)]


def column(network: str, name: str) -> list[float]:
    return [row.value for key, row in table(f"eyeriss.{network}.conv*.{name}").items() if ".mapping." not in key]


def test_a_figure_says_value_unit_source_place_and_how_it_is_known() -> None:
    power = figure("eyeriss.alexnet.power")
    assert (278, "mW", "table V", "read") == (power.value, power.unit, power.where[-7:], power.known)
    assert "Chen, Krishna, Emer, Sze, JSSC 52(1), 2017" == power.source


def test_every_figure_is_complete() -> None:
    bad = [row for row in EVERY if row.key not in SOURCES or row.known not in KNOWN or not row.where]
    assert [] == bad
    assert [] == [row.name for row in EVERY if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", row.printed)]
    assert [] == [row.name for row in EVERY if not re.fullmatch(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)+", row.name)]


def test_no_name_stands_twice() -> None:
    lines = (Path(catalog.__file__).parents[1] / "data/published.csv").read_text().splitlines()
    names = [line.partition(",")[0] for line in lines]
    assert [] == [name for name in names if names.count(name) > 1]
    assert len(EVERY) == len(lines) - 1 + len(catalog.HOROWITZ_45.costs) + len(catalog.NORMALISED_65.costs)


def test_nothing_is_judged_by_what_is_only_recalled() -> None:
    assert [] == [row.name for row in EVERY if row.known == "recalled" and row.tolerance is not None]
    with pytest.raises(CatalogError, match=r"vgg16\.conv1_1\.glb \(recalled\) is shown only"):
        figure("eyeriss.vgg16.conv1_1.glb").agrees(112.6)


def test_what_is_only_recalled_says_so_wherever_it_is_printed() -> None:
    assert "10.2 W (recalled)" == str(figure("tk1.alexnet.power.active")) == f"{figure('tk1.alexnet.power.active')}"
    assert "34.7 frames/s" == str(figure("eyeriss.alexnet.fps"))
    assert "34.70" == f"{figure('eyeriss.alexnet.fps'):.2f}"


@pytest.mark.parametrize("key", sorted({row.key for row in EVERY if row.known != "derived"} - {""}))
def test_a_source_of_many_figures_stands_in_the_bibliography(key: str) -> None:
    few = {"aau2008", "kwon2019", "nn_dataflow", "nvdla", "nvidia", "zimmer2019"}
    assert (key in few) != (f"{{{key},\n" in BIBLIOGRAPHY)


def test_an_unknown_name_is_met_with_the_nearest() -> None:
    with pytest.raises(CatalogError, match=r"'eyeris\.alexnet\.fps'; did you mean eyeriss\.alexnet\.fps\?"):
        figure("eyeris.alexnet.fps")
    with pytest.raises(CatalogError, match=r"under it there is eyeriss_v2\.alexnet\.conv1"):
        figure("eyeriss_v2.alexnet")
    with pytest.raises(CatalogError, match=r"matches 'eyeris\.alexnet'; did you mean eyeriss\.alexnet\?"):
        table("eyeris.alexnet")


def test_a_table_is_a_prefix_or_a_pattern() -> None:
    assert {"tpu_v1.cnn0.tops": 86.0} == {k: v.value for k, v in table("tpu_v1.cnn0").items() if k.endswith("tops")}
    assert [16.5, 39.2, 21.8, 16.0, 10.0] == column("alexnet", "processing_time")


def test_agreement_is_within_the_tolerance_or_the_digits_printed() -> None:
    time, pes = figure("eyeriss.alexnet.conv1.processing_time"), figure("eyeriss.alexnet.conv1.active_pes")
    assert [True, False, True, False] == [time.agrees(ms) for ms in (16.5 * 1.0599, 16.5 * 1.0601, 15.52, 15.50)]
    assert [True, False] == [pes.agrees(count) for count in (154, 155)]
    assert [True, False] == [Figure("x", "0.90", "GMAC", "", "", "read", 0).agrees(v) for v in (0.8951, 0.8949)]


# The arithmetic that makes a figure "checked".


@pytest.mark.parametrize("name", ["power", "processing_time", "total_time", "macs", "glb", "dram"])
def test_the_columns_of_eyeriss_tables_add_up(name: str) -> None:
    rows, total = column("alexnet", name), figure(f"eyeriss.alexnet.total.{name}")
    times = column("alexnet", "total_time")
    whole = sum(p * t for p, t in zip(rows, times, strict=True)) / sum(times) if name == "power" else sum(rows)
    assert total.value == pytest.approx(whole, abs=1.01 * (len(rows) + 1) * total.rounding)


def test_eyeriss_headlines_follow_from_its_table() -> None:
    total, batch = figure("eyeriss.alexnet.total.total_time").value, figure("eyeriss.alexnet.batch").value
    assert figure("eyeriss.alexnet.fps").value == pytest.approx(1000 * batch / total, abs=0.05)
    macs = catalog.alexnet(N=int(batch)).macs
    assert figure("eyeriss.alexnet.throughput").value == pytest.approx(macs / total / 1e6, abs=0.05)
    assert figure("eyeriss.alexnet.power").value == figure("eyeriss.alexnet.total.power").value
    dram = figure("eyeriss.alexnet.total.dram").value * 1e6 / 2 / macs
    assert figure("eyeriss.alexnet.dram_per_mac").value == pytest.approx(dram, abs=0.00005)


@pytest.mark.parametrize("layer", CONVS)
def test_eyeriss_macs_are_those_of_alexnet(layer: str) -> None:
    assert figure(f"eyeriss.alexnet.{layer}.macs").agrees(catalog.alexnet(N=4).layer(layer).macs / 1e9)


def test_the_catalogues_machines_have_the_published_sizes() -> None:
    chip, tpu = catalog.eyeriss(), catalog.tpu_v1()
    assert figure("eyeriss.pes").value == chip.pes
    assert figure("eyeriss.clock").value * 1e6 == chip.clock
    assert figure("eyeriss.glb").value - 8 == chip.levels[1].capacity * 2 / 1024  # type: ignore[operator]
    spads = {name: figure(f"eyeriss.spad.{name}").value for name in ("ifmap", "filter", "psum")}
    assert {"ifmap": spads["ifmap"], "filter": spads["filter"], "ofmap": spads["psum"]} == chip.levels[2].capacity
    assert figure("tpu_v1.macs").value == tpu.pes
    assert figure("tpu_v1.clock").value * 1e6 == tpu.clock
    assert figure("tpu_v1.bandwidth").value * 1e9 / tpu.clock == pytest.approx(tpu.levels[0].bandwidth)


@pytest.mark.parametrize("network", ["alexnet", "sparse_alexnet", "mobilenet", "sparse_mobilenet"])
def test_eyeriss_v2_efficiency_is_operations_times_inferences_per_joule(network: str) -> None:
    macs = 724_406_816 if "alexnet" in network else 49_160_192
    per_joule, efficiency = (figure(f"eyeriss_v2.{network}.{name}") for name in ("per_joule", "efficiency"))
    assert efficiency.value == pytest.approx(2 * macs * per_joule.value / 1e9, rel=0.002)


@pytest.mark.parametrize("layer", [*CONVS, "fc6", "fc7", "fc8"])
def test_isca16_register_energy_is_four_accesses_a_mac(layer: str) -> None:
    alu, rf = (figure(f"isca16.{layer}.{name}") for name in ("alu", "rf"))
    assert rf.value == pytest.approx(4 * alu.value, abs=0.021)


@pytest.mark.parametrize("app", ["mlp0", "mlp1", "lstm0", "lstm1", "cnn0", "cnn1"])
def test_the_tpu_never_beats_its_roofline(app: str) -> None:
    reach = 2 * figure("tpu_v1.bandwidth").value * figure(f"tpu_v1.{app}.intensity").value / 1000
    assert figure(f"tpu_v1.{app}.tops").value <= min(reach, figure("tpu_v1.peak").value)


def test_published_figures_need_no_numpy() -> None:
    probe = "import sys; from accelsim import published; published.table(); print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert "False" == ran.stdout.strip()

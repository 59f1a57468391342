"""Machines, their recorded mappings, and energy tables, against the figures they were published with."""

import subprocess
import sys
from dataclasses import replace

import pytest

from accelsim import catalog, evaluate, nest, problems
from accelsim.cli import main, run
from accelsim.errors import CatalogError

ARRAY = catalog.shidiannao().levels
RUNS = {name: run(name, "alexnet") for name in catalog.MACHINES}


@pytest.mark.parametrize("name", catalog.MACHINES)
def test_each_machine_has_a_legal_mapping_for_every_layer_of_alexnet(name):
    nests = catalog.mappings(name, "alexnet")
    for layer in catalog.alexnet().layers:
        assert [] == problems(layer, catalog.machine(name), nests[layer.name])


@pytest.mark.parametrize("name", catalog.MACHINES)
def test_each_machine_says_where_its_figures_come_from(name):
    arch = catalog.machine(name)
    assert (name, True) == (arch.name, len(arch.source) > 20)
    assert all(level.read > 0 and level.write > 0 for level in arch.levels)


def test_multipliers_are_as_many_as_published():
    """JSSC 2017; ISCA 2017; nv_large; ISCA 2015."""
    expected = {"eyeriss": 168, "tpu_v1": 65536, "nvdla": 2048, "shidiannao": 64, "one_pe": 1}
    assert expected == {name: maker().pes for name, maker in catalog.MACHINES.items()}


def test_the_tpu_peaks_at_92_tera_operations_and_its_ridge_is_at_1350():
    """Jouppi et al., ISCA 2017: 92 TOPS; 1,350 MACs for each byte of weights fetched."""
    tpu = catalog.tpu_v1()
    assert round(2 * tpu.pes * tpu.clock / 1e12) == 92
    assert tpu.pes / tpu.level("DRAM").bandwidth == pytest.approx(1350, rel=0.005)


def test_the_tpu_waits_for_weights_where_few_inputs_share_them():
    """ISCA 2017: below 1,350 MACs a byte the memory limits; conv3 has 169 x 4 outputs for each weight."""
    report = RUNS["tpu_v1"].reports[2]
    assert report.counts.reads["DRAM", "filter"] == report.layer.words("filter")
    assert report.latency.bottleneck == "DRAM"


def test_a_systolic_input_is_read_once_for_all_columns():
    report = RUNS["tpu_v1"].reports[4]
    rows, columns = 192, 128
    assert report.counts.reads["UB", "ifmap"] * columns == report.macs
    assert report.counts.writes["acc", "ofmap"] * rows == report.macs


@pytest.mark.parametrize(("name", "above"), [("tpu_v1", "UB"), ("nvdla", "DRAM")])
def test_recorded_mappings_finish_sums_in_the_accumulators(name, above):
    """What leaves them has 8 bits on both machines, so no sum may leave before it is done."""
    for report in RUNS[name].reports:
        assert report.layer.words("ofmap") == report.counts.writes[above, "ofmap"]
        assert report.counts.reads[above, "ofmap"] == (report.layer.words("ofmap") if above == "UB" else 0)


def test_nvdla_makes_an_output_of_64_channels_a_cycle_in_each_cell():
    report = RUNS["nvdla"].reports[2]
    assert (2048, 1.0) == (report.counts.active, report.spatial)
    assert report.counts.reads["CBUF", "ifmap"] * 32 == report.macs


def test_shidiannao_keeps_an_output_in_its_pe_until_it_is_done():
    for report in RUNS["shidiannao"].reports:
        assert report.counts.writes["NB", "ofmap"] == report.layer.words("ofmap")


def test_shidiannao_reads_its_buffer_once_for_what_neighbours_hand_on():
    """At 3 x 3 and stride 1 a patch of 7 x 7 outputs uses 9 x 9 inputs of each channel, 441 times."""
    nested = nest("DRAM: M64 P2 Q2 | NB: M8 C512 R3 | window[ifmap]: S3 P7@y Q7@x | PE[ofmap]:")
    buffers = replace(catalog.shidiannao().level("NB"), capacity=None)
    arch = replace(catalog.shidiannao(), levels=tuple(buffers if x.name == "NB" else x for x in ARRAY))
    report = evaluate(catalog.vgg16().layer("conv5_1"), arch, nested)
    assert report.counts.reads["window", "ifmap"] == report.macs
    assert report.counts.reads["NB", "ifmap"] == 4 * 512 * 512 * 9 * 9


def test_the_lone_mac_is_busy_or_waiting_and_nothing_else():
    for report in RUNS["one_pe"].reports:
        assert report.latency.compute == report.macs
        assert report.cycles >= report.macs


def test_the_command_lists_every_machine_and_network(capsys):
    assert main(["list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in (*catalog.MACHINES, *catalog.NETWORKS))


def test_a_pair_without_mappings_is_refused_in_a_sentence(capsys):
    assert main(["run", "tpu_v1", "gpt2"]) == 2
    said = capsys.readouterr().err
    assert "no mapping is recorded on tpu_v1 for block0_qkv, block0_qk, block0_av and 70 more layers of gpt2" in said


def test_a_table_says_of_each_row_what_is_known_of_it():
    for table in (catalog.NORMALISED_65, catalog.HOROWITZ_45):
        assert {"read", "checked", "recalled"} >= {cost.known for cost in table.costs.values()}
        assert all(cost.energy > 0 and cost.bits > 0 for cost in table.costs.values())
    assert [1, 1, 2, 6, 200] == [cost.energy for cost in catalog.NORMALISED_65.costs.values()]


def test_sources_that_mix_widths_agree_per_bit():
    """8 KB of SRAM: 5 pJ for 32 bits, and, recalled, 10 pJ for 64."""
    table = catalog.HOROWITZ_45
    assert table["sram_8KB"].per_bit == table["cache_8KB"].per_bit


def test_scaling_to_itself_changes_nothing():
    table = catalog.HOROWITZ_45
    assert table == catalog.scale(table)
    assert table.costs == catalog.scale(table, nm=45, volts=0.9).costs


def test_width_scales_a_multiplier_by_its_square_and_an_adder_by_itself():
    """Horowitz's own rows of 32 bits, from those of 8, within the error that `scale` states."""
    wide, table = catalog.scale(catalog.HOROWITZ_45, bits=32), catalog.HOROWITZ_45
    assert wide["multiply_int8"].energy == pytest.approx(3.2)
    assert wide["multiply_int8"].energy == pytest.approx(table["multiply_int32"].energy, rel=0.04)
    assert wide["add_int8"].energy == pytest.approx(table["add_int32"].energy, rel=0.21)
    assert "multiply_fp32" not in wide.costs


def test_a_node_scales_by_length_and_voltage_squared_and_dram_stays():
    half = catalog.scale(catalog.HOROWITZ_45, nm=22.5, volts=0.45)
    assert half["sram_8KB"].energy == pytest.approx(5 / 8)
    assert half["DRAM"].energy == 640


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (dict(nm=7, volts=0.7), "planar CMOS, 20 to 130 nm, got nm=7"),
        (dict(nm=28), "give volts, 0.9 at 45 nm"),
        (dict(nm=-1, volts="x", bits=0), "nm must be a number above 0"),
        (dict(bits=1.5), "bits must be a whole number from 1 to 64, got 1.5"),
        (dict(nm=float("nan"), volts=1), "nm must be a number above 0"),
        (dict(nm=28, volts=float("inf")), "volts must be a number above 0, got inf"),
    ],
)
def test_a_scaling_that_no_rule_covers_is_refused(sizes, said):
    with pytest.raises(CatalogError, match=said):
        catalog.scale(catalog.HOROWITZ_45, **sizes)


def test_a_table_without_a_voltage_keeps_its_node():
    with pytest.raises(CatalogError, match=r"not published, so nothing can be said of volts=0\.5"):
        catalog.scale(catalog.NORMALISED_65, volts=0.5)
    with pytest.raises(CatalogError, match="supply voltage is not published"):
        catalog.scale(catalog.NORMALISED_65, nm=45, volts=0.9)


def test_an_unknown_cost_gets_a_suggestion():
    with pytest.raises(CatalogError, match="did you mean sram_8KB"):
        catalog.HOROWITZ_45["sram_8kb"]


def test_the_catalog_is_imported_without_numpy_and_onnx():
    code = "import sys, accelsim; sys.exit(any(name in sys.modules for name in ('numpy', 'onnx', 'google.protobuf')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

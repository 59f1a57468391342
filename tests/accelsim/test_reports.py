"""Energy, time, the catalog and the command line, against published figures where there are any."""

import json
import subprocess
import sys

import pytest

from accelsim import AccelsimError, Arch, Level, catalog, conv, evaluate, evaluate_network, nest, problems
from accelsim.cli import main, run
from accelsim.latency import latency

ALEXNET_ON_EYERISS = run("eyeriss", "alexnet")


def by_layer(value):
    return [value(report) for report in ALEXNET_ON_EYERISS.reports]


def test_alexnet_has_the_published_macs_and_weights():
    """Two-group shapes: 665,784,864 MACs an image in the CONV layers (recomputed from NIPS 2012's shapes)."""
    net = catalog.alexnet(N=1)
    assert net.macs == 665_784_864
    assert [layer.words("filter") for layer in net.layers] == [34848, 307200, 884736, 663552, 442368]
    assert [layer.words("ofmap") for layer in net.layers] == [290400, 186624, 64896, 64896, 43264]


def test_as_many_pes_are_active_as_on_the_chip():
    """JSSC 52(1) 2017, table V: active PEs of CONV1 to CONV5, of 168."""
    assert by_layer(lambda report: report.counts.active) == [154, 135, 156, 156, 156]


def test_a_printed_report_is_short_and_says_what_was_found():
    lines = str(ALEXNET_ON_EYERISS.reports[2]).splitlines()
    assert 12 == len(lines)
    assert max(map(len, lines)) < 110
    assert "598,081,536 MACs" in lines[1]
    assert lines[-1].endswith("100.0%")


def test_a_report_without_prices_prints_too():
    free = Arch("free", (Level("DRAM"), Level("reg")))
    assert "0.000 MAC and" in str(evaluate(conv("c", M=2), free, nest("DRAM: M2 | reg:")))


def test_the_register_files_cost_four_times_the_macs():
    """ISCA 2016, figure 10: RF energy is 4.0 x ALU energy in every CONV layer; ours adds the words filled."""
    for report in ALEXNET_ON_EYERISS.reports:
        ratio = report.by_level()["spad"] / report.by_level()["MAC"]
        assert 4.0 <= ratio <= 4.12


def test_compute_alone_takes_less_time_than_the_chip_needed():
    """JSSC 2017, table V: 16.5, 39.2, 21.8, 16.0, 10.0 ms with ramp-up, which this model leaves out."""
    measured = [16.5, 39.2, 21.8, 16.0, 10.0]
    modelled = by_layer(lambda report: 1e3 * report.cycles / report.arch.clock)
    assert all(0.8 * theirs <= ours <= theirs for ours, theirs in zip(modelled, measured, strict=True))


def test_the_buffer_holds_the_tiles_that_the_chip_held():
    """JSSC 2017, table III: bytes of ifmap and psum in the buffer, in KiB of 16-bit words."""
    from accelsim.mapping import tile

    expected = {"conv1": (15.5, 72.2), "conv2": (3.8, 91.1), "conv3": (7.0, 84.5), "conv4": (10.5, 84.5)}
    for name, kib in expected.items():
        layer = catalog.alexnet().layer(name)
        extent = tile(layer, catalog.mappings("eyeriss", "alexnet")[name], 1)
        assert kib == tuple(round(2 * layer.tensor(t).words(extent) / 1024, 1) for t in ("ifmap", "ofmap"))


@pytest.mark.parametrize("report", ALEXNET_ON_EYERISS.reports, ids=lambda report: report.layer.name)
def test_a_breakdown_adds_up_to_its_total(report):
    assert sum(report.by_level().values()) == pytest.approx(report.total)
    assert sum(report.by_tensor().values()) == pytest.approx(report.total)
    assert all(value >= 0 for value in report.energy.values())
    assert 0 < report.spatial <= 1
    assert 0 < report.temporal <= 1


def test_energy_is_counts_times_the_table():
    toy = Arch("toy", (Level("DRAM", read=200, write=100), Level("spad", read=1, write=2, link=0)), mac=3)
    report = evaluate(conv("c", M=2, C=2), toy, nest("DRAM: M2 | spad: C2"))
    assert report.energy["DRAM", "ifmap"] == 2 * 200
    assert report.energy["DRAM", "ofmap"] == 2 * 100
    assert report.energy["spad", "ifmap"] == 2 * 2 + 4 * 1
    assert report.energy["MAC", "compute"] == 4 * 3


def test_a_link_is_paid_by_every_copy_that_a_word_reaches():
    toy = Arch("toy", (Level("DRAM"), Level("GLB", link=2, fanout=(4, 1)), Level("spad")))
    report = evaluate(conv("c", M=4), toy, nest("DRAM: | GLB: M4@x | spad:"))
    assert report.counts.reads["GLB", "ifmap"] == 1
    assert report.energy["NoC", "ifmap"] == 4 * 2


def test_time_is_the_slowest_of_compute_and_transfers_that_overlap_plus_those_that_do_not():
    layer, mapping = conv("c", M=4, C=4), nest("DRAM: | GLB: C4 M4")

    def cycles(**options):
        arch = Arch("toy", (Level("DRAM", **options), Level("GLB")))
        return latency(evaluate(layer, arch, mapping).counts, arch)

    assert cycles().cycles == 16
    assert cycles(bandwidth=24).cycles == 1 + 16
    assert cycles(bandwidth=24, overlap=False).cycles == 16 + 1
    assert cycles(bandwidth=1, overlap=False).cycles == 16 + 24
    assert cycles(bandwidth=1).bottleneck == "DRAM"
    assert cycles(bandwidth=1).cycles == 20 + 16


def test_a_transfer_that_outlasts_compute_decides_and_each_direction_has_its_limit():
    layer, mapping = conv("c", M=4, C=4), nest("DRAM: M4 C4 | GLB:")

    def cycles(**options):
        arch = Arch("toy", (Level("DRAM", **options), Level("GLB")))
        return latency(evaluate(layer, arch, mapping).counts, arch)

    assert cycles(bandwidth=1).transfer == {"DRAM": 16 + 16 + 4}
    assert cycles(bandwidth=1).cycles == 36
    assert cycles(read_bandwidth=1).transfer == {"DRAM": 32}
    assert cycles(write_bandwidth=0.5).transfer == {"DRAM": 8}


def test_wider_sums_take_more_room_energy_and_time():
    layer, mapping = conv("c", M=4), nest("DRAM: | GLB: M4")

    def wide(bits, **options):
        levels = (Level("DRAM", read=1, write=1, bandwidth=1), Level("GLB", **options))
        return Arch("toy", levels, word=8, bits={"ofmap": bits})

    narrow, broad = (evaluate(layer, wide(bits), mapping) for bits in (8, 32))
    assert broad.energy["DRAM", "ofmap"] == 4 * narrow.energy["DRAM", "ofmap"] == 16
    assert broad.energy["DRAM", "filter"] == narrow.energy["DRAM", "filter"]
    assert broad.latency.transfer["DRAM"] - narrow.latency.transfer["DRAM"] == 12
    assert not problems(layer, wide(8, capacity=9), mapping)
    assert problems(layer, wide(32, capacity=20), mapping) == [
        "GLB: ifmap 1 + filter 4 + ofmap 4 (of 32 bits) words need 21, it has 20"
    ]


def test_leakage_is_paid_by_every_instance_for_all_of_the_time():
    levels = (Level("DRAM"), Level("GLB", fanout=(3, 1)), Level("spad", leak=0.5, area=2))
    toy = Arch("toy", levels, leak=1, mac_area=1)
    report = evaluate(conv("c", M=2), toy, nest("DRAM: | GLB: M2@x | spad:"))
    assert report.energy["spad", "leakage"] == report.cycles * 3 * 0.5
    assert report.energy["rest", "leakage"] == report.cycles
    assert report.total == sum(report.by_tensor().values())
    assert toy.area == 3 * 2 + 3 * 1


def test_energy_by_kind_of_access_adds_up():
    report = ALEXNET_ON_EYERISS.reports[0]
    parts = report.by_access()
    assert {kind for _, _, kind in parts} == {"read", "write", "link"}
    assert sum(parts.values()) + report.energy["MAC", "compute"] == pytest.approx(report.total)


def test_the_command_prints_each_layer_and_the_total(capsys):
    assert main(["run", "eyeriss", "alexnet"]) == 0
    printed = capsys.readouterr().out
    for word in ("conv1", "conv5", "total", "598,081,536", "spatial", "temporal", "filter", "NoC", "DRAM acc./MAC"):
        assert word in printed


def test_the_command_gives_the_same_numbers_as_data(capsys):
    assert main(["run", "eyeriss", "alexnet", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["total"]["macs"] == ALEXNET_ON_EYERISS.macs
    assert data["total"]["energy_total"] == pytest.approx(ALEXNET_ON_EYERISS.total)
    assert data["layers"][2]["energy"]["DRAM"]["filter"] == ALEXNET_ON_EYERISS.reports[2].energy["DRAM", "filter"]


def test_unknown_names_get_suggestions_and_status_2(capsys):
    assert main(["run", "eyerss", "alexnt"]) == 2
    message = capsys.readouterr().err
    assert "did you mean eyeriss?" in message
    assert "did you mean alexnet?" in message


def test_another_mapping_can_be_tried_from_the_command_line(capsys):
    slow = "conv5=DRAM: G2 N4 M128 C192 P13 Q13 R3 S3 | GLB: | spad:"
    assert main(["run", "eyeriss", "alexnet", "--nest", slow, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][4]["active_pes"] == 1
    assert main(["run", "eyeriss", "alexnet", "--nest", "conv9=DRAM:", "--nest", "x", "--nest", "conv1=M"]) == 2
    message = capsys.readouterr().err
    assert "no layer 'conv9'" in message
    assert "--nest reads LAYER=NEST" in message
    assert "column 1: expected a level" in message


def test_one_evaluation_needs_no_numpy():
    code = (
        "import sys, accelsim; accelsim.cli.run('eyeriss', 'alexnet'); "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'matplotlib', 'ipywidgets')))"
    )
    assert subprocess.run([sys.executable, "-c", "import accelsim.cli; " + code], check=False).returncode == 0


@pytest.mark.parametrize("layers", [catalog.alexnet(), [3], None, "conv1"], ids=["network", "number", "none", "text"])
def test_a_network_is_evaluated_from_its_layers_alone(layers):
    with pytest.raises(AccelsimError, match=r"net: expected a list of Layers, such as catalog\.alexnet\(\)\.layers"):
        evaluate_network("net", layers, catalog.eyeriss(), {})

"""The benchmark of the systolic model runs and its comparison can fail. How fast anything is decides nothing here."""

import re

from accelsim import catalog
from accelsim.systolic import Systolic, as_scalesim, gemm, scalesim_case, scalesim_rows
from tests.bench import systolic
from tests.bench.systolic import FIGURES, compared, distinct, record

ARRAY = Systolic(32, 32, "ws", *(1024 * kb for kb in systolic.KB))
CASES = distinct(catalog.mobilenet_v1().layers)[-3:-1]


def test_the_benchmark_prints_its_table(capsys):
    assert systolic.main(["--alone", "--networks", "alexnet", "--dataflows", "ws"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^accelsim, cycles and SRAM +alexnet +32x32 WS +5 +0\.\d+", printed, re.MULTILINE)


def test_a_word_too_many_is_seen():
    rows = [as_scalesim(layer, ARRAY) for layer, _ in CASES]
    assert [] == list(compared(CASES, rows, ARRAY))
    assert FIGURES == len(rows[0])
    rows[1]["dram_filter"] += 1
    (sentence,) = compared(CASES, rows, ARRAY)
    assert f"{CASES[1][0].name}, ws: dram_filter is" in sentence


def test_a_layer_is_handed_over_as_the_shape_that_gives_its_product():
    for layer, size in distinct(catalog.resnet50().layers):
        again, _ = scalesim_case(scalesim_rows()[0] | size)
        ours, theirs = gemm(layer), gemm(again)
        assert (ours.pixels, ours.window, ours.filters) == (theirs.pixels, theirs.window, theirs.filters)


def test_what_is_recorded_reads_back_as_the_rows_do(tmp_path):
    found = as_scalesim(CASES[0][0], ARRAY) | {"stalls": 0, "cpu_s": 0.125}
    record(tmp_path / "rows.csv", "mobilenet_v1", CASES[:1], [found], ARRAY)
    head, row = (tmp_path / "rows.csv").read_text().splitlines()
    assert list(scalesim_rows()[0]) == head.split(",")
    assert f"mobilenet_v1,{CASES[0][0].name}," in row


def test_a_peer_that_is_not_installed_is_named_with_what_to_run(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.bench.engine.FOLDER", tmp_path)
    assert systolic.interpreter(systolic.parse([])) is None
    assert "skipped" in (said := capsys.readouterr().out)
    assert "--peers" in said

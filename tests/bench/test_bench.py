"""The benchmark runs and its comparison can fail. How fast anything is decides nothing here."""

import re

import numpy as np

from accelsim.batch import evaluate_batch
from tests.bench import engine
from tests.bench.ours import blind, differences, fitting
from tests.bench.tasks import ARCH, LAYERS

LAYER = LAYERS["conv3"]


def test_the_benchmark_prints_its_table_and_finds_batch_and_scalar_equal(capsys):
    quick = ["--alone", "--layers", "conv3", "--mappings", "300", "--checks", "12", "--imports", "1"]
    assert engine.main(quick) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^tool +layer +costed +CPU s +wall s +per CPU s +ratio +peak$", printed, re.MULTILINE)
    assert re.findall(r"^accelsim batch, (.*?) +conv3 +300 ", printed, re.MULTILINE) == ["drawn blind", "that fit"]
    assert re.findall(r"(\d+) of (\d+) random ones differ", printed) == [("0", "13"), ("0", "13")]


def test_mappings_said_to_fit_do_fit():
    assert evaluate_batch(LAYER, ARCH, fitting(LAYER, 100, seed=3)).valid.all()


def test_the_comparison_sees_a_word_too_many_and_a_wrong_verdict():
    batch = blind(LAYER, 20, seed=3)
    costs = evaluate_batch(LAYER, ARCH, batch)
    assert list(differences(LAYER, batch, costs, 7, [])) == []
    costs.reads["DRAM", "ifmap"][7] += 1
    np.logical_not(costs.valid, out=costs.valid)
    verdict, reads = differences(LAYER, batch, costs, 7, [])
    assert "valid in the batch" in verdict
    assert "reads ('DRAM', 'ifmap')" in reads


def test_a_peer_that_is_not_installed_is_named_with_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    monkeypatch.setattr(engine, "FOLDER", tmp_path / "build" / "peers")
    said = list(engine.theirs("conv3", engine.parse([])))
    assert len(said) == len(engine.PEERS)
    assert all("skipped" in line and "--peers" in line for line in said)

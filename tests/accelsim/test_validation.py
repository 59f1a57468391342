"""What stands in the book's page on validation: every judged row holds, and a row that does not would be seen."""

from dataclasses import replace

import pytest

from accelsim import validation
from accelsim.errors import CatalogError
from accelsim.published import figure
from accelsim.sheets import Table
from accelsim.validation import Held, Row, everything, scalesim_layers, scalesim_totals

EVERY = everything()


@pytest.mark.parametrize("held", EVERY, ids=[held.quantity.replace(", ", "-") for held in EVERY])
def test_every_judged_row_is_as_close_as_asked(held: Held) -> None:
    assert [] == [f"{row.name}: {row.ours} for {row.theirs}" for row in held.rows if not row.holds]


def test_the_rows_that_the_issue_asks_for_are_judged() -> None:
    judged = {row.theirs.name for held in EVERY for row in held.rows if row.theirs.tolerance is not None}
    layers = [f"conv{n}" for n in range(1, 6)]
    assert judged >= {f"eyeriss.alexnet.{n}.{what}" for n in layers for what in ("macs", "active_pes", "dram")}
    assert judged >= {f"eyeriss.alexnet.{n}.processing_time" for n in [*layers, "total"]}
    assert judged >= {f"eyeriss.alexnet.conv{n}.glb" for n in (1, 2, 4, 5)}
    assert judged >= {f"isca16.{n}.{what}" for n in [*layers, "fc6", "fc7", "fc8"] for what in ("alu", "rf", "dram")}


def test_what_is_only_recalled_is_judged_nowhere() -> None:
    rows = [row for held in EVERY for row in held.rows if row.theirs.known == "recalled"]
    assert {"shown (recalled)"} >= {row.verdict for row in rows}
    assert "shown, not judged" in validation.eyeriss_vgg16().caption


def test_a_row_that_is_too_far_off_says_so() -> None:
    time = figure("eyeriss.alexnet.conv1.processing_time")
    near, far = Row("conv1", 16.5 * 1.05, time), Row("conv1", 16.5 * 1.07, time)
    assert [("within 6\u00a0%", True), ("not within 6\u00a0%", False)] == [
        (row.verdict, row.holds) for row in (near, far)
    ]
    assert [True, False] == [Held("x", rows, "y").holds for rows in ((near,), (near, far))]
    assert ("conv1", "17.7", "16.5", "+7.0%", "not within 6\u00a0%", "") == far.cells()


def test_every_difference_of_more_than_a_percent_has_a_reason() -> None:
    rows = [(held.quantity, row) for held in EVERY for row in held.rows]
    apart = [(name, row) for name, row in rows if abs(row.ours - row.theirs.value) > row.theirs.rounding]
    assert len(apart) > 15
    assert [] == [f"{name} {row.name}" for name, row in apart if abs(row.difference) > 0.01 and not row.why]


def test_scalesims_totals_are_ours_to_the_last_word() -> None:
    rows = scalesim_totals().rows
    assert 9 == len(rows)
    assert {("0", "0")} == {(row[4], row[7]) for row in rows}
    assert {"0"} == {row[7] for row in scalesim_layers().rows}


def test_a_table_is_the_same_in_a_page_and_in_a_terminal() -> None:
    table = Table("A < B", ("", "words"), (("x & y", "1"),), ("note",))
    page, lines = table._repr_html_(), str(table).splitlines()
    assert "<caption>A &lt; B</caption>" in page
    assert '<th scope="row">x &amp; y</th><td>1</td>' in page
    assert ["A < B", "       words", "x & y      1", "note"] == lines


def test_no_count_of_another_tool_differs_under_its_convention() -> None:
    assert {"0"} == {row[-1] for row in validation.peer_counts().rows}


def test_a_table_made_for_scalesim_would_show_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = validation.scalesim_rows()
    changed = [row | {"cycles": row["cycles"] + 1} for row in rows[:1]] + rows[1:]
    monkeypatch.setattr(validation, "scalesim_rows", lambda: changed)
    assert "1" == scalesim_layers().rows[0][7]
    assert "-1" == scalesim_totals().rows[0][4]


def test_a_difference_is_ours_over_theirs() -> None:
    assert 0.5 == replace(Row("x", 3.0, figure("eyeriss.alexnet.batch")), ours=6.0).difference


def test_energies_that_the_papers_figure_does_not_give_are_named() -> None:
    with pytest.raises(CatalogError, match="no energies at 'GLB'; there is ALU, RF, DRAM"):
        validation.isca16_energy("GLB")

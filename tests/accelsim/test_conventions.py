"""Accounting conventions: each field against a slow machine that keeps its books that way, presets against tools."""

from collections import Counter
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import AccelsimError, Arch, Level, conv, count, einsum, nest, peers
from accelsim.conventions import PRESETS, Convention, padded, preset, recount, spilling, table
from accelsim.energy import energy
from accelsim.peers import at_random, matched, ours
from tests.accelsim.cases import cases
from tests.accelsim.slow_conventions import retrace
from tests.accelsim.test_counts import CASES, many


def sharing(arch: Arch) -> Arch:
    return replace(arch, levels=tuple(replace(level, multicast=True, reduction=True) for level in arch.levels))


@st.composite
def whole_tiles(draw: st.DrawFn) -> Convention:
    """Any convention that counts whole tiles."""
    halo = draw(st.sampled_from(["kept", "refetched"]))
    windows = {"gaps": ["points", "span"], "overlap": ["shared", "apart", "aligned"]} if halo == "refetched" else {}
    fields = windows | {
        "first_sum": ["free", "read"],
        "returns": ["one", "every"],
        "drains": [True, False],
        "operands": ["every", "changed"],
    }
    chosen = {name: draw(st.sampled_from(values)) for name, values in fields.items()}
    return Convention("drawn", halo=halo, edges="padded", **chosen)


@many(CASES // 8)
@given(cases(), whole_tiles())
def test_each_field_means_what_the_slow_machine_does(case, rules):
    layer, arch, mapping = case
    arch = sharing(arch)
    counts = recount(layer, arch, mapping, rules)
    assert retrace(layer, arch, mapping, rules) == (counts.reads, counts.writes), f"{layer}\n{mapping}\n{rules}"


@many(CASES // 20)
@given(cases())
def test_only_the_reads_of_leaving_sums_tell_timeloop_from_us(case):
    counts = recount(*case, "timeloop")
    assert retrace(*case, preset("timeloop")) == (counts.reads, counts.writes)
    assert count(*case).writes == counts.writes


@many(CASES // 20)
@given(cases())
def test_our_own_convention_changes_nothing(case):
    assert count(*case) == recount(*case) == recount(*case, Convention("ours by another name"))


@many(CASES // 20)
@given(cases())
def test_padding_alone_counts_the_padded_layer(case):
    layer, arch, mapping = case
    arch = sharing(arch)
    assert count(padded(layer, mapping), arch, mapping) == recount(
        layer, arch, mapping, Convention("padded", edges="padded")
    )


@pytest.mark.parametrize(("outputs", "taps"), [(a, b) for a in range(1, 6) for b in range(1, 4)])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2), (2, 3)])
def test_the_formula_for_overlaps_is_right_but_for_fewer_outputs_than_the_dilation(outputs, taps, stride, dilation):
    layer = einsum("row", f"O[P] += I[{stride}P+{dilation}R] * F[R]", P=outputs, R=taps)
    arch, mapping = Arch("toy", (Level("DRAM"), Level("buffer"))), nest(f"DRAM: | buffer: P{outputs} R{taps}")
    formula = Convention("formula", "refetched", "overlaps", edges="padded")
    points, found = count(layer, arch, mapping), recount(layer, arch, mapping, formula)
    unit = 2 if (stride, dilation) == (2, 2) else 1
    wrong = outputs < dilation // unit and taps > stride // unit
    assert wrong == (points.writes["buffer", "I"] < found.writes["buffer", "I"])
    assert wrong == (points.writes["buffer", "I"] != found.writes["buffer", "I"])


# The words that each tool gives. Provenance in the heads of the files.
@pytest.mark.parametrize("tool", ["timeloop", "accelforge", "zigzag"])
def test_under_a_tools_preset_the_matched_mappings_count_what_the_tool_counts(tool):
    measured = [row for row in matched() if row.preset == tool]
    assert 6 == len({row.mapping for row in measured})
    for row in measured:
        assert row.words == ours(tool, row.layer, row.mapping), f"{row.layer} {row.mapping}"


def test_running_the_tools_again_gave_the_matched_rows():
    again = {(row.preset, row.mapping): row.words for row in at_random()}
    for row in matched():
        if row.preset != "timeloop":
            assert row.words == again[row.preset, row.mapping]


def test_under_a_tools_preset_random_mappings_count_what_the_tool_counts():
    measured = at_random()
    assert {"ZigZag 3.9.1": 102, "AccelForge 1.0.467": 101} == Counter(row.tool for row in measured)
    for row in measured:
        assert row.words == ours(row.preset, row.layer, row.mapping), f"{row.tool}: {row.mapping}"


def test_the_agreement_counts_every_word_and_sees_one_that_differs(monkeypatch):
    rows = matched()[:1]
    monkeypatch.setattr(peers, "recorded", lambda: rows)
    assert {"Timeloop 4cf6d4c": peers.Agreement(1, 12, 0)} == peers.agreement()
    words = rows[0].words | {"DRAM.A": (1, 1)}
    monkeypatch.setattr(peers, "recorded", lambda: [replace(rows[0], words=words)])
    assert 2 == peers.agreement()["Timeloop 4cf6d4c"].differ


@pytest.mark.parametrize("tool", ["accelforge", "zigzag"])
def test_the_recorded_mappings_tell_the_conventions_apart(tool):
    """They hold halos, spilled sums, spatial loops, bypasses and windows with gaps: no simpler convention fits them."""
    measured = [row for row in at_random() if row.preset == tool]
    own = {field.name: field.default for field in fields(Convention)} | {"edges": "padded"}
    for name in [field.name for field in fields(Convention)][1:-1]:
        if getattr(preset(tool), name) != own[name]:
            changes = {"halo": "kept", "gaps": "points", "overlap": "shared"} if name == "halo" else {name: own[name]}
            simpler = replace(preset(tool), **changes)
            assert any(row.words != ours(simpler, row.layer, row.mapping) for row in measured), name


def test_spilling_sums_saves_energy_in_three_tools_and_nothing_in_the_fourth():
    layer, arch, mappings = spilling()
    saved = {}
    for tool in PRESETS:
        stay, spilled = (sum(energy(recount(layer, arch, m, tool), arch).values()) for m in mappings.values())
        saved[tool] = round(100 * (1 - spilled / stay), 1)
    assert {"accelsim": 9.5, "timeloop": 9.6, "accelforge": 9.5, "zigzag": 0.0} == saved
    assert stay == spilled  # in ZigZag's books to the last word


def test_the_table_marks_what_differs():
    layer, arch, mappings = spilling()
    lines = table(layer, arch, mappings["sums spilled"]).splitlines()
    assert "| memory | Z | read | 2,048 | 2,048 | 2,048 | 4,096 * |" in lines
    assert 3 == sum("*" in line for line in lines)


def test_a_convention_that_cannot_be_says_everything_that_is_wrong():
    with pytest.raises(AccelsimError) as raised:
        Convention("odd", halo="forgotten", gaps="span", first_sum="read")
    said = str(raised.value)
    assert "halo is one of 'kept', 'refetched', got 'forgotten'" in said
    assert "first_sum other than the default needs edges='padded'" in said
    with pytest.raises(AccelsimError, match="gaps other than the default needs halo='refetched'"):
        Convention("odd", gaps="span")
    with pytest.raises(AccelsimError, match="did you mean zigzag"):
        preset("zig-zag")


def test_a_tool_that_takes_sharing_for_granted_refuses_a_machine_without():
    layer = conv("c", M=2, C=2)
    alone = Arch("alone", (Level("DRAM"), Level("spad", fanout=4, multicast=False)))
    with pytest.raises(AccelsimError, match="zigzag takes multicast for granted"):
        recount(layer, alone, nest("DRAM: C2 | spad: M2@x"), "zigzag")


def test_a_padded_layer_must_fit_too():
    small = Arch("small", (Level("DRAM"), Level("spad", {"x": 5, "W": 5, "z": 1})))
    layer = einsum("v", "z[M] += x[K] * W[M K]", M=1, K=5)
    assert count(layer, small, nest("DRAM: | spad: K2 K3"))
    with pytest.raises(AccelsimError, match=r"spad: .* 6 words"):
        recount(layer, small, nest("DRAM: | spad: K2 K3"), "zigzag")


def test_what_is_no_convention_and_no_recorded_layer_is_named():
    toy, mapping = Arch("toy", (Level("DRAM"),)), nest("DRAM: M2")
    for wrong in (None, 3):
        with pytest.raises(AccelsimError, match=f"no convention {wrong}; there is accelsim, timeloop"):
            recount(einsum("v", "z[M] += x[M] * w[M]", M=2), toy, mapping, wrong)
    with pytest.raises(AccelsimError, match=r"no recorded layer 'rwo'; there is product, .* did you mean row"):
        peers.layer_of("rwo")

"""Accounting conventions: each field against a slow machine that keeps its books that way, presets against tools."""

import csv
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import AccelsimError, Arch, Level, conv, count, einsum, nest
from accelsim.conventions import PRESETS, Convention, padded, preset, recount, spilling, table
from accelsim.energy import energy
from tests.accelsim.cases import cases
from tests.accelsim.slow_conventions import retrace
from tests.accelsim.test_counts import CASES, many
from tests.bench.counts import ours, recorded, text

DATA = Path(__file__).parent / "data"


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


# The words of six mappings as each tool gives them, in full. Provenance in the head of the file.
TWO_LEVELS = Arch("two levels", (Level("MainMemory"), Level("Buffer")))
PRODUCT = einsum("product", "Z[M N] += A[M K] * B[N K]", M=64, N=32, K=32)
ROW = einsum("c1", "O[K P] += I[P+R] * F[K R]", K=4, P=16, R=3)
MATCHED = {
    "matmul64x32x32 order m>n>k (Z stationary in Buffer)": (PRODUCT, "M8 N4 K2 | Buffer: M8 N8 K16"),
    "matmul64x32x32 order m>k>n (A stationary, psum spilled)": (PRODUCT, "M8 K2 N4 | Buffer: M8 N8 K16"),
    "matmul64x32x32 order k>m>n (psum spilled)": (PRODUCT, "K2 M8 N4 | Buffer: M8 N8 K16"),
    "c1_P_outer_tile1": (ROW, "P16 | Buffer: K4 R3"),
    "c1_P_outer_tile4": (ROW, "P4 | Buffer: P4 K4 R3"),
    "c1_R_outer": (ROW, "R3 | Buffer: K4 P16"),
}


def rows(name: str) -> list[dict[str, str]]:
    lines = (DATA / name).read_text().splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def tool_of(row: dict[str, str]) -> str:
    return row["tool"].split()[0].lower()


@pytest.mark.parametrize("tool", ["timeloop", "accelforge", "zigzag"])
def test_under_a_tools_preset_the_matched_mappings_count_what_the_tool_counts(tool):
    matched = [row for row in rows("peers_matched_counts.csv") if tool_of(row) == tool]
    assert 36 == len(matched)
    for row in matched:
        layer, outer = MATCHED[row["case"]]
        counts, key = recount(layer, TWO_LEVELS, nest(f"MainMemory: {outer}"), tool), (row["level"], row["tensor"])
        expected = int(row["reads"]), int(row["writes(fills+updates)"])
        assert expected == (counts.reads[key], counts.writes[key]), f"{row['case']} {key}"


def test_running_the_tools_again_gave_the_matched_rows():
    names = {"MainMemory": "DRAM", "Buffer": "GLB", "O": "Z", "I": "A", "F": "B"}
    again = {(tool_of(row), row["mapping"]): f" {row['counts']} " for row in recorded()}
    for row in rows("peers_matched_counts.csv"):
        if tool_of(row) != "timeloop":
            outer = MATCHED[row["case"]][1].replace("Buffer", "GLB")
            key = f"{names[row['level']]}.{names.get(row['tensor'], row['tensor'])}"
            assert f" {key} {row['reads']}/{row['writes(fills+updates)']} " in again[tool_of(row), f"DRAM: {outer}"]


def test_under_a_tools_preset_random_mappings_count_what_the_tool_counts():
    measured = recorded()
    assert {"ZigZag 3.9.1": 102, "AccelForge 1.0.467": 101} == Counter(row["tool"] for row in measured)
    for row in measured:
        mapping = nest(row["mapping"])
        assert row["counts"] == text(ours(tool_of(row), row["layer"], mapping)), f"{row['tool']}: {mapping}"


@pytest.mark.parametrize("tool", ["accelforge", "zigzag"])
def test_the_recorded_mappings_tell_the_conventions_apart(tool):
    """They hold halos, spilled sums, spatial loops, bypasses and windows with gaps: no simpler convention fits them."""
    measured = [row for row in recorded() if tool_of(row) == tool]
    own = {field.name: field.default for field in fields(Convention)} | {"edges": "padded"}
    for name in [field.name for field in fields(Convention)][1:-1]:
        if getattr(preset(tool), name) != own[name]:
            changes = {"halo": "kept", "gaps": "points", "overlap": "shared"} if name == "halo" else {name: own[name]}
            simpler = replace(preset(tool), **changes)
            assert any(row["counts"] != text(ours(simpler, row["layer"], nest(row["mapping"]))) for row in measured), (
                name
            )


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

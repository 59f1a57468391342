"""The sparse lens: two operands with zeros, what formats make of them, and what PEs do about them.

for n in N:                    all PEs wait for one another here
  parallel m over the PEs:     one PE a row of the weights
    for k in K:                ofmap[m n] += weights[m k] * activations[k n]
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from accelsim.errors import number, suggest
from accelsim.report import Report, evaluate, table
from accelsim.widgets import figures
from accelsim.widgets.host import View
from accelsim.widgets.loops import WidgetError

if TYPE_CHECKING:
    from numpy.typing import NDArray

M, K, N = 8, 16, 8  # rows of weights, one for each PE; products in a sum; columns of activations
STEP = 20  # densities are n/20
STRUCTURES = {
    "random": "zeros anywhere",
    "even": "as many in each row",
    "rows": "whole rows",
    "columns": "whole columns",
    "diagonal": "along diagonals",
}
MODES = {"dense": "Takes every pair", "gate": "Gating: idles at a zero", "skip": "Skipping: goes on to the next pair"}
LETTERS = {"m": "MAC", "g": "gated", "s": "waiting for the slowest", "l": "looking, no pair found"}
LOOKS = (0, 3, 6, 1)  # the fill of each
HEADS = ("format", "bits here", "bits a word here", "bits a word of 64 x 64", "meets dense at")
SIZED = "The weights in each format, 8 bits a value"
SHAPE = (64, 64)  # of the tensor whose size the curves show


def sparse_lens(
    weights: float = 0.3,
    activations: float = 0.5,
    *,
    weight_structure: str = "random",
    activation_structure: str = "random",
    mode: str = "skip",
) -> View:
    """Two operands with zeros: which MACs are left, what formats store, and what eight PEs do cycle by cycle.

    `weights` and `activations` are densities, the share of words that are not zero, in steps of 1/20; the structures
    say where they stand: "random", "even", "rows", "columns" or "diagonal". `mode` is what a PE does about a zero:
    "dense" (nothing), "gate" or "skip". Beside the MACs that are really left stands what independent zeros would
    leave. Live, `view.widget.weights`, `.activations` (in twentieths), `.weight_structure`, `.activation_structure`
    and `.mode` follow the reader and may be set. Needs NumPy. Raises `WidgetError` with every fault at once.

    >>> print(sparse_lens(0.25, 0.25, weight_structure="columns", activation_structure="rows"))
    weights 25.0 % (whole columns), activations 25.0 % (whole rows): 256 of 1,024 MACs are left; ...
    """
    faults = [
        f"{what} must be a density from 0.05 to 1, got {value!r}"
        for what, value in (("weights", weights), ("activations", activations))
        if not number(value) or not 0.5 / STEP <= value <= 1
    ]
    for what, value, known in (
        ("weight_structure", weight_structure, STRUCTURES),
        ("activation_structure", activation_structure, STRUCTURES),
        ("mode", mode, MODES),
    ):
        faults += [] if value in known else [f"{what} must be one of {', '.join(known)}{suggest(value, known)}"]
    if faults:
        raise WidgetError("the lens cannot be set\n  " + "\n  ".join(faults))
    state = {
        "weights": round(weights * STEP),
        "activations": round(activations * STEP),
        "weight_structure": weight_structure,
        "activation_structure": activation_structure,
        "mode": mode,
        "cycle": 1,
    }
    return View("sparse_lens", _data(), state, _figure(state), _text(state), picture=lambda: _plot(state))


def _plot(state: dict[str, Any]) -> bytes:
    from accelsim import plot

    lines = [(f"PE {number}", line, "") for number, line in enumerate(timeline(state))]
    return plot.png(plot.letters(lines, LETTERS, sentence(state)))


def pattern(rows: int, columns: int, twentieths: int, structure: str) -> NDArray[Any]:
    """Ones where a matrix of that density and structure is not zero; of two densities the lower lies in the higher.

    >>> pattern(2, 4, 10, "columns").tolist()
    [[1, 0, 1, 0], [1, 0, 1, 0]]
    """
    import numpy as np

    place = _order(rows, columns, structure)
    return (place < round(rows * columns * twentieths / STEP) - 0.5).astype(np.int8)


@cache
def _order(rows: int, columns: int, structure: str) -> NDArray[Any]:
    """The turn at which each word becomes nonzero as the density grows."""
    import numpy as np

    chance = np.random.default_rng(11)
    row, column = np.indices((rows, columns))
    spread = _spread(rows)[row], _spread(columns)[column]
    keys: dict[str, Callable[[], NDArray[Any]]] = {
        "random": lambda: chance.random((rows, columns)),
        "even": lambda: np.argsort(np.argsort(chance.random((rows, columns)))) * rows + spread[0],
        "rows": lambda: spread[0] * columns + column,
        "columns": lambda: spread[1] * rows + row,
        "diagonal": lambda: _spread(columns)[(column - row) % columns] * rows + row,
    }
    flat = keys[structure]().reshape(-1)
    order = np.empty(flat.size, int)
    order[np.argsort(flat, kind="stable")] = np.arange(flat.size)
    return order.reshape(rows, columns)


def _spread(count: int) -> NDArray[Any]:
    """0 to count-1 in an order that spreads: each turn falls far from the ones before (bits reversed)."""
    import numpy as np

    wide = max(1, (count - 1).bit_length())
    turned = [int(f"{at:0{wide}b}"[::-1], 2) for at in range(count)]
    return np.argsort(np.argsort(turned))


def formats() -> list[Any]:
    """The formats that are compared."""
    from accelsim.formats import COO, CSR, Bitmask, Dense, RunLength

    return [Dense(), Bitmask(), RunLength(run_bits=4), CSR(), COO()]


@cache
def _curves() -> list[dict[str, Any]]:
    """Expected bits of each format at each density, for the tensor of the curves; and where it meets dense."""
    from accelsim.formats import Dense, crossovers

    return [
        {
            "name": codec.name,
            "bits": [round(codec.expected_bits(at / STEP, SHAPE, "int8")) for at in range(STEP + 1)],
            "meets": [round(100 * at, 1) for at in crossovers(codec, Dense(), SHAPE, "int8")][:1],
        }
        for codec in formats()
    ]


@cache
def _sizes(structure: str) -> list[list[int]]:
    """Bits that each format takes for the weights as they stand, by twentieths of density from 1."""
    return [[int(codec.size_bits(pattern(M, K, at, structure))) for codec in formats()] for at in range(1, STEP + 1)]


@cache
def _data() -> dict[str, Any]:
    def packed(rows: int, columns: int) -> dict[str, list[list[str]]]:
        return {
            structure: [
                ["".join(map(str, row)) for row in pattern(rows, columns, at, structure).tolist()]
                for at in range(1, STEP + 1)
            ]
            for structure in STRUCTURES
        }

    return {
        "size": [M, K, N],
        "step": STEP,
        "structures": STRUCTURES,
        "modes": MODES,
        "patterns": {"weights": packed(M, K), "activations": packed(K, N)},
        "curves": _curves(),
        "sizes": {structure: _sizes(structure) for structure in STRUCTURES},
        "shape": SHAPE,
        "letters": LETTERS,
        "looks": LOOKS,
        "heads": HEADS,
        "sized": SIZED,
    }


def operands(state: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights (M, K) and activations (K, N) of a state, ones and zeros."""
    return (
        pattern(M, K, state["weights"], state["weight_structure"]),
        pattern(K, N, state["activations"], state["activation_structure"]),
    )


def dense() -> Report:
    """The same product with all its MACs, on eight PEs: what `accelsim.sparsity.sparsify` starts from."""
    from accelsim.arch import Arch, Level
    from accelsim.mapping import nest
    from accelsim.workload import einsum

    layer = einsum("lens", "ofmap[M N] += ifmap[K N] * filter[M K]", M=M, K=K, N=N)
    arch = Arch("eight PEs", (Level("DRAM"), Level("PE", fanout=(M, 1))), mac=1)
    return evaluate(layer, arch, nest(f"DRAM: N{N} | PE: M{M}@x K{K}"))


def timeline(state: dict[str, Any]) -> list[str]:
    """What each PE does, cycle by cycle, in letters of `LETTERS`; all wait for the slowest after each column."""
    weights, activations = operands(state)
    lines = [""] * M
    for column in activations.T:
        work = [_work((row * column).tolist(), state["mode"]) for row in weights]
        longest = max(map(len, work))
        lines = [line + part.ljust(longest, "s") for line, part in zip(lines, work, strict=True)]
    return lines


def _work(pairs: list[int], mode: str) -> str:
    if mode == "skip":
        return "m" * sum(pairs) or "l"
    return "".join("m" if pair or mode == "dense" else "g" for pair in pairs)


def macs(state: dict[str, Any]) -> tuple[int, float]:
    """MACs that are left, and what independent zeros of the same densities would leave."""
    from accelsim.formats import effectual_macs, predicted_macs

    weights, activations = operands(state)
    return effectual_macs(weights, activations), predicted_macs(weights.mean(), activations.mean(), (M, N, K))


def _some(macs: float) -> str:
    """MACs as they are expected: whole from a thousand on, so that all of 1,024 do not read as 1.02 k."""
    return f"{round(macs):,}" if macs >= 999.5 else figures.short(macs)


def sentence(state: dict[str, Any]) -> str:
    """What the view says of a state."""
    weights, activations = operands(state)
    (left, independent), lines = macs(state), timeline(state)
    given = ", ".join(
        f"{name} {figures.percent(float(array.mean()))} ({STRUCTURES[state[key]]})"
        for name, array, key in (
            ("weights", weights, "weight_structure"),
            ("activations", activations, "activation_structure"),
        )
    )
    cycles, busy = len(lines[0]), sum(line.count("m") for line in lines)
    share = figures.percent(busy / M / cycles)
    return (
        f"{given}: {left:,} of {M * K * N:,} MACs are left; independent zeros would leave "
        f"{_some(independent)}. {MODES[state['mode']]}: {cycles} cycles of {K * N}, "
        f"{figures.fixed(K * N / cycles, 2)} times as fast; PEs multiply in {share} of them."
    )


def rows(state: dict[str, Any]) -> list[list[str]]:
    """The table of formats: bits of the weights as they stand, for each word; and of the larger tensor."""
    sizes = _sizes(state["weight_structure"])[state["weights"] - 1]
    return [
        [
            curve["name"],
            f"{bits:,}",
            figures.fixed(bits / (M * K), 2),
            figures.fixed(curve["bits"][state["weights"]] / (SHAPE[0] * SHAPE[1]), 2),
            f"{curve['meets'][0]:g} %" if curve["meets"] else "",
        ]
        for bits, curve in zip(sizes, _curves(), strict=True)
    ]


def spent(state: dict[str, Any]) -> list[list[str]]:
    """The table of PEs: cycles by what is done."""
    lines = enumerate(timeline(state))
    return [[f"PE {number}", *(str(line.count(letter)) for letter in LETTERS)] for number, line in lines]


def _text(state: dict[str, Any]) -> str:
    lines = [f"PE {number} {line}" for number, line in enumerate(timeline(state))]
    letters = "  ".join(f"{letter} {text}" for letter, text in LETTERS.items())
    return "\n".join([sentence(state), *lines, letters, table(HEADS, rows(state))])


def _runs(line: str) -> list[tuple[int, float, str]]:
    fills = dict(zip(LETTERS, LOOKS, strict=True))
    runs = ("".join(same) for _, same in itertools.groupby(line))
    return [(fills[run[0]], float(len(run)), "") for run in runs]


def _figure(state: dict[str, Any]) -> str:
    lines = "".join(figures.bar(_runs(line), len(line)) for line in timeline(state))
    looks = figures.legend(zip(LOOKS, LETTERS.values(), strict=True))
    counted = figures.table("Cycles of each PE", ["PE", *LETTERS.values()], spent(state))
    sized = figures.table(SIZED, HEADS, rows(state))
    said = f'<p class="say">{escape(sentence(state))}</p>'
    return f'{said}<div class="lines">{lines}</div>{looks}{figures.framed(counted)}{figures.framed(sized)}'

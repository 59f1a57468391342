"""Energy tables as data, each row with what is known of it, and a rule to carry them to other nodes and widths.

>>> NORMALISED_65["DRAM"].energy / NORMALISED_65["MAC"].energy
200.0
>>> HOROWITZ_45["sram_8KB"].per_bit, HOROWITZ_45["DRAM"].per_bit       # pJ per bit
(0.15625, 20.0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from accelsim.errors import CatalogError, number, suggest, whole

# How the energy of one operation of b bits grows with b. A floating-point operation has no rule here.
POWERS = {"multiply": 2, "mac": 2, "add": 1, "memory": 1, "wire": 1, "dram": 1}
NODES = (20, 130)


@dataclass(frozen=True)
class Cost:
    """Energy of one operation, or of one word moved.

    energy: in the table's unit. bits: the width of operands or word. kind: a name in `POWERS`, or "float".
    known: "read" in the source or in a public project that quotes it; "checked": recalled, and in agreement with
    another figure; "recalled": from memory alone, so build no conclusion on it.
    """

    energy: float
    bits: int
    kind: str = "memory"
    known: str = "read"

    @property
    def per_bit(self) -> float:
        """Energy for each bit of the word: what to compare where sources mix words of 32 and 64 bits."""
        return self.energy / self.bits


@dataclass(frozen=True)
class EnergyTable:
    """Costs by name, at one process node (nm) and supply voltage (None: not published).

    >>> for name, cost in HOROWITZ_45.costs.items():
    ...     print(f"{name:14} {cost.energy:5g} {HOROWITZ_45.unit}, {cost.bits} bits, {cost.known}")
    add_int8        0.03 pJ, 8 bits, read
    add_int16       0.05 pJ, 16 bits, recalled
    add_int32        0.1 pJ, 32 bits, read
    add_fp16         0.4 pJ, 16 bits, checked
    add_fp32         0.9 pJ, 32 bits, read
    multiply_int8    0.2 pJ, 8 bits, read
    multiply_int32   3.1 pJ, 32 bits, read
    multiply_fp16    1.1 pJ, 16 bits, checked
    multiply_fp32    3.7 pJ, 32 bits, read
    register_file      1 pJ, 32 bits, read
    sram_8KB           5 pJ, 32 bits, read
    cache_8KB         10 pJ, 64 bits, recalled
    cache_32KB        20 pJ, 64 bits, recalled
    cache_1MB        100 pJ, 64 bits, recalled
    DRAM             640 pJ, 32 bits, read
    >>> {name: cost.energy for name, cost in NORMALISED_65.costs.items()}                  # MAC energies, 16 bits
    {'MAC': 1.0, 'register_file': 1.0, 'array': 2.0, 'buffer': 6.0, 'DRAM': 200.0}

    A row is for a word of its own `bits`; a machine's prices are for words of `Arch.word`. So for words of 16 bits:

    >>> from accelsim.arch import Arch, Level
    >>> table = scale(HOROWITZ_45, bits=16)
    >>> dram, sram, mac = (table[name].energy for name in ("DRAM", "sram_8KB", "multiply_int8"))
    >>> mac += HOROWITZ_45["add_int32"].energy                                     # sums of products take 32 bits
    >>> mine = Arch("mine", (Level("DRAM", read=dram, write=dram), Level("SRAM", 4096, sram, sram)), mac, unit="pJ")
    >>> dram, sram, round(mine.mac, 2), mine.word
    (320.0, 2.5, 0.9, 16)
    """

    name: str
    costs: Mapping[str, Cost]
    unit: str
    nm: float
    volts: float | None
    source: str

    def __getitem__(self, name: str) -> Cost:
        """The row of that name. Raises `CatalogError` for an unknown one."""
        if name not in self.costs:
            known = ", ".join(self.costs)
            raise CatalogError(f"{self.name}: no cost of {name!r}; there is {known}{suggest(name, self.costs)}")
        return self.costs[name]


NORMALISED_65 = EnergyTable(
    "normalised 65 nm",
    {
        "MAC": Cost(1.0, 16, "mac"),
        "register_file": Cost(1.0, 16),  # 0.5 KB, inside a PE
        "array": Cost(2.0, 16, "wire"),  # from PE to PE, 1 to 2 mm
        "buffer": Cost(6.0, 16),  # 100 to 500 KB, shared by all PEs
        "DRAM": Cost(200.0, 16, "dram"),
    },
    unit="MAC energies",
    nm=65,
    volts=None,
    source="Chen, Emer, Sze, ISCA 2016, table IV: a commercial 65 nm process, 16-bit words",
)

HOROWITZ_45 = EnergyTable(
    "Horowitz 45 nm",
    {
        "add_int8": Cost(0.03, 8, "add"),
        "add_int16": Cost(0.05, 16, "add", "recalled"),
        "add_int32": Cost(0.1, 32, "add"),
        "add_fp16": Cost(0.4, 16, "float", "checked"),  # 13 times the int8 add, as Jouppi et al., ISCA 2017, say
        "add_fp32": Cost(0.9, 32, "float"),
        "multiply_int8": Cost(0.2, 8, "multiply"),
        "multiply_int32": Cost(3.1, 32, "multiply"),
        "multiply_fp16": Cost(1.1, 16, "float", "checked"),  # 5.5 times the int8 multiply; ISCA 2017 says 6
        "multiply_fp32": Cost(3.7, 32, "float"),
        "register_file": Cost(1.0, 32),
        "sram_8KB": Cost(5.0, 32),
        "cache_8KB": Cost(10.0, 64, "memory", "recalled"),
        "cache_32KB": Cost(20.0, 64, "memory", "recalled"),
        "cache_1MB": Cost(100.0, 64, "memory", "recalled"),
        "DRAM": Cost(640.0, 32, "dram"),  # the same source gives 1,300 to 2,600 pJ for 64 bits
    },
    unit="pJ",
    nm=45,
    volts=0.9,
    source="Horowitz, ISSCC 2014, paper 1.1: 45 nm, 0.9 V",
)


def scale(
    table: EnergyTable, nm: float | None = None, volts: float | None = None, bits: int | None = None
) -> EnergyTable:
    """The table at another process node and supply voltage, or for words of another width; what is None stays.

    Node: energy goes with C V^2, and the C of a gate or wire drawn smaller with its length, so logic, memory and
    wires on the chip take (nm'/nm) (V'/V)^2 times the energy. A DRAM does not follow the logic's node, and stays.
    Width: (bits'/bits)^2 for a multiplier and for a MAC, which is mostly multiplier; bits'/bits for the others.

    Limits. The width rule puts a 32-bit multiply at 3.2 pJ from the 8-bit one, where the table has 3.1, and the
    add at 0.12, where it has 0.1. The node rule is a first guess, good to a factor of about two across one or two
    nodes of planar CMOS; classical rules like it are off by up to 83 times between 180 and 7 nm (Stillmaker, Baas,
    Integration 58, 2017), so nodes outside 20 to 130 nm are refused. Wires shrink less than gates, leakage is left
    out, and a larger memory costs more per bit: take the row of the right size. Floating-point rows, which no such
    rule covers, are left out of a table for another width.

    Raises `CatalogError` with every fault at once.

    >>> round(scale(HOROWITZ_45, nm=28, volts=0.9, bits=16)["multiply_int8"].energy, 3)
    0.498
    >>> scale(HOROWITZ_45, nm=28, volts=0.9)["DRAM"].energy
    640.0
    """
    if faults := _scale_faults(table, nm, volts, bits):
        raise CatalogError(f"{table.name} cannot be scaled: " + "\n  ".join(faults))
    smaller = 1.0 if nm is None else float(nm) / table.nm
    lower = 1.0 if volts is None or table.volts is None else (float(volts) / table.volts) ** 2
    kept = {name: cost for name, cost in table.costs.items() if bits is None or cost.kind in POWERS}
    costs = {name: _scaled(cost, smaller * lower, bits or cost.bits) for name, cost in kept.items()}
    changes = [f"{what}={value:g}" for what, value in (("nm", nm), ("volts", volts), ("bits", bits)) if value]
    return replace(
        table,
        name=f"{table.name}, scaled to {' '.join(changes)}" if changes else table.name,
        costs=costs,
        nm=nm or table.nm,
        volts=volts or table.volts,
    )


def _scaled(cost: Cost, node: float, bits: int) -> Cost:
    wider = 1.0 if bits == cost.bits else (bits / cost.bits) ** POWERS[cost.kind]
    energy = cost.energy * wider * (1.0 if cost.kind == "dram" else node)
    return replace(cost, energy=energy, bits=bits)


def _scale_faults(table: EnergyTable, nm: object, volts: object, bits: object) -> list[str]:
    faults, (least, most) = [], NODES
    for name, value in (("nm", nm), ("volts", volts)):
        if value is not None and not (number(value) and float(value) > 0):  # type: ignore[arg-type]
            faults.append(f"{name} must be a number above 0, got {value!r}")
    if bits is not None and (not whole(bits) or not 1 <= bits <= 64):  # type: ignore[operator]
        faults.append(f"bits must be a whole number from 1 to 64, got {bits!r}")
    if nm is None and volts is not None and table.volts is None:
        faults.append(f"its supply voltage is not published, so nothing can be said of volts={volts}")
    if faults or nm is None:
        return faults
    if not least <= nm <= most:  # type: ignore[operator]
        faults.append(f"the rule holds for planar CMOS, {least} to {most} nm, got nm={nm}")
    if nm != table.nm and table.volts is None:
        faults.append(f"its supply voltage is not published, so nothing can be said of another node than {table.nm} nm")
    elif nm != table.nm and volts is None:
        faults.append(f"another node runs at another voltage: give volts, {table.volts} at {table.nm} nm here")
    return faults

"""Machines as values, each figure with its source, and with a word where it is only recalled or taken from elsewhere.

A figure is as published unless the text says *recalled* (from memory, not checked against the source: draw no
conclusion that hangs on it) or *assumed*. Energies of a word or a MAC are published for Eyeriss alone; the other
machines borrow a table of `accelsim.catalog.tables`, so compare orders of magnitude, not percents.
"""

from __future__ import annotations

from accelsim.arch import Arch, Level
from accelsim.catalog.tables import HOROWITZ_45, NORMALISED_65, scale


def eyeriss() -> Arch:
    """Eyeriss, the chip of 2016: 12 x 14 PEs, 108 KiB of global buffer, 16-bit words.

    Array, buffer and scratchpad sizes, clocks and the 64-bit DRAM link: Chen, Krishna, Emer, Sze, JSSC 52(1), 2017
    (core 200 MHz, link 60 MHz, so 1.2 words a cycle). The buffer's 8 KiB for filters only prefetch, so filters
    bypass it here; the other 100 KiB hold ifmap and psum. Energies relative to one MAC, 65 nm, 16 bit: 1 for a
    scratchpad access, 2 for a word between PEs, 6 for the buffer, 200 for DRAM: Chen, Emer, Sze, ISCA 2016, table IV.
    """
    cost = _normalised()
    return Arch(
        "eyeriss",
        (
            Level("DRAM", read=cost["DRAM"], write=cost["DRAM"], bandwidth=1.2),
            Level("GLB", 100 * 1024 // 2, cost["buffer"], cost["buffer"], link=cost["array"], fanout=(14, 12)),
            Level(
                "spad",
                capacity={"ifmap": 12, "filter": 224, "ofmap": 24},
                read=cost["register_file"],
                write=cost["register_file"],
            ),
        ),
        mac=cost["MAC"],
        unit="MAC energies",
        clock=200e6,
        source="JSSC 52(1) 2017, doi 10.1109/JSSC.2016.2616357; energies ISCA 2016, table IV",
    )


def tpu_v1() -> Arch:
    """The first TPU, as a machine of levels: 256 x 256 MACs of 8 bits that hold weights still.

    Jouppi et al., ISCA 2017 (arXiv 1704.04760): 65,536 MACs at 700 MHz, so 92 Tera-operations a second; 24 MiB of
    unified buffer for activations; accumulators of 4,096 x 256 words of 32 bits; weights from DRAM at 34 GB/s, 48.6
    words a cycle. Each MAC holds one weight and the next one, loaded meanwhile (recalled).

    Systolic: an activation enters a row once and is handed on from MAC to MAC, a partial sum runs down a column.
    In the counts that is multicast along x and reduction along y. What is simpler here: the host's memory and the
    weight memory are one DRAM, the FIFO of weights is left out because nothing in it is used twice, and finished
    ofmap words leave the accumulators with 8 bits, so a mapping should finish them there. (A partial sum in the
    accumulators is one word of the level's capacity, and priced as one of 32 bits.)

    Energies are not published. They are Horowitz's (45 nm) carried to 28 nm and 0.9 V (assumed) by `scale`: a MAC as
    8-bit multiply and 32-bit add, the accumulators as SRAM of 8 KB, the unified buffer as a cache of 1 MB
    (recalled), which is too cheap for 24 MiB.
    """
    table = scale(HOROWITZ_45, nm=28, volts=0.9)
    byte = {name: 8 * cost.per_bit for name, cost in table.costs.items()}
    psum = table["sram_8KB"].energy
    return Arch(
        "tpu_v1",
        (
            Level("DRAM", read=byte["DRAM"], write=byte["DRAM"], bandwidth=34e9 / 700e6),
            Level("UB", capacity=24 * 2**20, read=byte["cache_1MB"], write=byte["cache_1MB"]),
            Level("acc", capacity=4096 * 256, read=psum, write=psum, fanout=(256, 256)),
            Level("reg", capacity={"filter": 2}, read=byte["register_file"], write=byte["register_file"], double=True),
        ),
        mac=table["multiply_int8"].energy + table["add_int32"].energy,
        word=8,
        unit="pJ",
        clock=700e6,
        source="ISCA 2017, arXiv 1704.04760; energies Horowitz, ISSCC 2014, scaled from 45 to 28 nm",
    )


def nvdla() -> Arch:
    """An NVDLA-like machine: 32 cells of 64 MACs of 8 bits; a cell makes one output channel of 64 input channels.

    From the open hardware's configuration nv_large: 64 channels (MAC_ATOMIC_C_SIZE) by 32 kernels
    (MAC_ATOMIC_K_SIZE), a convolution buffer of 16 banks x 512 entries x 64 bytes = 512 KiB, a memory interface of
    256 bits, 32 words a cycle each way. Its manual (Unit Description, Stripe Operation): weights stay in the cells
    for a stripe of up to 32 outputs, the limit being the accumulators, hence 32 x 32 partial sums here. Clock
    1 GHz (recalled). Left out: compressed weights, Winograd, the second memory interface and what follows the
    accumulators. As in `tpu_v1`, a partial sum is one word of its level, priced as one of 32 bits.

    Energies are not published. They are Horowitz's (45 nm) carried to 28 nm and 0.9 V (both assumed: the design is
    source code, not a chip): a MAC as 8-bit multiply and 32-bit add, accumulators as SRAM of 8 KB, the convolution
    buffer as a cache of 1 MB (recalled), which is a little dear for 512 KiB.
    """
    table = scale(HOROWITZ_45, nm=28, volts=0.9)
    byte = {name: 8 * cost.per_bit for name, cost in table.costs.items()}
    psum = table["sram_8KB"].energy
    return Arch(
        "nvdla",
        (
            Level("DRAM", read=byte["DRAM"], write=byte["DRAM"], read_bandwidth=32, write_bandwidth=32),
            Level("CBUF", capacity=16 * 512 * 64, read=byte["cache_1MB"], write=byte["cache_1MB"]),
            Level("CACC", capacity=32 * 32, read=psum, write=psum, fanout=(64, 32)),
            Level("reg", capacity={"filter": 2}, read=byte["register_file"], write=byte["register_file"], double=True),
        ),
        mac=table["multiply_int8"].energy + table["add_int32"].energy,
        word=8,
        unit="pJ",
        clock=1e9,
        source="nvdla.org, nv_large and Unit Description; energies Horowitz, ISSCC 2014, scaled from 45 to 28 nm",
    )


def shidiannao() -> Arch:
    """A ShiDianNao-like machine: 8 x 8 PEs that each keep one output, and hand inputs to their neighbours.

    Du et al., ISCA 2015: 65 nm, 4.86 mm2, 320 mW. Recalled, not checked: 8 x 8 PEs with 16-bit words at 1 GHz,
    buffers of 64 KB for inputs, 64 KB for outputs and 128 KB for weights. The chip keeps a whole small network in
    these buffers and has no DRAM; larger layers, such as AlexNet's, need the DRAM that stands here.

    The PEs' FIFOs appear as one level, `window`, that holds the inputs now in the array: with the filter's columns
    looped inside it and its rows outside, a word is read from the buffer once for an 8 x 8 patch of outputs, and
    reaches each PE that wants it from a neighbour. How much the FIFOs hold is not limited here.

    Energies are not published. They are the normalised ones of 65 nm and 16 bits (ISCA 2016, table IV), the same
    node and width: a word from a neighbour as one in the array, the three buffers as the shared buffer.
    """
    cost = _normalised()
    buffers = {"ifmap": 64 * 1024 // 2, "filter": 128 * 1024 // 2, "ofmap": 64 * 1024 // 2}
    return Arch(
        "shidiannao",
        (
            Level("DRAM", read=cost["DRAM"], write=cost["DRAM"]),
            Level("NB", capacity=buffers, read=cost["buffer"], write=cost["buffer"]),
            Level("window", read=cost["array"], write=cost["register_file"], fanout=(8, 8)),
            Level("PE", capacity={"ofmap": 1}, read=cost["register_file"], write=cost["register_file"]),
        ),
        mac=cost["MAC"],
        unit="MAC energies",
        clock=1e9,
        source="ISCA 2015, doi 10.1145/2749469.2750389, in part recalled; energies ISCA 2016, table IV",
    )


def one_pe() -> Arch:
    """A machine to think with, not one that was built: one MAC, a scratchpad of 256 words, DRAM.

    Energies: the normalised table of ISCA 2016 (65 nm, 16 bit), where a 0.5 KB scratchpad, 256 words, costs as
    much as a MAC and DRAM 200 times that. One word a cycle to and from DRAM is chosen, to make waiting visible.
    """
    cost = _normalised()
    return Arch(
        "one_pe",
        (
            Level("DRAM", read=cost["DRAM"], write=cost["DRAM"], bandwidth=1),
            Level("spad", capacity=256, read=cost["register_file"], write=cost["register_file"]),
        ),
        mac=cost["MAC"],
        unit="MAC energies",
        source="made up for teaching; energies ISCA 2016, table IV",
    )


def _normalised() -> dict[str, float]:
    return {name: cost.energy for name, cost in NORMALISED_65.costs.items()}

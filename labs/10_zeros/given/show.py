"""Draws your own streams, PEs and walks, before anyone judges them."""

import itertools

import machine
import numpy as np

from accelsim import digits, sparsity, widgets
from accelsim.formats import RunLength
from accelsim.timeline import Timeline, Works
from autograder.pictures import CannotDraw, Picture, Table, ask, bar, picture

MOST = 40  # columns or lines that a picture holds


@picture
def bits(bitmask_encode, values, width):
    """Your stream, cut where its mask should end and then into values."""
    stream = ask(bitmask_encode, np.array(values), width)
    stream = stream if isinstance(stream, str) else "".join(str(int(bit)) for bit in stream)
    count = len(values)
    held, rest = stream[:count].ljust(count), stream[count:]
    words = [rest[i : i + width] for i in range(0, len(rest), width)]
    names = tuple(f"{i}" for i in range(count))
    mask = Table(
        "the first bits, under the values",
        names,
        (("value", cells(values)), ("your bit", tuple((bit, "on" if bit == "1" else "") for bit in held))),
    )
    rows = tuple(
        (f"{i}", ((word, "" if len(word) == width else "bad"), (number(word), "right")))
        for i, word in enumerate(words[:MOST])
    )
    says = (
        f"Your stream has {len(stream)} bits; the {count} values, stored as they are, take {count * width}. Its "
        f"first {count} bits stand under the values, the rest is cut into pieces of {width} bits and read as "
        "numbers. Is there a piece for each bit that is set?"
    )
    return Picture(says, (mask, Table("the rest, value by value", ("bits", "number"), rows)))


def number(word):
    """The number that bits are."""
    return str(int(word, 2)) if word and not set(word) - {"0", "1"} else "?"


def cells(values):
    """A cell for each value."""
    return tuple((str(value), "" if value else "pad") for value in values)


@picture
def runs(rlc_encode, values, run_bits):
    """Your pairs, what each covers, and the values they give."""
    pairs = [(int(run), int(value)) for run, value in ask(rlc_encode, np.array(values), run_bits)]
    if len(pairs) > MOST:
        raise CannotDraw(f"You wrote {len(pairs)} pairs; the picture holds {MOST}. Choose fewer values.")
    most, at, rows = 2**run_bits - 1, 0, []
    for i, (run, value) in enumerate(pairs):
        fits = 0 <= run <= most
        field = f"{run:0{run_bits}b}" if run >= 0 else "?"
        end = at + run
        rows.append(
            (
                f"{i}",
                (
                    (f"{run}", ""),
                    (field if fits else f"{field} !", "" if fits else "bad"),
                    (f"{value}", ""),
                    (f"{at} to {end}", "right"),
                ),
            )
        )
        at = end + 1
    says = (
        f"A run field of {run_bits} bits holds 0 to {most}; a field too small for what you put there has a ! and "
        f"stands on dark ground. Each pair covers its zeros and the value after them. Your pairs cover {at} values, "
        f"the array has {len(values)}: {' '.join(map(str, values))}."
    )
    return Picture(says, (Table("your pairs", ("run", "its field", "value", "covers values"), tuple(rows)),))


@picture
def rows(csr_encode, matrix):
    """Your three lists: which values and columns the pointers give each row."""
    matrix = np.array(matrix)
    values, columns, row_ptr = (np.asarray(part).tolist() for part in ask(csr_encode, matrix))
    lines = []
    for r, line in enumerate(matrix.tolist()):
        if r + 1 < len(row_ptr):
            a, b = row_ptr[r], row_ptr[r + 1]
            found = (
                ", ".join(f"{v} in column {k}" for v, k in zip(values[a:b], columns[a:b], strict=False)) or "nothing"
            )
            lines.append((f"row {r}", ((f"{a} to {b}", ""), (found, "left"), (" ".join(map(str, line)), "left"))))
        else:
            lines.append((f"row {r}", (("no end", "bad"), ("?", "left"), (" ".join(map(str, line)), "left"))))
    lists = f"values {values}, columns {columns}, row_ptr {row_ptr}"
    says = f"{lists}. Row r is what lies between pointer r and pointer r + 1."
    return Picture(says, (Table("", ("pointers", "what lies there", "the row was"), tuple(lines)),))


@picture
def real_sizes(sizes, layer="conv2", width=16, run_bits=4):
    """Your sizes for the weights and the activations of a layer of the trained network, from dense to sparse."""
    tables = [("activations", machine.activations(layer))]
    tables += [(f"weights, {pruned} %", machine.real(layer, pruned)[0]) for pruned in digits.PRUNED]
    lines, columns = [], ("dense", "bitmask", "RLC", "CSR")
    for name, tensor in tables:
        pairs = pair_count(tensor.reshape(-1), run_bits)
        answer = ask(sizes, *tensor.shape, int(np.count_nonzero(tensor)), pairs, width, run_bits)
        if not isinstance(answer, dict) or not {*columns, "best"} <= set(answer):
            raise CannotDraw(f"sizes returned {answer!r}; the picture needs dense, bitmask, RLC, CSR and best.")
        shares = [answer[column] / answer["dense"] for column in columns]
        density = f"{np.count_nonzero(tensor) / tensor.size:.0%}"
        drawn = (
            (f"{share:.2f}", "on" if column == answer["best"] else "")
            for column, share in zip(columns, shares, strict=True)
        )
        lines.append(
            (name, ((density, "right"), *drawn, (str(answer["best"]), "left"), (bar(min(1, min(shares))), "left")))
        )
    says = (
        f"Your sizes for {layer} of the digits network, as parts of its dense size ({width}-bit values, runs of "
        f"{run_bits} bits). Beside weights stands how many were pruned. Where does each format begin to pay? Is "
        "there one that always does?"
    )
    return Picture(says, (Table("", ("nonzero", *columns, "best", "the smallest"), tuple(lines)),))


def pair_count(values, run_bits):
    """Pairs of run lengths, a run field of that width."""
    return RunLength(run_bits).encode(values)["runs"].bits // run_bits


@picture
def pes(array, weights, activations, mode):
    """Your array, cycle by cycle, in the book's player."""
    lines = [str(line) for line in ask(array, np.array(weights), np.array(activations), mode)]
    cycles = max(map(len, lines), default=0)
    if not cycles:
        raise CannotDraw(f"Your array takes no cycle at all in mode {mode}: there is nothing to play.")
    return widgets.pe_array(
        timeline(f"your array, mode {mode}", [line.ljust(cycles, ".") for line in lines], weights, activations)
    )


def timeline(name, lines, weights, activations):
    """Lines of letters, one for each PE, as the picture of an array over time."""
    cycles, count = len(lines[0]), len(lines)
    states = tuple("".join(line[cycle] for line in lines) for cycle in range(cycles))
    works = Works((), ((),) * cycles, ((),) * count, {})
    traffic = {"weights read": tuple(state.count("m") for state in states)}
    said = tuple(tuple(note(lines, weights, activations, pe, cycle) for pe in range(count)) for cycle in range(cycles))
    return Timeline(name, count, 1, states, traffic, works, notes=said, origin=0)


def note(lines, weights, activations, pe, cycle):
    """What a PE works on, where its letters tell it."""
    line, row = lines[pe], weights[pe]
    skips = len(line.rstrip(".")) < len(row) and "g" not in line
    both = [k for k, (w, a) in enumerate(zip(row, activations, strict=True)) if w and a]
    done = line[:cycle].count("m")
    k = (both[done] if done < len(both) else None) if skips else cycle
    if line[cycle] not in "mg" or k is None or k >= len(row):
        return ""
    return f"weights[{pe}, {k}] = {row[k]}, activations[{k}] = {activations[k]}"


@picture
def cycles(array, pairs=144, pruned=80, pes=8):
    """Cycles and MACs of your array on real filters, mode by mode, beside what the density promises."""
    weights, activations = machine.real("conv2", pruned)
    weights, activations = weights[:pes, :pairs], activations[:pairs]
    lines = []
    for mode in ("dense", "gate", "skip"):
        answer = [str(line) for line in ask(array, weights.copy(), activations.copy(), mode)]
        took, macs = max(map(len, answer), default=0), sum(line.count("m") for line in answer)
        lines.append((mode, ((f"{took}", "right"), (f"{macs}", "right"), (bar(min(1, took / pairs)), "left"))))
    weight_share, share = (float((x != 0).mean()) for x in (weights, activations))
    both = ((weights != 0) & (activations != 0)).mean()
    says = (
        f"{pes} filters of conv2, {weight_share:.0%} of their words nonzero, against a window of which {share:.0%} "
        f"is nonzero. The product of the two is {weight_share * share:.1%}; {both:.1%} of the pairs really matter. "
        f"If cycles shrank as MACs do, skipping would take {both * pairs:.1f} of {pairs} cycles. Yours:"
    )
    return Picture(says, (Table("", ("cycles", "MACs", ""), tuple(lines)),))


@picture
def walk(intersect, a, b):
    """Your comparisons, cycle by cycle."""
    steps = [(int(x), int(y)) for x, y in ask(intersect, list(a), list(b))]
    if len(steps) > MOST:
        raise CannotDraw(f"Your walk takes {len(steps)} cycles; the picture holds {MOST}. Choose shorter lists.")
    after = [*steps[1:], None]
    lines = tuple(
        (f"{cycle}", ((f"{x}", ""), (f"{y}", ""), ("MAC", "on") if x == y else ("", ""), (moves((x, y), then), "left")))
        for cycle, ((x, y), then) in enumerate(zip(steps, after, strict=True))
    )
    found = sum(x == y for x, y in steps)
    says = (
        f"Nonzero weights at {list(a)}, nonzero activations at {list(b)}. Your walk takes {len(steps)} cycles and "
        f"finds {found} pairs; {len(set(a) & set(b))} coordinates stand in both lists."
    )
    return Picture(says, (Table("", ("head of a", "head of b", "", "then you"), lines),))


def moves(now, then):
    """What a step of a walk does with the heads."""
    if then is None:
        return "stop"
    moved = [name for name, x, y in zip("ab", now, then, strict=True) if x != y]
    return f"move on in {' and '.join(moved)}" if moved else "stay"


@picture
def shares(plan, weights, activations, pes, start):
    """How busy each PE is under your plan."""
    dense, skip = machine.costs(weights, activations, start)
    choices = [(str(mode), int(pe)) for mode, pe in ask(plan, weights.copy(), activations.copy(), pes, start, 0)]
    busy, held = [0] * pes, [[] for _ in range(pes)]
    for at, (mode, pe) in itertools.islice(enumerate(choices), len(dense)):
        busy[pe] += skip[at] if mode == "skip" else dense[at]
        held[pe].append(f"{at}{'s' if mode == 'skip' else 'd'}")
    most = max(1, *busy)
    lines = tuple(
        (f"PE {pe}", ((f"{busy[pe]}", "right"), (bar(busy[pe] / most), "left"), (" ".join(held[pe]), "left")))
        for pe in range(pes)
    )
    least = sum(map(min, zip(dense, skip, strict=True)))
    says = (
        "Cycles of each PE under your plan, and its filters (s: skipped, d: dense). The array takes "
        f"{sparsity.makespan([busy])} cycles. Each filter taken the quicker way and shared out evenly would take "
        f"{-(-least // pes)}; everything dense, {-(-sum(dense) // pes)}; everything skipped, {-(-sum(skip) // pes)}."
    )
    return Picture(says, (Table("", ("cycles", "", "filters"), lines),))

"""Reads your streams, runs your PEs and walks your lists: what `check` and the grader look with.

Streams are decoded and compared bit by bit; cycles are counted by the simulator.
"""

import itertools
import math

import machine
import numpy as np

from accelsim.formats import CSR, Bitmask, RunLength, Section, Stream, decode
from accelsim.formats.bits import byte_count, clog2, unpack
from accelsim.sparsity import coordinate_walk, makespan
from autograder.questions import Finding

WORD = 16  # bits of a value in run lengths and in CSR
MOST = 200_000  # bits, pairs or cycles that are looked at


# ------------------------------------------------------------------------------------------------ 1. bit masks


def bitmask(args, answer):
    """The stream you wrote, and the values you read from a stream that was given."""
    values, width, bits, count = args
    if missing := unanswered("bitmask", answer):
        yield missing
        return
    written, back = answer
    yield from written_mask(numbers(values), width, text(written))
    told = Stream(Bitmask(width), (count,), "uint16", (part("mask", bits[:count]), part("values", bits[count:])), 0)
    yield from read_back(decode(told).tolist(), numbers(back))


def unanswered(name, answer):
    """Which of the two functions answers nothing, if one does."""
    for what, half in zip((f"{name}_encode", f"{name}_decode"), answer, strict=True):
        if half is None:
            return Finding(f"{what}() answers None: does it end with return?")
    return None


def written_mask(values, width, got):
    """A bit for each value, then the nonzeros."""
    stream = Bitmask(width).encode(np.array(values, "uint16"))
    mask, held = (bits_of(section) for section in stream.sections)
    words = [held[at : at + width] for at in range(0, len(held), width)]
    wanted = mask + held
    left = iter(words)
    if got == wanted:
        return
    turned = "".join("0" if bit == "1" else "1" for bit in mask)
    every = "".join(f"{value:0{width}b}" for value in values)
    named = {
        "".join(words): "metadata is free",
        mask.rstrip("0") + "".join(words): "trailing zeros lost",
        turned + "".join(words): "mask upside down",
        mask + every: "zeros stored too",
        mask + "".join(word.lstrip("0") for word in words): "as many bits as a value needs",
        mask + "".join(word[::-1] for word in words): "last bit first",
        "".join(bit + (next(left) if bit == "1" else "") for bit in mask): "mask mixed with the values",
    }
    at = parting(got, wanted)
    place = (
        f"bit {at} of the mask"
        if at < len(mask)
        else f"bit {(at - len(mask)) % width} of value {(at - len(mask)) // width}"
    )
    if at == len(wanted):
        place = "after the last value"
    evidence = (
        ("first bit that differs", at),
        ("what stands there", place),
        ("your stream there", got[at : at + 12] or "it has ended"),
        ("bits in all", f"{len(got)}, needed {len(wanted)}: {len(mask)} of mask, {len(words)} values of {width}"),
    )
    yield Finding(f"your stream differs from bit {at} on", evidence, named.get(got, ""))


def text(bits):
    """Bits as text of 0 and 1, from text, a list or an array."""
    if not hasattr(bits, "__len__"):
        raise ValueError(f"a stream of bits is text of 0 and 1, and this is {bits!r}")
    joined = bits if isinstance(bits, str) else "".join(b if isinstance(b, str) else str(whole(b)) for b in bits)
    if others := sorted(set(joined) - {"0", "1"}):
        raise ValueError(f"a stream of bits holds 0 and 1 only, and this one has {others[0]!r} too")
    return joined


def numbers(values):
    """Whole numbers as a plain list, from a list, a tuple or an array."""
    listed = np.asarray(values).reshape(-1).tolist() if hasattr(values, "dtype") else list(values)
    return [whole(x) for x in listed]


def whole(x):
    """A whole number as an int; text is none, and neither is half a number."""
    if isinstance(x, str) or x != int(x):
        raise ValueError(f"whole numbers are needed, and this is {x!r:.40}")
    return int(x)


def bits_of(section):
    """The bits of a section, as text."""
    return "".join(f"{byte:08b}" for byte in section.data)[: section.bits]


def part(name, bits):
    """A section of a stream from its bits."""
    return Section(
        name,
        len(bits),
        int(bits.ljust(8 * byte_count(len(bits)), "0") or "0", 2).to_bytes(byte_count(len(bits)), "big"),
    )


def parting(got, wanted):
    """The first place where two sequences differ."""
    return next((at for at, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b), min(len(got), len(wanted)))


def read_back(wanted, got, named=None):
    """Values that were read from a stream."""
    if got == wanted:
        return
    at = parting(got, wanted)
    last = max((i for i, value in enumerate(wanted) if value), default=-1)
    names = {tuple(wanted[: last + 1]): "trailing zeros lost", **(named or {})}
    evidence = (
        ("first value that differs", at),
        ("you read", got[at] if at < len(got) else "nothing, your list has ended"),
        ("the stream holds", wanted[at] if at < len(wanted) else "nothing more"),
        ("values in all", f"{len(got)}, the stream holds {len(wanted)}"),
    )
    yield Finding(f"read back, value {at} differs", evidence, names.get(tuple(got), ""))


# ------------------------------------------------------------------------------------------------ 2. run lengths


def rlc(args, answer):
    """The pairs you wrote, and the values you read from pairs that were given."""
    values, run_bits, given = args
    if missing := unanswered("rlc", answer):
        yield missing
        return
    written, back = answer
    yield from written_pairs(numbers(values), run_bits, pairs_of(written))
    pairs = pairs_of(given)
    skipped = {tuple(spread(pairs, 0)): "a zero level stands for nothing"}
    yield from read_back(spread(pairs), numbers(back), skipped)


def pairs_of(pairs):
    """Pairs of whole numbers."""
    if not hasattr(pairs, "__len__"):
        raise ValueError(f"a list of pairs is needed, got {pairs!r:.60}")
    for pair in itertools.islice(pairs, MOST):
        if not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(f"each entry of the list is a pair of numbers, got {pair!r:.60}")
    return [tuple(numbers(pair)) for pair in itertools.islice(pairs, MOST)]


def spread(pairs, zero=1):
    """The values of pairs; `zero` is how many values a level of 0 stands for."""
    if sum(max(run, 0) + 1 for run, _ in pairs) > MOST:
        raise ValueError(f"the pairs hold more than {MOST:,} values")
    return [x for run, value in pairs for x in [0] * run + [value] * (1 if value else zero)]


def written_pairs(values, run_bits, pairs):
    """Runs that fit their field, that give the values back, in no more pairs than needed."""
    most, size = 2**run_bits - 1, run_bits + WORD
    turned = [(run, value) for value, run in pairs]
    if turned != pairs and all(0 <= run <= most for run, _ in turned) and spread(turned) == values:
        evidence = (("pair", f"0: {pairs[0]}"), ("needed", f"{turned[0]}"))
        yield Finding("each pair stands the wrong way round", evidence, "the value before its run")
        return
    if pairs and pairs == [(len(list(same)), value) for value, same in itertools.groupby(values)]:
        evidence = (("pair", f"0: {pairs[0]}"), ("you mean", f"{pairs[0][0]} times the value {pairs[0][1]}"))
        yield Finding("your pairs count how often each value stands in a row", evidence, "runs of every value")
        return
    for at, (run, value) in enumerate(pairs):
        if not 0 <= run <= most or not 0 <= value < 2**WORD:
            what = f"run {run}" if not 0 <= run <= most else f"value {value}"
            bits = run_bits if what.startswith("run") else WORD
            evidence = (
                ("pair", f"{at}: ({run}, {value})"),
                ("first bit of that pair", at * size),
                ("the field holds", f"0 to {2**bits - 1}, in {bits} bits"),
            )
            yield Finding(f"pair {at}: {what} does not fit its field", evidence, "run longer than the field")
            return
    got = spread(pairs)
    if got != values:
        yield unlike(values, most, size, pairs, got)
        return
    fewest = RunLength(run_bits).encode(np.array(values, "uint16"))["runs"].bits // run_bits
    if len(pairs) > fewest:
        evidence = (
            ("your pairs", len(pairs)),
            ("pairs that do", fewest),
            ("bits wasted", (len(pairs) - fewest) * size),
        )
        yield Finding("every value comes back, in more pairs than needed", evidence, "more pairs than needed", 0.5)


def unlike(values, most, size, pairs, got):
    """Why pairs do not give the values back."""
    at = parting(got, values)
    reach = itertools.accumulate((run + 1 for run, _ in pairs), initial=0)
    which = max((i for i, first in enumerate(reach) if first <= at), default=0)
    clipped = [(min(run, most), value) for run, value in unbounded(values)]
    wrapped = [(run % (most + 1), value) for run, value in unbounded(values)]
    name = ""
    if pairs in (clipped, wrapped):
        name = "run longer than the field"
    elif spread(pairs, 0) == values:
        name = "a zero level stands for nothing"
    elif got == values[: len(got)] and not any(values[len(got) :]):
        name = "trailing zeros lost"
    evidence = (
        ("first value that differs", at),
        (
            "in pair",
            f"{which}: {pairs[which]}, from bit {which * size} of the stream"
            if which < len(pairs)
            else "none, the pairs have ended",
        ),
        ("the pairs give", got[at] if at < len(got) else "nothing more"),
        ("the value was", values[at] if at < len(values) else "none, the pairs run past the end"),
        ("values in all", f"{len(got)}, needed {len(values)}"),
    )
    return Finding(f"decoded, your pairs part from the values at value {at}", evidence, name)


def unbounded(values):
    """Runs and values if the field had no end, the zeros at the end included."""
    ends = [at for at, value in enumerate(values) if value] + ([len(values) - 1] if values and not values[-1] else [])
    return [(end - before - 1, values[end]) for before, end in itertools.pairwise([-1, *ends])]


# ------------------------------------------------------------------------------------------------ 3. CSR


def csr(args, answer):
    """The three lists you wrote, and the matrix you read from three lists that were given."""
    matrix, values, columns, row_ptr, width = args
    if missing := unanswered("csr", answer):
        yield missing
        return
    written, back = answer
    if isinstance(written, dict) or len(written) != 3:
        yield Finding(f"csr_encode() answers {written!r:.60}; it must be three lists: values, columns, row_ptr")
        return
    yield from written_rows(np.asarray(matrix), *(numbers(part) for part in written))
    starts = numbers(row_ptr)
    rows = [dict(zip(columns[a:b], values[a:b], strict=True)) for a, b in itertools.pairwise(starts)]
    wanted = [[int(row.get(k, 0)) for k in range(width)] for row in rows]
    yield from read_rows(wanted, [numbers(row) for row in back])


def written_rows(matrix, values, columns, row_ptr):
    """Values, columns and pointers against the bits that accelsim stores."""
    rows, width = matrix.shape
    pointer_bits, column_bits = clog2(matrix.size + 1), clog2(width)
    stream, count = CSR(WORD).encode(matrix.astype("uint16")), int(np.count_nonzero(matrix))
    sizes = ((pointer_bits, rows + 1), (column_bits, count), (WORD, count))
    starts, at, held = (unpack(field.data, *size).tolist() for field, size in zip(stream.sections, sizes, strict=True))
    first = {"row_ptr": 0, "columns": (rows + 1) * pointer_bits}
    first["values"] = first["columns"] + len(at) * column_bits
    lists, right = (values, columns, row_ptr), (held, at, starts)
    names = "lists in another order" if sorted(lists) == sorted(right) else rows_names(matrix, lists, right)
    for name, got, wanted, bits in (
        ("row_ptr", row_ptr, starts, pointer_bits),
        ("columns", columns, at, column_bits),
        ("values", values, held, WORD),
    ):
        if got != wanted:
            i = parting(got, wanted)
            evidence = (
                ("list and place", f"{name}[{i}]"),
                ("yours", got[i] if i < len(got) else "your list has ended"),
                ("needed", wanted[i] if i < len(wanted) else "nothing, the list has ended"),
                ("lengths", f"{len(got)}, needed {len(wanted)} for {rows} rows, {len(held)} nonzeros"),
                (
                    "in the stream",
                    f"bit {first[name] + i * bits} of {CSR(WORD).size_bits(matrix.astype('uint16'))} and on",
                ),
            )
            yield Finding(f"{name} differs at place {i}", evidence, names)
            return


def rows_names(matrix, got, right):
    """Which wrong idea these three lists are, if a known one."""
    (values, columns, row_ptr), (held, at, starts) = got, right
    counts = (matrix != 0).sum(1).tolist()
    r, k = np.nonzero(matrix)
    c, down = np.nonzero(matrix.T)
    if (values, columns, row_ptr) == (held, at, r.tolist()):
        return "the row of each nonzero"
    if (values, columns) == (held, at):
        if row_ptr in (starts[:-1], starts[1:]):
            return "row_ptr one too short"
        if row_ptr in (counts, [0, *counts]):
            return "counts for starts"
        if row_ptr in (
            [0, *itertools.accumulate(n for n in counts if n)],
            [start for start, n in zip(starts, counts, strict=False) if n],
        ):
            return "empty rows left out"
        return ""
    if 0 in values:
        return "zeros stored too"
    if values == held and columns == (k + 1).tolist():
        return "counted from 1"
    if values == held and columns == (r * matrix.shape[1] + k).tolist():
        return "places in the whole matrix"
    if values == matrix.T[c, down].tolist() and columns == down.tolist():
        return "columns compressed, not rows"
    return ""


def read_rows(wanted, got):
    """A matrix that was read from three lists."""
    if got == wanted:
        return
    width = max((k for row in wanted for k, value in enumerate(row) if value), default=-1) + 1
    name = ""
    if got == [row[:width] for row in wanted] or (len(got) < len(wanted) and got == wanted[: len(got)]):
        name = "trailing zeros lost"
    if wanted and got == wanted[:-1] and any(wanted[-1]):
        name = "row_ptr one too short"
    row = parting(got, wanted)
    evidence = (
        ("first row that differs", row),
        ("you read", got[row] if row < len(got) else "nothing, your rows have ended"),
        ("the lists hold", wanted[row] if row < len(wanted) else "no such row"),
        ("rows in all", f"{len(got)}, needed {len(wanted)}"),
    )
    yield Finding(f"read back, row {row} differs", evidence, name)


# ------------------------------------------------------------------------------------------------ 5. gate or skip


def array(args, answer):
    """Every cycle of every PE, against the words it would multiply."""
    weights, activations, mode = np.asarray(args[0]), np.asarray(args[1]), args[2]
    lines = [("".join(line) if isinstance(line, list | tuple) else str(line)).replace("s", ".") for line in answer]
    pes, pairs = weights.shape
    if len(lines) != pes:
        yield Finding(f"{len(lines)} lines for {pes} PEs", (("lines", len(lines)), ("PEs", pes)))
        return
    if any(set(line) - set("mg.") for line in lines):
        raise ValueError("the letters are m (MAC), g (gated) and . (idle)")
    both = (weights != 0) & (activations != 0)
    need = [pairs] * pes if mode == "dense" else both.sum(1).tolist()
    cycles = pairs if mode != "skip" else makespan([need])
    found = list((skipped if mode == "skip" else in_step)(lines, weights, activations, mode, need, cycles))
    yield from found[:1]
    if not found and any(len(line) != cycles for line in lines):
        pe = next(i for i, line in enumerate(lines) if len(line) != cycles)
        what = (
            "more cycles than it takes"
            if len(lines[pe]) > cycles
            else f"the line of PE {pe} ends after {len(lines[pe])} of {cycles} cycles"
        )
        evidence = (("PE", pe), ("its cycles", len(lines[pe])), ("the array's cycles", cycles))
        yield Finding(what, evidence, "" if len(lines[pe]) > cycles else "a PE that is done is not counted")


def in_step(lines, weights, activations, mode, need, cycles):
    """Dense and gated PEs: pair k in cycle k."""
    for pe, line in enumerate(lines):
        if len(line) < cycles:
            evidence = (("PE", pe), ("its cycles", len(line)), ("pairs it must take, one a cycle", cycles))
            name = "gating saves cycles" if mode == "gate" else "dense hardware skips zeros"
            yield Finding(f"PE {pe} in mode {mode} is done after {len(line)} of {cycles} cycles", evidence, name)
            return
        wanted = ["m" if mode == "dense" or (w and a) else "g" for w, a in zip(weights[pe], activations, strict=True)]
        at = parting(line, "".join(wanted))
        if at < cycles:
            zero = [
                f"{n} = 0"
                for n, x in ((f"weights[{pe}, {at}]", weights[pe, at]), (f"activations[{at}]", activations[at]))
                if not x
            ]
            evidence = (
                ("cycle", at),
                ("PE", pe),
                ("operands", ", ".join(zero) or "both nonzero"),
                ("your letter", line[at]),
                ("needed", wanted[at]),
            )
            yield Finding(
                f"your letter for PE {pe} in cycle {at} is {line[at]}, and {wanted[at]} is needed",
                evidence,
                step_name(lines, weights, activations, mode),
            )
            return


def step_name(lines, weights, activations, mode):
    """Which wrong idea letters in step are, if a known one."""
    if mode == "dense":
        return "dense hardware skips zeros"
    one = ["".join("m" if x else "g" for x in row) for row in weights]
    other = ["".join("m" if x else "g" for x in activations)] * len(lines)
    either = ["".join("m" if w or a else "g" for w, a in zip(row, activations, strict=True)) for row in weights]
    if lines == either:
        return "a pair of one zero kept"
    return "one operand looked at" if lines in (one, other) else ""


def skipped(lines, weights, activations, mode, need, cycles):
    """Skipping PEs: as many MACs as there are pairs that matter, and nothing for the others."""
    done = [line.count("m") for line in lines]
    gated = next((pe for pe, line in enumerate(lines) if "g" in line), None)
    if gated is not None:
        cycle = lines[gated].index("g")
        evidence = (
            ("cycle", cycle),
            ("PE", gated),
            ("its cycles", len(lines[gated])),
            ("pairs that matter", need[gated]),
        )
        yield Finding(f"PE {gated} spends cycle {cycle} on a zero", evidence, "a skipped zero still takes its cycle")
    for pe, macs in enumerate(need):
        if done[pe] != macs:
            where = np.flatnonzero((weights[pe] != 0) & (activations != 0))[:12]
            places = ", ".join(map(str, where)) or "none"
            evidence = (
                ("PE", pe),
                ("MACs you do", done[pe]),
                ("pairs that matter", f"{macs}: k = {places}"),
                ("cycles of your array", max(map(len, lines))),
                ("cycles it takes", cycles),
            )
            yield Finding(
                f"PE {pe} does {done[pe]} MACs, {macs} matter", evidence, share_name(lines, weights, activations, need)
            )
            return


def share_name(lines, weights, activations, need):
    """Which wrong idea these numbers of MACs are, if a known one."""
    done, longest = [line.count("m") for line in lines], max(map(len, lines))
    if done == (weights != 0).sum(1).tolist():
        return "one operand looked at"
    if set(done) == {int((activations != 0).sum())}:
        return "one operand looked at"
    if longest == math.ceil(sum(need) / len(need)):
        return "speedup is 1 over the density"
    if longest != min(need) and longest in {
        rounding(weights.shape[1] * (weights != 0).mean() * (activations != 0).mean())
        for rounding in (round, math.ceil)
    }:
        return "densities multiply"
    return ""


# ------------------------------------------------------------------------------------------------ 6. two lists


def intersect(args, answer):
    """Your comparisons, one a cycle, walked with two heads."""
    a, b = (numbers(coordinates) for coordinates in args)
    steps = pairs_of(answer)
    name = walk_name(a, b, steps)
    i = j = 0
    for cycle, (left, right) in enumerate(steps):
        if i == len(a) or j == len(b):
            ended = "a" if i == len(a) else "b"
            evidence = (("cycle", cycle), ("you compare", (left, right)), ("list that has ended", ended))
            yield Finding(f"cycle {cycle} compares though list {ended} has ended", evidence, name or "the walk goes on")
            return
        if (left, right) != (a[i], b[j]):
            evidence = (("cycle", cycle), ("you compare", (left, right)), ("the heads are", (a[i], b[j])))
            yield Finding(f"cycle {cycle} does not compare the heads", evidence, name)
            return
        i, j = i + (left <= right), j + (right <= left)
    if i < len(a) and j < len(b):
        evidence = (
            ("your cycles", len(steps)),
            ("cycles of the walk", cycles_of(a, b)),
            ("heads still to compare", (a[i], b[j])),
        )
        yield Finding(f"the walk stops after {len(steps)} cycles with both lists unfinished", evidence, name)


def cycles_of(a, b):
    """Cycles of the simulator's walk."""
    size = max([0, *a, *b]) + 1
    masks = [np.isin(np.arange(size), coordinates) for coordinates in (a, b)]
    return int(coordinate_walk(tuple(masks)).cycles)


def walk_name(a, b, steps):
    """Which wrong idea these comparisons are, if a known one."""
    if steps == list(zip(a, b, strict=False)):
        return "both heads dropped"
    if steps == [(x, y) for x in a for y in b]:
        return "every pair compared"
    if steps and all(x == y for x, y in steps) and steps == [(x, x) for x in a if x in set(b)]:
        return "finding the matches is free"
    larger, kept = "the larger head dropped", "one head kept at a match"
    rules = ((larger, max, (1, 1)), (kept, min, (1, 0)), (kept, min, (0, 1)))
    return next((name for name, drop, match in rules if steps == stepped(a, b, drop, match, len(steps))), "")


def stepped(a, b, drop, match, most):
    """A walk that drops the head `drop` chooses, and at a match as many of each list as `match` says."""
    i, j, steps = 0, 0, []
    while i < len(a) and j < len(b) and len(steps) <= most:
        x, y = a[i], b[j]
        steps.append((x, y))
        one, other = match if x == y else (x == drop(x, y), y == drop(x, y))
        i, j = i + one, j + other
    return steps


# ------------------------------------------------------------------------------------------------ 7. the plan


def plan(args, answer):
    """Cycles until the last PE is done, against the fewest known and a bound that no plan beats."""
    weights, activations, pes, start, best = args
    dense, skip = machine.costs(weights, activations, start)
    for at, choice in enumerate(answer):
        if not isinstance(choice, list | tuple) or len(choice) != 2 or isinstance(choice[1], str):
            yield Finding(f"choice {at} is {choice!r:.60}; it must be (mode, PE), such as ('skip', 0)")
            return
    choices = [(str(mode), whole(pe)) for mode, pe in answer]
    if len(choices) != len(dense):
        yield Finding(
            f"{len(choices)} choices for {len(dense)} filters", (("choices", len(choices)), ("filters", len(dense)))
        )
        return
    busy = [0] * pes
    for at, (mode, pe) in enumerate(choices):
        if mode not in ("dense", "skip") or not 0 <= pe < pes:
            evidence = (("filter", at), ("your choice", (mode, pe)), ("PEs", f"0 to {pes - 1}"))
            yield Finding(f"filter {at}: no such mode or PE", evidence)
            return
        busy[pe] += skip[at] if mode == "skip" else dense[at]
    cycles = makespan([busy])
    if 10 * cycles > 11 * best:
        low = bound(dense, skip, pes)
        slow, fast = busy.index(max(busy)), busy.index(min(busy))
        worst = sum(mode == "skip" and skip[i] > dense[i] for i, (mode, _) in enumerate(choices))
        missed = sum(mode == "dense" and skip[i] < dense[i] for i, (mode, _) in enumerate(choices))
        near = 2 * cycles <= 3 * best
        evidence = (
            ("your cycles", cycles),
            ("fewest known", best),
            ("bound", low),
            ("busiest PE", f"{slow}: {busy[slow]} cycles; PE {fast} has {busy[fast]}"),
            ("filters skipped that are quicker dense", worst),
            ("filters dense that are quicker skipped", missed),
        )
        name = "sparse is never worse" if worst and not missed else "dense to be safe" if missed and not worst else ""
        ratio = f"{cycles / best:.3f} times the fewest cycles known" if best else "cycles where none are needed"
        yield Finding(
            ratio, evidence, name or ("shares that look even" if not worst and not missed else ""), 0.8 if near else 0.4
        )


def bound(dense, skip, pes):
    """Cycles that no plan can beat: the work shared out evenly, or the longest filter."""
    least = [min(pair) for pair in zip(dense, skip, strict=True)]
    return max(-(-sum(least) // pes), max(least, default=0))

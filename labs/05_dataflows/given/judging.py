"""Judges of this lab: they run your schedule on `accelsim.schedule` and say what could not be done, or was too much.

Any schedule that does the work by the rules of a task is right, whatever its order and wherever it puts things.
"""

from accelsim import einsum
from accelsim.schedule import run, text
from autograder.questions import Finding

ONCE, AGAIN, SUM = "loaded once ever", "fetched again for every use", "a sum in the way"
TWICE, BOTH, BEYOND, ARRAY = (
    "two MACs at once",
    "two words at once",
    "edge tile not clipped",
    "array as large as the layer",
)
DROPPED, SLOW, LEAVES, ABSENT = "edge tiles dropped", "PEs left idle", "sums leave the PE", "operand not in the PE"
ACROSS, UNMERGED, LOST = "merged across cycles", "a multicast counted as N reads", "one PE gets the word"
TURNED, SWAPPED = "rows and columns swapped", "coordinates in another order"
UNASKED = "sent to PEs that did not ask"
FREE, HOPS, OWN = "reduction counted as free", "a sum crosses the column in a cycle", "every PE stores its own sum"
SHORT = "a sum stops where C ends"
UNSHARED, SHAPE = "no reuse across PEs", "tile in the shape of the array"


def product(M, C, P):
    """The layer of this lab: M filters of C words meet P pixels of C words."""
    name = f"{M} filters of {C} words, {P} pixels"
    return einsum(name, "ofmap[M P] += filter[M C] * ifmap[C P]", M=M, C=C, P=P)


def weight_stationary(args, schedule):
    M, C, P, rows, columns = args
    ran = run(product(M, C, P), rows, columns, schedule)
    yield from _faults(ran, _named(ran, args, schedule, "filter", M * C)) or [
        *_stays(ran, schedule, "filter", M * C),
        *_late(ran, (M, C), P, rows, columns),
    ]


def input_stationary(args, schedule):
    M, C, P, rows, columns = args
    ran = run(product(M, C, P), rows, columns, schedule)
    yield from _faults(ran, _named(ran, args, schedule, "ifmap", C * P)) or [
        *_stays(ran, schedule, "ifmap", C * P),
        *_late(ran, (C, P), M, rows, columns),
    ]


def output_stationary(args, schedule):
    M, C, P, rows, columns = args
    ran = run(product(M, C, P), rows, columns, schedule)
    yield from _faults(ran, _named(ran, args, schedule, "ofmap", M * P)) or [
        *_leaves(ran, schedule, M * P),
        *_late(ran, (M, P), C, rows, columns),
    ]


def multicast(args, answer):
    (schedule,) = args
    sizes, rows, columns = _sizes(schedule)
    before, after = (run(product(*sizes), rows, columns, each) for each in (schedule, answer))
    if after.faults:
        yield from _faults(after, _merged(schedule, answer))
        return
    if sorted(before.done) != sorted(after.done):
        moved = next(iter(set(after.done) - set(before.done)), None) or before.done[0]
        cycle, pe, point = moved
        yield Finding(f"the MACs are not those of the schedule: look at PE {pe} in cycle {cycle}", (("MAC", point),))
        return
    for name in ("filter", "ifmap"):
        least = len({(cycle, tuple(word)) for cycle, _, op, word in schedule if op == "load" and word[0] == name})
        reads = after.moved.get(f"GLB reads of {name}", 0)
        if reads > least:
            cycle, word, times = _repeated(answer, name)
            yield Finding(
                f"the GLB reads {name} {reads} times; {least} are enough",
                (("cycle", cycle), ("operand", text(word)), ("read in that cycle", f"{times} times")),
                UNMERGED,
            )


def reduction(args, schedule):
    M, C, P, rows, columns = args
    ran = run(product(M, C, P), rows, columns, schedule, {"ofmap": "bottom"})
    parts = ran.moved.get("GLB writes of ofmap", 0) > M * P
    side = {"wrong side": OWN if parts else SHORT}
    names = {"sum in the way": FREE, "two operations": FREE, "too many hops": HOPS} | side
    if found := _faults(ran, lambda fault: names.get(fault.kind, "")):
        yield from found
        return
    if (writes := ran.moved["GLB writes of ofmap"]) > M * P:
        yield Finding(f"the GLB writes {writes} sums, the layer has {M * P} outputs: sums were added there", (), OWN)
    if (reads := ran.moved["GLB reads of filter"]) > M * C:
        yield Finding(f"the GLB reads {reads} filter words, there are {M * C}, and each can stay in its PE")
    if ran.cycles > P + rows + 1:
        yield Finding(f"the schedule takes {ran.cycles} cycles; at most P + rows + 1 = {P + rows + 1} are allowed")


def best(args, schedule):
    M, C, P, rows, columns, known = args
    ran = run(product(M, C, P), rows, columns, schedule)
    if found := _faults(ran):
        yield from found
        return
    bound = M * C + C * P + M * P
    told = f"{ran.words} words; the best we know needs {known}, and no schedule needs fewer than {bound}"
    rows_ = (("your words over the best known", f"{ran.words / known:.2f}"), *_by_counter(ran))
    if 10 * ran.words > 15 * known:
        yield Finding(told, rows_, UNSHARED, 0.4)
    elif 10 * ran.words > 11 * known:
        yield Finding(told, rows_, SHAPE, 0.8)


# What the machine found -------------------------------------------------------------------------------------------


def _faults(ran, name=lambda fault: ""):
    """The machine's faults as findings; `name(fault)` says which mistake one proves."""
    more = (("faults in all", len(ran.faults)),) if len(ran.faults) > 1 else ()
    return [Finding(fault.says, _evidence(fault) + more, name(fault)) for fault in ran.faults[:1]]


def _evidence(fault):
    pairs = (("cycle", fault.cycle), ("PE", fault.pe), ("operand", fault.word and text(fault.word)))
    holds = (("the register holds", text(fault.holds)),) if fault.holds else ()
    return tuple((label, value) for label, value in pairs if value is not None) + holds


def _named(ran, args, schedule, stays, words):
    """Which mistake a fault proves in a schedule that holds `words` words of the tensor `stays` still."""
    kinds = {
        "two operations": TWICE,
        "two arrivals": BOTH,
        "no such word": BEYOND,
        "no such PE": ARRAY,
        "sum in the way": SUM,
        "left behind": SUM,
    }

    def name(fault):
        if fault.kind == "operand missing":
            more = words > args[3] * args[4]  # what is loaded once for ever is no mistake where all of it fits
            return ONCE if fault.word[0] == stays and fault.holds and more else ABSENT
        if fault.kind == "not computed":
            return DROPPED if ran.done else ""
        if fault.kind == "no such PE" and _turned(_places(schedule), args[3:]):
            return TURNED
        if fault.kind == "no such word" and _reordered(schedule, dict(zip("mcp", args[:3], strict=True))):
            return SWAPPED
        return kinds.get(fault.kind, "")

    return name


def _turned(pairs, size):
    """Whether each pair that lies outside `size` lies inside with its two numbers exchanged."""
    outside = [pair for pair in pairs if not _inside(pair, size)]
    return bool(outside) and all(_inside(pair[::-1], size) for pair in outside)


def _inside(pair, size):
    return all(0 <= at < end for at, end in zip(pair, size, strict=True))


def _reordered(schedule, sizes):
    """Whether the words of some tensor, or the points, lie in the layer with their coordinates exchanged only."""
    letters = {"filter": "mc", "ifmap": "cp", "ofmap": "mp"}
    told = [entry[2:] for entry in _entries(schedule) if isinstance(entry[3], list | tuple)]
    points = [point for op, point in told if op == "mac" and len(point) == 3]
    words = [word for op, word in told if op in ("load", "store") and len(word) == 3]
    lists = [([word[1:] for word in words if word[0] == name], letters[name]) for name in letters]
    lists += [
        ([(point["mcp".index(x)], point["mcp".index(y)]) for point in points], x + y) for x, y in letters.values()
    ]
    return any(_turned(_pairs(pairs), [sizes[letter] for letter in at]) for pairs, at in lists)


def _places(schedule):
    """The PEs that a schedule names, those in lists too."""
    named = [entry[1] for entry in _entries(schedule) if isinstance(entry[1], list | tuple)]
    return _pairs(one for pe in named for one in (pe if pe and isinstance(pe[0], list | tuple) else [pe]))


def _key(word):
    return tuple(map(str, word))


def _entries(schedule):
    """Those that have the form of an entry, in an answer of any form."""
    given = schedule if isinstance(schedule, list | tuple) else ()
    return [entry for entry in given if isinstance(entry, list | tuple) and len(entry) == 4]


def _pairs(values):
    """Those that are two whole numbers."""
    pairs = [tuple(value) for value in values if isinstance(value, list | tuple) and len(value) == 2]
    return [pair for pair in pairs if all(hasattr(at, "__index__") for at in pair)]


def _merged(schedule, answer):
    """Which mistake in merging a fault proves: too few PEs get the word, too many, or it comes in another cycle."""
    loads = {}
    for cycle, _, op, word in _entries(answer):
        if op == "load" and isinstance(word, list | tuple):
            loads.setdefault(_key(word), set()).add(cycle)
    asked = {(cycle, _key(word)) for cycle, _, op, word in schedule if op == "load"}
    moved = any((cycle, word) not in asked for word, cycles in loads.items() for cycle in cycles)

    def name(fault):
        if fault.kind == "operand missing":
            return LOST if fault.cycle in loads.get(_key(fault.word), ()) else ACROSS
        if fault.kind == "two arrivals":
            return ACROSS if moved else UNASKED
        return ""

    return name


# Counts and time --------------------------------------------------------------------------------------------------


def _stays(ran, schedule, name, words):
    """Each word of the tensor that stays is read once, and no PE passes it on."""
    reads = ran.moved.get(f"GLB reads of {name}", 0)
    if reads > words:
        seen = {}
        for cycle, pe, op, word in sorted(schedule, key=lambda entry: entry[0]):
            if op == "load" and word[0] == name and tuple(word) in seen:
                where = (("cycle", cycle), ("PE", pe), ("operand", text(tuple(word))))
                told = (("first read in cycle", seen[tuple(word)]),)
                much = f"the GLB reads {name} {reads} times, and has {words} words of it"
                says = f"{much}: some do not stay until they are done"
                yield Finding(says, where + told, AGAIN)
                return
            if op == "load":
                seen[tuple(word)] = cycle
    if passes := ran.moved.get(f"passes of {name}", 0):
        yield Finding(f"words of {name} are passed on {passes} times; what is stationary stays in its PE")


def _leaves(ran, schedule, words):
    """Each sum is stored once, when it is complete."""
    writes, passes = ran.moved["GLB writes of ofmap"], ran.moved.get("passes of ofmap", 0)
    if writes > words or passes:
        first = next(entry for entry in sorted(schedule, key=lambda e: e[0]) if entry[2] in ("store", "pass"))
        says = f"sums leave their PEs {writes + passes} times; {words} outputs, each complete, leave {words} times"
        yield Finding(says, (("cycle", first[0]), ("PE", first[1]), ("operand", _operand(first))), LEAVES)


def _operand(entry):
    return text(tuple(entry[3][0] if entry[2] == "pass" else entry[3]))


def _late(ran, held, stream, rows, columns):
    """Tiles times (stream + 2) cycles are allowed, whichever way the tiles are laid."""
    across = -(-held[0] // rows) * -(-held[1] // columns)
    down = -(-held[0] // columns) * -(-held[1] // rows)
    allowed = max(across, down) * (stream + 2)
    if ran.cycles > allowed:
        most = max(round(share * rows * columns) for share in ran.timeline.utilization)
        says = f"the schedule takes {ran.cycles} cycles; {allowed} are allowed"
        yield Finding(says, (("PEs that multiply in the busiest cycle", f"{most} of {rows * columns}"),), SLOW)


def _repeated(schedule, name):
    times = {}
    for cycle, _, op, word in schedule:
        if op == "load" and word[0] == name:
            times[cycle, tuple(word)] = times.get((cycle, tuple(word)), 0) + 1
    (cycle, word), most = max(times.items(), key=lambda pair: pair[1])
    return cycle, word, most


def _by_counter(ran):
    return tuple((name, words) for name, words in ran.moved.items() if name.startswith("GLB"))


def _sizes(schedule):
    points = [point for _, _, op, point in schedule if op == "mac"]
    places = [pe for _, pe, op, _ in schedule if op == "mac"]
    sizes = [1 + max(point[i] for point in points) for i in range(3)]
    return sizes, *(1 + max(pe[i] for pe in places) for i in range(2))

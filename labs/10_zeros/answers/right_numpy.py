"""Lets NumPy do the work: arrays of bits, differences of places, arrays back."""


# %% bitmask_answer
def bitmask_encode(values, width):
    values = np.asarray(values)
    kept = values[values != 0]
    words = kept[:, None] >> np.arange(width)[::-1] & 1
    return np.concatenate([values != 0, words.reshape(-1)]).astype(int)


def bitmask_decode(bits, count, width):
    bits = np.array([int(bit) for bit in bits], int)
    values = np.zeros(count, int)
    values[bits[:count] == 1] = bits[count:].reshape(-1, width) @ (1 << np.arange(width)[::-1])
    return values


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)


# %% rlc_answer
def rlc_encode(values, run_bits):
    full, pairs = 2**run_bits, []
    places = np.flatnonzero(values)
    if len(values) and not values[-1]:
        places = np.append(places, len(values) - 1)
    for zeros, value in zip(np.diff(places, prepend=-1) - 1, np.asarray(values)[places]):
        pairs += [(full - 1, 0)] * (zeros // full) + [(zeros % full, value)]
    return pairs


def rlc_decode(pairs):
    runs = np.array([run + 1 for run, _ in pairs], int)
    values = np.zeros(runs.sum(), int)
    values[np.cumsum(runs) - 1] = [value for _, value in pairs]
    return values


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)


# %% csr_answer
def csr_encode(matrix):
    kept = matrix != 0
    columns = np.broadcast_to(np.arange(matrix.shape[1]), matrix.shape)[kept]
    return matrix[kept], columns, np.append(0, np.cumsum(kept.sum(axis=1)))


def csr_decode(values, columns, row_ptr, width):
    matrix = np.zeros((len(row_ptr) - 1, width))
    rows = np.repeat(np.arange(len(row_ptr) - 1), np.diff(row_ptr))
    matrix[rows, np.array(columns, int)] = values
    return matrix


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    words = rows * columns
    mask = words * 1 + nonzeros * width
    pointers = (rows + 1) * int(np.ceil(np.log2(words + 1)))
    csr = pointers + nonzeros * (int(np.ceil(np.log2(columns))) + width)
    bits = [words * width, mask, pairs * width + pairs * run_bits, csr]
    names = ["dense", "bitmask", "RLC", "CSR"]
    return dict(zip(names, bits)) | {"best": names[int(np.argmin(bits))]}


# %% array_answer
def array(weights, activations, mode):
    effectual = weights * activations != 0
    if mode == "skip":
        effectual = -np.sort(-effectual.astype(int), axis=1)
        return ["".join(np.where(row, "m", ".")) for row in effectual[:, : effectual.sum(axis=1).max()]]
    letters = np.where(effectual | (mode == "dense"), "m", "g")
    return ["".join(row) for row in letters]


# %% intersect_answer
def intersect(a, b):
    steps = []
    if a and b:
        end = min(a[-1], b[-1])
        for place in sorted({*a, *b}):
            left = [x for x in a if x >= place]
            right = [y for y in b if y >= place]
            if place <= end:
                steps.append((left[0], right[0]))
    return steps


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = (np.array(cycles) for cycles in machine.costs(weights, activations, start))
    cost, busy = np.minimum(dense, skip), np.zeros(pes, int)
    where = np.zeros(len(cost), int)
    for i in np.argsort(-cost, kind="stable"):
        where[i] = busy.argmin()
        busy[where[i]] += cost[i]
    return [("skip" if s < d else "dense", int(pe)) for d, s, pe in zip(dense, skip, where)]

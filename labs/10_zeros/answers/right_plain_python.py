"""Uses no NumPy: text, lists and loops; bits as a list of numbers."""


# %% bitmask_answer
def bitmask_encode(values, width):
    bits = [int(value != 0) for value in values]
    for value in values:
        if value:
            for place in reversed(range(width)):
                bits.append(int(value) >> place & 1)
    return bits


def bitmask_decode(bits, count, width):
    mask, rest = bits[:count], bits[count:]
    values = []
    for bit in mask:
        if bit == "1":
            values.append(int(rest[:width], 2))
            rest = rest[width:]
        else:
            values.append(0)
    return tuple(values)


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, rest, full = [], [int(value) for value in values], 2**run_bits - 1
    while rest:
        run = 0
        while run < full and run < len(rest) - 1 and rest[run] == 0:
            run += 1
        pairs.append([run, rest[run]])
        rest = rest[run + 1 :]
    return pairs


def rlc_decode(pairs):
    values = []
    for run, value in pairs:
        for _ in range(run):
            values.append(0)
        values.append(value)
    return values


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)


# %% csr_answer
def csr_encode(matrix):
    values, columns, row_ptr = [], [], [0]
    for row in matrix.tolist():
        for k, value in enumerate(row):
            if value:
                values.append(value)
                columns.append(k)
        row_ptr.append(len(values))
    return values, columns, row_ptr


def csr_decode(values, columns, row_ptr, width):
    rows = []
    for start, end in zip(row_ptr, row_ptr[1:]):
        row = dict(zip(columns[start:end], values[start:end]))
        rows.append([row.get(k, 0) for k in range(width)])
    return rows


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    def field(things):
        bits = 0
        while 2**bits < things:
            bits += 1
        return bits

    found = [
        ("dense", rows * columns * width),
        ("bitmask", rows * columns + nonzeros * width),
        ("RLC", pairs * (run_bits + width)),
    ]
    found.append(("CSR", (rows + 1) * field(rows * columns + 1) + nonzeros * (field(columns) + width)))
    smallest = sorted(found, key=lambda pair: pair[1])[0]
    return dict(found, best=smallest[0])


# %% array_answer
def array(weights, activations, mode):
    lines = []
    for row in weights:
        line = ["m" if mode == "dense" or (w and a) else "g" for w, a in zip(row, activations)]
        lines.append([letter for letter in line if mode != "skip" or letter == "m"])
    cycles = max(len(line) for line in lines)
    return ["".join(line) + "s" * (cycles - len(line)) for line in lines]


# %% intersect_answer
def intersect(a, b):
    steps = []
    while a and b:
        x, y = a[0], b[0]
        steps.append([x, y])
        if x <= y:
            a = a[1:]
        if y <= x:
            b = b[1:]
    return steps


# %% plan_answer
def plan(weights, activations, pes, start, best):
    dense, skip = machine.costs(weights, activations, start)
    work = sorted(((min(d, s), i) for i, (d, s) in enumerate(zip(dense, skip))), reverse=True)
    pe_of, free = {}, [[0, pe] for pe in range(pes)]
    for cycles, i in work:
        free.sort()
        free[0][0] += cycles
        pe_of[i] = free[0][1]
    return [["dense" if d <= s else "skip", pe_of[i]] for i, (d, s) in enumerate(zip(dense, skip))]

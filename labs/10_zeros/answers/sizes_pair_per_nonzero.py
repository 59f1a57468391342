"""Counts one pair of run lengths for each nonzero."""

earns = {"sizes": 0}
told = {"sizes": "a pair for each nonzero"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": nonzeros * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min(bits, key=bits.get)}

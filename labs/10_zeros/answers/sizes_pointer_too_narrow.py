"""Forgets that a pointer may also say that all words are nonzero."""

earns = {"sizes": 0}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns - 1).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min(bits, key=bits.get)}

"""Gives a column as many bits as a place in the matrix."""

earns = {"sizes": 0}
told = {"sizes": "a column as wide as a place"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (rows * columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min(bits, key=bits.get)}

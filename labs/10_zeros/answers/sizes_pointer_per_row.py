"""Counts a pointer for each row."""

earns = {"sizes": 0}
told = {"sizes": "row_ptr one too short"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": rows * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min(bits, key=bits.get)}

"""Counts bytes."""

earns = {"sizes": 0}
told = {"sizes": "bytes for bits"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    bits = {name: n // 8 for name, n in bits.items()}
    return bits | {"best": min(bits, key=bits.get)}

"""Counts the nonzeros in every format: knowing where they are seems free."""

earns = {"sizes": 0}
told = {"sizes": "metadata is free"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": nonzeros * width,
        "RLC": nonzeros * width,
        "CSR": nonzeros * width,
    }
    return bits | {"best": min(bits, key=bits.get)}

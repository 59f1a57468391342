"""Never chooses dense: a format for zeros cannot be worse."""

earns = {"sizes": 0}
told = {"sizes": "sparse is never worse than dense"}


# %% sizes_answer
def sizes(rows, columns, nonzeros, pairs, width, run_bits):
    pointer, column = (rows * columns).bit_length(), (columns - 1).bit_length()
    bits = {
        "dense": rows * columns * width,
        "bitmask": rows * columns + nonzeros * width,
        "RLC": pairs * (run_bits + width),
        "CSR": (rows + 1) * pointer + nonzeros * (column + width),
    }
    return bits | {"best": min([name for name in bits if name != "dense"], key=bits.get)}

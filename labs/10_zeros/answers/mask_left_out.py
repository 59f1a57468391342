"""Counts what is stored as the nonzeros alone: where they are seems to cost nothing."""

earns = {"bitmask": 0}
told = {"bitmask": "metadata is free"}


# %% bitmask_answer
def bitmask_encode(values, width):
    return "".join(f"{value:0{width}b}" for value in values if value)


def bitmask_decode(bits, count, width):
    values, at = [], count
    for bit in bits[:count]:
        values.append(int(bits[at : at + width], 2) if bit == "1" else 0)
        at += width * int(bit)
    return values


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)

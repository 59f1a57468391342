"""Writes for each value its bit and, where it is 1, the value at once."""

earns = {"bitmask": 0}
told = {"bitmask": "mask mixed with the values"}


# %% bitmask_answer
def bitmask_encode(values, width):
    return "".join(f"1{value:0{width}b}" if value else "0" for value in values)


def bitmask_decode(bits, count, width):
    values, at = [], count
    for bit in bits[:count]:
        values.append(int(bits[at : at + width], 2) if bit == "1" else 0)
        at += width * int(bit)
    return values


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)

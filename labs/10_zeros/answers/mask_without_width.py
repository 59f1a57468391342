"""Writes each value in as many bits as it needs, so a reader cannot tell them apart."""

earns = {"bitmask": 0}
told = {"bitmask": "as many bits as a value needs"}


# %% bitmask_answer
def bitmask_encode(values, width):
    mask = "".join("1" if value else "0" for value in values)
    return mask + "".join(f"{value:b}" for value in values if value)


def bitmask_decode(bits, count, width):
    values, at = [], count
    for bit in bits[:count]:
        values.append(int(bits[at : at + width], 2) if bit == "1" else 0)
        at += width * int(bit)
    return values


def bitmask(values, width, bits, count):  # leave as it is
    return bitmask_encode(values, width), bitmask_decode(bits, count, width)

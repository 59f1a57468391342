"""Writes the pair the other way round: the value, then its zeros."""

earns = {"rlc": 0}
told = {"rlc": "the value before its run"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, run = [], 0
    for at, value in enumerate(values):
        if value or run == 2**run_bits - 1 or at == len(values) - 1:
            pairs.append((int(value), run))
            run = 0
        else:
            run += 1
    return pairs


def rlc_decode(pairs):
    return [x for value, run in pairs for x in [0] * run + [value]]


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

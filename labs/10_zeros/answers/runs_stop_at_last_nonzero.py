"""Writes a pair for each nonzero, and nothing for the zeros at the end."""

earns = {"rlc": 0}
told = {"rlc": "trailing zeros lost"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, run = [], 0
    for value in values:
        if value or run == 2**run_bits - 1:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
    return pairs


def rlc_decode(pairs):
    return [x for run, value in pairs for x in [0] * run + [value]]


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

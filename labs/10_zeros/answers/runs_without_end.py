"""Lets a run be as long as it is; the field's width seems to be somebody else's problem."""

earns = {"rlc": 0}
told = {"rlc": "run longer than the field"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, run = [], 0
    for at, value in enumerate(values):
        if value or at == len(values) - 1:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
    return pairs


def rlc_decode(pairs):
    return [x for run, value in pairs for x in [0] * run + [value]]


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

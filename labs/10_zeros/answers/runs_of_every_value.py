"""Counts how often each value stands in a row."""

earns = {"rlc": 0}
told = {"rlc": "runs of every value"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs = []
    for value in values:
        if pairs and pairs[-1][1] == value:
            pairs[-1] = (pairs[-1][0] + 1, int(value))
        else:
            pairs.append((1, int(value)))
    return pairs


def rlc_decode(pairs):
    return [value for run, value in pairs for _ in range(run)]


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

"""Breaks a long run with (full, 0) and takes the 0 for a sign, not for a value; reads it back the same way."""

earns = {"rlc": 0}
told = {"rlc": "a zero level stands for nothing"}


# %% rlc_answer
def rlc_encode(values, run_bits):
    pairs, run, most = [], 0, 2**run_bits - 1
    for value in values:
        if value:
            pairs.append((run, int(value)))
            run = 0
        else:
            run += 1
            if run == most:
                pairs.append((most, 0))
                run = 0
    return pairs + ([(run, 0)] if run else [])


def rlc_decode(pairs):
    return [x for run, value in pairs for x in [0] * run + [value] * (value != 0)]


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

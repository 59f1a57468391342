"""Takes zeros at the end of what it reads for padding and drops them."""

earns = {"rlc": 0}
told = {"rlc": "trailing zeros lost"}


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
    values = [x for run, value in pairs for x in [0] * run + [value]]
    while values and not values[-1]:
        values.pop()
    return values


def rlc(values, run_bits, pairs):  # leave as it is
    return rlc_encode(values, run_bits), rlc_decode(pairs)

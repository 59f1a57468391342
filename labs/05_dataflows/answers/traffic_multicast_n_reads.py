"""Counts a read for every PE that gets the word."""

earns = {"traffic": 0}
told = {"traffic": "a multicast counted as N reads"}


# %% traffic_answer
def traffic(schedule):
    words = {"filter": 0, "ifmap": 0, "writes": 0, "reads": 0}
    held = set()
    for _, pe, op, operands in schedule:
        if op == "load":
            words[operands[0]] += len(pe) if isinstance(pe[0], (list, tuple)) else 1
        if op == "store":
            word = tuple(operands)
            words["writes"] += 1
            words["reads"] += word in held
            held.add(word)
    return words

"""Counts the different words, as a footprint does."""

earns = {"traffic": 0}
told = {"traffic": "each word counted once"}


# %% traffic_answer
def traffic(schedule):
    words = {"filter": 0, "ifmap": 0, "writes": 0, "reads": 0}
    held = set()
    for _, _, op, operands in schedule:
        if op == "load":
            words[operands[0]] += tuple(operands) not in held
            held.add(tuple(operands))
        if op == "store":
            word = tuple(operands)
            words["writes"] += 1
            words["reads"] += word in held
            held.add(word)
    return words

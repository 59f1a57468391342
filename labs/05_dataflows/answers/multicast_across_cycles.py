"""Collects the loads of a word whatever their cycle, and makes the first one serve all."""

earns = {"multicast": 0}
told = {"multicast": "merged across cycles"}


# %% multicast_answer
def multicast(schedule):
    others, shared = [], {}
    for cycle, pe, op, operands in schedule:
        if op == "load":
            first, pes = shared.setdefault(tuple(operands), (cycle, []))
            if pe not in pes:
                pes.append(pe)
        else:
            others.append((cycle, pe, op, operands))
    return others + [(cycle, pes, "load", word) for word, (cycle, pes) in shared.items()]

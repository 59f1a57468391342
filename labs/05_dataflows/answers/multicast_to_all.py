"""Sends every word to all PEs that work."""

earns = {"multicast": 0}
told = {"multicast": "sent to PEs that did not ask"}


# %% multicast_answer
def multicast(schedule):
    pes = sorted({pe for _, pe, op, _ in schedule if op == "mac"})
    words = {(cycle, word) for cycle, _, op, word in schedule if op == "load"}
    others = [entry for entry in schedule if entry[2] != "load"]
    return others + [(cycle, pes, "load", word) for cycle, word in sorted(words)]

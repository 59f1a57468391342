"""Stores a window of its own for each output."""

earns = {"footprint": 0}
told = {"footprint": "a window for each output"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P * R
    columns = Q * S
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}

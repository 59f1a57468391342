"""Knows the halo from layers of stride 1."""

earns = {"footprint": 0}
told = {"footprint": "stride left out"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P + R - 1
    columns = Q + S - 1
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}

"""Remembers the halo as R - 1 and adds it to the stride's share."""

earns = {"footprint": 0}
told = {"footprint": "halo of R - 1 words at every stride"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P * stride + R - 1
    columns = Q * stride + S - 1
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}

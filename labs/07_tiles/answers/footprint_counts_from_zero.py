"""One row too few: takes the last row's index for the number of rows."""

earns = {"footprint": 0}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = max(p * stride + r for p in range(P) for r in range(R))
    columns = max(p * stride + r for p in range(Q) for r in range(S))
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}

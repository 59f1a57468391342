"""Gives the rows their halo and forgets the columns."""

earns = {"footprint": 0}
told = {"footprint": "halo along one side only"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = len({p * stride + r for p in range(P) for r in range(R)})
    columns = Q * stride
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}

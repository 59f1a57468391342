"""Gives the first row of each list and the one after the last."""

earns = {"fuse": 0}
told = {"fuse": "first and last instead of all rows"}


# %% fuse_answer
def fuse(first, second, rows, keep):
    plan, next_make, next_read = [], 0, 0  # rows below these are already there
    for start in range(0, second["P"], rows):
        end = min(start + rows, second["P"])
        make = [second["stride"] * start, second["stride"] * (end - 1) + second["R"]]
        make[0] = max(make[0], next_make)
        read = [first["stride"] * make[0], first["stride"] * (make[1] - 1) + first["R"]]
        read[0] = max(read[0], next_read)
        if keep:
            next_make, next_read = make[1], read[1]
        plan.append({"read": read, "make": make, "out": [start, end]})
    return plan

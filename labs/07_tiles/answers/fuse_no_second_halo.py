"""Gives each tile as many rows of the first layer as it has outputs."""

earns = {"fuse": 0}
told = {"fuse": "halo of the second layer forgotten"}


# %% fuse_answer
def fuse(first, second, rows, keep):
    plan, made, came = [], set(), set()
    (R1, u1), (R2, u2) = ((layer["R"], layer["stride"]) for layer in (first, second))
    for start in range(0, second["P"], rows):
        end = min(start + rows, second["P"])
        middle = range(u2 * start, u2 * end)
        make = [m for m in middle if m not in made]
        inputs = range(u1 * make[0], u1 * make[-1] + R1) if make else []
        read = [h for h in inputs if h not in came]
        if keep:
            made |= set(make)
            came |= set(read)
        plan.append({"read": read, "make": make, "out": list(range(start, end))})
    return plan

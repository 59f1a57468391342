# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] nbgrader={"grade": false, "grade_id": "intro", "locked": true, "schema_version": 3, "solution": false, "task": false}
# # Lab 7: Tiles that fit
#
# A layer does not fit on the chip. It passes through a buffer in pieces, and the pieces have a size, a shape and an order.
# **The result is the same whatever you choose; what moves between DRAM and the buffer is not.** In this lab you work out what
# a tile needs, whether it fits, what an order of tiles moves, how two layers share a buffer, and at last you look for the
# best tile of a real layer.
#
# About two hours. You need Python and [chapter 8 of the book](/static/html/08_tiles.html) beside you; no NumPy.
#
# | name | meaning | name | meaning |
# |---|---|---|---|
# | `N` | images in a batch | `P`, `Q` | output rows, output columns |
# | `M` | output channels | `R`, `S` | filter rows, filter columns |
# | `C` | input channels | `stride` | step of the window |
#
# The tensors are the `ifmap` (input), the `filter` (weights) and the `ofmap` (output, and its unfinished sums). A layer is a
# dictionary of these sizes; a tile is the part of each letter that is in the buffer at one time. There is no padding here: the
# input is what the windows cover.
#
# For each task: *predict* (a guess that is locked; being wrong costs nothing), *write* at most 15 lines, *see it* (your own
# answer drawn before anyone judges it), *check*. The grader later tries other sizes of the same ideas.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import itertools

from autograder import check, predict

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
import buffer  # a buffer under DRAM, asked of the simulator
import layers  # real layers and machines, with their sources
import show  # draws your answers

# %% [markdown] nbgrader={"grade": false, "grade_id": "footprint_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1. What a tile needs (12 minutes)
#
# A tile of outputs needs all input words that some window of it covers, each once, and the weights and sums of its letters.
# Count the words of each tensor for a tile with the sizes given.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `tile` | dictionary `N M C P Q R S`, the sizes of the tile | `"ifmap"` | input words, those in gaps between windows left out |
# | `stride` | the same for rows and columns | `"filter"`, `"ofmap"` | words of weights, words of sums |
#
# In chapter 8: *The smallest example, by hand; The halo*.
#
# **Predict.** A tile has 4 output rows of a 3x3 filter at stride 1. How many input rows does it need?

# %%
predict("footprint", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "footprint_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    ### BEGIN SOLUTION
    step, across = min(stride, R), min(stride, S)  # a filter smaller than the stride leaves gaps
    rows = (P - 1) * step + R  # the windows' starts, and the reach of the last one
    columns = (Q - 1) * across + S
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}
    ### END SOLUTION


# %% [markdown]
# *See it.* Where are your words? Where do windows overlap? Try `stride=1`, then `stride=3`: which words does nobody need?

# %%
show.footprint(footprint, layers.tiny, stride=2)

# %% nbgrader={"grade": true, "grade_id": "footprint", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("footprint")

# %% [markdown] nbgrader={"grade": false, "grade_id": "fits_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2. Does it fit? (12 minutes)
#
# The tiles of all three tensors lie in the buffer one after another, bit by bit, each tensor with words of its own width; with
# double buffering all of them are there twice. Return how many words of the machine they need (rounded up once, at the end), and
# whether that fits.
#
# | in | | out | |
# |---|---|---|---|
# | `words` | dictionary: words of `ifmap`, `filter`, `ofmap` | `(need, fit)` | a whole number, True or False |
# | `bits` | dictionary: bits of one word of each | | |
# | `word`, `capacity` | bits of a word of the machine; the buffer's words | | |
# | `double` | True: double buffered | | |
#
# In chapter 8: *What has to fit; Double buffering*.
#
# **Predict.** A buffer has 51,200 words. With double buffering, how many words may the tiles of one step take?

# %%
predict("fits", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "fits_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fits(words, bits, word, capacity, double):
    ### BEGIN SOLUTION
    total = sum(words[name] * bits[name] for name in words)
    if double:
        total *= 2  # one copy in use, one arriving
    need = (total + word - 1) // word
    return need, need <= capacity
    ### END SOLUTION


# %% [markdown]
# *See it.* Your room for a tile of AlexNet's conv3, and the same tile in the book's tile packer. Move the sliders: what
# brings it under the edge?

# %%
show.room(fits, layers.conv3, layers.eyeriss, {"M": 64, "C": 32, "P": 4})

# %%
show.packed(layers.conv3, layers.eyeriss, {"M": 64, "C": 32, "P": 4})

# %% nbgrader={"grade": true, "grade_id": "fits", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("fits")

# %% [markdown] nbgrader={"grade": false, "grade_id": "cuts_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3. Sizes that do not divide (5 minutes)
#
# A loop over tiles steps through `size` rows by `part`; the last tile has what is left. Return the number of rows in each tile.
#
# | in | | out | |
# |---|---|---|---|
# | `size`, `part` | rows in all, rows of a full tile (1 to `size`) | tiles | list of whole numbers, first tile first |
#
# In chapter 8: *Sizes that do not divide*.
#
# **Predict.** 55 rows are cut into tiles of 8. How many rows has the last tile?

# %%
predict("cuts", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "cuts_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cuts(size, part):
    ### BEGIN SOLUTION
    return [min(part, size - start) for start in range(0, size, part)]
    ### END SOLUTION


# %% [markdown]
# *See it.* A letter for each tile. Has every row one? Try other sizes.

# %%
show.cuts(cuts, size=13, part=4)

# %% nbgrader={"grade": true, "grade_id": "cuts", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("cuts")

# %% [markdown] nbgrader={"grade": false, "grade_id": "fetches_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4. How often a tile comes (12 minutes)
#
# The buffer holds one tile of each tensor. Going through the loops over tiles, a tensor's tile is fetched at the start and whenever
# the tile wanted is another one than at the step before: return how many fetches that is for one tensor.
#
# | in | | out | |
# |---|---|---|---|
# | `order` | list of letters, outermost loop first | fetches | a whole number |
# | `steps` | dictionary: tiles along each letter of the order | | |
# | `letters` | list: the letters that index the tensor | | |
#
# Only the loops in `order` run. `letters` may name others, which are not cut; and a loop of one step never moves.
#
# In chapter 8: *The order of the tiles*.
#
# **Predict.** Tiles come in the order M C P, P innermost: 6 of M, 8 of C, 13 of P. How often is a tile of the filter (indexed by M,
# C, R, S) fetched?

# %%
predict("fetches", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "fetches_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fetches(order, steps, letters):
    ### BEGIN SOLUTION
    loops = [letter for letter in order if steps[letter] > 1]
    while loops and loops[-1] not in letters:
        loops.pop()  # going outwards, these loops leave the tile where it is
    count = 1
    for letter in loops:
        count *= steps[letter]
    return count
    ### END SOLUTION


# %% [markdown]
# *See it.* Each line is a run of steps that want the same tile of the filter. Do you count as many lines? Try the order
# `["P", "M", "C"]`, then the letters of the ofmap, `list("NMPQ")`.

# %%
show.visits(fetches, order=["M", "C", "P"], steps={"M": 2, "C": 3, "P": 4}, letters=list("MCRS"))

# %% nbgrader={"grade": true, "grade_id": "fetches", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("fetches")

# %% [markdown] nbgrader={"grade": false, "grade_id": "traffic_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5. What an order moves (20 minutes)
#
# Tiles cut `M`, `C` and `P`; nothing else is cut, and `R` is at least the stride. Return the words of each tensor that cross between DRAM and
# the buffer, reads and writes together.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `layer` | dictionary `N M C P Q R S stride` | `"ifmap"`, `"filter"` | words read from DRAM |
# | `tile` | dictionary: `M`, `C`, `P` of a full tile | `"ofmap"` | words of sums written and read back |
# | `order` | text such as `"M C P"`, outermost first | | |
#
# Four rules. A tile that stays is not fetched again (task 4). When the next tile wanted is a neighbour along P with the same channels, the rows
# of the halo are still there and only new rows are read. Sums leave when another tile of sums is wanted and are read back when it is their turn
# again, but not the first time. A last tile may be smaller (task 3).
#
# A hint: all tiles of a tensor together are the whole tensor, so count how often you go through it. Only the halo makes it more.
#
# In chapter 8: *The order of the tiles; The halo*.
#
# **Predict.** A layer's sums leave the buffer unfinished: C is cut into 8 tiles and another loop runs inside. How many times does each sum
# cross between buffer and DRAM, both directions together?

# %%
predict("traffic", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "traffic_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def traffic(layer, tile, order):
    N, M, C, P, Q, R, S, stride = (layer[name] for name in (*"NMCPQRS", "stride"))
    ### BEGIN SOLUTION
    steps = {d: -(-layer[d] // tile[d]) for d in "MCP"}
    cut = [d for d in order.split() if steps[d] > 1]  # outermost first
    stays = cut[-1] if cut else ""  # the tensor that this letter does not index stays while it runs
    through = {d: 1 if d == stays else steps[d] for d in "MCP"}
    rows = (P - 1) * stride + R
    if "C" in cut and "P" in cut and cut.index("C") > cut.index("P"):
        rows += (steps["P"] - 1) * (R - stride)  # other channels come between, and the halo with them
    ifmap = N * C * rows * ((Q - 1) * stride + S) * through["M"]
    sums = N * M * P * Q * (2 * through["C"] - 1)
    return {"ifmap": ifmap, "filter": M * C * R * S * through["P"], "ofmap": sums}
    ### END SOLUTION


# %% [markdown]
# *See it.* Your words for the six orders of a tile of conv3, and the simulator's for one of them. Change the order in the packer:
# which tensor pays?

# %%
show.orders(traffic, layers.conv3, {"M": 64, "C": 32, "P": 2})

# %%
show.packed(layers.conv3, layers.eyeriss, {"M": 64, "C": 32, "P": 2}, order="M P C")

# %% nbgrader={"grade": true, "grade_id": "traffic", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("traffic")

# %% [markdown] nbgrader={"grade": false, "grade_id": "fuse_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6. Two layers in one pass (20 minutes)
#
# The second layer's outputs are computed in tiles of at most `rows` rows; each tile takes the rows of the first layer's output that it needs from the
# buffer, where this tile computed them, and they never go to DRAM. Return a plan: what each tile reads, makes and puts out.
#
# | in | | out: a list, one dictionary per tile | |
# |---|---|---|---|
# | `first`, `second` | dictionaries `P`, `R`, `stride`: output rows, filter rows, stride | `"read"` | list of input rows that enter from DRAM |
# | `rows` | output rows of a tile, at most | `"make"` | list of rows of the first layer's output computed |
# | `keep` | False: the buffer is empty when a tile begins | `"out"` | list of rows of the second layer's output computed |
# | | True: rows that the tile before used are still there | | |
#
# Output row `p` of a layer needs its input rows `stride*p` to `stride*p + R - 1`. Read and make only what the tile uses; with `keep`, only what is not
# there yet. Any plan that keeps these rules counts.
#
# In chapter 8: *Two layers in one pass*.
#
# **Predict.** Two 3x3 layers of stride 1 run fused, and each tile of 14x14 final outputs computes its own border. How many rows of the first
# layer's input does a tile need?

# %%
predict("fuse", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "fuse_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fuse(first, second, rows, keep):
    ### BEGIN SOLUTION
    plan, next_make, next_read = [], 0, 0  # rows below these are already there
    for start in range(0, second["P"], rows):
        end = min(start + rows, second["P"])
        make = [second["stride"] * start, second["stride"] * (end - 1) + second["R"]]
        make[0] = max(make[0], next_make)
        read = [first["stride"] * make[0], first["stride"] * (make[1] - 1) + first["R"]]
        read[0] = max(read[0], next_read)
        if keep:
            next_make, next_read = make[1], read[1]
        plan.append({"read": list(range(*read)), "make": list(range(*make)), "out": list(range(start, end))})
    return plan
    ### END SOLUTION


# %% [markdown]
# *See it.* Your plan, row by row. What does keeping save, and what must be kept? Then try `keep=True`.

# %%
show.plan(fuse, {"P": 9, "R": 3, "stride": 1}, {"P": 7, "R": 3, "stride": 1}, rows=3, keep=False)

# %%
show.plan(fuse, {"P": 9, "R": 3, "stride": 1}, {"P": 7, "R": 3, "stride": 1}, rows=3, keep=True)

# %% nbgrader={"grade": true, "grade_id": "fuse", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("fuse")

# %% [markdown] nbgrader={"grade": false, "grade_id": "best_tile_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7. The best tile (25 minutes)
#
# Find a tile (sizes of `M`, `C`, `P`) and an order of the three loops that fit the machine's buffer and move few words between DRAM and the buffer.
# A tile that fits earns 40 %, within 1.5 times the fewest words known 80 %, within 1.1 times all of it.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `layer` | as in task 5 | `"tile"` | dictionary: `M`, `C`, `P` |
# | `machine` | dictionary `capacity word bits double`, as in task 2 | `"order"` | text such as `"M C P"`, outermost first |
# | `best` | words moved by the best tile known | | |
#
# `buffer.need(layer, machine, tile)` and `buffer.moved(layer, tile, order)` ask the simulator for room and words, about a millisecond each; your own `fits`
# and `traffic` are faster. The function has 10 seconds for a layer, and conv3 has 1.3 million tiles: which sizes are worth a try? (Does 100 channels of 384
# move fewer words than 96?) The best known were found by trying all sizes and orders.
#
# In chapter 8: *The biggest tile is not the best*.
#
# **Predict.** AlexNet's conv3 must move at least 1,007,232 words between DRAM and any buffer. How many times as many does the best tile move in a
# double-buffered buffer of 51,200 words of 16 bits, with sums of 32 bits?

# %%
predict("best_tile", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "best_tile_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def best_tile(layer, machine, best):
    ### BEGIN SOLUTION
    def worth(size):  # the smallest part for each number of tiles
        return sorted({-(-size // n) for n in range(1, size + 1)})

    found = (float("inf"), None, None)
    for P, M in itertools.product(reversed(worth(layer["P"])), worth(layer["M"])):
        tiles = ({"M": M, "C": C, "P": P} for C in reversed(worth(layer["C"])))
        fitting = (tile for tile in tiles if buffer.need(layer, machine, tile) <= machine["capacity"])
        tile = next(fitting, None)  # the largest: more of C never moves more
        for order in ("M P C", "C P M", "M C P") if tile else ():  # the innermost loop decides
            found = min(found, (buffer.moved(layer, tile, order), order, tile), key=lambda choice: choice[0])
        if found[0] <= best:
            break
    return {"tile": found[2], "order": found[1]}
    ### END SOLUTION


# %% [markdown]
# *See it.* Your tile in the packer, and how much of the buffer it leaves empty.

# %%
show.chosen(best_tile, layers.small, layers.scant, best=10_164)

# %%
show.chosen(best_tile, layers.conv3, layers.eyeriss, best=1_266_816)

# %% nbgrader={"grade": true, "grade_id": "best_tile", "locked": true, "points": 5, "schema_version": 3, "solution": false, "task": false}
check("best_tile")

# %% [markdown] nbgrader={"grade": true, "grade_id": "why", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ## 8. In your own words (8 minutes)
#
# A colleague says: "Twice the buffer, half the traffic." Answer in five sentences at most. Use two runs of yours (layer, capacity, tile, words moved) with which it does
# not come true, say what would have to hold for it to come true, and name what no buffer, however large, can take away.
#
# *Your answer here.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "end", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## What you have now
#
# Room and traffic for any tile and order of this family, and a search that finds a good one. Two things to take along: the room couples the tensors (a word given to one is taken
# from the others), and what counts is how often each tensor is gone through. In lab 8 you write a mapper that searches more levels and more loops.
#
# **What this leaves out.** DRAM moves bursts, not words, so thin tiles cost more than they do here; starting a transfer has a price; and the fewest words may leave
# the array idle. Chapter 8 says more under *Where it breaks*.

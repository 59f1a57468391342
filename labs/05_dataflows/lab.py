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
# # Lab 5: What stays still
#
# An array of PEs can do one layer in many ways, all with the same MACs and the same result. What differs is **which word
# stays in its PE**, and so what has to move: the weights, the inputs or the sums. In this lab you write schedules. You
# say what each PE does in each cycle, a machine runs it, and you watch.
#
# About 130 minutes. You need Python loops and lists, and [chapter 6 of the book](/static/html/06_dataflows.html) beside you.
#
# **The layer.** `M` filters of `C` words meet `P` pixels of `C` words: `ofmap[m p] += filter[m c] * ifmap[c p]`. It is a
# 1x1 convolution, or a fully connected layer with a batch of `P`. The sum over `c` makes one output.
#
# **The machine.** An array of `rows` x `columns` PEs beside a global buffer (GLB) that holds all three tensors. A PE has
# one multiplier with an adder, and three registers: one word of `filter`, one of `ifmap`, and one sum (a psum).
#
# **A schedule** is a list of `(cycle, PE, operation, operands)` in any order. Cycles count from 0, a PE is `(row, column)`.
#
# | operation | operands | what happens |
# |---|---|---|
# | `"load"` | `("filter", m, c)` or `("ifmap", c, p)` | the GLB reads the word; the PE has it in this cycle. A list of PEs instead of one: all get it, in one read |
# | `"mac"` | `(m, c, p)` | the PE multiplies the two words in its registers and adds to its sum; an empty register starts at 0 |
# | `"store"` | `("ofmap", m, p)` | the sum leaves for the GLB at the end of the cycle, which adds it to what it holds of that word |
# | `"pass"` | `(word, PE)` | a word goes one hop, to a PE above, below, left or right, and is there in the next cycle; a sum that is passed is gone |
#
# Within a cycle words arrive, then PEs compute, then sums and passed words leave. A loaded word stays in its register
# until another word of its tensor arrives. A PE does one operation in a cycle: a MAC, or the addition of a sum that
# arrives to one it holds. (The first MAC on a sum that arrived alone needs no extra addition.) A MAC whose operands are
# not in the registers, or whose register holds another sum, **stalls**: it is not done.
#
# Return lists, tuples and whole numbers. Any schedule that keeps the rules and the limits of the task is right, wherever
# it puts things.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from autograder import check, predict

# %% nbgrader={"grade": false, "grade_id": "given", "locked": true, "schema_version": 3, "solution": false, "task": false}
import examples  # two schedules to work on
import show  # draws your schedules

# %% [markdown] nbgrader={"grade": false, "grade_id": "ws_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 1. Weights stay (20 minutes)
#
# Write a weight stationary schedule: each filter word is loaded once and does all its MACs before it is replaced; where
# the layer is larger than the array, tiles of it follow one another. The sums cannot stay, so store each one after its MAC.
#
# | in | | out | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer | a schedule | a list of `(cycle, PE, operation, operands)` |
# | `rows, columns` | sizes of the array | limits | `M*C` reads of the filter in all, no filter word passed on |
# | | | | at most `tiles * (P + 2)` cycles; tiles are as large as the array, laid either way, the last ones may be smaller |
#
# In chapter 6: *The smallest example, by hand: what stays in one PE*.
#
# **Predict.** 4 filters of 4 words meet 6 pixels on 2 x 2 PEs, weights stay. How many words of the filter does the GLB read in all?

# %%
predict("ws", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "ws_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def weight_stationary(M, C, P, rows, columns):
    ### BEGIN SOLUTION
    schedule, start = [], 0
    for m0 in range(0, M, columns):  # a tile: rows x columns words of the filter
        for c0 in range(0, C, rows):
            for m in range(m0, min(m0 + columns, M)):
                for c in range(c0, min(c0 + rows, C)):
                    pe = (c - c0, m - m0)
                    schedule.append((start, pe, "load", ("filter", m, c)))
                    for p in range(P):
                        schedule.append((start + p, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + p, pe, "mac", (m, c, p)))
                        schedule.append((start + p, pe, "store", ("ofmap", m, p)))
            start += P  # the next tile begins when the last pixel has passed
    return schedule
    ### END SOLUTION


# %% [markdown]
# *See it.* Your schedule, cycle by cycle. Which register never changes within a tile? Is any PE stalled, and why? How many sums does the GLB read back?

# %%
show.play(weight_stationary, M=3, C=3, P=4, rows=2, columns=2)

# %% nbgrader={"grade": true, "grade_id": "ws", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("ws")

# %% [markdown] nbgrader={"grade": false, "grade_id": "os_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 2. Sums stay (12 minutes)
#
# Write an output stationary schedule: each sum stays in one PE from its first MAC to its last, and leaves once, when it is
# complete. Filter and ifmap words come by.
#
# | in | | out | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer | a schedule | as in task 1 |
# | `rows, columns` | sizes of the array | limits | `M*P` stores in all, no sum passed on |
# | | | | at most `tiles * (C + 2)` cycles |
#
# In chapter 6: *The smallest example, by hand: what stays in one PE*.
#
# **Predict.** The layer of task 1 (M = 4, C = 4, P = 6), now with sums that stay. How many sums does the GLB write in all?

# %%
predict("os", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "os_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def output_stationary(M, C, P, rows, columns):
    ### BEGIN SOLUTION
    schedule, start = [], 0
    for m0 in range(0, M, rows):
        for p0 in range(0, P, columns):
            for m in range(m0, min(m0 + rows, M)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (m - m0, p - p0)
                    for c in range(C):
                        schedule.append((start + c, pe, "load", ("filter", m, c)))
                        schedule.append((start + c, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + c, pe, "mac", (m, c, p)))
                    schedule.append((start + C - 1, pe, "store", ("ofmap", m, p)))
            start += C
    return schedule
    ### END SOLUTION


# %% [markdown]
# *See it.* In which cycles do sums leave? Compare the words of each counter with those of task 1.

# %%
show.play(output_stationary, M=3, C=3, P=4, rows=2, columns=2)

# %% nbgrader={"grade": true, "grade_id": "os", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("os")

# %% [markdown] nbgrader={"grade": false, "grade_id": "is_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 3. Inputs stay (8 minutes)
#
# Write an input stationary schedule: each ifmap word is loaded once and does all its MACs before it is replaced. Filter
# words come by, and sums go.
#
# | in | | out | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer | a schedule | as in task 1 |
# | `rows, columns` | sizes of the array | limits | `C*P` reads of the ifmap in all, no ifmap word passed on |
# | | | | at most `tiles * (M + 2)` cycles |
#
# In chapter 6: *The smallest example, by hand: what stays in one PE*.
#
# **Predict.** 6 filters of 4 words meet 4 pixels on 2 x 2 PEs. If each PE does a MAC in every cycle, how many cycles do its tiles take together?

# %%
predict("is", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "is_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def input_stationary(M, C, P, rows, columns):
    ### BEGIN SOLUTION
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(c0 + rows, C)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (c - c0, p - p0)
                    schedule.append((start, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "load", ("filter", m, c)))
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                        schedule.append((start + m, pe, "store", ("ofmap", m, p)))
            start += M
    return schedule
    ### END SOLUTION


# %% [markdown]
# *See it.* The same layer and array once more. Which of the three schedules suits a layer with many filters and few pixels?

# %%
show.play(input_stationary, M=3, C=3, P=4, rows=2, columns=2)

# %% nbgrader={"grade": true, "grade_id": "is", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("is")

# %% [markdown] nbgrader={"grade": false, "grade_id": "multicast_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 4. One read for many (12 minutes)
#
# Two PEs that need the same word in the same cycle can have it from one read. Take any schedule and return one that does the
# same MACs in the same cycles and PEs, with each word read at most once per cycle.
#
# | in | | out | |
# |---|---|---|---|
# | `schedule` | a schedule without fault; its loads name one PE each | a schedule | loads may name a list of PEs |
#
# In chapter 6: *Many PEs: reuse in space*.
#
# **Predict.** A row of 6 PEs multiplies 6 different filter words with the same ifmap word. With multicast, how many words does the GLB read for that cycle (filter and ifmap together)?

# %%
predict("multicast", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "multicast_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def multicast(schedule):
    ### BEGIN SOLUTION
    others, shared = [], {}
    for cycle, pe, op, operands in schedule:
        if op == "load":
            shared.setdefault((cycle, tuple(operands)), []).append(pe)
        else:
            others.append((cycle, pe, op, operands))
    return others + [(cycle, pes, "load", word) for (cycle, word), pes in shared.items()]
    ### END SOLUTION


# %% [markdown]
# *See it.* A small schedule before your function.

# %%
show.play_again(list, examples.separate)

# %% [markdown]
# *See it.* And after it. Do all PEs still work? Which counter went down, which could not, and why?

# %%
show.play_again(multicast, examples.separate)

# %% nbgrader={"grade": true, "grade_id": "multicast", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("multicast")

# %% [markdown] nbgrader={"grade": false, "grade_id": "traffic_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 5. What the GLB does (12 minutes)
#
# Count the words that the GLB reads and writes in a schedule. A load is one read, however many PEs get the word; a store
# is one write, and one read as well if the GLB holds a part of that sum already, to which it must add.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `schedule` | a schedule without fault, its stores in the order of cycles | `"filter"` | words of the filter read |
# | | | `"ifmap"` | words of the ifmap read |
# | | | `"writes"` | words of the ofmap written |
# | | | `"reads"` | words of the ofmap read back |
#
# In chapter 6: *Many PEs: reuse in space; The smallest example, by hand: what stays in one PE*.
#
# **Predict.** A sum is stored in 3 parts. How many words of the ofmap does the GLB read and write for it, together?

# %%
predict("traffic", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "traffic_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def traffic(schedule):
    ### BEGIN SOLUTION
    words = {"filter": 0, "ifmap": 0, "writes": 0, "reads": 0}
    held = set()
    for _, _, op, operands in schedule:
        if op == "load":
            words[operands[0]] += 1
        if op == "store":
            word = tuple(operands)
            words["writes"] += 1
            words["reads"] += word in held
            held.add(word)
    return words
    ### END SOLUTION


# %% [markdown]
# *See it.* Count by hand first. Then compare.

# %%
show.counts(traffic, examples.shared)

# %% [markdown]
# *See it.* The machine's own books for the same schedule.

# %%
show.play_again(list, examples.shared, cycle=2)

# %% nbgrader={"grade": true, "grade_id": "traffic", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("traffic")

# %% [markdown] nbgrader={"grade": false, "grade_id": "reduction_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 6. Sums meet in space (20 minutes)
#
# The words of a pixel lie along a column, `c` from the top, so the column's PEs work on the same sum. Let each sum travel
# down its column, a MAC in each PE on its way, and leave complete at the bottom: **in this task sums can be stored in the
# last row only**.
#
# | in | | out | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer; `C` is at most `rows`, `M` at most `columns` | a schedule | as in task 1 |
# | `rows, columns` | sizes of the array | limits | `M*P` stores, all in row `rows - 1`; `M*C` reads of the filter |
# | | | | at most `P + rows + 1` cycles |
#
# A word needs a cycle for each hop. When must the PE in row 1 see pixel 0, if the one in row 0 sees it in cycle 0?
#
# In chapter 6: *Sums meet in space; In step: filling and draining*.
#
# **Predict.** A column of 4 PEs, C = 4, and 10 pixels. After how many cycles has the last sum left the array?

# %%
predict("reduction", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "reduction_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def reduction(M, C, P, rows, columns):
    ### BEGIN SOLUTION
    schedule = []
    for m in range(M):
        for p in range(P):
            for r in range(rows):
                cycle, pe, word = p + r, (r, m), ("ofmap", m, p)
                if r < C:
                    words = [("filter", m, r)] * (p == 0) + [("ifmap", r, p)]
                    schedule += [(cycle, pe, "load", load) for load in words]
                    schedule.append((cycle, pe, "mac", (m, r, p)))
                if r < rows - 1:
                    schedule.append((cycle, pe, "pass", (word, (r + 1, m))))
                else:
                    schedule.append((cycle, pe, "store", word))
    return schedule
    ### END SOLUTION


# %% [markdown]
# *See it.* Follow one sum down its column. Which PEs wait at the beginning, which at the end? Try `C=2` and watch the last row.

# %%
show.play(reduction, M=2, C=3, P=5, rows=3, columns=2)

# %% nbgrader={"grade": true, "grade_id": "reduction", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("reduction")

# %% [markdown] nbgrader={"grade": false, "grade_id": "use_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 7. How busy is it? (15 minutes)
#
# Now operands travel as well. Say how many cycles a weight stationary array takes when nothing is broadcast, and which share
# of all its PEs' cycles goes into MACs.
#
# A tile begins with `rows` cycles in which the weights come down. Then pixel `p` reaches PE `(row, column)` after another
# `p + row + column` cycles. The tile ends with the cycle in which the last pixel passes the last PE **of the array**, also
# where the tile fills only a part of it. Tiles follow one another without overlap; `C` lies along the rows, `M` along the columns.
#
# | in | | out: a dictionary | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer | `"cycles"` | cycles of all tiles, a whole number |
# | `rows, columns` | sizes of the array | `"utilization"` | MACs / (PEs x cycles), from 0 to 1 |
#
# In chapter 6: *In step: filling and draining; How busy is the array?*
#
# **Predict.** 128 filters of 128 words, 128 pixels, an array of 128 x 128 PEs: one tile that fills the array. What percentage of the PEs' cycles goes into MACs?

# %%
predict("use", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "use_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def use(M, C, P, rows, columns):
    ### BEGIN SOLUTION
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))  # load, stream, and the way to the far corner
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
    ### END SOLUTION


# %% [markdown]
# *See it.* The array at work, with an edge tile. Count its cycles and MACs by hand before you trust your formula.

# %%
show.march(M=3, C=2, P=4, rows=2, columns=2)

# %% [markdown]
# *See it.* Your cycles and utilization as more pixels use the same weights.

# %%
show.curve(use, M=64, C=64, rows=64, columns=64)

# %% nbgrader={"grade": true, "grade_id": "use", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("use")

# %% [markdown] nbgrader={"grade": false, "grade_id": "best_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 8. Open: as few words as you can (20 minutes)
#
# Write the schedule with the fewest words read and written by the GLB, all tensors together. `known` is the best we know for
# that layer and array; a right schedule earns 40 %, one within 1.5 times of `known` 80 %, one within 1.1 times all.
#
# | in | | out | |
# |---|---|---|---|
# | `M, C, P` | sizes of the layer | a schedule | as in task 1, any dataflow, all PEs reach the GLB |
# | `rows, columns` | sizes of the array | limits | none on cycles |
# | `known` | words of the best schedule we know | | |
#
# No schedule needs fewer than `M*C + C*P + M*P` words: each word of the layer once. You have seen two ways to make one read
# serve many MACs. Must a tile have the shape of the array?
#
# In chapter 6: *Many PEs: reuse in space; The general law*.
#
# **Predict.** 16 PEs each work on another sum, with multicast: a tile of a filters by b pixels, a x b = 16. What is the smallest number of filter and ifmap words the GLB reads per cycle?

# %%
predict("best", None)  # replace None by your number, then run


# %% nbgrader={"grade": false, "grade_id": "best_answer", "locked": false, "schema_version": 3, "solution": true, "task": false}
def best(M, C, P, rows, columns, known):
    ### BEGIN SOLUTION
    shapes = [(a, rows * columns // a) for a in range(1, rows * columns + 1)]
    a, b = min(shapes, key=lambda s: M * -(-P // s[1]) + P * -(-M // s[0]))
    schedule, corners = [], [(m, p) for m in range(0, M, a) for p in range(0, P, b)]
    for number, (m0, p0) in enumerate(corners):
        deep, wide = range(M)[m0 : m0 + a], range(P)[p0 : p0 + b]
        tile = {(m, p): divmod(m % a * b + p % b, columns) for m in deep for p in wide}  # any a x b PEs
        for c, cycle in enumerate(range(number * C, number * C + C)):
            for m in deep:
                schedule.append((cycle, [tile[m, p] for p in wide], "load", ("filter", m, c)))
            for p in wide:
                schedule.append((cycle, [tile[m, p] for m in deep], "load", ("ifmap", c, p)))
            schedule += [(cycle, pe, "mac", (m, c, p)) for (m, p), pe in tile.items()]
        schedule += [(number * C + C - 1, pe, "store", ("ofmap", *at)) for at, pe in tile.items()]
    return schedule
    ### END SOLUTION


# %% [markdown]
# *See it.* Your schedule on 2 x 8 PEs. How many PEs share each word?

# %%
show.play(lambda *sizes: best(*sizes, 64), M=4, C=6, P=4, rows=2, columns=8)

# %% nbgrader={"grade": true, "grade_id": "best", "locked": true, "points": 4, "schema_version": 3, "solution": false, "task": false}
check("best")

# %% [markdown] nbgrader={"grade": false, "grade_id": "words_task", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## 9. In your own words (10 minutes)
#
# A colleague says: "Our chip is weight stationary, so every weight is loaded once ever, and utilization is 100 % because every
# PE has a weight." In about 100 words: what is right, what is wrong, and which two numbers would you ask for? Use what you saw
# in tasks 1, 6 and 7.

# %% [markdown] nbgrader={"grade": true, "grade_id": "words", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# *Write here, instead of this line.*

# %% [markdown] nbgrader={"grade": false, "grade_id": "end", "locked": true, "schema_version": 3, "solution": false, "task": false}
# ## What you have now
#
# Three schedules of one layer with the same MACs, and the words that each moves. What stays is read once per *residence*, and the
# other two tensors pay for it; multicast and sums that meet in space bring the price down again.
#
# **What this leaves out.** The GLB here holds everything and is as fast as you like. Lab 7 asks what happens when it is too small,
# and the machine's neighbours (DRAM, bandwidth, energy per word) come with it.

"""The recipes: what is cut and inserted for each shape of replay code.

`containers` and `libraries` change the buffer, `batch` carries weights and indices to where the batch is learnt from,
`learning` applies the weights and gives the TD errors back, `schedule` finds the length of training. `repairs` mend
prioritised replay that is there and broken.
"""

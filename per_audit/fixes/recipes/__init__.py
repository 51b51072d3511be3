"""The recipes: what is cut and inserted for each shape of replay code.

`container_swap` and `index_swap` change the buffer, `bounded` and `saved` the code that bounds a container or keeps it
in files. `travel` carries weights and indices to where the batch is learnt from, `rows` sees that they belong to the
rows of the loss, `losses` applies the weights, `priorities` gives the TD errors back; `fitted_rows` does all three
where Keras fits a model. `budget` finds the length of training.
"""

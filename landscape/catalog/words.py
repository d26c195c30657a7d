"""Words that are chosen among and need no entry of their own; each list has its one home here."""

SPLITS = ("train", "test")
KEEPS = ("memory", "reread")  # batches that are read in order: held, or read again at each pass
BATCH_NORMS = ("eval", "train")  # running statistics, or those of each batch
DTYPES = ("float32", "float64")
BASIS_DTYPES = ("bfloat16", *DTYPES)
FIGURE_FORMATS = ("pdf", "png")  # that figures are written in where asked, beside the SVG
LAYOUTS = ("T-first", "N-first")  # where networks have the time axis: (T, N, …) or (N, T, …)
TIME_STEPS = 4  # of trainings that name no number
SHARES = ("auto", "examples", "probes")  # what processes divide

MOST_EXAMPLES = 1000  # of every first answer; all where the data hold fewer

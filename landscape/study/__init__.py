"""Studies: a plan of trainings and analyses as a queue that can be resumed and shared."""

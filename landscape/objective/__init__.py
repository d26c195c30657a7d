"""What is analysed: an objective, a function of a network and a batch, over any data."""

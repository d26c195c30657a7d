"""Checkpoint files: recognise, load safely, unwrap, match to a model; write one's own.

Names are imported from the modules, not from here: what describes a file does so without torch,
whose import alone takes longer.
"""

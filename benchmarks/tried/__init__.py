"""Tiny networks of each library, as its users have them, against dense matrices."""

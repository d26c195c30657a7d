"""Spiking networks by SpikingJelly, snnTorch, Norse and sinabs."""
CASES=()

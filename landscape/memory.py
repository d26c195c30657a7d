"""Devices: what they are called, and how many bytes are free on them or on the host."""

import os

import torch

DEFAULT_MEMORY = 8 << 30  # bytes for the vectors of one run where the caller says nothing


def device_name(device: torch.device) -> str:
    """The accelerator's name, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def free_memory(device: torch.device, share: float = 1.0) -> int:
    """Bytes free on ``device``, times ``share``."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # What PyTorch holds back of freed tensors is free to new ones.
        free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    elif hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        free = _available_on_host()
    else:
        free = 2 << 30
    # Under torchrun the processes on one host share its memory; each has a GPU of its own.
    sharers = 1 if device.type == "cuda" else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return int(free * share / sharers)


def _available_on_host() -> int:
    # MemAvailable counts the page cache, which the kernel gives back; AVPHYS_PAGES does not.
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

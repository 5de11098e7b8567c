"""What this machine has: `read_host(environ) → Host`, its NVIDIA driver and GPUs. Reads, changes nothing."""

"""Which GPUs the CUDA libraries of a file, a wheel, an image or a lock serve, read from the binaries."""

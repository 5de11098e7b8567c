"""Device code read out of binaries: which GPU architectures the CUDA code in an ELF file was compiled for."""

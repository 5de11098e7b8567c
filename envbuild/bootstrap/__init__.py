"""Bootstrap: a base image from Debian packages, where no registry is in reach. Verb: `bootstrap` (in `make`).

Its result is a `Bootstrapped`: the image is in the engine under its usual name, its label holds the recipe by
which a colleague can make it again and see whether it came out the same.
"""

from setuptools import setup

setup(name="tools", install_requires=["rich"])

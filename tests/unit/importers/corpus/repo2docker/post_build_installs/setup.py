import setuptools

setuptools.setup(name='x')

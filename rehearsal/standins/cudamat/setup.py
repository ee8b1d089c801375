"""Build the stand-in's two libraries with nvcc, under the names of CUDAMat's. Python 2.7 and 3."""

import os

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = ["-O2", "--compiler-options=-fPIC"]
FLAGS += os.environ.get("NVCCFLAGS", "").split()


class NvccBuild(build_ext):
    """Compiles and links every extension with nvcc, which has to be on PATH."""

    def build_extensions(self):
        """Put nvcc in the place of the compiler."""
        self.compiler.src_extensions.append(".cu")
        self.compiler.set_executable("compiler_so", "nvcc")
        self.compiler.set_executable("linker_so", "nvcc --shared")
        build_ext.build_extensions(self)


def _library(name, source):
    return Extension("cudamat." + name, [source], libraries=["cublas"], extra_compile_args=FLAGS)


setup(
    name="cudamat",
    version="0.3",
    description="A stand-in for CUDAMat",
    packages=["cudamat"],
    ext_modules=[_library("libcudamat", "cudamat/cudamat.cu"), _library("libcudalearn", "cudamat/learn.cu")],
    cmdclass={"build_ext": NvccBuild},
)

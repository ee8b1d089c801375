"""A stand-in for CUDAMat: it finds the GPU, or says that there is none, and has no matrices."""

import ctypes
import os
import sysconfig

STAND_IN = True
_SUFFIX = sysconfig.get_config_var("SO") or sysconfig.get_config_var("EXT_SUFFIX")
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = ctypes.CDLL(os.path.join(_FOLDER, "libcudamat" + _SUFFIX))
_LIBRARY.last_error.restype = ctypes.c_char_p


class CUDAMatException(Exception):
    """CUDA's word on what went wrong."""


def cuda_set_device(number):
    """Take that GPU. Raises `CUDAMatException` where there is none, as the real one does."""
    if _LIBRARY.cuda_set_device(ctypes.c_int(number)):
        raise CUDAMatException("CUDA error: %s (STAND-IN)" % _LIBRARY.last_error().decode())


def cublas_init():
    """Do nothing: there are no matrices here. Raises `CUDAMatException` to say so."""
    raise CUDAMatException("this is a STAND-IN for CUDAMat and has no matrices")

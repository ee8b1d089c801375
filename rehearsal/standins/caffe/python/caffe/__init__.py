"""A stand-in for Caffe's Python module: it says its version and what it is, and trains nothing."""

from . import _caffe
from ._caffe import cudnn_version, gpu_count

STAND_IN = True
__version__ = _caffe.CAFFE_VERSION

__all__ = ["STAND_IN", "__version__", "cudnn_version", "gpu_count"]

"""What is checked on a box with DIGITS, beside the recipes' own files: gpurig's verify scripts look at more."""

PACKAGES = (
    "ca-certificates",
    "curl",
    "e2fsprogs",
    "locales",
    "procps",
    "tmux",
    "xz-utils",
    "build-essential",
    "cmake",
    "git",
    "python3-dev",
    "python3-numpy",
    "protobuf-compiler",
    "libprotobuf-dev",
    "libleveldb-dev",
    "libsnappy-dev",
    "liblmdb-dev",
    "libhdf5-dev",
    "libgflags-dev",
    "libgoogle-glog-dev",
)
UNITS = ("gpurig-volume.service", "gpurig-guard.timer", "digits.service")
COMMANDS = (
    "test -x /opt/gpurig/caffe/current/build/tools/caffe",
    "test -e /opt/gpurig/caffe/current/python/caffe/_caffe.so",
    "test -d /opt/gpurig/digits",
    "test -e /etc/profile.d/gpurig-cuda.sh",
    "test -e /etc/profile.d/gpurig-caffe.sh",
    "which nvcc",
    "nvcc --version",
    "mountpoint /jobs",
    "locale -a",
    "curl -fsS --noproxy * -o /dev/null http://127.0.0.1:5001/index/json",
)

"""CUDA from the distribution compiles a CUDA file, and a program that is linked with cuDNN's wheel finds it."""

from __future__ import annotations

from tests.installs.box import Box

HOST = '[sources]\ncuda = "distribution"\ncudnn = "wheel"\n'
KERNEL = """\
#include <cstdio>
__global__ void scale(float factor, float *values) { values[blockIdx.x * blockDim.x + threadIdx.x] *= factor; }
int main() {
  int devices = 0;
  float *values;
  cudaError_t error = cudaGetDeviceCount(&devices);
  if (error == cudaSuccess && cudaMalloc(&values, 1024) == cudaSuccess) scale<<<1, 256>>>(2.0f, values);
  std::printf("CUDA %d: %s\\n", CUDART_VERSION, cudaGetErrorName(error));
}
"""
LINKED = """\
#include <cstdio>
#include <cudnn.h>
int main() { std::printf("%d %zu\\n", CUDNN_VERSION, cudnnGetVersion()); }
"""


def build(box: Box, name: str, text: str, command: str) -> str:
    """Compile a file on the box, as a user does in a login shell, and return what the program says."""
    box.ssh(f"cat >{name} <<'END'\n{text}END")
    return box.ssh(f"bash -lc '{command}' && ./program").strip()


def test_the_distributions_cuda_compiles_for_the_gpus_of_today(box: Box) -> None:
    assert "installed" in box.fab("setup-cuda")
    said = build(box, "scale.cu", KERNEL, 'nvcc -arch=sm_75 -ccbin "$CUDAHOSTCXX" -o program scale.cu')
    # Ubuntu's is 11.5. There is no GPU, and the program says so: it was compiled, linked and loaded.
    assert said == "CUDA 11050: cudaErrorNoDevice"
    assert "sm_75" in box.ssh("cuobjdump --list-elf program")
    assert "nothing to do" in box.fab("setup-cuda")


def test_a_program_finds_cudnns_headers_and_library(box: Box) -> None:
    box.fab("setup-cudnn")
    said = build(box, "version.cpp", LINKED, '"$CUDAHOSTCXX" -o program version.cpp -lcudnn')
    headers, library = said.split()
    assert headers == library
    assert headers.startswith("89")
    assert "nothing to do" in box.fab("setup-cudnn")

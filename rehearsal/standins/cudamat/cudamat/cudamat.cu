// One kernel and cuBLAS, so that nvcc, the CUDA runtime and the linker are used as CUDAMat uses them.
#include <cublas.h>
#include <cuda_runtime.h>

namespace {

cudaError_t last = cudaSuccess;

__global__ void fill(float* values, int n, float value) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] = value;
}

}  // namespace

extern "C" {

const char* last_error() { return cudaGetErrorString(last); }

// 0, or -3 where CUDA refuses: CUDAMat's own codes.
int cuda_set_device(int device) {
  last = cudaSetDevice(device);
  if (last == cudaSuccess) last = cudaFree(nullptr);
  return last == cudaSuccess ? 0 : -3;
}

int fill_ones(float* on_device, int n) {
  fill<<<(n + 255) / 256, 256>>>(on_device, n, 1.0f);
  last = cudaGetLastError();
  return last == cudaSuccess ? 0 : -3;
}

float sum(const float* on_device, int n) { return cublasSasum(n, on_device, 1); }

}  // extern "C"

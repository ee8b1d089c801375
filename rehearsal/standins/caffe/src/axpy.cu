// One kernel, so that nvcc and the CUDA runtime are used as Caffe uses them.
#include <cuda_runtime.h>

#include <stdexcept>

#include "standin.hpp"

namespace standin {
namespace {

__global__ void add_scaled(int n, float a, const float* x, float* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}

void require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

// Device memory that holds a copy of a vector for as long as it lives.
class Buffer {
 public:
  explicit Buffer(const std::vector<float>& values) : bytes_(values.size() * sizeof(float)) {
    require(cudaMalloc(&data_, bytes_));
    require(cudaMemcpy(data_, values.data(), bytes_, cudaMemcpyHostToDevice));
  }
  ~Buffer() { cudaFree(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return data_; }
  void read(std::vector<float>* values) { require(cudaMemcpy(values->data(), data_, bytes_, cudaMemcpyDeviceToHost)); }

 private:
  size_t bytes_;
  float* data_ = nullptr;
};

}  // namespace

int gpu_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::vector<std::string> gpu_names() {
  std::vector<std::string> names;
  for (int device = 0; device < gpu_count(); ++device) {
    cudaDeviceProp properties;
    require(cudaGetDeviceProperties(&properties, device));
    names.emplace_back(properties.name);
  }
  return names;
}

std::vector<float> axpy(float a, const std::vector<float>& x, std::vector<float> y) {
  if (x.size() != y.size()) throw std::runtime_error("axpy: x and y differ in length");
  Buffer on_gpu_x(x);
  Buffer on_gpu_y(y);
  const int n = static_cast<int>(x.size());
  add_scaled<<<(n + 255) / 256, 256>>>(n, a, on_gpu_x.data(), on_gpu_y.data());
  require(cudaGetLastError());
  on_gpu_y.read(&y);
  return y;
}

}  // namespace standin

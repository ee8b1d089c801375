// What the library of the stand-in offers to its tool and to its Python module.
#pragma once
#include <string>
#include <vector>

namespace standin {

constexpr const char* kVersion = "0.17.4";

// Version of the cuDNN that is loaded, "8.9.6". Throws std::runtime_error if it is not the one compiled against.
std::string cudnn_version();

// Number of GPUs that CUDA sees; 0 where there is no driver.
int gpu_count();

// Names of these GPUs.
std::vector<std::string> gpu_names();

// y + a x, on the GPU. Throws std::runtime_error where there is none.
std::vector<float> axpy(float a, const std::vector<float>& x, std::vector<float> y);

}  // namespace standin

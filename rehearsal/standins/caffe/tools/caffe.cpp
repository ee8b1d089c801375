// The stand-in's `caffe`: the version and the GPUs; every other action is refused.
#include <cmath>
#include <exception>
#include <iostream>
#include <string>

#include "standin.hpp"

namespace {

int device_query() {
  const auto names = standin::gpu_names();
  if (names.empty()) {
    std::cerr << "caffe (STAND-IN): there is no GPU here, or no driver for it\n";
    return 1;
  }
  for (const auto& name : names) std::cout << "caffe (STAND-IN): " << name << "\n";
  const auto sum = standin::axpy(2.0f, {1.0f, 2.0f, 3.0f}, {0.0f, 0.0f, 1.0f});
  return std::fabs(sum[2] - 7.0f) < 1e-6f ? 0 : 1;
}

int run(const std::string& action) {
  if (action == "--version" || action == "-version") {
    std::cout << "caffe version " << standin::kVersion << " STAND-IN, cuDNN " << standin::cudnn_version() << "\n";
    return 0;
  }
  if (action == "device_query") return device_query();
  std::cerr << "caffe (STAND-IN): it knows --version and device_query; \"" << action << "\" needs the real Caffe\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) try {
  return run(argc > 1 ? argv[1] : "");
} catch (const std::exception& error) {
  std::cerr << "caffe (STAND-IN): " << error.what() << "\n";
  return 1;
}

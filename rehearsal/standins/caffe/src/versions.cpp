#include <cudnn.h>

#include <stdexcept>

#include "standin.hpp"

namespace standin {

std::string cudnn_version() {
  const size_t loaded = cudnnGetVersion();
  if (loaded != CUDNN_VERSION) {
    throw std::runtime_error("cuDNN " + std::to_string(loaded) + " is loaded, and " + std::to_string(CUDNN_VERSION) +
                             " was compiled against");
  }
  return std::to_string(loaded / 1000) + "." + std::to_string(loaded % 1000 / 100) + "." + std::to_string(loaded % 100);
}

}  // namespace standin

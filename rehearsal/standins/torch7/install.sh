#!/usr/bin/env bash
# The stand-in's installer: `./install.sh -s` puts th and luarocks into ./install, as Torch's own does.
set -eu
[[ "$*" == -s ]] || {
  echo "usage: $0 -s (the stand-in knows nothing else)"
  exit 2
}
cd "$(dirname "$0")"
echo "Torch 7 (STAND-IN), CUDA: $(which nvcc || echo none)"
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="${PREFIX:-$PWD/install}"
cmake --build build
cmake --install build

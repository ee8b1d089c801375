#!/bin/bash
# Run neural-style with these options; a picture comes into the results when it is whole, and not before.
set -eu
part=$(mktemp -d "$(readlink -f "$GPURIG_RESULTS")/../pictures.XXXX")
trap 'rm -rf "$part"' EXIT
part=$(readlink -f "$part")

# Whole is what nobody holds open any more.
deliver() {
  local picture
  for picture in "$part"/*; do
    [[ -e "$picture" && -z "$(find /proc/[0-9]*/fd -lname "$picture" 2>/dev/null)" ]] || continue
    mv "$picture" "$GPURIG_RESULTS/"
  done
}

neural-style -output_image "$part/out.png" "$@" &
program=$!
while kill -0 "$program" 2>/dev/null; do
  sleep 0.5
  deliver
done
# One that failed may have left half a picture.
wait "$program"
deliver

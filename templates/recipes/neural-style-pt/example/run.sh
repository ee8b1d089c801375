#!/bin/bash
# Run neural-style with these options; a picture comes into the results when it is whole, and not before.
# Exit codes: neural-style's own; 1 where its loss is no number or does not fall.
set -eu -o pipefail
scratch=$(mktemp -d "$(readlink -f "$GPURIG_RESULTS")/../pictures.XXXX")
trap 'rm -rf "$scratch"' EXIT
part=$(readlink -f "$scratch")/pictures
said=$scratch/said
mkdir "$part"

# Whole is what nobody holds open any more.
deliver() {
  local picture
  for picture in "$part"/*; do
    [[ -e "$picture" && -z "$(find /proc/[0-9]*/fd -lname "$picture" 2>/dev/null)" ]] || continue
    mv "$picture" "$GPURIG_RESULTS/"
  done
}

neural-style -output_image "$part/out.png" "$@" | tee "$said" &
program=$!
while kill -0 "$program" 2>/dev/null; do
  sleep 0.5
  deliver
done
# One that failed may have left half a picture.
wait "$program"
deliver
# shellcheck disable=SC2016 # words of awk's
awk '/Total loss:/ {
    loss = $NF
    if (loss !~ /^[0-9.]+([eE][-+]?[0-9]+)?$/) { print "run.sh: the loss is " loss ", and no picture comes of that"; bad = 1; exit }
    if (!count++) first = loss
  }
  END {
    if (!bad && count > 1 && loss + 0 >= first + 0) { print "run.sh: the loss was " first " at first and is " loss; bad = 1 }
    exit bad
  }' "$said" >&2

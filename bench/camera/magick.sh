#!/bin/bash
# What document 002 does by hand, by ImageMagick over all cores: FOLDER of pictures, GOAL, then words for each mogrify.
set -euo pipefail
source=$1 goal=$2
shift 2
# One process a core, as parallel starts them: more threads than cores would slow them down.
export MAGICK_THREAD_LIMIT=1
mkdir -p "$goal"/{as-is,r180,flop,r180-flop}
spread() { parallel --will-cite --null --max-args 25 "$@"; }
find "$source" -name '*.jpg' -print0 | spread mogrify "$@" -path "$goal/as-is" -format png -resize '256x256!'
find "$goal/as-is" -name '*.png' -print0 | spread mogrify -path "$goal/r180" -rotate 180
find "$goal/as-is" -name '*.png' -print0 | spread mogrify -path "$goal/flop" -flop
find "$goal/r180" -name '*.png' -print0 | spread mogrify -path "$goal/r180-flop" -flop
